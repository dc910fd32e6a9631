"""異動取消: a decided movement is undone by a counter-entry; both rows remain."""

from uuid import UUID

from kit.clock import today
from systems.resident_registry.model.errors import NotLatest, WrongState
from systems.resident_registry.model.filings import DETAILS, Reversal
from systems.resident_registry.model.movements import IN_FORCE
from systems.resident_registry.model.people import HEAD, Resident
from systems.resident_registry.rules import movements as rules
from systems.resident_registry.service import people, sealing, ties
from systems.resident_registry.service.case import Case
from systems.resident_registry.store import history, notices, numbers
from systems.resident_registry.store import movements as store
from systems.resident_registry.store import people as persons


def reverse(case: Case, body: Reversal) -> None:
    """What was believed before the movement is believed again, of everybody it touched.

    Raises
    ------
    NotLatest
        Somebody it touched was touched again since: only the latest movement of a person can be undone.
    """
    undone = store.movement(case.tx, body.movement_id, lock=True)
    if undone.state not in IN_FORCE or undone.reason == "reversal":
        raise WrongState("only a decided movement is undone")
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
    _give_numbers_back(case, undone.id)
    if undone.reason in ("name_change", "office_correction"):
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


def _give_numbers_back(case: Case, movement: UUID) -> None:
    for resident, kind, sealed, blind_index in numbers.retired_by(case.tx, movement):
        known = numbers.number(case.tx, resident)
        if kind == "individual_number" and known is not None:
            on = case.movement.event_on
            numbers.retire(case.tx, resident, kind, *known, on=on, movement_id=case.movement.id)
            numbers.put(case.tx, resident, sealed, blind_index)
            case.changed[resident].add("individual_number")
