"""What checking a file gave, as tables that leave: faults by cell, and 外字 to be identified. No cell's value stands in them."""

from uuid import UUID

from kit.db import Tx
from systems.resident_registry.model.statistics import Cell, Table
from systems.resident_registry.service import imports as service

PIECE = 1000
#: rows of the report: who has more faults corrects the file as a whole, not cell by cell
MOST = 100_000


def faults(tx: Tx, number: UUID) -> Table:
    """Every fault: row as the spreadsheet counts it, heading of the cell, rule, what to do. The first `MOST` of them."""
    rows: list[tuple[Cell, ...]] = []
    after = 0
    while len(rows) < MOST and (found := service.faults(tx, number, after=after, limit=PIECE)):
        rows += [(str(number), each.row, each.column, each.rule, service.advice(each)) for each in found]
        after = found[-1].row
    return Table("import_faults", "取込の誤り", ("取込番号", "行(行目)", "欄", "規則", "直し方"), rows[:MOST])


def characters(tx: Tx, number: UUID) -> Table:
    """The private-use characters of the file, the most frequent first."""
    header = ("取込番号", "文字コード", "行数(行)", "最初の行(行目)", "最初の欄", "同定した文字")
    found = service.unidentified(tx, number)
    rows: list[tuple[Cell, ...]] = [
        (str(number), each.code_point, each.rows, each.first_row, each.first_column, each.identified) for each in found
    ]
    return Table("import_characters", "外字一覧", header, rows)
