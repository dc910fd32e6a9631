"""Whether a movement may be made, and what follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any
from uuid import UUID

from kit.civic.dates import due14
from kit.errors import Conflict, Invalid
from systems.resident_registry.model.errors import AlreadyRemoved
from systems.resident_registry.model.people import HEAD, Place, Resident
from systems.resident_registry.rules.people import check_one_head

PLACE_PARTS = tuple(f.name for f in fields(Place))


def check_days(*, event_on: date, filed_on: date, today: date) -> None:
    """Event before filing, filing not in the future.

    References
    ----------
    住民基本台帳法 arts. 22–25: notified after the event; office practice R3.
    """
    if not event_on <= filed_on <= today:
        raise Invalid("the days do not fit: event, then filing, then today")


def is_late(event_on: date, filed_on: date, filing_days: int) -> bool:
    """Whether the filing period had passed (住民基本台帳法 art. 22; 民法 arts. 140, 142)."""
    return filed_on > due14(event_on, filing_days)


def check_movable(resident: Resident) -> None:
    """Only a current resident can be moved or die."""
    if resident.removed_on is not None:
        raise AlreadyRemoved("this resident was removed from the register already")


def relations_after(remaining: Sequence[Resident], given: Mapping[UUID, str]) -> dict[UUID, str]:
    """Relations of those who stay when the head leaves; the head's leaving needs a new head (office practice R12).

    A sole survivor becomes head by itself. Otherwise the clerk gives the relation of every one of them.

    Raises
    ------
    Conflict
        Nobody, or more than one, is to be head; or somebody's relation to the new head is missing.
    """
    if not remaining or any(each.relation == HEAD for each in remaining):
        return {}
    if len(remaining) == 1:
        return {remaining[0].id: HEAD}
    missing = [each.id for each in remaining if each.id not in given]
    if missing:
        raise Conflict(f"the head leaves: give the relation to the new head for {len(missing)} more residents")
    check_one_head([given[each.id] for each in remaining])
    return {each.id: given[each.id] for each in remaining}


def removal_of(one: Resident, *, state: str, reason: str, on: date, filed_on: date, to: str | None = None) -> dict[str, Any]:
    """Columns of a record that is removed (消除); it keeps the address it had (住民基本台帳法 art. 8)."""
    place = {part: getattr(one, part) for part in PLACE_PARTS if getattr(one, part)}
    columns = {"state": state, "removed_on": on, "removed_filed_on": filed_on, "removed_reason": reason, "removed_place": place}
    return columns | ({"out_planned_to": to} if to else {})
