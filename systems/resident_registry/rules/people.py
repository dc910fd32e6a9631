"""What a person's record must satisfy."""

from collections.abc import Sequence
from datetime import date

from kit.civic.characters import check_name
from kit.civic.codes import check_my_number, check_resident_code
from kit.civic.names import check_kana
from systems.resident_registry.model.errors import EventBeforeBirth, TwoHeads
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
    """Reading, characters, check digits and birth of a person to be entered; raises `Invalid` naming the item."""
    for name in (person.name, person.kanji_name, person.former_surname, person.alias, person.roman_name):
        if name is not None:
            check_name(name)
    check_kana(person.kana)
    if person.born_on > event_on:
        raise EventBeforeBirth("the event lies before the birth")
    if person.resident_code is not None:
        check_resident_code(person.resident_code)
    if person.individual_number is not None:
        check_my_number(person.individual_number)


def check_one_head(relations: Sequence[str]) -> None:
    """Exactly one head in a household (住民基本台帳法 art. 7 no. 4)."""
    if list(relations).count(HEAD) != 1:
        raise TwoHeads("a household has exactly one head (世帯主)")
