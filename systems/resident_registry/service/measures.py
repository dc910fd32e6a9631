"""What every way out asks before it shows or hands out anything of a resident, and the approval of a single issue."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from kit import journal
from kit.clock import now, today
from kit.db import Tx
from kit.errors import Conflict, Refused
from systems.resident_registry.model.errors import CopyNotConfirmed, Suppressed
from systems.resident_registry.model.measures import (
    Act,
    Asker,
    Document,
    Lift,
    Override,
    Suppression,
    SuppressionKind,
)
from systems.resident_registry.rules import measures as rules
from systems.resident_registry.store import measures as store
from systems.resident_registry.store import people

CASE = "resident_registry.support_case"


def hold(tx: Tx) -> None:
    """Call it before residents are read to be shown: no measure begins until they have been handed out (JP-3)."""
    store.hold(tx)


def hold_confirmed(tx: Tx) -> None:
    """Hold, before anything is handed out; `CopyNotConfirmed` in a restored copy whose measures nobody has confirmed yet."""
    store.hold(tx)
    if not store.is_confirmed_copy(tx):
        raise CopyNotConfirmed("confirm the protective measures of this restored copy first")


def check_disclosure(
    tx: Tx,
    residents: Iterable[UUID],
    asker: Asker,
    *,
    document: Document = "residence",
    is_supervisor: bool = False,
    has_read: bool = False,
) -> UUID | None:
    """The lift that was used up by it, if any, when these residents' data may be handed out to the requester by the actor.

    Every way out that hands out calls it first, in the transaction that hands out, and keeps the lift with what it issued.
    `has_read`: the officer has read and confirmed the messages of suppressions.

    Raises
    ------
    Refused
        A measure stands against it; in neutral words, the same for every reason.
    Suppressed
        Another suppression stops this officer; carries its messages, for the counter alone.
    CopyNotConfirmed
        This is a restored copy in which nobody has confirmed the measures yet.
    """
    found = list(residents)
    hold_confirmed(tx)
    _check_suppressions(tx, found, "certificate", is_supervisor=is_supervisor, has_read=has_read)
    return _check_protections(tx, found, asker, document)


def _check_protections(tx: Tx, residents: Sequence[UUID], asker: Asker, document: Document) -> UUID | None:
    moment = now()
    protections = store.protections(tx, residents)
    if not protections:
        return None
    protected = [each.resident_id for each in protections if document in each.scope]
    lifts = store.open_lifts(tx, tx.actor, moment)
    lift = next((each for each in lifts if rules.fits(each, asker, protected, tx.actor, moment)), None)
    decision = rules.decide(protections, asker, document, lift, actor=tx.actor, now=moment)
    if decision == "refused":
        raise Refused(rules.NEUTRAL)
    if decision == "free" or lift is None:
        return None
    store.use_lift(tx, lift.id, moment)
    journal.record(tx, "event", table=CASE, key={"lift": str(lift.id)}, detail={"act": "lift_used", "document": document})
    return lift.id


def check_reprint(
    tx: Tx, residents: Iterable[UUID], content: Mapping[str, Any], lift_id: UUID | None, *, mailing: bool = False
) -> None:
    """Nothing, when a document that was issued about these residents may be made again by the actor of the transaction.

    Of protected residents only under the lift that this document was issued under (`lift_id`): at the counter by the clerk
    of that issue while the lift would still run; for the envelope to the person, which another officer prints, within a week
    (decision 27). Of nobody else what its content says when that is an address protected today: they lived there once.
    Raises `Refused` or `CopyNotConfirmed` as `check_disclosure` does.
    """
    found = list(residents)
    hold_confirmed(tx)
    protected = {each.resident_id for each in store.protections(tx, found)}
    lift = store.lift(tx, lift_id) if protected and lift_id else None
    if protected and not (lift and rules.may_print_again(lift, protected, tx.actor, now(), mailing=mailing)):
        raise Refused(rules.NEUTRAL)
    if not protected and store.tells_protected(tx, content):
        raise Refused(rules.NEUTRAL)


def check_movement(tx: Tx, residents: Iterable[UUID], *, is_supervisor: bool = False, has_read: bool = False) -> None:
    """Nothing, when no suppression (異動保留 …) stops a movement of these residents; raises `Suppressed` otherwise."""
    _check_suppressions(tx, list(residents), "movement", is_supervisor=is_supervisor, has_read=has_read)


def _check_suppressions(tx: Tx, residents: Sequence[UUID], act: Act, *, is_supervisor: bool, has_read: bool) -> None:
    found = store.suppressions(tx, residents)
    stopping = rules.stopping(found, act, today(), is_supervisor=is_supervisor, read=has_read)
    if stopping:
        told = [{"kind": each.kind, "message": each.message, "override": each.override} for each in stopping]
        raise Suppressed("a suppression stops this: read its message", suppressions=told)


def leads_to_protected(tx: Tx, residents: Sequence[UUID], details: Mapping[str, Any]) -> bool:
    """Whether the form of a departure, or of a 転入通知, names the place that a protected person left for."""
    destination = details.get("destination")
    return destination is not None and store.leads_to_protected(tx, residents, destination["address"])


def suppressions_in_force(tx: Tx, residents: Iterable[UUID], act: Act | None = None) -> list[Suppression]:
    """What stops acts on these records today, or that act alone, for the counter to read before it begins."""
    found = rules.in_force(store.suppressions(tx, list(residents)), today())
    return [each for each in found if act is None or act in each.acts]


def approve_issue(tx: Tx, residents: Sequence[UUID], asker: Asker, *, for_actor: str, not_opponent: bool) -> Lift:
    """Approve one issue of protected records to one requester by one clerk (一時解除): over when used or after fifteen minutes.

    `not_opponent`: the supervisor examined a requester who resembles the opponent and found that they are somebody else.

    Raises
    ------
    Refused
        The requester is the opponent or lives with them, or resembles them and was not examined.
    """
    moment = now()
    lift = Lift(
        id=uuid4(),
        residents=list(dict.fromkeys(residents)),
        requester=asker.kind,
        requester_name=asker.name or "",
        ground=asker.ground or "",
        not_opponent=not_opponent,
        for_actor=for_actor,
        approved_by=tx.actor,
        opened_at=moment,
        closes_at=moment + rules.LIFT,
    )
    rules.check_lift(lift)
    store.hold(tx)
    for each in store.protections(tx, residents):
        resembles = rules.resembles(asker, each.opponent) and not not_opponent
        if resembles or rules.is_opponent(asker, each):
            raise Refused(rules.NEUTRAL)
    store.add_lift(tx, lift)
    return lift


def suppress(
    tx: Tx,
    resident_id: UUID,
    kind: SuppressionKind,
    acts: list[Act],
    *,
    message: str,
    override: Override,
    starts_on: date,
    ends_on: date | None,
) -> Suppression:
    """Stop acts on a resident's record (交付停止, 成年被後見, 異動保留, 訴訟), from `starts_on` up to, not on, `ends_on`."""
    if ends_on is not None and ends_on <= starts_on:
        raise Conflict("a suppression ends after it starts")
    store.begin(tx)
    person = people.resident(tx, resident_id, today())
    made = Suppression(
        id=uuid4(),
        resident_id=person.id,
        kind=kind,
        acts=acts,
        message=message,
        override=override,
        starts_on=starts_on,
        ends_on=ends_on,
        entered_by=tx.actor,
    )
    store.add_suppression(tx, made)
    return made


def confirm_copy(tx: Tx) -> datetime:
    """Confirm the measures of a restored copy, so that it may issue again.

    Raises
    ------
    Conflict
        Measures are not what the journal last said of them, or the register is newer than the journal.
    """
    astray = store.astray(tx)
    if astray:
        raise Conflict(f"{astray} rows are not what the journal says: restore the measures before anything is issued")
    moment = now()
    store.confirm_copy(tx, tx.actor, moment)
    journal.record(tx, "event", table=CASE, detail={"act": "copy_confirmed"})
    return moment
