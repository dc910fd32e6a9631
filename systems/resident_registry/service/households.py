"""Movements inside the municipality: where people live, with whom, and who is the head."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kit import journal
from kit.clock import today
from kit.db import Tx
from systems.resident_registry.model.errors import DifferentAddress, PlaceElsewhere, RelationNeeded, TwoHeads
from systems.resident_registry.model.filings import HeadChange, MoveWithin, Regroup, Split
from systems.resident_registry.model.people import HEAD, RESIDENT, Place, Resident
from systems.resident_registry.rules import movements as rules
from systems.resident_registry.rules import relations
from systems.resident_registry.rules.alerts import NOT_COMPARED
from systems.resident_registry.service import people
from systems.resident_registry.service.case import Case
from systems.resident_registry.store import movements as store
from systems.resident_registry.store import people as persons


def move_within(case: Case, body: MoveWithin) -> None:
    """転居: a whole household keeps its number; some of it form a new household, or join one."""
    movers = case.named(body.residents)
    everybody = case.members(movers[0].household_id)
    if body.household_id is not None:
        moved = {"address_since": case.movement.event_on, "before_move_address": movers[0].address}
        _into(case, movers, body.household_id, body.relations, moved)
        case.settle(everybody, movers, body.relations_left)
        return
    if body.place is None:
        raise PlaceElsewhere("say where they move: a place, or the household they join")
    place = rules.local_place(body.place.place(), case.office.tenant)
    if not _is_kept(case, movers) and place.address == movers[0].address:
        raise DifferentAddress("this is the address where they live")
    moved = {"address_since": case.movement.event_on, "before_move_address": movers[0].address}
    if len(movers) == len(everybody):
        for each in movers:
            case.change(each, **moved)
        persons.set_place(case.tx, movers[0].household_id, place, case.because)
    else:
        _apart(case, movers, everybody, place, body.relations, moved)
        case.settle(everybody, movers, body.relations_left)


def head_change(case: Case, body: HeadChange) -> None:
    """世帯主変更: all relations are worked out for the new head."""
    everybody = case.members(body.household_id)
    head = case.named([body.new_head])[0]
    if head.household_id != body.household_id:
        raise DifferentAddress("the new head does not live in this household")
    given = dict(body.relations) | {head.id: HEAD}
    case.relate(everybody, case.relations(everybody, everybody, given))


def split(case: Case, body: Split) -> None:
    """世帯分離: some members form a household of their own at the same address."""
    movers = case.named(body.residents)
    everybody = case.members(movers[0].household_id)
    if len(movers) == len(everybody):
        raise TwoHeads("a split leaves somebody in the old household")
    place = persons.household(case.tx, movers[0].household_id).place
    _apart(case, movers, everybody, place, body.relations, {})
    case.settle(everybody, movers, body.relations_left)


def regroup(case: Case, body: Regroup) -> None:
    """世帯合併, 世帯構成変更: into another household at the same address."""
    movers = case.named(body.residents)
    everybody = case.members(movers[0].household_id)
    if body.household_id == movers[0].household_id:
        raise DifferentAddress("they live in this household already")
    if body.reason == "household_merge" and len(movers) != len(everybody):
        raise TwoHeads("a merger takes the whole household: for some of it use household_change")
    there = case.members(body.household_id)
    if not _is_kept(case, [*movers, *there]) and there[0].address != movers[0].address:
        raise DifferentAddress("both households must have the same address")
    _into(case, movers, body.household_id, body.relations, {})
    case.settle(everybody, movers, body.relations_left)


def _is_kept(case: Case, people: Sequence[Resident]) -> bool:
    """Whether addresses are not compared, as somebody is protected: who files would learn whether a guess is right.

    Whoever files and whoever decides is told so, and has it looked at by the role that sees the address.
    """
    kept = any(each.restricted for each in people)
    if kept:
        case.alerts.append(NOT_COMPARED)
    return kept


def _apart(
    case: Case,
    movers: Sequence[Resident],
    everybody: Sequence[Resident],
    place: Place,
    given: Mapping[UUID, str],
    moved: Mapping[str, Any],
) -> None:
    """Movers form a new household at the place."""
    found = case.relations(movers, everybody, given)
    household = people.found_household(case.tx, place, case.because)
    case.relate(movers, found, household_id=household.id, **moved)


def _into(
    case: Case, movers: Sequence[Resident], household_id: UUID, given: Mapping[UUID, str], moved: Mapping[str, Any]
) -> None:
    """Movers join a household: with its head their relations are given; with a new head everybody's."""
    there = case.members(household_id)
    new_head = any(given.get(each.id) == HEAD for each in movers)
    asked = [*movers, *there] if new_head else list(movers)
    missing = [each for each in asked if each.id not in given]
    if missing:
        raise RelationNeeded(f"give the relation to the head of that household for {len(missing)} more residents")
    if [given[each.id] for each in asked].count(HEAD) != (1 if new_head else 0):
        raise TwoHeads("a household has exactly one head (世帯主)")
    if new_head:
        case.relate(there, given)
    case.relate(movers, given, household_id=household_id, **moved)


def recalculate(tx: Tx, household_id: UUID, head: UUID) -> dict[UUID, str | None]:
    """Relations as they would be worked out for another head, None where the clerk must say; nothing is written.

    Raises
    ------
    DifferentAddress
        The head does not live in the household.
    """
    members = persons.members(tx, household_id, today())
    journal.record_access(tx, RESIDENT, [each.id for each in members], {"act": "household"})
    if head not in [each.id for each in members]:
        raise DifferentAddress("the new head does not live in this household")
    return relations.relations_to(head, rules.facts_of(members), store.kinship(tx, [each.id for each in members]))
