"""Tables in: CSV and Excel files as town halls have them, into rows whose cells keep their place.

Rows are counted as a spreadsheet counts them: the heading is row 1. Nothing is guessed in silence: a file is read strictly or
refused with the place of its first fault.
"""

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import python_calamine

from kit.errors import Invalid
from kit.tables import FORMULA_STARTS

Row = list[str]
#: encodings that are looked for, in this order
ENCODINGS = ("utf-8-sig", "utf-16", "utf-8", "cp932")
BLOCK_CHARACTERS = 1_000_000
MOST_COLUMNS = 500
MOST_UNPACKED = 1 << 30
_MAGIC_ZIP, _MAGIC_OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
#: a quoted cell as RFC 4180 has it: from comma or line start to comma or line end
_QUOTED = re.compile(r'(?:(?<=[,\n\r])|\A)"(?:[^"]|"")*+"(?=[,\r\n]|\Z)')


class Unreadable(Invalid):
    """The file cannot be read."""

    slug = "unreadable"


@dataclass(frozen=True)
class Block:
    """Whole records of a CSV file; `first_row` is the number of the first one."""

    first_row: int
    text: str


def is_workbook(head: bytes) -> bool:
    """Whether a file that begins so is an Excel workbook."""
    return head.startswith((_MAGIC_ZIP, _MAGIC_OLE))


def detect_encoding(data: bytes) -> str:
    """`detect_encoding_of` for a file in one piece."""
    return detect_encoding_of(lambda: [data])


def detect_encoding_of(again: Callable[[], Iterable[bytes]]) -> str:
    """Encoding of the text: by its byte order mark, by its zero bytes, else UTF-8 when it is that throughout, else CP932.

    `again` gives the pieces of the file, from the beginning each time.

    Raises
    ------
    Unreadable
        It is none of these; names row and byte of the first fault in either reading.
    """
    head = next(iter(again()), b"")
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head[:4000]:
        even, odd = head[0:4000:2].count(0), head[1:4000:2].count(0)
        return _tried(again, "utf-16-le" if odd >= even else "utf-16-be")
    try:
        return _tried(again, "utf-8")
    except Unreadable as as_utf8:
        try:
            return _tried(again, "cp932")
        except Unreadable as as_cp932:
            raise Unreadable(f"neither UTF-8 ({as_utf8.detail}) nor CP932 ({as_cp932.detail})") from None


def _tried(again: Callable[[], Iterable[bytes]], encoding: str) -> str:
    for _ in decoded(again(), encoding):
        pass
    return encoding


def decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[str]:
    """The text of the pieces, decoded strictly.

    Raises
    ------
    Unreadable
        Bytes that the encoding does not have; names the row and the byte in it.
    """
    decoder, row, column = codecs.getincrementaldecoder(encoding)("strict"), 1, 0
    try:
        for piece in pieces:
            text = decoder.decode(piece)
            row, column = _after(text, row, column)
            yield text
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as wrong:
        good = bytes(wrong.object[: wrong.start]).decode(encoding.removesuffix("-sig"), "replace")
        row, column = _after(good, row, column)
        fault = wrong.object[wrong.start : wrong.start + 1].hex()
        raise Unreadable(f"row {row}, character {column + 1}: byte 0x{fault} is not {encoding}") from None


def _after(text: str, row: int, column: int) -> tuple[int, int]:
    lines = text.count("\n")
    return (row + lines, len(text) - text.rfind("\n") - 1) if lines else (row, column + len(text))


def blocks(texts: Iterable[str], *, size: int = BLOCK_CHARACTERS) -> Iterator[Block]:
    """The text cut between records into blocks of about `size` characters, so that they can be parsed apart.

    Raises
    ------
    Unreadable
        A quotation mark opens a cell and none closes it, or stands where none may stand; names the row.
    """
    row, pending, waiting = 1, [], 0
    for text in texts:
        pending.append(text)
        waiting += len(text)
        if waiting < size:
            continue
        whole = "".join(pending)
        cut = _last_record_end(whole)
        if cut == 0 and waiting > 64 * size:
            raise Unreadable(f"row {row}: a quotation mark opens a cell and none closes it")
        if cut:
            yield Block(row, whole[:cut])
            row += _records(whole[:cut], row)
        pending, waiting = [whole[cut:]], len(whole) - cut
    rest = "".join(pending)
    if rest:
        _records(rest, row)
        yield Block(row, rest)


def _last_record_end(text: str) -> int:
    """Index behind the last line end that no quoted cell holds; 0 when there is none."""
    marks, end = text.count('"'), text.rfind("\n")
    while end >= 0:
        if marks == 0 or text.count('"', 0, end) % 2 == 0:
            return end + 1
        end = text.rfind("\n", 0, text.rfind('"', 0, end))
    return 0


