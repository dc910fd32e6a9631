"""Synthetic residents: the same every time, valid, and in the shares of the prefecture's census."""

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from kit.civic.codes import check_my_number, check_resident_code
from kit.civic.dates import age
from kit.documents import check_printable, is_selector
from kit.errors import Invalid
from systems.resident_registry.rules.imports import Rows
from tenants import synthetic_residents
from tenants.catalog import tenant
from tenants.synthetic_residents import AS_OF

Row = dict[str, str]


def rows(folder: Path, code: str, number: int) -> list[Row]:
    synthetic_residents.write(tenant(code), number, folder / f"{code}.csv")
    with (folder / f"{code}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return rows(tmp_path_factory.mktemp("residents"), "042021", 40_000)


def test_the_file_is_the_same_every_time_and_another_towns_is_another(tmp_path: Path) -> None:
    for name in ("a", "b"):
        synthetic_residents.write(tenant("045811"), 500, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found, other = rows(tmp_path, "045811", 500), rows(tmp_path, "046060", 500)
    assert all(row["住所"].startswith("宮城県牡鹿郡女川町") for row in found)
    assert not {row["住民票コード"] for row in found} & {row["住民票コード"] for row in other}


def test_a_designated_city_has_the_codes_of_its_wards(tmp_path: Path) -> None:
    assert {row["市区町村コード"] for row in rows(tmp_path, "041009", 3000)} == {"041017", "041025", "041033", "041041", "041050"}


def test_every_row_is_one_that_an_import_takes(many: list[Row]) -> None:
    checker = Rows(list(many[0]), {})
    assert [wrong for n, row in enumerate(many[:5000], 2) for wrong in checker.check(n, list(row.values()))[1]] == []
    for row in many[:2000]:
        check_my_number(row["個人番号"])
        check_resident_code(row["住民票コード"])
    for name in ("個人番号", "住民票コード", "宛名番号"):
        assert len({row[name] for row in many}) == len(many)
    with pytest.raises(Invalid):
        check_my_number(many[0]["個人番号"][:-1] + str((int(many[0]["個人番号"][-1]) + 1) % 10))


def test_every_household_has_one_head_and_one_place(many: list[Row]) -> None:
    heads = Counter(row["世帯番号"] for row in many if row["続柄"] == "世帯主")
    assert set(heads.values()) == {1}
    assert set(heads) == {row["世帯番号"] for row in many}
    assert len({(row["世帯番号"], row["住所"]) for row in many}) == len(heads)


def test_shares_are_those_of_the_census(many: list[Row]) -> None:
    ages = [age(date.fromisoformat(row["生年月日"]), AS_OF) for row in many if not row["生年月日不詳表記"]]
    total = len(many)

    def share(count: int) -> float:
        return 100 * count / total

    assert share(sum(each < 15 for each in ages)) == pytest.approx(11.9, abs=1)
    assert share(sum(15 <= each < 65 for each in ages)) == pytest.approx(59.8, abs=1.5)
    assert share(sum(each >= 65 for each in ages)) == pytest.approx(28.3, abs=1.5)
    assert total / len({row["世帯番号"] for row in many}) == pytest.approx(2.3, abs=0.05)
    assert share(sum(row["住民種別"] == "外国人" for row in many)) == pytest.approx(0.85, abs=0.15)
    assert share(sum(bool(row["支援措置_開始日"]) for row in many)) == pytest.approx(0.1, abs=0.05)
    assert share(sum(any(ord(c) > 0xFFFF for c in row["氏名"]) for row in many)) == pytest.approx(2, abs=0.4)
    assert 2 <= sum(bool(row["生年月日不詳表記"]) for row in many) <= 20


def test_the_first_person_of_a_town_is_under_protection(tmp_path: Path) -> None:
    assert rows(tmp_path, "045811", 50)[0]["支援措置_相手方氏名"]


def test_certificates_show_every_rare_spelling_in_its_own_form() -> None:
    """Mutant: a selector of another collection, as 渡邉 with U+E0101 of Adobe-Japan1, which the font does not have."""
    names = [name for name, _ in synthetic_residents.RARE_PAIRS]
    assert sum(any(map(is_selector, name)) for name in names) >= 4
    assert check_printable(names) == []
    assert check_printable(["渡邉\U000e0101"]) == ["U+9089 U+E0101"]
