"""Looking at a whole household."""

from uuid import UUID

from kit import journal
from kit.clock import today
from kit.db import Tx
from systems.resident_registry.model.people import RESIDENT, Resident
from systems.resident_registry.service import measures
from systems.resident_registry.store import people as store


def present(tx: Tx, number: UUID) -> list[Resident]:
    """Present members, head first; the look at each is recorded before it is answered."""
    measures.hold(tx)
    found = store.members(tx, number, today())
    journal.record_access(tx, RESIDENT, [each.id for each in found], {"act": "household"})
    return found
