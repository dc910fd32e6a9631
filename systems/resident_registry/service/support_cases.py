"""Support cases (DV等支援措置) from application to end, the worklists, and word of them to other municipalities."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from kit import journal
from kit.civic.places import municipality
from kit.clock import JAPAN, now, today
from kit.db import Tx
from kit.errors import Conflict, Invalid
from systems.resident_registry.model.measures import DOCUMENTS, CaseKind, Document, Forwarding, Opponent, SupportCase
from systems.resident_registry.model.people import RESIDENT, Office
from systems.resident_registry.rules import measures as rules
from systems.resident_registry.rules import notices as notice_rules
from systems.resident_registry.rules import support_cases
from systems.resident_registry.service import legal
from systems.resident_registry.store import measures as store
from systems.resident_registry.store import notices, people

CASE = "resident_registry.support_case"


def apply(
    tx: Tx,
    applicant: UUID,
    kind: CaseKind,
    opponent: Opponent,
    *,
    together: Sequence[UUID] = (),
    scope: Sequence[Document] = DOCUMENTS,
    applied_on: date | None = None,
) -> SupportCase:
    """Take an application; it protects from this moment (仮支援), also in drafts to other authorities that have not left.

    Raises
    ------
    Conflict
        Somebody to be protected together lives at another address: that is another application.
    """
    store.begin(tx)
    person = people.resident(tx, applicant, today())
    for each in together:
        if people.resident(tx, each, today()).address != person.address:
            raise Conflict("who is protected together lives at the same address")
    if applied_on is not None and applied_on > today():
        raise Invalid("the application lies in the future")
    if not opponent.name.strip():
        raise Invalid("name the opponent")
    case = SupportCase(
        id=uuid4(),
        kind=kind,
        state="applied",
        applicant_name=person.name,
        protected_address=person.address,
        scope=list(dict.fromkeys(scope)),
        applied_on=applied_on or today(),
        entered_by=tx.actor,
    )
    store.add_case(tx, case, opponent, person.id, [each for each in dict.fromkeys(together) if each != person.id])
    _protect_drafts(tx, case)
    return case


def _protect_drafts(tx: Tx, case: SupportCase) -> None:
    """A measure usually follows the move: its notices may lie here unsent."""
    town = municipality(case.protected_address)
    notices.reduce(tx, case.id, ["move_in_notice"], notice_rules.address_told(town[1] if town else ""))
    notices.reduce(tx, case.id, ["family_register_notice", "move_out_certificate", "withdrawal"], notice_rules.FLAG)


def confirm(tx: Tx, number: UUID, version: int, *, body: str, consulted_on: date, opinion: str) -> SupportCase:
    """Record what the consultation body (警察, 配偶者暴力相談支援センター, 児童相談所 …) said."""
    if consulted_on > today():
        raise Invalid("the consultation lies in the future")
    changes = {"consultation_body": body, "consulted_on": consulted_on, "opinion": opinion}
    return _step(tx, number, version, "confirm", **changes)


def decide(tx: Tx, number: UUID, version: int, *, office: Office) -> SupportCase:
    """Decide for the measure: its period begins by the tenant's rule, and other authorities are told."""
    case = store.case(tx, number)
    basis = legal.value("support_start_basis", today(), office.parameters)
    starts_on = case.applied_on if basis == "applied" else today()
    ends_on = rules.add_months(starts_on, legal.value("restriction_months", starts_on))
    decided = _step(tx, number, version, "decide", starts_on=starts_on, ends_on=ends_on, decided_by=tx.actor)
    _forward(tx, decided, "decided", office.tenant)
    return decided


def extend(tx: Tx, number: UUID, version: int, *, tenant: str) -> SupportCase:
    """Extend by a whole period from the end; accepted from one month before it. Other authorities are told again."""
    case = store.case(tx, number)
    rules.check_extendable(case, today(), legal.value("support_extension_months_before", today()))
    if case.ends_on is None:  # pragma: no cover: check_extendable refused it
        raise Conflict("the case has no period")
    ends_on = rules.add_months(case.ends_on, legal.value("restriction_months", today()))
    extended = _step(tx, number, version, "extend", ends_on=ends_on)
    _forward(tx, extended, "extended", tenant)
    return extended


