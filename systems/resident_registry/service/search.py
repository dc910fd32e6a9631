"""Finding residents; every hit is recorded."""

from kit import journal
from kit.clock import today
from kit.db import Tx
from systems.resident_registry.model.people import RESIDENT, Resident
from systems.resident_registry.model.search import Criteria
from systems.resident_registry.rules import search as rules
from systems.resident_registry.service import legal
from systems.resident_registry.store import search as store


def search(tx: Tx, criteria: Criteria) -> list[Resident]:
    """Residents that fit; one access entry for each of them.

    Raises
    ------
    Invalid
        Nothing to go by, or more than the limit fit.
    """
    rules.check_criteria(criteria)
    limit = legal.value("search_limit", today())
    found = store.search(tx, criteria, today(), limit + 1)
    rules.check_number_found(len(found), limit)
    journal.record_access(tx, RESIDENT, [each.id for each in found], {"act": "search"})
    return found
