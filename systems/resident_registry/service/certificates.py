"""Issuing certificates and making them again."""

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from kit import journal
from kit.civic.dates import both_calendars
from kit.civic.names import fold
from kit.civic.places import PREFECTURE, SENDAI, WARDS
from kit.civic.verification import digest, draw, printed
from kit.clock import now, today
from kit.db import Tx
from kit.documents import check_printable, qr_svg, render
from kit.errors import Conflict, Forbidden, NotFound
from systems.resident_registry.model.certificates import KINDS, Certificate, DayLine, Disposed, Entry, Item, Paper, Request
from systems.resident_registry.model.errors import MailedToPerson, NotAsIssued, RetentionRunning, StillKept
from systems.resident_registry.model.filings import DETAILS
from systems.resident_registry.model.measures import Document
from systems.resident_registry.model.people import RESIDENT, Office, Resident
from systems.resident_registry.rules import certificate_content as pages
from systems.resident_registry.rules import certificates as rules
from systems.resident_registry.rules import move_out_certificate as departures
from systems.resident_registry.rules import printing
from systems.resident_registry.rules.retention import disposable_from
from systems.resident_registry.service import askers, legal, measures, numbers, retention, third_party_notices
from systems.resident_registry.store import certificates as store
from systems.resident_registry.store import measures as protections
from systems.resident_registry.store import movements
from systems.resident_registry.store import people as persons


def officer(roles: Collection[str]) -> dict[str, bool]:
    """What the roles of who issues add: the arguments that say so."""
    return {"is_supervisor": "registry_supervisor" in roles, "is_number_officer": "number_officer" in roles}


def issue_certificate(
    tx: Tx, office: Office, number: UUID, request: Request, *, is_supervisor: bool, is_number_officer: bool = False
) -> Certificate:
    """Issue a 住民票の写し, 除票の写し or 住民票記載事項証明書 of a resident or the household, as `request.kind` says.

    Decision, serial, fee, record, the board outside and drafts of notices are one transaction.

    Raises
    ------
    Refused
        Disclosure is restricted; always in the same neutral words.
    Suppressed, RequestIncomplete, RemovedAndPresent, ItemNotPrintable, Unprintable
        See `check_disclosure`, the rules and `kit.documents`.
    """
    person = persons.resident(tx, number, today())
    everybody = askers.members(tx, person) if request.form == "household" else [person]
    people = [each for each in everybody if not request.members or each.id in request.members]
    if person not in people or set(request.members) - {each.id for each in people}:
        raise NotFound("there is no such resident in this household")
    rules.check_request(request)
    asker = askers.identified(tx, request, person)
    document: Document = "removed" if request.kind == "removed_copy" else "residence"
    ids, read = [each.id for each in people], request.suppressions_read
    lift_id = measures.check_disclosure(tx, ids, asker, document=document, is_supervisor=is_supervisor, has_read=read)
    askers.check_of_household(tx, asker, person)
    rules.check_may_issue(request, people)
    dead = any(printing.is_dead(each) for each in people)
    items = printing.printed_items(request, dead=dead, is_number_officer=is_number_officer)
    paper = _paper(tx, office, person)
    content = pages.build_content(
        request,
        people,
        items,
        paper,
        heads=_heads(tx, people, items),
        sealed=_sealed(tx, office, people, paper.serial) if "individual_number" in items else {},
        history=_history(tx, person, items) if "history" in items else [],
        whole_household=len(people) == len(everybody),
    )
    return _issue(tx, office, request, ids, content, lift_id)


