"""The office's procedures: load, decide, save, record. Everything happens in the caller's transaction."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit import journal, parameters
from kit.civic.codes import resident_code_check_digit
from kit.clock import today
from kit.db import Tx
from kit.documents import render
from kit.errors import Conflict, Invalid
from systems.resident_registry import rules, store
from systems.resident_registry.model import (
    HEAD,
    Certificate,
    Criteria,
    NewResident,
    Notification,
    Office,
    Place,
    Request,
    Resident,
)

HERE = Path(__file__).parent
TABLE = "resident_registry.resident"


def _value(name: str, on: date) -> Any:
    return parameters.load(HERE).value(name, on)


def find(tx: Tx, number: UUID) -> Resident:
    """The resident of that id; the look is recorded before it is answered."""
    found = store.resident(tx, number, today())
    journal.record_access(tx, TABLE, [found.id], {"act": "find"})
    return found


def search(tx: Tx, criteria: Criteria) -> list[Resident]:
    """Residents that fit; one access entry for each of them.

    Raises
    ------
    Invalid
        Nothing to go by, or more than the limit fit.
    """
    rules.check_criteria(criteria)
    limit = _value("search_limit", today())
    found = store.search(tx, criteria, today(), limit + 1)
    rules.check_number_found(len(found), limit)
    journal.record_access(tx, TABLE, [each.id for each in found], {"act": "search"})
    return found


def register_move_in(
    tx: Tx,
    office: Office,
    people: Sequence[NewResident],
    *,
    place: Place,
    previous: str,
    event_on: date,
    filed_on: date,
    filer: str,
) -> Notification:
    """Enter a household that moved in from elsewhere (転入, 住民基本台帳法 art. 22)."""
    rules.check_one_head([each.relation for each in people])
    rules.check_days(event_on=event_on, filed_on=filed_on, today=today())
    household = uuid4()
    store.add_household(tx, household, *place)
    entered = [
        _enter(tx, office, each, household, place, event_on=event_on, filed_on=filed_on, previous=previous) for each in people
    ]
    return _file(tx, "move_in", [each.id for each in entered], event_on=event_on, filed_on=filed_on, filer=filer)


def register_birth(
    tx: Tx, office: Office, child: NewResident, household_id: UUID, *, event_on: date, filed_on: date, filer: str
) -> Notification:
    """Enter a child with the household it is born into (出生)."""
    if child.relation == HEAD:
        raise Conflict("a newborn is not the head of a household")
    if child.born_on != event_on:
        raise Invalid("the event of a birth is the day of birth")
    rules.check_days(event_on=event_on, filed_on=filed_on, today=today())
    head = store.members(tx, household_id, today())[0]
    place = (head.postal_code, head.address)
    entered = _enter(tx, office, child, household_id, place, event_on=event_on, filed_on=filed_on, previous=None)
    return _file(tx, "birth", [entered.id], event_on=event_on, filed_on=filed_on, filer=filer)


def register_death(
    tx: Tx, leaving: tuple[UUID, int], *, event_on: date, filed_on: date, filer: str, relations: Mapping[UUID, str]
) -> Notification:
    """Remove a resident who died (死亡); when the head dies the others' relations to the new head are set."""
    _remove(tx, [leaving], state="dead", on=event_on, to=None, filed_on=filed_on, relations=relations)
    return _file(tx, "death", [leaving[0]], event_on=event_on, filed_on=filed_on, filer=filer)


def register_move_out(
    tx: Tx,
    leaving: Sequence[tuple[UUID, int]],
    *,
    destination: str,
    event_on: date,
    filed_on: date,
    filer: str,
    relations: Mapping[UUID, str],
) -> Notification:
    """Remove residents of one household who moved elsewhere (転出, 住民基本台帳法 art. 24)."""
    _remove(tx, leaving, state="moved_out", on=event_on, to=destination, filed_on=filed_on, relations=relations)
    return _file(tx, "move_out", [number for number, _ in leaving], event_on=event_on, filed_on=filed_on, filer=filer)


def register_move_within(
    tx: Tx, household_id: UUID, version_of_head: int, *, place: Place, event_on: date, filed_on: date, filer: str
) -> Notification:
    """Set the new address of a whole household that moved inside the municipality (転居, 住民基本台帳法 art. 23)."""
    rules.check_days(event_on=event_on, filed_on=filed_on, today=today())
    people = store.members(tx, household_id, today())
    store.change(tx, replace(people[0], version=version_of_head), address_since=event_on)
    for each in people[1:]:
        store.change(tx, each, address_since=event_on)
    store.set_address(tx, household_id, *place)
    return _file(tx, "move_within", [each.id for each in people], event_on=event_on, filed_on=filed_on, filer=filer)


def restrict_disclosure(tx: Tx, number: UUID, *, opponent_name: str, starts_on: date) -> UUID:
    """Protect a resident's address from a named opponent (支援措置) for the parameter's period; id of the measure."""
    protected = store.resident(tx, number, today())
    months = _value("restriction_months", starts_on)
    year, month = divmod(starts_on.year * 12 + starts_on.month - 1 + months, 12)
    ends_on = date(year, month + 1, min(starts_on.day, 28) if month == 1 else starts_on.day)
    measure = uuid4()
    store.add_restriction(tx, measure, protected.id, opponent_name=opponent_name, starts_on=starts_on, ends_on=ends_on)
    return measure


