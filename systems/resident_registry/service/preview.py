"""What a movement would do, without doing it: what a clerk confirms and an approver decides on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from kit import journal
from kit.clock import today
from kit.db import Tx
from systems.resident_registry.model.movements import Movement
from systems.resident_registry.model.people import RESIDENT, Office, Resident
from systems.resident_registry.rules import alerts
from systems.resident_registry.rules.measures import masked
from systems.resident_registry.service import measures, sealing
from systems.resident_registry.service import movements as service
from systems.resident_registry.service.case import Case
from systems.resident_registry.store import movements as store
from systems.resident_registry.store import numbers
from systems.resident_registry.store import people as persons

#: items that say which version it is, or only where it is kept
OWN = {
    "id",
    "household_id",
    "valid_from",
    "known_from",
    "movement_id",
    "version",
    "removed_place",
    "relation_codes",
    "restricted",
    "restricted_items",
}
#: in place of a number that is drawn anew when the movement is decided
DRAWN = "決裁のときに決まります"


@dataclass(frozen=True)
class Effect:
    """What would change of a resident: item -> before and after. `id` is None of somebody who would be entered.

    `on`: the day from which it would change, where that is not the day of the movement (those who stay after a planned 転出).
    """

    id: UUID | None
    name: str
    items: dict[str, tuple[Any, Any]]
    on: date | None = None


def preview(
    tx: Tx, office: Office, enter: Callable[[], Movement], roles: frozenset[str]
) -> tuple[list[Effect], list[alerts.Alert], bool]:
    """Effects on everybody touched, alerts to confirm, and whether the filing is late; nothing is written but the look.

    `enter` gives the movement: one on record, or a form that it enters or edits, which is taken back too. Where anybody is
    protected, before or after, nobody's places are shown without the DV role: the new record of one who leaves tells the
    address of those who stay.

    Raises as submitting and deciding the movement would, but for who decides it.
    """
    measures.hold(tx)
    with store.rehearsal(tx):
        one = enter()
        case = service.perform(tx, office, one)
        told = list(dict.fromkeys(service.alerts_of(case)))
        after = {number: _without_drawn(tx, case, persons.resident(tx, number, today())) for number in case.touched}
    entered = {number for number, (version, _) in case.touched.items() if version is None}
    before = {number: persons.resident(tx, number, today()) for number in (*after, *case.later) if number not in entered}
    hidden = any(each.restricted for each in (*after.values(), *before.values()))
    journal.record_access(tx, RESIDENT, list(before), {"act": "preview", "reason": one.reason})

    def effect(each: Resident) -> Effect:
        return _effect(before.get(each.id), each, roles, hidden=hidden, numbered=_numbered(tx, case, each))

    effects = [effect(each) for each in after.values()]
    return effects + [replace(effect(each), on=one.event_on) for each in case.later.values()], told, one.is_late


def _without_drawn(tx: Tx, case: Case, one: Resident) -> Resident:
    """The record without the numbers that this rehearsal drew: the decision draws others."""
    entered, drawn = case.touched[one.id][0] is None, {}
    if entered:
        drawn["atena_no"] = DRAWN
    if (entered or case.movement.reason == "code_change") and one.resident_code not in str(case.movement.details):
        drawn["resident_code"] = DRAWN
    household = persons.household(tx, one.household_id)
    if household.version == 1 and household.movement_id == case.movement.id:
        drawn["household_no"] = DRAWN
    return replace(one, **drawn)  # type: ignore[arg-type]


def _numbered(tx: Tx, case: Case, one: Resident) -> tuple[Any, Any] | None:
    """Whether a resident has an individual number before and after its change; never the number."""
    version, _ = case.touched.get(one.id, (None, 0))
    if version is None or "individual_number" not in case.changed[one.id]:
        return None
    return sealing.MASK if numbers.number(tx, one.id) else None, sealing.MASK


def _effect(
    before: Resident | None, after: Resident, roles: frozenset[str], *, hidden: bool, numbered: tuple[Any, Any] | None
) -> Effect:
    def seen(one: Resident) -> Resident:
        return masked(replace(one, restricted=True), roles) if hidden else one

    shown, was, items = seen(after), seen(before) if before else None, {}
    for item in vars(after):
        old, new = getattr(was, item) if was else None, getattr(shown, item)
        if item not in OWN and old != new and (was or new not in (None, "", {}, [], 0, False)):
            items[item] = (old, new)
    return Effect(None if was is None else after.id, after.name, items | ({"individual_number": numbered} if numbered else {}))
