"""異動取消: a decided movement is undone by a counter-entry; both rows remain."""

from collections.abc import Mapping
from uuid import UUID

from kit.clock import today
from systems.resident_registry.model.errors import NotLatest, PapersDisposed, WrongState
from systems.resident_registry.model.filings import DETAILS, Reversal
from systems.resident_registry.model.movements import IN_FORCE, Movement
from systems.resident_registry.model.people import HEAD, Resident
from systems.resident_registry.rules import movements as rules
from systems.resident_registry.service import corrections, people, sealing, ties
from systems.resident_registry.service.case import Case
from systems.resident_registry.store import history, notices, numbers
from systems.resident_registry.store import movements as store
from systems.resident_registry.store import people as persons

#: movements whose form alone says which marriage ended and who adopted whom
WITH_TIES = ("name_change", "office_correction")


def check_papers(undone: Movement) -> None:
    """What only a movement's form tells cannot be undone without it (R8: the papers go after a year)."""
    if undone.reason in WITH_TIES and not undone.details:
        raise PapersDisposed("the papers of this movement were disposed of: correct the record instead (office_correction)")


def reverse(case: Case, body: Reversal) -> None:
    """What was believed before the movement is believed again, of everybody it touched.

    Raises
    ------
    NotLatest
        Somebody it touched was touched again since: only the latest movement of a person can be undone.
    PapersDisposed
        Its form is gone, and is needed.
    """
    undone = store.movement(case.tx, body.movement_id, lock=True)
    if undone.state not in IN_FORCE or undone.reason == "reversal":
        raise WrongState("only a decided movement is undone")
    check_papers(undone)
    rows = store.touched(case.tx, undone.id)
    now = {row["resident_id"]: persons.resident(case.tx, row["resident_id"], today()) for row in rows}
    before = {row["resident_id"]: row["version_before"] for row in rows}
    present = {number for number, one in now.items() if one.removed_on is None and one.relation == HEAD}
    for one in sorted(now.values(), key=lambda each: each.id not in present):  # a head goes before another comes back
        if one.movement_id != undone.id:
            raise NotLatest("somebody it touched was touched again since")
        version = before[one.id]
        if version is None:
            _never_was(case, one)
        else:
            _as_before(case, one, undone.id, version)
    for household in store.households_of(case.tx, undone.id):
        if not persons.undo(case.tx, "household", household, undone.id, case.because):
            raise NotLatest("the household was changed again since")
    _note_places(case, now)
    _give_numbers_back(case, undone, now)
    if undone.reason in WITH_TIES:
        ties.undo(case, DETAILS.validate_python(sealing.opened(case.office, undone.id, undone.details)), undone.event_on)
    notices.void(case.tx, undone.id)
    store.update(case.tx, undone, state="cancelled")


def _never_was(case: Case, one: Resident) -> None:
    """A record that the movement entered stays as one that was entered by mistake."""
    on = one.valid_from
    removal = rules.removal_of(one, state="ended", reason="reversal", on=on, filed_on=case.movement.filed_on)
    persons.change(case.tx, one, case.because, **removal)
    numbers.set_in_use(case.tx, one.id, in_use=False)
    case.touched[one.id] = (one.version, one.version + 1)
    case.changed[one.id] = {"removed_on"}


def _as_before(case: Case, one: Resident, movement: UUID, version: int) -> None:
    """The record as in the version before the movement; when that brings it back, its numbers must be free."""
    if one.removed_on is not None and not history.was_removed(case.tx, one.id, version):
        people.check_still_free(case.tx, one)
    if not persons.undo(case.tx, "resident", one.id, movement, case.because):
        raise NotLatest("the record was changed again since")
    restored = persons.resident(case.tx, one.id, today())
    numbers.set_in_use(case.tx, one.id, in_use=restored.removed_on is None)
    case.touched[one.id] = (one.version, restored.version)
    case.changed[one.id] = {name for name in persons.ITEMS if getattr(one, name) != getattr(restored, name)}


def _note_places(case: Case, before: Mapping[UUID, Resident]) -> None:
    """Whose address is another again: with the household's place it changed for everybody in it."""
    after = persons.residents(case.tx, before, today())
    for number, one in before.items():
        if any(getattr(one, part) != getattr(after[number], part) for part in rules.PLACE_PARTS):
            case.changed[number].add("address")


def _give_numbers_back(case: Case, undone: Movement, before: Mapping[UUID, Resident]) -> None:
    """The number that was given is never given again (R2); the one before is in use as if it had never been changed."""
    was = numbers.unretire(case.tx, undone.id)
    for one in before.values():
        if undone.reason == "code_change":
            corrections.retire(case, one, "resident_code", people.seal_number(case.office, one.id, one.resident_code))
        given = numbers.number(case.tx, one.id) if undone.reason == "number_change" else None
        if given is not None:
            corrections.retire(case, one, "individual_number", given)
            if one.id in was:
                numbers.put(case.tx, one.id, *was[one.id])
            else:
                numbers.remove(case.tx, one.id)
            case.changed[one.id].add("individual_number")
