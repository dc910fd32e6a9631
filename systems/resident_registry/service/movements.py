"""Filing movements."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID, uuid4

from kit.clock import today
from kit.db import Tx
from kit.errors import Conflict, Invalid
from systems.resident_registry.model.movements import Change, Movement
from systems.resident_registry.model.people import HEAD, Arrival, NewResident, Office, Place, Resident
from systems.resident_registry.rules import movements as rules
from systems.resident_registry.rules.people import check_one_head, relation_codes
from systems.resident_registry.service import legal, people
from systems.resident_registry.store import history
from systems.resident_registry.store import movements as store
from systems.resident_registry.store import people as persons

#: resident, version before (None: entered), version after
Touched = tuple[UUID, int | None, int]


def register_move_in(
    tx: Tx,
    office: Office,
    new: Sequence[NewResident],
    *,
    place: Place,
    previous: str,
    event_on: date,
    filed_on: date,
    filer: str,
) -> Movement:
    """Enter a household that moved in from elsewhere (転入, 住民基本台帳法 art. 22)."""
    check_one_head([each.relation for each in new])
    rules.check_days(event_on=event_on, filed_on=filed_on, today=today())
    because = _because(tx, event_on)
    household = people.found_household(tx, place, because)
    arrival = Arrival(event_on=event_on, filed_on=filed_on, reason="move_in", previous_address=previous)
    entered = [people.enter(tx, office, each, household, arrival, because) for each in new]
    touched = [(each.id, None, 1) for each in entered]
    return _file(tx, "move_in", touched, because, filed_on=filed_on, filer=filer)


def register_birth(
    tx: Tx, office: Office, child: NewResident, household_id: UUID, *, event_on: date, filed_on: date, filer: str
) -> Movement:
    """Enter a child with the household it is born into (出生)."""
    if child.relation == HEAD:
        raise Conflict("a newborn is not the head of a household")
    if child.born_on != event_on:
        raise Invalid("the event of a birth is the day of birth")
    rules.check_days(event_on=event_on, filed_on=filed_on, today=today())
    persons.members(tx, household_id, today())
    because = _because(tx, event_on)
    arrival = Arrival(event_on=event_on, filed_on=filed_on, reason="birth")
    entered = people.enter(tx, office, child, persons.household(tx, household_id), arrival, because)
    return _file(tx, "birth", [(entered.id, None, 1)], because, filed_on=filed_on, filer=filer)


def register_death(
    tx: Tx, leaving: tuple[UUID, int], *, event_on: date, filed_on: date, filer: str, relations: Mapping[UUID, str]
) -> Movement:
    """Remove a resident who died (死亡); when the head dies the others' relations to the new head are set."""
    because = _because(tx, event_on)
    touched = _remove(tx, [leaving], because, filed_on=filed_on, relations=relations, state="dead", reason="death")
    return _file(tx, "death", touched, because, filed_on=filed_on, filer=filer)


def register_move_out(
    tx: Tx,
    leaving: Sequence[tuple[UUID, int]],
    *,
    destination: str,
    event_on: date,
    filed_on: date,
    filer: str,
    relations: Mapping[UUID, str],
) -> Movement:
    """Remove residents of one household who moved elsewhere (転出, 住民基本台帳法 art. 24)."""
    because = _because(tx, event_on)
    removal = {"state": "moved_out", "reason": "move_out", "to": destination}
    touched = _remove(tx, leaving, because, filed_on=filed_on, relations=relations, **removal)
    return _file(tx, "move_out", touched, because, filed_on=filed_on, filer=filer)


def register_move_within(
    tx: Tx, household_id: UUID, version_of_head: int, *, place: Place, event_on: date, filed_on: date, filer: str
) -> Movement:
    """Set the new address of a whole household that moved inside the municipality (転居, 住民基本台帳法 art. 23)."""
    rules.check_days(event_on=event_on, filed_on=filed_on, today=today())
    members = persons.members(tx, household_id, today())
    members[0] = replace(members[0], version=version_of_head)
    because = _because(tx, event_on)
    for each in members:
        persons.change(tx, each, because, address_since=event_on, before_move_address=each.address)
    persons.set_place(tx, household_id, place, because)
    return _file(tx, "move_within", _one_up(members), because, filed_on=filed_on, filer=filer)


def _because(tx: Tx, event_on: date) -> Change:
    return Change(uuid4(), event_on, history.moment(tx))


def _one_up(changed: Sequence[Resident]) -> list[Touched]:
    return [(each.id, each.version, each.version + 1) for each in changed]


def _remove(
    tx: Tx,
    leaving: Sequence[tuple[UUID, int]],
    because: Change,
    *,
    state: str,
    reason: str,
    filed_on: date,
    relations: Mapping[UUID, str],
    to: str | None = None,
) -> list[Touched]:
    rules.check_days(event_on=because.valid_from, filed_on=filed_on, today=today())
    if not leaving:
        raise Invalid("name at least one resident")
    first = persons.resident(tx, leaving[0][0], today())
    rules.check_movable(first)
    household = {each.id: each for each in persons.members(tx, first.household_id, today())}
    changed = []
    for number, version in leaving:
        if number not in household:
            raise Conflict("the residents do not live in one household")
        one = replace(household.pop(number), version=version)
        removal = rules.removal_of(one, state=state, reason=reason, on=because.valid_from, filed_on=filed_on, to=to)
        persons.change(tx, one, because, **removal)
        persons.retire_numbers(tx, number)
        changed.append(one)
    for number, relation in rules.relations_after(list(household.values()), relations).items():
        persons.change(tx, household[number], because, relation=relation, relation_codes=relation_codes(relation))
        changed.append(household[number])
    return _one_up(changed)


def _file(tx: Tx, reason: str, touched: Sequence[Touched], because: Change, *, filed_on: date, filer: str) -> Movement:
    event_on, residents = because.valid_from, [number for number, _, _ in touched]
    filed = Movement(
        id=because.movement_id or uuid4(),
        number=f"{today().year}-{persons.draw(tx, f'movement/{today().year}'):06d}",
        reason=reason,
        state="completed",
        event_on=event_on,
        filed_on=filed_on,
        processed_on=today(),
        is_late=rules.is_late(event_on, filed_on, legal.value("filing_days", event_on)),
        filer=filer,
        residents=residents,
        entered_by=tx.actor,
        entered_at=because.known_from,
        decided_by=tx.actor,
        decided_at=because.known_from,
    )
    store.add(tx, filed)
    for number, before, after in touched:
        store.touch(tx, filed.id, number, before, after)
    return filed
