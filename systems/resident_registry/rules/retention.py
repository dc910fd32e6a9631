"""How long records are kept, and what may be disposed of.

References
----------
住民基本台帳法施行令 art. 34: removed records 150 years (since 2014-06-20, five years before), papers of filings one year.
"""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any

from systems.resident_registry.model.errors import EventInFuture, LegalHold, RetentionRunning, SecondOfficer


def check_past(ended_on: date, today: date) -> None:
    """No record was removed on a day that lies ahead."""
    if ended_on > today:
        raise EventInFuture("the day of the removal lies ahead")


def disposable_from(ended_on: date, years: int) -> date:
    """First day on which a record whose retention began with the end of that day is no longer kept (民法 art. 143)."""
    try:
        last = ended_on.replace(year=ended_on.year + years)
    except ValueError:  # 29 February: the last day of the period is the last of February
        last = ended_on.replace(year=ended_on.year + years, day=28)
    return last + timedelta(days=1)


def last_due(years: int, today: date) -> date:
    """The newest day whose records may be disposed of today: the last one that `disposable_from` answers with today or before."""
    try:
        return today.replace(year=today.year - years) - timedelta(days=1)
    except ValueError:  # 29 February: whatever began on 28 February is over since yesterday
        return today.replace(year=today.year - years, day=28)


def check_disposable(ended_on: date | None, years: int, today: date) -> None:
    """Raise `RetentionRunning` when the record is still in use or its period is running (R7, R8)."""
    if ended_on is None:
        raise RetentionRunning("the record is in use")
    first = disposable_from(ended_on, years)
    if today < first:
        raise RetentionRunning(
            f"the record is kept for {years} years: it may be disposed of from {first} on", disposable_from=str(first)
        )


def check_papers(newest: date | None, years: int, today: date) -> None:
    """Raise `RetentionRunning` while the record of a certificate about somebody is kept: it prints what was certified then."""
    if newest is not None and today < (first := disposable_from(newest, years)):
        told = f"a certificate of {newest} is kept for {years} years: the record may be disposed of from {first} on"
        raise RetentionRunning(told, disposable_from=str(first))


def check_no_measure(open_: int) -> None:
    """An open support case keeps the records of those it protects; raises `LegalHold`."""
    if open_:
        raise LegalHold(f"{open_} of the records are under a support case that goes on")


def without(details: Mapping[str, Any], number: str, names: Collection[str]) -> dict[str, Any]:
    """The form of a movement that still concerns others, without the person of that id, who bore these names."""
    kept = {key: value for key, value in details.items() if not (isinstance(value, Mapping) and value.get("name") in names)}
    for part in ("people", "residents"):
        if part in kept:
            kept[part] = [each for each in kept[part] if each.get("name") not in names and each.get("id") != number]
    return kept


def check_no_hold(holds: int) -> None:
    """A legal hold keeps a record beyond its period."""
    if holds:
        raise LegalHold(f"{holds} of the records are under a legal hold")


def check_approver(proposed_by: str, approved_by: str) -> None:
    """Whoever proposed a disposal does not approve it."""
    if proposed_by == approved_by:
        raise SecondOfficer("another officer than the one who proposed it approves a disposal")
