"""Commands that work with nothing running."""

import csv
import sys
from datetime import date
from pathlib import Path
from typing import Any

from cyclopts import App

from kit.errors import Invalid, NotFound
from platform_api.output import Output, emit, say
from tenants.home import home

report = App(name="report", help="reports for the council")
civic = App(name="civic", help="words of Japanese administration")
DIFFERS = 2


@report.command(name="shares")
def report_shares(
    *,
    total: int,
    component: list[str],
    basis: str = "census2020",
    members: str | None = None,
    measures: Path | None = None,
    year: int | None = None,
    folder: Path | None = None,
    output: Output = "table",
) -> int:
    """Cost shares to the yen; works with nothing running.

    --measures FILE: CSV with the columns code, metric, value for usage:METRIC and fixed. --year YEAR writes PDF, Excel and CSV.
    """
    from pydantic import ValidationError

    from platform_api.reports.shares import compute
    from platform_api.shapes import SharesRequest

    codes = members.split(",") if members else None
    try:
        asked = SharesRequest(
            total_yen=total,
            components=component,
            basis=basis,
            members=codes,
            year=year,
            measures=_measures(measures),
        )
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise Invalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    found = compute(asked, folder or home().reports)
    data = found.model_dump(exclude={"paths"} if not found.paths else None)
    emit(data, output, rows=data["shares"])
    return 0


def _measures(file: Path | None) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    if file:
        if not file.exists():
            raise NotFound(f"there is no file {file}")
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for number, row in enumerate(csv.DictReader(lines), 2):
                if not {"code", "metric", "value"} <= row.keys():
                    raise Invalid(f"{file.name} line {number}: the columns are code, metric, value")
                found.setdefault(row["metric"], {})[row["code"]] = row["value"]
    return found


@civic.command(name="check")
def civic_check(kind: str, number: str, *, output: Output = "table") -> int:
    """Check digit of an authority code, my-number, resident-code or corporate number; exit code 2 when it is wrong."""
    from kit.civic.codes import CHECKS

    if kind not in CHECKS:
        raise Invalid(f"the kinds are {', '.join(CHECKS)}")
    try:
        CHECKS[kind](number)
    except Invalid as wrong:
        say(wrong.detail)
        return DIFFERS
    return _tell("valid", True, output)


@civic.command(name="due14")
def civic_due14(day: str, *, output: Output = "table") -> int:
    """Legal last day of a 14-day filing period."""
    from kit.civic.dates import due14

    return _tell("due_on", due14(_day(day)).isoformat(), output)


@civic.command(name="wareki")
def civic_wareki(day: str, *, output: Output = "table") -> int:
    """A day in the Japanese calendar."""
    from kit.civic.dates import wareki

    return _tell("wareki", wareki(_day(day)), output)


@civic.command(name="age")
def civic_age(*, born: str, on: str, output: Output = "table") -> int:
    """Whole years of age by law."""
    from kit.civic.dates import age

    try:
        return _tell("years", age(_day(born), _day(on)), output)
    except ValueError as wrong:
        raise Invalid(str(wrong)) from None


def _tell(name: str, value: object, output: Output) -> int:
    """One value: by itself for people, with its name for machines."""
    if output == "table":
        sys.stdout.write(f"{name if value is True else value}\n")
    else:
        emit({name: value}, output)
    return 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text} is no day: write it as 2026-11-23") from None
