"""What a search may go by and how much it may find."""

import re

from kit.civic.codes import check_my_number, check_resident_code
from kit.civic.names import fold
from kit.errors import Invalid
from systems.resident_registry.model.search import Criteria, NumberKind


def check_criteria(criteria: Criteria) -> None:
    """A search goes by something that narrows it (office practice R9); by address for present residents alone."""
    given = [criteria.name, criteria.kana, criteria.born_on, criteria.address, criteria.atena_no]
    if not any(given):
        raise Invalid("search by name, kana, birth date, address or 宛名番号")
    if criteria.removed and criteria.address:
        raise Invalid("an address finds present residents alone: leave it out, or leave the removed records out")
    for text in (criteria.name, criteria.kana, criteria.address):
        if text is not None and len(fold(text)) < 2:
            raise Invalid("a search text has at least two characters")
    if criteria.atena_no is not None and not re.fullmatch(r"[0-9]{15}", criteria.atena_no):
        raise Invalid("宛名番号: it has 15 digits 0-9")


def check_number(kind: NumberKind, number: str) -> None:
    """A number that is looked for is well formed; raises `Invalid` without repeating it."""
    check_my_number(number) if kind == "individual_number" else check_resident_code(number)


def check_number_found(found: int, limit: int) -> None:
    """More than `limit` is refused: the register is not for browsing (office practice R9)."""
    if found > limit:
        raise Invalid(f"more than {limit} residents match: narrow the search")
