"""Finding residents; every hit is recorded."""

from kit import journal
from kit.clock import today
from kit.db import Tx
from systems.resident_registry.model.people import RESIDENT, Office, Resident
from systems.resident_registry.model.search import Criteria, NumberKind
from systems.resident_registry.rules import search as rules
from systems.resident_registry.service import individual_numbers, legal, measures
from systems.resident_registry.store import people
from systems.resident_registry.store import search as store


def search(tx: Tx, criteria: Criteria) -> list[Resident]:
    """Residents that fit, and removed records when asked for; one access entry for each of them.

    Who is protected is never found by the address, and is shown through `rules.measures.masked` only.

    Raises
    ------
    Invalid
        Nothing to go by, an address for removed records, or more than the limit fit.
    """
    rules.check_criteria(criteria)
    limit = legal.value("search_limit", today())
    measures.hold(tx)
    found = store.search(tx, criteria, today(), limit + 1)
    rules.check_number_found(len(found), limit)
    journal.record_access(tx, RESIDENT, [each.id for each in found], {"act": "search"})
    return found


def search_by_number(tx: Tx, office: Office, kind: NumberKind, number: str, *, removed: bool = False) -> list[Resident]:
    """The present resident with that number, or nobody; with `removed` every record that bears it, the present one first.

    One access entry for each of them, which never carries the number.

    Raises
    ------
    Invalid
        The number is not well formed; it is not repeated.
    """
    rules.check_number(kind, number)
    measures.hold(tx)
    if kind == "individual_number":
        found = store.by_individual_number(tx, individual_numbers.blind_index(office, number), removed=removed)
    else:
        found = store.by_resident_code(tx, number, removed=removed)
    journal.record_access(tx, RESIDENT, found, {"act": "search_by_number", "kind": kind})
    return [people.resident(tx, each, today()) for each in found]
