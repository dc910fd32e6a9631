"""What a person's record must satisfy."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from kit.civic.characters import check_name
from kit.civic.codes import check_my_number, check_resident_code
from kit.civic.dates import wareki
from kit.civic.names import check_kana
from kit.errors import Invalid
from systems.resident_registry.model.errors import CheckDigit, EventBeforeBirth, NationalityMissing, TwoHeads
from systems.resident_registry.model.people import HEAD, NewResident

#: words that a relation is made of -> their codes (続柄コード); up to four are stacked (妻の子 is 12, 20)
RELATION_CODES = {
    "世帯主": "02",
    "夫": "11",
    "妻": "12",
    "夫(未届)": "13",
    "妻(未届)": "14",
    "子": "20",
    "孫": "30",
    "曾孫": "31",
    "父": "41",
    "母": "42",
    "祖父": "43",
    "祖母": "44",
    "兄": "51",
    "弟": "52",
    "姉": "53",
    "妹": "54",
    "縁故者": "90",
    "同居人": "91",
}


def relation_codes(relation: str) -> list[str]:
    """Codes of a relation's words (妻の子 → 12, 20); none when a word has no code."""
    words = relation.split("の")
    codes = [RELATION_CODES[word] for word in words if word in RELATION_CODES]
    return codes if len(codes) == len(words) <= 4 else []


def check_new_resident(person: NewResident, event_on: date) -> None:
    """Reading, characters, check digits and birth of a person to be entered; raises `Invalid` naming the item.

    A foreign resident has a nationality or region (住民基本台帳法 art. 30-45) and may have a 通称 (施行令 art. 30-16),
    a Japanese one a 旧氏 (art. 30-13).
    """
    if person.kind == "foreign" and not person.nationality:
        raise NationalityMissing("a foreign resident needs a nationality or region (国籍・地域)")
    if person.kind == "japanese" and person.alias:
        raise Invalid("an alias (通称) is only for foreign residents")
    if person.kind == "foreign" and person.former_surname:
        raise Invalid("a former surname (旧氏) is only for Japanese residents")
    for name in (person.kanji_name, person.former_surname, person.alias, person.roman_name):
        if name is not None:
            check_name(name)
    check_names(person.name, person.kana)
    if person.born_on > event_on:
        raise EventBeforeBirth("the event lies before the birth")
    check_numbers(person.resident_code, person.individual_number)


def qualification(value: Any) -> str:
    """A 個別事項 as people read it: a text as it stands, of days the first and last, ― where there is none."""
    if isinstance(value, Mapping):
        words = {"since": "取得", "until": "喪失"}
        return "　".join(_said(each) + words.get(key, "") for key, each in value.items() if each) or "有"
    if value is True:
        return "有"
    return str(value) if value else "―"


def _said(part: Any) -> str:
    try:
        return wareki(date.fromisoformat(part))
    except (TypeError, ValueError):
        return str(part)


def check_names(name: str, kana: str) -> None:
    """Characters of a name and its reading; a name is never altered, so what does not fit is refused."""
    check_name(name)
    check_kana(kana)


def check_numbers(resident_code: str | None, individual_number: str | None) -> None:
    """Form and check digit of numbers that are brought along; raises `CheckDigit` without repeating them (R2)."""
    try:
        if resident_code is not None:
            check_resident_code(resident_code)
        if individual_number is not None:
            check_my_number(individual_number)
    except Invalid as wrong:
        raise CheckDigit(wrong.detail) from None


def check_one_head(relations: Sequence[str]) -> None:
    """Exactly one head in a household (住民基本台帳法 art. 7 no. 4)."""
    if list(relations).count(HEAD) != 1:
        raise TwoHeads("a household has exactly one head (世帯主)")
