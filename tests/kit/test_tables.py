"""Tables in and out: encodings, cells that keep their place, characters that are never lost in silence."""

import contextlib
import csv
import io
import time
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import reading, tables
from kit.civic import repertoire
from kit.errors import Invalid

HEADER = ["氏名", "住所", "番号"]
NAMES = ["䶒藤\U000e0103 太朗", "𠮷田 花", "髙橋 﨑", "=1+1", "'=x", "''@y", "-", "改\n行", '引用"符', "末尾\\", ""]


def read(data: bytes) -> list[list[str]]:
    return list(reading.rows_of_csv(data))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
def test_every_encoding_and_line_end_is_found(encoding: str, line_end: str) -> None:
    text = line_end.join(["氏名,番号", "髙橋 一郎,0012", '"和, 子",1', ""])
    assert read(text.encode(encoding)) == [["氏名", "番号"], ["髙橋 一郎", "0012"], ["和, 子", "1"]]


def test_a_byte_that_fits_no_encoding_is_named_with_its_place() -> None:
    data = "氏名\nあ\n".encode() + b"ab\xff\n"
    with pytest.raises(reading.Unreadable, match=r"row 3, character 3: byte 0xff is not utf-8"):
        read(data)
    mixed = "氏名\n".encode("cp932") + b"\x81\x20\x81\x82"
    with pytest.raises(reading.Unreadable, match="row 2"):
        read(mixed)


def test_a_name_outside_utf16_planes_survives_every_way(tmp_path: Path) -> None:
    rows = [[name, "x", 1] for name in NAMES]
    tables.write_csv(tmp_path / "a.csv", HEADER, rows)
    assert [row[0] for row in read((tmp_path / "a.csv").read_bytes())[1:]] == NAMES
    tables.write_xlsx(tmp_path / "a.xlsx", "住民", HEADER, rows)
    found = list(reading.rows_of_workbook((tmp_path / "a.xlsx").read_bytes()))
    assert [row[0] for row in found[1:]] == [name.replace("''@y", "'@y").replace("'=x", "=x") for name in NAMES]


@pytest.mark.proves("API-2")
def test_a_cell_is_never_a_formula_in_what_is_written(tmp_path: Path) -> None:
    evil = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]
    tables.write_csv(tmp_path / "a.csv", ["x"], [[each] for each in evil])
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        assert all(row[0].startswith("'") for row in list(csv.reader(file))[1:])
    tables.write_xlsx(tmp_path / "a.xlsx", "x", ["x"], [[each] for each in evil])
    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")


def test_what_cp932_lacks_is_replaced_and_told_with_its_place(tmp_path: Path) -> None:
    rows = [["𠮷田", "斎藤\U000e0101", "〜"], ["髙﨑", "\ue000", "𩸽x𪚥"]]
    replaced = tables.write_csv(tmp_path / "a.csv", HEADER, rows, encoding="cp932")
    assert (tmp_path / "a.csv").read_bytes().decode("cp932").splitlines()[1:] == ["吉田,斎藤,～", "髙﨑,〓,鱈x〓"]
    assert tables.character_report(replaced) == [
        (2, 1, "U+20BB7", "吉"),
        (2, 2, "U+E0101", "削除"),
        (2, 3, "U+301C", "～"),
        (3, 2, "U+E000", "〓"),
        (3, 3, "U+29E3D", "鱈"),
        (3, 3, "U+2A6A5", "〓"),
    ]


@given(st.text(max_size=30))
def test_nothing_leaves_for_cp932_without_being_told(text: str) -> None:
    out, replaced = repertoire.to_cp932(text)
    assert out.encode("cp932").decode("cp932") == out
    rest = iter(replaced)
    told = "".join(next(rest)[1] if c not in out or any(c == was for was, _ in replaced) else c for c in text)
    assert told == out
    assert next(rest, None) is None


def test_mutant_a_lossy_encoder_is_found() -> None:
    lossy = "𠮷田".encode("cp932", "ignore").decode("cp932")
    assert lossy != repertoire.to_cp932("𠮷田")[0]
    assert "〜".encode("cp932").decode("cp932") != "〜"  # why the way back is tried as well