def close(tx: Tx, number: UUID, version: int, *, reason: str, tenant: str) -> SupportCase:
    """End a measure on purpose, or reject an application; until then it protects, its period over or not."""
    if not reason.strip():
        raise Invalid("say why")
    case = store.case(tx, number)
    step = "reject" if case.state in ("applied", "confirmed") else "end"
    closed = _step(tx, number, version, step, closed_on=today(), closed_for=reason)
    if step == "end":
        _forward(tx, closed, "ended", tenant)
    return closed


def identify_opponent(tx: Tx, number: UUID, resident_id: UUID) -> None:
    """Decide that the opponent is this resident; from then on they and their household are known as such."""
    store.begin(tx)
    case = store.case(tx, number)
    if resident_id in store.protected_by(tx, case.id):
        raise Conflict("nobody is protected from themself")
    person = people.resident(tx, resident_id, today())
    journal.record_access(tx, RESIDENT, [person.id], {"act": "identify_opponent"})
    store.identify_opponent(tx, case.id, person.id, tx.actor)


def read(tx: Tx, number: UUID) -> tuple[SupportCase, Opponent, list[UUID]]:
    """The case, its opponent and whom it protects; the look is recorded for each of them."""
    case = store.case(tx, number)
    protected = store.protected_by(tx, case.id)
    journal.record_access(tx, RESIDENT, protected, {"act": "support_case"})
    return case, store.opponent(tx, case.id), protected


def of_resident(tx: Tx, resident_id: UUID) -> list[SupportCase]:
    """Cases that name the resident, the newest first; recorded."""
    journal.record_access(tx, RESIDENT, [resident_id], {"act": "support_cases"})
    return store.cases_of(tx, resident_id)


def worklists(tx: Tx) -> dict[str, list[SupportCase]]:
    """What the DV officer has to do: undecided, ending soon, expired but not ended, and moved from the protected address."""
    day = today()
    ending = store.ending(tx, day + timedelta(days=legal.value("support_worklist_days", day)))
    found = {
        "undecided": store.undecided(tx),
        "ending": [each for each in ending if each.ends_on is not None and each.ends_on > day],
        "expired": [each for each in ending if each.ends_on is not None and each.ends_on <= day],
        "moved": store.moved(tx),
    }
    for each in {case.id for cases in found.values() for case in cases}:
        journal.record_access(tx, RESIDENT, store.protected_by(tx, each), {"act": "support_worklist"})
    return found


def forwardings(tx: Tx) -> list[tuple[Forwarding, bool]]:
    """Forwardings without acknowledgement, with whether it is overdue."""
    day = today()
    return [(f, support_cases.is_overdue(f.created_at.astimezone(JAPAN).date(), day)) for f in store.open_forwardings(tx)]


def acknowledge(tx: Tx, number: UUID) -> None:
    """The other authority has it."""
    store.mark_forwarding(tx, number, acknowledged_at=now())


def _step(tx: Tx, number: UUID, version: int, step: str, **changes: Any) -> SupportCase:
    case = store.case(tx, number)
    after = rules.next_state(case, step, tx.actor)
    store.change_case(tx, case, version, state=after, **changes)
    journal.record(tx, "event", table=CASE, key={"id": str(case.id)}, detail={"act": step})
    return store.case(tx, number)


def _forward(tx: Tx, case: SupportCase, what: Literal["decided", "extended", "ended"], tenant: str) -> None:
    protected = [people.resident(tx, each, today()) for each in store.protected_by(tx, case.id)]
    moment = now()
    holders = support_cases.holders(protected, tenant)
    rows = (Forwarding(uuid4(), case.id, case.version, what, to, name, holds, moment) for to, name, holds in holders)
    store.add_forwardings(tx, rows)
