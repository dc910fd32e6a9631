"""The register as it stood: a person or household on a day, as known at a moment, and their whole history."""

from dataclasses import fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from kit import journal
from kit.clock import today
from kit.db import Tx
from kit.errors import NotFound
from systems.resident_registry.model.people import RESIDENT, Household, Resident
from systems.resident_registry.rules.movements import PLACE_PARTS
from systems.resident_registry.service import measures
from systems.resident_registry.store import asof, history, people
from systems.resident_registry.store.measures import leads_to_protected, protected_addresses

_RESIDENT, _HOUSEHOLD = TypeAdapter(Resident), TypeAdapter(Household)
_HOUSEHOLD_ITEMS = {f.name for f in fields(Household)}


def resident(tx: Tx, number: UUID, day: date, moment: datetime | None) -> Resident:
    """The resident as on that day, as known at that moment (None: now); the look is recorded.

    Whoever is protected today is protected in the past too, and so is an address that is a protected one today.

    Raises
    ------
    NotFound
        There was no such resident then, or nobody knew.
    """
    measures.hold(tx)
    at = moment or history.moment(tx)
    found = asof.version_at(tx, "resident", number, day, at)
    if found is None:
        raise NotFound("there is no such resident")
    journal.record_access(tx, RESIDENT, [number], {"act": "find", "as_of": str(day)})
    return _resident(tx, found, day, at)


def household(tx: Tx, number: UUID, day: date, moment: datetime | None) -> tuple[Household, list[Resident]]:
    """The household and those present in it on that day, as known at that moment; each look is recorded."""
    measures.hold(tx)
    at = moment or history.moment(tx)
    found = asof.version_at(tx, "household", number, day, at)
    members = asof.members_at(tx, number, day, at)
    if found is None or not members:
        raise NotFound("there is no such household")
    people_ = [_resident(tx, each, day, at) for each in members]
    journal.record_access(tx, RESIDENT, [each.id for each in people_], {"act": "household", "as_of": str(day)})
    return _household(found), people_


def versions(tx: Tx, number: UUID) -> list[asof.Version]:
    """Every version of the resident there ever was, in the order in which they became known; the look is recorded."""
    found = asof.versions(tx, "resident", number)
    if not found:
        raise NotFound("there is no such resident")
    journal.record_access(tx, RESIDENT, [number], {"act": "history"})
    return found


def _household(version: asof.Version) -> Household:
    facts = {name: value for name, value in version.facts.items() if name in _HOUSEHOLD_ITEMS}
    return _HOUSEHOLD.validate_python(facts | _own(version))


def _resident(tx: Tx, version: asof.Version, day: date, moment: datetime) -> Resident:
    facts: dict[str, Any] = {name: version.facts[name] for name in people.ITEMS if name in version.facts}
    lived = UUID(facts["household_id"])
    where = asof.version_at(tx, "household", lived, day, moment) or asof.first_version(tx, "household", lived, moment)
    number = where.facts["household_no"] if where else ""
    place = facts.get("removed_place") or (where.facts if where else {})
    joined = {part: place.get(part) for part in PLACE_PARTS if place.get(part) is not None}
    joined = {"postal_code": "", "address": ""} | joined | {"household_no": number}
    protected = people.resident(tx, UUID(facts["id"]), today()).restricted
    plans = (facts[name] for name in ("out_planned_to", "out_fixed_to") if facts.get(name))  # given up since
    protected = protected or any(leads_to_protected(tx, [facts["id"]], plan) for plan in plans)
    hidden = protected_addresses(tx, [joined["address"], *(facts.get(item) for item in people.EARLIER)])
    told = [item for item in people.EARLIER if facts.get(item) in hidden]
    now = {"restricted": protected or joined["address"] in hidden, "restricted_items": told}
    return _RESIDENT.validate_python(facts | _own(version) | joined | now)


def _own(version: asof.Version) -> dict[str, Any]:
    own = {"version": version.version, "valid_from": version.valid_from, "known_from": version.known_from}
    return own | {"movement_id": version.movement_id}
