"""Tables on a page: what a statistic or list holds, as people read it; the files beside hold the same, as machines do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import Response

from kit.civic.places import WARDS
from systems.resident_registry.model.statistics import FIGURES, WITHHELD, Cell, Table
from systems.resident_registry.pages.desk import Desk
from systems.resident_registry.service import statistics as service

#: file endings, and what they are called
FORMS = (("csv", "CSV"), ("xlsx", "Excel"), ("pdf", "A4 の帳票(PDF)"))
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
#: what the page's heading says, and codes of what is named beside them
LEFT_OUT = ("基準日", "年月", "町字コード", "年齢階級コード", "年齢下限(歳)", "年齢上限(歳)")
AUTHORITY = "市区町村コード"
#: what 秘匿 says
MARKS: dict[Cell, str] = {0: "", 1: "秘匿", 2: "合算"}
#: figures that can be added up
ADDED = (*FIGURES, "世帯数(世帯)")


@dataclass(frozen=True)
class Sheet:
    """Columns with whether they hold numbers, rows of texts, and the sum of each column that has one."""

    columns: list[tuple[str, bool]]
    rows: list[tuple[str, list[Any]]]
    totals: list[str]


def sheet(table: Table, links: Sequence[str] = ()) -> Sheet:
    """The table to be read; `links` are paths that the rows lead to."""
    left_out = [*LEFT_OUT, *([] if _has_wards(table) else [AUTHORITY])]
    kept = [n for n, name in enumerate(table.header) if name not in left_out]
    columns = [(table.header[n], table.header[n].endswith(")")) for n in kept]
    paths = [*links, *[""] * (len(table.rows) - len(links))]
    rows = [(path, [_cell(table, row, n) for n in kept]) for path, row in zip(paths, table.rows, strict=True)]
    return Sheet(columns, rows, [_total(table, n) for n in kept] if len(table.rows) > 1 else [])


def _has_wards(table: Table) -> bool:
    place = table.header.index(AUTHORITY) if AUTHORITY in table.header else 0
    return place > 0 and len({row[place] for row in table.rows}) > 1


def _cell(table: Table, row: tuple[Cell, ...], n: int) -> Any:
    cell = row[n]
    if table.header[n] == WITHHELD:
        return MARKS[cell]
    if table.header[n] == AUTHORITY and cell in WARDS:
        return f"{cell} {WARDS[str(cell)]}"
    if isinstance(cell, str) and len(cell) == 10 and cell[4] == cell[7] == "-":
        return date.fromisoformat(cell)
    return f"{cell:,}" if isinstance(cell, int) else cell or "—"


def _total(table: Table, n: int) -> str:
    """Sum of a column; the rows that are withheld are in it by their pool. Nothing when a figure is not shown at all."""
    figures = [row[n] for row in table.rows if not (table.is_published and row[-1] == 1)]
    whole = [each for each in figures if isinstance(each, int)]
    return f"{sum(whole):,}" if whole and len(whole) == len(figures) and table.header[n] in ADDED else ""


def file(desk: Desk, table: Table, form: str) -> Response:
    """The table as a file to be downloaded."""
    match form:
        case "csv":
            content = service.as_csv(table)
        case "xlsx":
            content = service.as_xlsx(table)
        case _:
            content = service.as_pdf(table, tenant_name=desk.office.tenant_name, operator=desk.actor.name)
    return desk.file(content, f"{table.name}.{form}", MEDIA[form])