def _records(text: str, row: int) -> int:
    if '"' not in text and text.count("\r") == text.count("\r\n"):
        return text.count("\n")
    left = _QUOTED.sub("", text)
    if '"' in left:
        # the fault is found in the text without its sound cells: their line ends are counted apart
        before = text[: _fault(text)]
        raise Unreadable(f"row {row + before.count(chr(10))}: a quotation mark inside a cell must be written twice")
    return sum(1 for _ in rows_of(Block(row, text)))


def _fault(text: str) -> int:
    end = 0
    for sound in _QUOTED.finditer(text):
        stray = text.find('"', end, sound.start())
        if stray >= 0:
            return stray
        end = sound.end()
    return max(text.find('"', end), 0)


def rows_of(block: Block) -> Iterator[Row]:
    """The records of a block, cells unescaped; a record without any cell is an empty list.

    Raises
    ------
    Unreadable
        A record that CSV does not allow, or one of too many cells; names the row.
    """
    row = block.first_row
    text = block.text
    plain = "\0" not in text and "'" not in text
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), strict=True):
            if len(cells) > MOST_COLUMNS:
                raise Unreadable(f"row {row}: {len(cells)} columns; a table has at most {MOST_COLUMNS}")
            yield cells if plain else [_unescaped(cell) for cell in cells]
            row += 1
    except csv.Error as wrong:
        raise Unreadable(f"row {row}: {wrong}") from None


def _unescaped(cell: str) -> str:
    """Undo what `kit.tables` writes before a cell that a spreadsheet program would run as a formula."""
    is_escaped = cell[:1] == "'" and cell.lstrip("'").startswith(FORMULA_STARTS)
    return cell[1:] if is_escaped else cell


def rows_of_csv(data: bytes) -> Iterator[Row]:
    """All records of a small file, its encoding detected."""
    encoding = detect_encoding(data)
    for block in blocks(decoded([data], encoding)):
        yield from rows_of(block)


def rows_of_workbook(data: bytes) -> Iterator[Row]:
    """Rows of the only sheet that is filled, from cell A1 on; days as 2026-04-01, whole numbers without a point.

    Raises
    ------
    Unreadable
        No workbook, a damaged or over-packed one, or one with several filled sheets.
    """
    _check_packing(data)
    try:
        book = python_calamine.load_workbook(io.BytesIO(data))
        sheets = [book.get_sheet_by_name(each.name) for each in book.sheets_metadata if "Sheet" in str(each.typ)]
        filled = [sheet for sheet in sheets if sheet.height]
        if len(filled) > 1:
            raise Unreadable(f"{len(filled)} sheets are filled: one table a file")
        for cells in filled[0].to_python(skip_empty_area=False) if filled else []:
            yield [_text(cell) for cell in cells]
    except (python_calamine.CalamineError, ValueError, OverflowError) as wrong:
        raise Unreadable(f"not a workbook that can be read ({type(wrong).__name__})") from None
    except BaseException as wrong:
        if type(wrong).__name__ != "PanicException":
            raise
        raise Unreadable("not a workbook that can be read (its reader gave up)") from None


def _check_packing(data: bytes) -> None:
    if not data.startswith(_MAGIC_ZIP):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            unpacked = sum(each.file_size for each in packed.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as wrong:
        raise Unreadable(f"not a workbook that can be read ({type(wrong).__name__})") from None
    if unpacked > MOST_UNPACKED or unpacked > 200 * len(data) + (1 << 20):
        raise Unreadable("the workbook would unpack to far more than a table has")


def _text(cell: object) -> str:
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == datetime.min.time() else cell.isoformat(" ")
    if isinstance(cell, date):
        return cell.isoformat()
    return _unescaped(str(cell))


def header_of(first: Sequence[str], known: Sequence[str], *, ignored: Sequence[str] = ()) -> list[str | None]:
    """The heading's columns: each is a known name, or None for one that is ignored.

    Raises
    ------
    Unreadable
        A column is unknown, or stands twice; names it and its place.
    """
    found: list[str | None] = []
    for place, cell in enumerate(first, 1):
        name = cell.strip()
        if name in ignored or not name:
            found.append(None)
        elif name not in known:
            raise Unreadable(f"row 1, column {place}: «{name[:40]}» is no column of this layout")
        elif name in found:
            raise Unreadable(f"row 1, column {place}: «{name[:40]}» stands twice")
        else:
            found.append(name)
    return found
