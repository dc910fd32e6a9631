"""Support cases between municipalities (支援措置連携): what leaves through the hub, and what comes in.

The message names people and the opponent, never the protected address: whoever receives it has to hide what it holds itself.
The hub encrypts, signs and carries it; its number and the case's id make both sides safe to repeat.
"""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from kit import journal
from kit.clock import now, today
from kit.db import Tx
from kit.errors import NotFound
from systems.resident_registry.model.measures import CaseKind, Document, Forwarding, Opponent, SupportCase
from systems.resident_registry.model.people import RESIDENT
from systems.resident_registry.store import measures as store
from systems.resident_registry.store import people


@dataclass(frozen=True)
class Person:
    """A protected person as the other authority finds one."""

    resident_code: str
    name: str
    born_on: date


@dataclass(frozen=True, kw_only=True)
class Message:
    """One step of a case, for another authority."""

    case_id: UUID
    what: Literal["decided", "extended", "ended"]
    kind: CaseKind | None
    scope: list[Document]
    applied_on: date
    starts_on: date
    ends_on: date
    opponent: Opponent
    people: list[Person]


def outgoing(tx: Tx) -> list[tuple[Forwarding, Message]]:
    """What has not been acknowledged yet, the oldest first, to be sent (again); recorded as looks at those it names."""
    return [(each, _message(tx, each)) for each in store.open_forwardings(tx)]


def mark_sent(tx: Tx, number: UUID) -> None:
    """The hub has taken it; acknowledging is `support_cases.acknowledge`."""
    store.mark_forwarding(tx, number, sent_at=now())


def _message(tx: Tx, forwarding: Forwarding) -> Message:
    case = store.case(tx, forwarding.case_id)
    protected = [people.resident(tx, each, today()) for each in store.protected_by(tx, case.id)]
    journal.record_access(tx, RESIDENT, [each.id for each in protected], {"act": "support_forwarding"})
    if case.starts_on is None or case.ends_on is None:
        raise NotFound("the case has no period to tell of")
    opponent = store.opponent(tx, case.id)
    return Message(
        case_id=case.id,
        what=forwarding.what,
        kind=case.kind,
        scope=case.scope,
        applied_on=case.applied_on,
        starts_on=case.starts_on,
        ends_on=case.ends_on,
        opponent=Opponent(opponent.name, opponent.born_on, opponent.address),  # the id is the sender's own
        people=[Person(each.resident_code, each.name, each.born_on) for each in protected],
    )


def receive(tx: Tx, message: Message, from_authority: str) -> SupportCase:
    """Protect here whom another authority protects; safe to repeat, and steps that come late change nothing.

    Raises
    ------
    NotFound
        None of the people was ever on this register: the sender is told so.
    """
    store.begin(tx)
    found = store.by_resident_codes(tx, [each.resident_code for each in message.people])
    if not found:
        raise NotFound("none of these people was ever on this register")
    known = store.known_case(tx, message.case_id)
    if known is None:
        known = _forwarded(message, from_authority, people.resident(tx, found[0], today()).address)
        store.add_case(tx, known, message.opponent, found[0], found[1:])
    elif known.origin != "forwarded":
        raise NotFound("none of these people was ever on this register")  # an id of our own is nobody else's to change
    _catch_up(tx, known, message)
    journal.record(tx, "event", table="resident_registry.support_case", key={"id": str(known.id)}, detail={"act": "received"})
    return store.case(tx, known.id)


def _forwarded(message: Message, from_authority: str, address: str) -> SupportCase:
    taken = asdict(message)
    facts: dict[str, Any] = {name: taken[name] for name in ("kind", "scope", "applied_on", "starts_on", "ends_on")}
    return SupportCase(
        id=message.case_id,
        state="active",
        applicant_name=message.people[0].name,
        protected_address=address,
        origin="forwarded",
        entered_by=f"authority {from_authority}",
        decided_by="decided there",
        **facts,
    )


def _catch_up(tx: Tx, known: SupportCase, message: Message) -> None:
    if known.state == "ended" or known.ends_on is None:
        return
    if message.what == "ended":
        store.change_case(tx, known, known.version, state="ended", closed_on=today(), closed_for="終了の通知を受けた")
    elif message.ends_on > known.ends_on:
        store.change_case(tx, known, known.version, state="extended", ends_on=message.ends_on)
