"""Numbers, days and names as the law and the register have them."""

import random
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.civic import characters, codes, dates, names
from kit.errors import Invalid
from tenants.catalog import catalog

GOOD = {
    "my-number": ["123456789018", "123456789000", "379474484458", "507957100721"],
    "resident-code": ["24727059608", "12345678903", "04000000014", "12345678040"],
    "authority": ["041009", "042030", "042081", "040002"],
    "corporate": ["8000020040002", "8000020041009"],
}
BAD = {
    "my-number": [
        "507957100722",
        "000000000000",
        "１２３４５６７８９０１８",
        "12345678901",
        "1234567890188",
        "1234 5678 9018",
        "",
    ],
    "resident-code": ["24727059609", "2472705960"],
    "authority": ["041008", "04100", "0410099"],
    "corporate": ["7000020041009"],
}


@pytest.mark.parametrize(("kind", "number"), [(kind, n) for kind, numbers in GOOD.items() for n in numbers])
def test_good_numbers_pass(kind: str, number: str) -> None:
    assert codes.CHECKS[kind](number) == number


@pytest.mark.parametrize(("kind", "number"), [(kind, n) for kind, numbers in BAD.items() for n in numbers])
def test_bad_numbers_are_refused_without_being_repeated(kind: str, number: str) -> None:
    with pytest.raises(Invalid) as refused:
        codes.CHECKS[kind](number)
    if kind in ("my-number", "resident-code") and number:
        assert number not in refused.value.detail


def caught(change: str, trials: int, check: object = codes.check_my_number) -> float:
    rng = random.Random(1)
    found = 0
    for _ in range(trials):
        eleven = f"{rng.randrange(1, 10**11):011d}"
        digits = list(f"{eleven}{codes.my_number_check_digit(eleven)}")
        if change == "digit":
            place = rng.randrange(12)
            digits[place] = rng.choice([d for d in "0123456789" if d != digits[place]])
        else:
            place = rng.choice([n for n in range(11) if digits[n] != digits[n + 1]] or [0])
            digits[place], digits[place + 1] = digits[place + 1], digits[place]
        try:
            check("".join(digits))  # type: ignore[operator]
        except Invalid:
            found += 1
    return found / trials


@pytest.mark.proves("JP-1")
@pytest.mark.parametrize("change", ["digit", "swap"])
def test_slips_in_individual_numbers_are_caught(change: str) -> None:
    # about 2 % pass by construction: remainders 0 and 1 share the digit 0
    assert caught(change, 20_000) >= 0.975


@pytest.mark.proves("JP-1")
def test_mutant_a_check_of_the_length_only_catches_nothing() -> None:
    assert caught("digit", 500, lambda text: codes._digits(text, 12, "number")) < 0.975


@pytest.mark.proves("JP-1")
def test_every_authority_code_and_corporate_number_of_the_catalogue_is_right() -> None:
    found = catalog()
    assert len(found) == 36
    for code, tenant in found.items():
        assert codes.check_authority_code(code) == tenant.code
        assert tenant.corporate_number[1:] == f"000020{code}"
    assert {"塩竈市", "七ヶ宿町", "七ヶ浜町"} <= {tenant.name for tenant in found.values()}
    assert sum(t.population.census2020 for c, t in found.items() if c != "040002") == 2_301_996
    assert sum(t.population.est2023 for c, t in found.items() if c != "040002") == 2_263_552


def test_days() -> None:
    assert dates.due14(date(2026, 12, 18)) == date(2027, 1, 4)
    assert dates.wareki(date(2026, 11, 23)) == "令和8年11月23日"
    assert dates.wareki(date(2019, 5, 1)) == "令和元年5月1日"
    assert dates.wareki(date(2019, 4, 30)) == "平成31年4月30日"
    assert dates.wareki(date(1989, 1, 7)) == "昭和64年1月7日"
    assert dates.age(date(2010, 10, 10), date(2026, 10, 8)) == 15
    assert dates.age(date(2010, 10, 10), date(2026, 10, 9)) == 16
    assert dates.age(date(2008, 2, 29), date(2026, 2, 28)) == 18
    with pytest.raises(ValueError, match="birth"):
        dates.age(date(2026, 1, 2), date(2026, 1, 1))


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)))
def test_a_filing_period_ends_on_an_open_day_not_before_the_fourteenth(day: date) -> None:
    last = dates.due14(day)
    assert not dates.is_closed(last)
    assert 14 <= (last - day).days <= 14 + 10


def test_names_are_found_by_what_is_seen_and_stored_as_they_are() -> None:
    name = "䶒藤\U000e0103 太朗\U000e0105"
    assert names.bigrams(name) == ["䶒藤", "藤太", "太朗"]
    assert names.bigrams("星") == ["星"]
    assert names.kana_key("しゃとう ヴぃ") == "シヤトウビ"
    with pytest.raises(Invalid):
        characters.check_name("\ue000田")


@given(st.one_of(st.text(alphabet="0123456789", min_size=10, max_size=13), st.text(max_size=12)))
def test_the_quick_check_of_numbers_answers_as_the_plain_one(number: str) -> None:
    for quick, plain in ((codes.my_number_fits, codes.check_my_number), (codes.resident_code_fits, codes.check_resident_code)):
        assert quick(number) == passes(plain, number)
        if number.isascii() and number.isdigit():
            for last in "0123456789":
                assert quick(number + last) == passes(plain, number + last)


def passes(check: Callable[[str], str], number: str) -> bool:
    try:
        check(number)
    except Invalid:
        return False
    return True
