"""Documents: the same bytes, the right record, and no character that silently becomes something else."""

import io
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from kit import documents
from kit.documents import check_printable, qr_svg, render
from kit.errors import Unavailable, Unprintable

TEMPLATE = """
#let d = json(bytes(sys.inputs.data))
#set document(title: "x", keywords: (d.serial,), date: datetime(year: 2026, month: 11, day: 25))
#set text(font: ("IPAmjMincho", "IPAexMincho"), fallback: false, lang: "ja", cjk-latin-spacing: none)
#d.name
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    file = tmp_path / "t.typ"
    file.write_text(TEMPLATE)
    return file


def made(template: Path, **more: Any) -> bytes:
    data = {"serial": "045811-2026-000001", "name": "架空"} | more
    return render(template, data, standard="a-2a", canary=data["serial"])


def test_the_same_data_gives_the_same_bytes(template: Path) -> None:
    assert made(template) == made(template)
    assert made(template) != made(template, name="別人")
    assert qr_svg("https://a.example/1") == qr_svg("https://a.example/1") != qr_svg("https://a.example/2")


def test_mutant_a_document_of_another_record_is_not_handed_over(template: Path) -> None:
    data = {"serial": "045811-2026-000002", "name": "別人"}
    with pytest.raises(Unavailable, match="not of this record"):
        render(template, data, standard="a-2a", canary="045811-2026-000001")


#: the sample of the standard 住民票, characters beyond the BMP, compatibility ideographs, small ヶ, MJ variants, NFC-unsafe forms
NAMES = (
    "䶒藤\U000e0103 太朗\U000e0105",
    "𠮷田",
    "﨑",
    "髙橋",
    "塩竈",
    "七ヶ宿",
    "葛\U000e0102西",
    "邉\U000e0110",
    "神\ufa19",
    "Ångström",
)


@pytest.mark.parametrize("name", NAMES)
def test_names_come_out_code_point_by_code_point(template: Path, name: str) -> None:
    assert check_printable([name]) == []
    text = PdfReader(io.BytesIO(made(template, name=name))).pages[0].extract_text()
    assert [hex(ord(c)) for c in text.strip()] == [hex(ord(c)) for c in name]


def test_a_variant_without_a_form_of_its_own_is_named() -> None:
    assert check_printable(["渡邉\U000e0101", "渡邉\U000e0101", "辺\U000e01ef"]) == ["U+9089 U+E0101", "U+8FBA U+E01EF"]
    assert check_printable(["\U000e0101"]) == ["U+E0101"]


@pytest.mark.parametrize("name", ["\U00030edd", "\ue000", "نص", "\U0001f600"])
def test_a_character_without_a_glyph_is_an_error_before_and_while_it_is_set(template: Path, name: str) -> None:
    with pytest.raises(Unprintable, match="U\\+"):
        check_printable(["架空", name])
    with pytest.raises(Unprintable) as told:
        made(template, name=name)
    assert name not in told.value.detail


def test_a_missing_font_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "FAMILIES", {"No Such Mincho"})
    documents._fonts.cache_clear()
    with pytest.raises(Unavailable, match="No Such Mincho"):
        documents._fonts()
    monkeypatch.undo()
    documents._fonts.cache_clear()
    documents._fonts()
