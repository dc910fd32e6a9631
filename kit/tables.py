"""Tables out: CSV and Excel as town halls open them, machines read them, and printers take them."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from kit.civic.repertoire import Substitution, code_point, to_cp932

Cell = str | int | float | None
Encoding = Literal["utf-8-sig", "cp932"]
#: a cell that begins so would be run as a formula by a spreadsheet program
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_HARMFUL = frozenset((*FORMULA_STARTS, "'"))
CHARACTER_REPORT = ("行", "列", "文字コード", "置き換えた文字")


def write_csv(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[Cell]], *, encoding: Encoding = "utf-8-sig"
) -> list[Substitution]:
    """UTF-8 with a byte order mark and CRLF, which spreadsheet programs in town halls read without asking; or CP932.

    Characters that the encoding lacks are replaced, and each replacement is returned with its place: hand the list on as the
    character report (縮退) beside the file. For UTF-8 it is empty.
    """
    with path.open("wb") as out:
        return write_csv_to(out, header, rows, encoding=encoding)


def write_csv_to(
    out: IO[bytes], header: Sequence[str], rows: Iterable[Sequence[Cell]], *, encoding: Encoding = "utf-8-sig"
) -> list[Substitution]:
    """`write_csv` into an open file."""
    replaced: list[Substitution] = []
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    if encoding == "utf-8-sig":
        out.write(b"\xef\xbb\xbf")
    for number, row in enumerate(_with_header(header, rows), 1):
        cells = [_harmless(cell) if isinstance(cell, str) and cell[:1] in _HARMFUL else cell for cell in row]
        if encoding == "cp932":
            cells = [_reduced(cell, number, column, replaced) for column, cell in enumerate(cells, 1)]
        writer.writerow(cells)
        if number % 1000 == 0:
            _flush(buffer, out, encoding)
    _flush(buffer, out, encoding)
    return replaced


def _with_header(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[Sequence[Cell]]:
    yield header
    yield from rows


def _flush(buffer: io.StringIO, out: IO[bytes], encoding: Encoding) -> None:
    out.write(buffer.getvalue().encode("utf-8" if encoding == "utf-8-sig" else encoding))
    buffer.seek(0)
    buffer.truncate()


def _harmless(cell: str) -> str:
    # a leading apostrophe is escaped as well: reading takes one away only before these signs
    return "'" + cell if cell.lstrip("'").startswith(FORMULA_STARTS) else cell


def _reduced(cell: Cell, row: int, column: int, replaced: list[Substitution]) -> Cell:
    if not isinstance(cell, str):
        return cell
    text, gone = to_cp932(cell)
    replaced += [Substitution(row, column, code_point(was), now) for was, now in gone]
    return text


def character_report(replaced: Iterable[Substitution]) -> list[tuple[Cell, ...]]:
    """Rows for `CHARACTER_REPORT`: where which code point was replaced by what; 削除 for a variation selector that went."""
    return [(each.row, each.column, each.code_point, each.substitute or "削除") for each in replaced]


def write_xlsx(path: Path, title: str, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """One sheet with a frozen heading; numbers stay numbers, codes stay text; prints on A4 width."""
    import xlsxwriter  # a tenth of a process's start, for a table now and then

    with xlsxwriter.Workbook(str(path), _OPTIONS) as book:
        sheet = book.add_worksheet(title[:31])
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
        number = book.add_format({"num_format": "#,##0"})
        sheet.write_row(0, 0, header, head)
        for line, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                if isinstance(cell, int | float):
                    sheet.write_number(line, column, cell, number)
                elif cell:  # an empty cell is not there, rather than there with an empty text
                    sheet.write_string(line, column, cell)
        for column, name in enumerate(header):
            widest = max([len(name), *(len(f"{row[column]:,}") if isinstance(row[column], int) else 6 for row in rows)])
            sheet.set_column(column, column, widest * 1.6 + 2)
        _prepare_print(sheet)


_OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def _prepare_print(sheet: object) -> None:
    sheet.freeze_panes(1, 0)  # type: ignore[attr-defined]
    sheet.set_paper(9)  # type: ignore[attr-defined]
    sheet.fit_to_pages(1, 0)  # type: ignore[attr-defined]
    sheet.repeat_rows(0)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Fault:
    """What is wrong with a cell and what to do; `column` None: with the row as a whole. Row and column count from 1."""

    row: int
    column: int | None
    rule: str
    advice: str


#: heading of the column that tells the faults; reading ignores it, so that the corrected file can be given again
FAULTS = "誤り（取込時は無視）"


def write_faults_xlsx(
    path: Path, title: str, header: Sequence[str], rows: Mapping[int, Sequence[str]], faults: Sequence[Fault]
) -> None:
    """The rows given, by number, each faulty cell coloured, and in the last column what is wrong and what to do.

    Everything is text, so that leading zeros and days stay as they are when the file is corrected and given again.
    """
    import xlsxwriter

    by_row: dict[int, list[Fault]] = {}
    for fault in faults:
        by_row.setdefault(fault.row, []).append(fault)
    with xlsxwriter.Workbook(str(path), _OPTIONS | {"constant_memory": True}) as book:
        sheet = book.add_worksheet(title[:31])
        text = book.add_format({"num_format": "@"})
        faulty = book.add_format({"num_format": "@", "bg_color": "#FFC7CE", "border": 1})
        advice = book.add_format({"num_format": "@", "text_wrap": True})
        sheet.set_column(0, len(header) - 1, 14, text)
        sheet.set_column(len(header), len(header), 60, advice)
        sheet.write_row(0, 0, [*header, FAULTS], book.add_format({"bold": True, "bottom": 1, "text_wrap": True}))
        for line, number in enumerate(sorted(rows), 1):
            here = by_row.get(number, [])
            wrong = {fault.column for fault in here}
            for column, cell in enumerate([*rows[number], *[""] * (len(header) - len(rows[number]))][: len(header)]):
                is_wrong = column + 1 in wrong
                if cell or is_wrong:
                    sheet.write_string(line, column, cell, faulty if is_wrong else text)
            told = [f"{number}行" + (f" {header[f.column - 1]}" if f.column else "") + f": {f.advice}" for f in here]
            sheet.write_string(line, len(header), "\n".join(told)[:32000], advice)
        _prepare_print(sheet)
