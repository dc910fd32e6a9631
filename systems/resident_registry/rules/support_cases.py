"""Which authorities hold a record from which a protected address can be read, and when their silence is an alarm.

References
----------
住民基本台帳法 arts. 9, 15-2 (除票 at the address before), 16-19 (戸籍の附票 at the 本籍地); 住民基本台帳事務処理要領 第6-10.
One business day is the project's decision, to be verified by the adopting bodies.
"""

import re
from collections.abc import Iterable
from datetime import date, timedelta

from kit.civic.dates import next_open
from kit.civic.places import municipality
from systems.resident_registry.model.measures import Holds
from systems.resident_registry.model.people import Resident

_TOWN = re.compile(r"^(?:東京都|北海道|(?:京都|大阪)府|.{2,3}県)?.+?[市区町村]")


def holders(protected: Iterable[Resident], own: str) -> list[tuple[str | None, str, Holds]]:
    """Authority (None outside the platform), addressee and what it holds; the municipality's own `own` is left out."""
    found: list[tuple[str | None, str, Holds]] = []
    for each in protected:
        places: tuple[tuple[str | None, Holds], ...] = (
            (each.previous_address, "removed_record"),
            (each.registered_domicile, "domicile_history"),
        )
        for place, holds in places:
            named = _addressee(place)
            if named and named[0] != own and (*named, holds) not in found:
                found.append((*named, holds))
    return found


def _addressee(address: str | None) -> tuple[str | None, str] | None:
    if not address:
        return None
    known = municipality(address)
    if known:
        return known
    town = _TOWN.match(address)
    return None, (town.group() if town else address)


def is_overdue(created_on: date, today: date) -> bool:
    """Whether the acknowledgement should have come: after the next business day."""
    return today > next_open(created_on + timedelta(days=1))
