"""Looking at several residents at once, as pages do; every look is recorded before it is answered."""

from collections.abc import Sequence
from uuid import UUID

from kit import journal
from kit.clock import today
from kit.db import Tx
from kit.errors import NotFound
from systems.resident_registry.model.people import RESIDENT, Household, Resident
from systems.resident_registry.rules.measures import DV_OFFICER
from systems.resident_registry.service import measures
from systems.resident_registry.store import people as store
from systems.resident_registry.store import viewing


def present(tx: Tx, number: UUID) -> list[Resident]:
    """Present members of a household, head first."""
    measures.hold(tx)
    found = store.members(tx, number, today())
    journal.record_access(tx, RESIDENT, [each.id for each in found], {"act": "household"})
    return found


def households_beside(tx: Tx, one: Resident, roles: frozenset[str]) -> list[Household]:
    """Other households at the resident's address; those who live there are recorded as looked at.

    Without the DV role none where either is protected: one that is told as beside the other tells its address.
    """
    measures.hold(tx)
    found = viewing.households_beside(tx, one)
    people = viewing.present_in(tx, [each.id for each in found])
    if DV_OFFICER not in roles:
        kept = {household for household, _, restricted in people if restricted or one.restricted}
        found = [each for each in found if each.id not in kept]
    shown = {each.id for each in found}
    looked_at = [resident for household, resident, _ in people if household in shown]
    journal.record_access(tx, RESIDENT, looked_at, {"act": "households beside"})
    return found


def names(tx: Tx, residents: Sequence[UUID]) -> dict[UUID, str]:
    """Names of residents, for a list of movements."""
    found = viewing.names(tx, residents)
    journal.record_access(tx, RESIDENT, list(found), {"act": "list of movements"})
    return found


def household_of_number(tx: Tx, household_no: str) -> UUID:
    """The household of that 世帯番号, written with or without its leading zeros."""
    found = viewing.household_of_number(tx, household_no.zfill(15))
    if found is None:
        raise NotFound("there is no such household")
    return found
