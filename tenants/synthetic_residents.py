"""Seeded synthetic residents: real neighbourhoods, valid check digits, nobody who exists.

The same tenant, number and day give the same file, byte for byte. Shares of ages follow the prefecture's census of 2020
(0–14 11.9 %, 15–64 59.8 %, 65 and over 28.3 %), sizes of households a mean of about 2.3.
"""

import json
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from kit.civic.codes import my_number_check_digit, resident_code_check_digit
from kit.civic.places import addresses
from kit.errors import Invalid
from tenants.model import Tenant

#: the day the synthetic register stands at
AS_OF = date(2026, 4, 1)
SURNAMES = (
    "佐藤 サトウ,鈴木 スズキ,高橋 タカハシ,佐々木 ササキ,阿部 アベ,千葉 チバ,三浦 ミウラ,菅原 スガワラ,伊藤 イトウ,"
    "遠藤 エンドウ,後藤 ゴトウ,斎藤 サイトウ,及川 オイカワ,小野寺 オノデラ,渡辺 ワタナベ,加藤 カトウ,木村 キムラ,"
    "今野 コンノ,畠山 ハタケヤマ,熊谷 クマガイ,山内 ヤマウチ,西城 サイジョウ,須藤 スドウ,星 ホシ,武山 タケヤマ,"
    "平塚 ヒラツカ,丹野 タンノ,大友 オオトモ,早坂 ハヤサカ,庄子 ショウジ,髙橋 タカハシ,石川 イシカワ"
)
#: spellings that must survive everywhere: variation sequences and characters beyond the BMP
RARE_SURNAMES = (
    "𠮷田 ヨシダ,渡邉\U000e0101 ワタナベ,斎藤\U000e0101 サイトウ,𣘺本 ハシモト,山﨑 ヤマザキ,"
    "䶒藤\U000e0103 ゴトウ,葛\U000e0100西 カサイ"
)  # fmt: skip
MALE = (
    "大輔 ダイスケ,健太 ケンタ,直樹 ナオキ,翔太 ショウタ,拓也 タクヤ,和也 カズヤ,誠 マコト,隆 タカシ,清 キヨシ,勝 マサル,"
    "茂 シゲル,正 タダシ,実 ミノル,蓮 レン,湊 ミナト,陽翔 ハルト,悠真 ユウマ,大和 ヤマト,一郎 イチロウ,健一 ケンイチ"
)
FEMALE = (
    "美咲 ミサキ,陽菜 ハルナ,恵子 ケイコ,和子 カズコ,幸子 サチコ,洋子 ヨウコ,節子 セツコ,由美 ユミ,久美子 クミコ,真由美 マユミ,"
    "愛 アイ,彩 アヤ,結衣 ユイ,凛 リン,紬 ツムギ,葵 アオイ,咲良 サクラ,千代 チヨ,ハル ハル,智子 トモコ"
)


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(name, kana) for name, kana in (each.split(" ") for each in text.split(","))]


SURNAME_PAIRS, RARE_PAIRS = _pairs(SURNAMES), _pairs(RARE_SURNAMES)
GIVEN = {"male": _pairs(MALE), "female": _pairs(FEMALE)}
#: kind of household -> weight
KINDS = {"single": 38, "couple": 24, "family": 23, "one_parent": 8, "three_generations": 7}
Member = tuple[str, str, int]  # relation, sex, age


def write(tenant: Tenant, number: int, path: Path) -> None:
    """Write a file of `number` residents, one household a line.

    Raises
    ------
    Invalid
        No address of the municipality is known.
    """
    with path.open("w", encoding="utf-8") as out:
        for household in households(tenant, number):
            out.write(json.dumps(household, ensure_ascii=False) + "\n")