def issue_move_out_certificate(
    tx: Tx, office: Office, number: UUID, request: Request, *, is_supervisor: bool, is_number_officer: bool = False
) -> Certificate:
    """Issue the 転出証明書 of the departure with that id, one paper for all who leave by it; once more, marked 再交付.

    Raises
    ------
    Refused
        Disclosure is restricted; always in the same neutral words.
    NotLeaving, NoPaperForDeparture
        See `rules.move_out_certificate`.
    Forbidden
        It shows individual numbers: the role `number_officer` issues it.
    """
    filed = movements.movement(tx, number)
    form = departures.check_departure(filed, DETAILS.validate_python(filed.details) if filed.details else None)
    people = [persons.resident(tx, each.id, today()) for each in form.residents]
    # both numbers stand on it by law: a representative is not handed it, it is mailed to the person
    request = replace(request, kind="move_out", movement_id=number, with_individual_number=True, with_resident_code=True)
    rules.check_request(request)
    departures.check_filer(request)
    ids = [each.id for each in people]
    asking = next((each for each in people if fold(each.name) == fold(request.name or "")), people[0])
    asker, read = askers.identified(tx, request, asking), request.suppressions_read
    lift_id = measures.check_disclosure(tx, ids, asker, is_supervisor=is_supervisor, has_read=read)
    askers.check_of_household(tx, asker, asking)
    departures.check_leaving(people, filed, form.destination.address)
    paper = _paper(tx, office, people[0])
    sealed = _sealed(tx, office, people, paper.serial)
    if sealed and not is_number_officer:
        raise Forbidden("a certificate with the individual number is issued by the role number_officer")
    heads = _heads(tx, people, frozenset({"head_and_relation"}))
    again = store.is_issued_for(tx, number)
    content = departures.build_content(request, people, filed, form, paper, heads=heads, sealed=sealed, again=again)
    return _issue(tx, office, request, ids, content, lift_id)


def issue_disposal_certificate(tx: Tx, office: Office, subject: Disposed, request: Request) -> Certificate:
    """Certify that a removed record was disposed of when its period had passed (廃棄済証明).

    Raises
    ------
    StillKept
        The period has not passed, or a record is there and no disposal; see `retention.certify_disposed`.
    """
    rules.check_request(request)
    try:
        told = retention.certify_disposed(tx, office, subject.name, subject.born_on, subject.removed_on)
    except RetentionRunning as running:
        day = both_calendars(date.fromisoformat(str(running.extra["disposable_from"])))
        raise StillKept(f"保存期間中です。廃棄できるのは{day}以後です。") from running
    except Conflict as kept:
        raise StillKept("該当する除票が保存されています。除票の写しを請求してください。") from kept
    first = disposable_from(subject.removed_on, told["kept_years"])
    content = pages.build_disposed(request, subject, first, told["disposed_on"], _paper(tx, office, None))
    return _issue(tx, office, request, [], content)


def issued(tx: Tx, serial: str) -> Certificate:
    """The certificate of that serial; `NotFound` when there is none."""
    return store.certificate(tx, serial)


def certificate_pdf(tx: Tx, office: Office, serial: str, *, mailing: bool = False) -> bytes:
    """The PDF of an issued certificate, made again from its content. `mailing`: for the envelope to the person.

    Raises
    ------
    MailedToPerson
        It is mailed to the person and not handed out at the counter; or it is not, and there is nothing to mail.
    NotAsIssued
        The bytes are not those that were issued.
    """
    issued = store.certificate(tx, serial)
    if "disposed_on" in issued.content:
        raise NotFound("what this certificate said was disposed of with the record it was about")
    measures.check_reprint(tx, issued.residents, issued.content, issued.lift_id, mailing=mailing)
    if (issued.delivery == "deliver_by_mail_to_person") != mailing:
        raise MailedToPerson("郵送用の印刷として取り出してください。" if not mailing else "窓口で交付する証明書です。")
    pdf = render_certificate(numbers.reveal(office, issued.content))
    if hashlib.sha256(pdf).hexdigest() != issued.pdf_sha256:
        raise NotAsIssued("the certificate does not come out as it was issued")
    act = "certificate_mailing" if mailing else "certificate_pdf"
    journal.record_access(tx, RESIDENT, issued.residents, {"act": act, "serial": serial})
    if numbers.holds_numbers(issued.content):
        journal.record_access(tx, numbers.TABLE, issued.residents, {"act": act, "serial": serial})
    return pdf


def render_certificate(content: Mapping[str, Any]) -> bytes:
    """PDF of a certificate's content, its numbers revealed; the edition it was issued with is named in it."""
    template = legal.HERE / "templates" / f"{content['template']}.typ"
    if content["template"] == "certificate_1":
        return render(template, content)
    inputs = {"qr": qr_svg(content["check_url"])}
    return render(template, content, inputs=inputs, standard="a-2a", canary=content["serial"])