@pytest.mark.parametrize("bad", ['a,"b\nc,d\n', 'a,b"c\n', 'a,"b"c\n', 'x"y,z\n"ok",1\n'])
def test_a_stray_quotation_mark_is_refused_and_its_row_named(bad: str) -> None:
    with pytest.raises(reading.Unreadable, match="row"):
        read(("h1,h2\n" + bad).encode())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=4), min_size=1, max_size=12), st.integers(1, 40))
def test_blocks_cut_anywhere_give_the_rows_that_were_written(rows: list[list[str]], size: int) -> None:
    rows = [[cell.replace("\0", "").encode("utf-8", "ignore").decode() for cell in row] for row in rows]
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(rows)
    whole = list(reading.blocks([out.getvalue()[i : i + 7] for i in range(0, len(out.getvalue()), 7)], size=size))
    assert "".join(block.text for block in whole) == out.getvalue()
    found = [cells for block in whole for cells in reading.rows_of(block)]
    assert found == [[reading._unescaped(cell) for cell in row] for row in rows]
    numbers = [block.first_row for block in whole]
    counted = [1]
    for block in whole[:-1]:
        counted.append(counted[-1] + sum(1 for _ in reading.rows_of(block)))
    assert numbers == counted


@pytest.mark.proves("API-8")
@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=400),
        st.text(alphabet="\",\r\n\0'=aあ\U000e0100\ud7ff", max_size=300).map(lambda t: t.encode("utf-8", "ignore")),
        st.binary(max_size=200).map(lambda b: b"PK\x03\x04" + b),
        st.binary(max_size=200).map(lambda b: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b),
    )
)
def test_any_bytes_are_rows_or_one_clear_refusal(data: bytes) -> None:
    with contextlib.suppress(Invalid):  # anything else that is raised fails
        rows = list(reading.rows_of_workbook(data) if reading.is_workbook(data) else reading.rows_of_csv(data))
        assert all(isinstance(cell, str) for row in rows for cell in row)


@pytest.mark.parametrize(
    "data", [b'"' * 300_001, b',"' * 100_000, b'"a\n' * 100_000, b"\n" * 300_000, b'""' * 200_000, b'x"\n' * 100_000]
)
def test_no_text_makes_reading_hang(data: bytes) -> None:
    began = time.monotonic()
    with contextlib.suppress(Invalid):
        for _ in reading.rows_of_csv(data):
            pass
    assert time.monotonic() - began < 5


def test_a_workbook_that_unpacks_to_far_more_is_refused() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", b" " * 50_000_000)
    with pytest.raises(reading.Unreadable, match="unpack"):
        list(reading.rows_of_workbook(bomb.getvalue()))


def test_a_workbook_gives_codes_days_and_numbers_as_text(tmp_path: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(str(tmp_path / "a.xlsx")) as book:
        sheet = book.add_worksheet()
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(1, 1, ["0012", 9862261, 1.5, True])
        sheet.write_datetime(2, 1, datetime(2026, 4, 1), day)  # noqa: DTZ001  # a day of a spreadsheet has no zone
        sheet.write_formula(2, 2, "=1+1", None, 2)
    assert list(reading.rows_of_workbook((tmp_path / "a.xlsx").read_bytes())) == [
        ["", "", "", "", ""],
        ["", "0012", "9862261", "1.5", "TRUE"],
        ["", "2026-04-01", "2", "", ""],
    ]


def test_the_fault_list_colours_the_cell_and_can_be_given_again(tmp_path: Path) -> None:
    faults = [tables.Fault(7, 2, "date", "日付を直す"), tables.Fault(7, None, "row", "行全体")]
    tables.write_faults_xlsx(tmp_path / "f.xlsx", "誤り", HEADER, {7: ["甲", "2026-99-99", "0012"], 9: ["乙"]}, faults)
    rows = list(reading.rows_of_workbook((tmp_path / "f.xlsx").read_bytes()))
    assert rows[1][:3] == ["甲", "2026-99-99", "0012"]
    assert rows[1][3] == "7行 住所: 日付を直す\n7行: 行全体"
    assert reading.header_of(rows[0], HEADER, ignored=(tables.FAULTS,)) == [*HEADER, None]
    with zipfile.ZipFile(tmp_path / "f.xlsx") as book:
        assert b"FFFFC7CE" in book.read("xl/styles.xml")
    for bad in (["氏名", "知らない"], ["氏名", "氏名"]):
        with pytest.raises(reading.Unreadable, match="column 2"):
            reading.header_of(bad, HEADER)