def issue_certificate(tx: Tx, office: Office, number: UUID, request: Request, *, is_supervisor: bool) -> Certificate:
    """Issue a 住民票の写し: decision, serial, fee and record in one transaction (住民基本台帳法 art. 12)."""
    person = store.resident(tx, number, today())
    people = store.members(tx, person.household_id, today()) if request.form == "household" else [person]
    rules.check_may_issue(request, people, is_supervisor=is_supervisor)
    serial = store.next_serial(tx, f"{office.tenant}-{today().year}-")
    content = rules.build_content(
        request, people, tenant=office.tenant, tenant_name=office.tenant_name, serial=serial, issued_on=today()
    )
    issued = Certificate(
        serial=serial,
        form=request.form,
        requester=request.requester,
        residents=[each.id for each in people],
        content=content,
        copies=request.copies,
        fee_yen=rules.fee_yen(request, _value("certificate_fee_yen", today())),
        issued_on=today(),
        pdf_sha256=hashlib.sha256(render_certificate(content)).hexdigest(),
    )
    store.add_certificate(tx, issued)
    journal.record_access(tx, TABLE, issued.residents, {"act": "certificate", "serial": serial})
    return issued


def certificate_pdf(tx: Tx, serial: str) -> bytes:
    """The PDF of an issued certificate, made again from its content.

    Raises
    ------
    Conflict
        The bytes are not those that were issued.
    """
    issued = store.certificate(tx, serial)
    pdf = render_certificate(issued.content)
    if hashlib.sha256(pdf).hexdigest() != issued.pdf_sha256:
        raise Conflict("the certificate does not come out as it was issued")
    journal.record_access(tx, TABLE, issued.residents, {"act": "certificate_pdf", "serial": serial})
    return pdf


def render_certificate(content: Mapping[str, Any]) -> bytes:
    """PDF of a certificate's content; the template it was issued with is named in it."""
    return render(HERE / "templates" / f"{content['template']}.typ", content)


def _enter(
    tx: Tx,
    office: Office,
    new: NewResident,
    household: UUID,
    place: Place,
    *,
    event_on: date,
    filed_on: date,
    previous: str | None,
) -> Resident:
    rules.check_new_resident(new, event_on)
    entered = resident_of(new, uuid4(), household, place, event_on=event_on, filed_on=filed_on, previous=previous)
    store.add_resident(tx, entered)
    if new.individual_number:
        store.add_number(tx, entered.id, *seal_number(office, entered.id, new.individual_number))
    return entered


def resident_of(
    new: NewResident, number: UUID, household: UUID, place: Place, *, event_on: date, filed_on: date, previous: str | None
) -> Resident:
    """The record of a newly entered person; a resident code is drawn when none is brought along."""
    return Resident(
        id=number,
        household_id=household,
        state="current",
        name=new.name,
        kana=new.kana,
        sex=new.sex,
        born_on=new.born_on,
        relation=new.relation,
        became_resident_on=event_on,
        address_since=None,
        filed_on=filed_on,
        previous_address=previous,
        registered_domicile=new.registered_domicile,
        family_register_head=new.family_register_head,
        resident_code=new.resident_code or _draw_resident_code(),
        removed_on=None,
        removed_to=None,
        version=1,
        postal_code=place[0],
        address=place[1],
        restricted=False,
    )


def _draw_resident_code() -> str:
    ten = f"{secrets.randbelow(10**10):010d}"
    return f"{ten}{resident_code_check_digit(ten)}"


def seal_number(office: Office, resident_id: UUID, number: str) -> tuple[bytes, bytes]:
    """An individual number encrypted for this resident (AES-256-GCM), and its keyed hash (HMAC-SHA-256)."""
    nonce = secrets.token_bytes(12)
    sealed = nonce + AESGCM(office.data_key).encrypt(nonce, number.encode(), resident_id.bytes)
    return sealed, hmac.digest(office.blind_index_key, number.encode(), "sha256")


def _remove(
    tx: Tx,
    leaving: Sequence[tuple[UUID, int]],
    *,
    state: str,
    on: date,
    to: str | None,
    filed_on: date,
    relations: Mapping[UUID, str],
) -> None:
    rules.check_days(event_on=on, filed_on=filed_on, today=today())
    if not leaving:
        raise Invalid("name at least one resident")
    first = store.resident(tx, leaving[0][0], today())
    rules.check_movable(first)
    household = {each.id: each for each in store.members(tx, first.household_id, today())}
    for number, version in leaving:
        if number not in household:
            raise Conflict("the residents do not live in one household")
        store.change(tx, replace(household.pop(number), version=version), state=state, removed_on=on, removed_to=to)
    for number, relation in rules.relations_after(list(household.values()), relations).items():
        store.change(tx, household[number], relation=relation)


def _file(tx: Tx, kind: str, residents: list[UUID], *, event_on: date, filed_on: date, filer: str) -> Notification:
    late = rules.is_late(event_on, filed_on, _value("filing_days", event_on))
    filed = Notification(uuid4(), kind, event_on, filed_on, today(), late, filer, residents)
    store.add_notification(tx, filed)
    return filed