def households(tenant: Tenant, number: int) -> Iterator[dict[str, Any]]:
    """Households until there are `number` residents; the first person of the tenant is under protection."""
    places = addresses(tenant.code)
    if not places:
        raise Invalid(f"no neighbourhood of {tenant.name} is in the postal table")
    rng = random.Random(f"{tenant.code}/{number}")
    resident_codes = iter(rng.sample(range(10**10), number))
    individual_numbers = iter(rng.sample(range(1, 10**11), number))
    kinds = rng.choices(list(KINDS), list(KINDS.values()), k=number)
    left = number
    for kind in kinds:
        members = _members(rng, kind)[:left]
        left -= len(members)
        place = rng.choice(places)
        surname = rng.choice(RARE_PAIRS if rng.random() < 0.02 else SURNAME_PAIRS)
        since = AS_OF - timedelta(days=rng.randrange(1, 12_000))
        people = [_person(rng, member, surname, since, next(resident_codes), next(individual_numbers)) for member in members]
        _describe_family(people, place.address)
        if rng.random() < 0.0023 or left + len(members) == number:  # about one resident in a thousand, one at least
            people[0]["restriction"] = _restriction(rng)
        lot = f"{rng.randrange(1, 90)}番地{rng.randrange(1, 30)}"
        yield {
            "id": _uuid(rng),
            "postal_code": place.postal_code,
            "address": place.address + lot,
            "authority_code": place.authority_code,
            "town": place.town,
            "lot": lot,
            "members": people,
        }
        if not left:
            return


def _uuid(rng: random.Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _restriction(rng: random.Random) -> dict[str, str]:
    other = rng.choice(SURNAME_PAIRS)[0] + "\u3000" + rng.choice(GIVEN["male"])[0]
    return {"id": _uuid(rng), "opponent_name": other, "starts_on": str(AS_OF), "ends_on": str(AS_OF.replace(year=AS_OF.year + 1))}


def _members(rng: random.Random, kind: str) -> list[Member]:
    sex, other = rng.choice((("male", "female"), ("female", "male")))
    if kind == "single":
        return [("世帯主", sex, rng.randrange(20, 95))]
    if kind == "couple":
        age = rng.randrange(28, 90)
        return [("世帯主", "male", age), ("妻", "female", max(20, age - rng.randrange(-3, 8)))]
    age = rng.randrange(28, 56)
    children = [
        ("子", rng.choice(("male", "female")), max(0, age - 27 - rng.randrange(0, 12)))
        for _ in range(rng.choice((1, 1, 2, 2, 3)))
    ]
    if kind == "one_parent":
        return [("世帯主", other, age), *children[:2]]
    parents = [("世帯主", "male", age), ("妻", "female", max(20, age - rng.randrange(-3, 6)))]
    if kind == "family":
        return [*parents, *children]
    grandparents = [("父", "male", age + rng.randrange(22, 36)), ("母", "female", age + rng.randrange(20, 34))]
    return [*parents, *children[:2], *grandparents[rng.randrange(2) :]]


def _person(rng: random.Random, member: Member, surname: tuple[str, str], since: date, code: int, number: int) -> dict[str, Any]:
    relation, sex, age = member
    born = AS_OF - timedelta(days=int(min(age, 105) * 365.25) + rng.randrange(1, 365))
    given = rng.choice(GIVEN[sex])
    ten, eleven = f"{code:010d}", f"{number:011d}"
    return {
        "id": _uuid(rng),
        "name": f"{surname[0]}\u3000{given[0]}",
        "kana": f"{surname[1]}\u3000{given[1]}",
        "sex": sex,
        "born_on": str(born),
        "relation": relation,
        "since": str(max(born, since)),
        "resident_code": f"{ten}{resident_code_check_digit(ten)}",
        "individual_number": f"{eleven}{my_number_check_digit(eleven)}",
    }


def _describe_family(people: list[dict[str, Any]], neighbourhood: str) -> None:
    for each in people:
        each["registered_domicile"] = f"{neighbourhood}{len(each['name'])}番地"
        each["family_register_head"] = people[0]["name"]
