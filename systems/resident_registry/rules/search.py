"""What a search may go by and how much it may find."""

from kit.civic.names import fold
from kit.errors import Invalid
from systems.resident_registry.model.search import Criteria


def check_criteria(criteria: Criteria) -> None:
    """A search goes by something that narrows it (office practice R9)."""
    given = [criteria.name, criteria.kana, criteria.born_on, criteria.address]
    if not any(given):
        raise Invalid("search by name, kana, birth date or address")
    for text in (criteria.name, criteria.kana, criteria.address):
        if text is not None and len(fold(text)) < 2:
            raise Invalid("a search text has at least two characters")


def check_number_found(found: int, limit: int) -> None:
    """More than `limit` is refused: the register is not for browsing (office practice R9)."""
    if found > limit:
        raise Invalid(f"more than {limit} residents match: narrow the search")
