"""What a movement would do, without doing it: the page a clerk confirms."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kit import journal
from kit.clock import today
from kit.db import Tx
from systems.resident_registry.model.filings import Filing
from systems.resident_registry.model.people import RESIDENT, Office, Resident
from systems.resident_registry.rules import alerts
from systems.resident_registry.rules.measures import masked
from systems.resident_registry.service import measures
from systems.resident_registry.service import movements as service
from systems.resident_registry.store import movements as store
from systems.resident_registry.store import people as persons

#: items that say which version it is, or only where it is kept
_OWN = {
    "id",
    "household_id",
    "valid_from",
    "known_from",
    "movement_id",
    "version",
    "removed_place",
    "relation_codes",
    "restricted",
}


@dataclass(frozen=True)
class Effect:
    """What would change of a resident: item -> before and after. `id` is None of somebody who would be entered."""

    id: UUID | None
    name: str
    items: dict[str, tuple[Any, Any]]


def preview(tx: Tx, office: Office, filing: Filing, roles: frozenset[str]) -> tuple[list[Effect], list[alerts.Alert], bool]:
    """Effects on everybody touched, alerts to confirm, and whether the filing is late; nothing is written but the look.

    Raises as submitting and deciding the movement would, but for who decides it.
    """
    measures.hold(tx)
    before: dict[UUID, Resident] = {}
    with store.rehearsal(tx):
        drafted = service.draft(tx, office, filing)
        case = service.perform(tx, office, drafted)
        told = list(dict.fromkeys(service.alerts_of(case)))
        after = {number: persons.resident(tx, number, today()) for number in case.touched}
    entered = {number for number, (version, _) in case.touched.items() if version is None}
    before = {number: persons.resident(tx, number, today()) for number in after if number not in entered}
    journal.record_access(tx, RESIDENT, list(before), {"act": "preview", "reason": drafted.reason})
    effects = [_effect(before.get(number), one, roles) for number, one in after.items()]
    return effects, told, drafted.is_late


def _effect(before: Resident | None, after: Resident, roles: frozenset[str]) -> Effect:
    shown = masked(after, roles)
    was = masked(before, roles) if before else None
    items = {}
    for item in vars(shown):
        old, new = getattr(was, item) if was else None, getattr(shown, item)
        if item not in _OWN and old != new and (was or new not in (None, "", {}, [], 0, False)):
            items[item] = (old, new)
    return Effect(None if was is None else after.id, after.name, items)