def day_account(tx: Tx, day: date) -> list[DayLine]:
    """The day's account of certificates and fees (証明発行日計・手数料日計); nobody is named."""
    return store.day_lines(tx, day)


def day_account_pdf(tx: Tx, office: Office, day: date) -> bytes:
    """The day's account as a page to be checked and stamped."""
    lines = store.day_lines(tx, day)
    return render(
        legal.HERE / "templates" / "day_account_1.typ", rules.account(lines, office.tenant_name, day, now()), standard="a-2a"
    )


def _history(tx: Tx, person: Resident, items: frozenset[Item]) -> list[Entry]:
    versions = store.versions(tx, person.id)
    hidden = protections.protected_addresses(tx, [each.facts.get(item) for each in versions for item in persons.EARLIER])
    return pages.entries(versions, items, hidden)


def _paper(tx: Tx, office: Office, person: Resident | None) -> Paper:
    """Number and code of a new paper, and who issues it; in 仙台市 the head of the ward."""
    ward = WARDS.get((person.authority_code if person else None) or "", "") if office.tenant == SENDAI else ""
    code = draw(secrets.randbelow)
    return Paper(
        serial=f"{office.tenant}-{today().year}-{persons.draw(tx, f'certificate/{today().year}'):06d}",
        code=printed(code),
        check_url=f"{office.public_url}/verify/{code}",
        issued_on=today(),
        issuer=f"{PREFECTURE}{office.tenant_name}{ward}長",
        issuer_name=legal.value("certificate_issuer_name", today(), office.parameters),
    )


def _heads(tx: Tx, people: Sequence[Resident], items: frozenset[Item]) -> dict[UUID, str]:
    if "head_and_relation" not in items:
        return {}
    one = people[0]
    # of a removed record, the head of its last day; who came and went on one day had that day's
    day = max(one.removed_on - timedelta(days=1), one.became_resident_on) if one.removed_on is not None else today()
    return {one.household_id: store.head_on(tx, one.household_id, day) or ""}


def _sealed(tx: Tx, office: Office, people: Sequence[Resident], serial: str) -> dict[UUID, str]:
    """Each person's individual number, sealed for this paper; the look is recorded on its own."""
    found = {each.id: store.sealed_number(tx, each.id) for each in people}
    journal.record_access(tx, numbers.TABLE, list(found), {"act": "certificate", "serial": serial})
    return {one: numbers.seal_for_paper(office, one, sealed, serial) for one, sealed in found.items() if sealed is not None}


def _issue(
    tx: Tx, office: Office, request: Request, residents: list[UUID], content: dict[str, Any], lift_id: UUID | None = None
) -> Certificate:
    content = pages.with_note(content, check_printable(pages.texts(content)))
    pdf_sha256 = hashlib.sha256(render_certificate(numbers.reveal(office, content))).hexdigest()
    issued = Certificate(
        serial=content["serial"],
        form=request.form,
        requester=request.requester,
        residents=residents,
        content=content,
        copies=request.copies,
        fee_yen=rules.fee_yen(request, legal.value("certificate_fee_yen", today(), office.parameters)),
        issued_on=today(),
        pdf_sha256=pdf_sha256,
        kind=request.kind,
        asked=_asked(request),
        delivery=printing.delivery(request),
        issued_by=tx.actor,
        issued_at=now(),
        lift_id=lift_id,
    )
    store.add_certificate(tx, issued)
    code = content["code"].replace("-", "")
    store.hang_out(tx, digest(code), KINDS[request.kind], issued.issued_on, pdf_sha256)
    journal.record_access(tx, RESIDENT, residents, {"act": "certificate", "serial": issued.serial})
    third_party_notices.draft(tx, request, issued)
    return issued


def _asked(request: Request) -> dict[str, Any]:
    """The request as it is kept: who, why, shown documents, chosen items."""
    kept = asdict(request)
    kept["requester_id"] = str(request.requester_id) if request.requester_id else None
    kept["born_on"] = str(request.born_on) if request.born_on else None
    kept["movement_id"] = str(request.movement_id) if request.movement_id else None
    return kept | {"documents": list(request.documents), "members": [str(each) for each in request.members]}
