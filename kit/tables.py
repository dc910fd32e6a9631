"""Tables out: CSV and Excel as town halls open them."""

import csv
from collections.abc import Sequence
from pathlib import Path

import xlsxwriter

Cell = str | int | float | None
#: a cell that begins so would be run as a formula by a spreadsheet program
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """UTF-8 with a byte order mark and CRLF, which spreadsheet programs in town halls read without asking."""
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(header)
        writer.writerows([[_harmless(cell) for cell in row] for row in rows])


def _harmless(cell: Cell) -> Cell:
    return "'" + cell if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


def write_xlsx(path: Path, title: str, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """One sheet with a frozen heading; numbers stay numbers, codes stay text; prints on A4 width."""
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet(title[:31])
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
        number = book.add_format({"num_format": "#,##0"})
        sheet.write_row(0, 0, header, head)
        for line, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                if isinstance(cell, int | float):
                    sheet.write_number(line, column, cell, number)
                else:
                    sheet.write_string(line, column, cell or "")
        for column, name in enumerate(header):
            widest = max([len(name), *(len(f"{row[column]:,}") if isinstance(row[column], int) else 6 for row in rows)])
            sheet.set_column(column, column, widest * 1.6 + 2)
        sheet.freeze_panes(1, 0)
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
