"""The printing matrix, cell by cell, read from the text of issued certificates."""

import io
from dataclasses import replace
from datetime import date
from typing import Any, get_args

import pytest
from pypdf import PdfReader

from kit.db import Tx
from kit.errors import Refused
from systems.resident_registry.model.certificates import Item, Requester
from systems.resident_registry.model.errors import ItemNotPrintable, RequestIncomplete
from systems.resident_registry.model.measures import Opponent
from systems.resident_registry.model.people import Place, Resident
from systems.resident_registry.rules import printing
from systems.resident_registry.service import certificates as service
from systems.resident_registry.service import support_cases
from systems.resident_registry.store import people as store
from tests.support.registry import OFFICE, ONAGAWA, TODAY, asked, die, move_in, move_out, move_within, person

NUMBER, CODE = "379474484458", "24727059608"
#: item -> what stands on the page when it is printed; words that stand there for no other reason
SIGNS: dict[Item, tuple[str, ...]] = {
    "basic": ("䶒藤", "平成2年3月4日", "宮城県牡鹿郡女川町女川1番地1", "届出年月日"),
    "previous_address": ("転入前住所", "東京都"),
    "other_names": ("旧 氏", "架空旧姓"),
    "before_move_address": ("異動前住所", "鷲神浜2番地"),
    "history": ("異動の履歴",),
    "head_and_relation": ("続 柄",),
    "registered_domicile": ("本 籍", "筆頭者", "架空郡本籍1番地"),
    "individual_number": ("個人番号", NUMBER),
    "resident_code": ("住民票コード", CODE),
    "foreign": ("在留資格", "永住者"),
    "protective_measure": ("支援", "措置", "抑止", "相手方"),
}
WITH: dict[Item, str] = {
    "before_move_address": "with_before_move_address",
    "history": "with_history",
    "head_and_relation": "with_head_and_relation",
    "registered_domicile": "with_registered_domicile",
    "individual_number": "with_individual_number",
    "resident_code": "with_resident_code",
    "foreign": "with_foreign_items",
}
REQUESTERS: tuple[Requester, ...] = get_args(Requester)
#: the table of the specification, written down again: a cell that is flipped in the code is found here
EXPECTED = """
basic               always always always always always always
previous_address    always always always always always always
other_names         always always always always never  always
before_move_address always always asked  reason never  always
history             asked  asked  asked  reason never  asked
head_and_relation   asked  asked  asked  reason asked  asked
registered_domicile asked  asked  asked  reason never  asked
individual_number   asked  mailed by_law never  asked  asked
resident_code       asked  mailed by_law never  asked  asked
foreign             asked  asked  asked  reason asked  asked
protective_measure  never  never  never  never  never  never
"""


def resident(tx: Tx, item: Item) -> Resident:
    """Somebody of whom everything could be printed, who moved inside once; a foreigner for the foreign items."""
    facts: dict[str, Any] = {"born_on": date(1990, 3, 4), "individual_number": NUMBER, "resident_code": CODE}
    if item == "foreign":
        facts |= {"kind": "foreign", "residence_status": "永住者", "nationality": "ブラジル", "born_unknown": "平成2年3月4日"}
    else:
        facts |= {"former_surname": "架空旧姓", "former_surname_kana": "カクウ"}
    facts |= {"registered_domicile": "宮城県架空郡本籍1番地"}
    one = move_in(tx, person(**facts))[0]
    for address in ("宮城県牡鹿郡女川町鷲神浜2番地", one.address):
        place = Place("9862261", address, ONAGAWA)
        move_within(tx, one, place)
    return store.resident(tx, one.id, TODAY)


def printed(tx: Tx, one: Resident, requester: Requester, **more: Any) -> str:
    request = asked(requester, **more)
    if requester == "household_member":
        request = replace(request, name=one.name, ground="架空の理由")
    issued = service.issue_certificate(tx, OFFICE, one.id, request, is_supervisor=True, is_number_officer=True)
    pdf = service.certificate_pdf(tx, OFFICE, issued.serial, mailing=issued.delivery != "counter")
    return "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).replace("\n", "")


def shows(text: str, item: Item) -> bool:
    found = [sign in text for sign in SIGNS[item]]
    assert all(found) or not any(found), (item, found)  # never the label without the value, nor the other way
    return all(found)


def test_the_table_is_the_one_of_the_specification() -> None:
    lines = [line.split() for line in EXPECTED.strip().splitlines()]
    assert {name: tuple(cells) for name, *cells in lines} == printing.MATRIX
    assert set(printing.MATRIX) == set(get_args(Item)) == set(SIGNS) == set(printing.ITEM_NAMES)
    assert set(printing.CLASSES) == set(REQUESTERS)


@pytest.mark.parametrize("removed", [False, True])
@pytest.mark.parametrize("requester", REQUESTERS)
@pytest.mark.parametrize("item", list(printing.MATRIX))
def test_a_cell_of_the_matrix(tx: Tx, item: Item, requester: Requester, removed: bool) -> None:
    one, more = resident(tx, item), {}
    if removed:
        if requester == "other_municipality":
            return  # no 除票の写し is issued by another municipality: tests/systems/test_certificates
        move_out(tx, one, "仙台市")
        more = {"kind": "removed_copy"}
    column = printing.COLUMNS.index(printing.CLASSES[requester])
    row = next(line.split()[1:] for line in EXPECTED.strip().splitlines() if line.startswith(f"{item} "))
    order = ["always", "asked", "mailed", "reason", "by_law", "never"]
    cell = max(row[column], row[5], key=order.index) if removed else row[column]

    assert shows(printed(tx, one, requester, **more), item) == (cell == "always")
    if item not in WITH:
        return
    wanted = more | {WITH[item]: True}
    if cell in ("always", "asked", "mailed"):
        assert shows(printed(tx, one, requester, **wanted), item)
    elif cell == "never":
        with pytest.raises(ItemNotPrintable):
            printed(tx, one, requester, **wanted, law="架空法第1条", reasons={item: "理由"})
    else:
        with pytest.raises(RequestIncomplete):
            printed(tx, one, requester, **wanted)
        assert shows(printed(tx, one, requester, **wanted, law="架空法第1条", reasons={item: "理由"}), item)


@pytest.mark.parametrize("requester", REQUESTERS)
def test_of_a_protected_record_nothing_tells_of_the_measure(tx: Tx, requester: Requester) -> None:
    one = resident(tx, "basic")
    support_cases.apply(tx, one.id, "A", Opponent("架空 相手"))
    with pytest.raises(Refused) as refused:
        printed(tx, one, requester, ground="審査済み")
    assert not shows(refused.value.detail, "protective_measure")


@pytest.mark.parametrize("item", [item for item in WITH if item != "foreign"])
def test_mutant_a_flipped_cell_is_found(tx: Tx, item: Item, monkeypatch: pytest.MonkeyPatch) -> None:
    flipped = "never" if printing.MATRIX[item][0] == "always" else "always"
    monkeypatch.setitem(printing.MATRIX, item, (flipped, *printing.MATRIX[item][1:]))  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        test_a_cell_of_the_matrix(tx, item, "self", False)


def test_mutant_a_dead_persons_number_would_be_seen(tx: Tx, monkeypatch: pytest.MonkeyPatch) -> None:
    one = resident(tx, "basic")
    die(tx, one)
    monkeypatch.setattr(printing, "NUMBERS", frozenset())
    assert shows(printed(tx, one, "self", kind="removed_copy", with_individual_number=True), "individual_number")
