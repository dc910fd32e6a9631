"""What 行政データにおける機械可読性に関するルール asks of a file that machines read; each rule answers with what breaks it."""

import csv
import io
import re
import zipfile

#: signs that only one vendor's character set has, or that look different elsewhere (丸数字, 単位, ローマ数字, 囲み文字)
_DEPENDENT = re.compile("[\u2460-\u24ff\u3200-\u33ff\u2160-\u217f\ue000-\uf8ff\u2116\u2121]")
_TIME = ("基準日", "年月", "在留期間満了日", "処理日", "終了日", "転出予定日", "通知を受けた日", "閲覧年月日")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def broken_rules_of_workbook(data: bytes) -> list[str]:
    """Rules that an Excel file breaks."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        names = book.namelist()
        sheets = [name for name in names if name.startswith("xl/worksheets/sheet")]
        text = book.read(sheets[0]).decode()
        strings = book.read("xl/sharedStrings.xml").decode() if "xl/sharedStrings.xml" in names else ""
        outline = book.read("xl/workbook.xml").decode()
    broken = ["one table a sheet, one sheet"] if len(sheets) != 1 else []
    for rule, sign in (
        ("no merged cells", "<mergeCell"),
        ("no hidden rows or columns", 'hidden="1"'),
        ("no formulas", "<f>"),
        ("no objects", "<drawing"),
    ):
        broken += [rule] if sign in text else []
    if re.search(r'<sheet [^>]*state="(hidden|veryHidden)"', outline):
        broken.append("no hidden sheets")
    shared = [re.sub(r"<[^>]+>", "", each) for each in re.findall(r"<si>(.*?)</si>", strings, re.DOTALL)]
    rows = []
    for _, row in re.findall(r"<row ([^>]*)>(.*?)</row>", text, re.DOTALL):
        cells: dict[int, tuple[str, bool]] = {}
        for column, attributes, value in re.findall(r'<c r="([A-Z]+)\d+"([^>]*)>(?:<v>(.*?)</v>)?', row):
            is_text = 't="s"' in attributes
            cells[_number(column)] = (shared[int(value)] if is_text else value, is_text)
        rows.append([cells.get(n, ("", True)) for n in range(max(cells, default=-1) + 1)])
    header = [text for text, _ in rows[0]]
    broken += _of_table(header, [[text for text, _ in row] for row in rows[1:]])
    for row in rows[1:]:
        for name, (text, is_text) in zip(header, row, strict=False):
            if "(" in name and text and is_text:
                broken.append(f"numbers as numbers: {name}")
            if name.endswith(("コード", "番号")) and text and not is_text:
                broken.append(f"codes as text: {name}")
    return sorted(set(broken))


def _number(column: str) -> int:
    place = 0
    for letter in column:
        place = place * 26 + ord(letter) - 64
    return place - 1


def broken_rules_of_csv(data: bytes) -> list[str]:
    """Rules that a CSV file breaks."""
    broken = [] if data.startswith(b"\xef\xbb\xbf") else ["a byte order mark, for spreadsheet programs"]
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    broken += [] if all(len(row) == len(rows[0]) for row in rows) else ["every row has the heading's cells"]
    broken += _of_table(rows[0], rows[1:])
    for row in rows[1:]:
        for name, text in zip(rows[0], row, strict=False):
            if "(" in name and text and not _NUMBER.fullmatch(text):
                broken.append(f"numbers as numbers: {name}")
    return sorted(set(broken))


def _of_table(header: list[str], rows: list[list[str]]) -> list[str]:
    broken = []
    if not all(header) or len(set(header)) != len(header):
        broken.append("each column has a heading of its own")
    if not any("コード" in name for name in header) and not any("番号" in name for name in header):
        broken.append("codes for area or thing")
    if not any(name in header for name in _TIME):
        broken.append("a column of time")
    every = [*header, *(cell for row in rows for cell in row)]
    if any(cell != cell.strip() or "  " in cell or "\u3000\u3000" in cell for cell in every):
        broken.append("no spaces as decoration")
    if any("\n" in cell or "\r" in cell for cell in every):
        broken.append("one datum a cell")
    if any(_DEPENDENT.search(cell) for cell in header):
        broken.append("no platform-dependent characters")
    for row in rows:
        for name, cell in zip(header, row, strict=False):
            if name in _TIME and cell and not re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", cell):
                broken.append(f"time in its code: {name}")
    if any(not any(row) for row in rows):
        broken.append("no empty rows as decoration")
    return broken
