"""Seeded synthetic residents: real neighbourhoods, valid check digits, nobody who exists.

The same tenant, number and day give the same file, byte for byte, in the layout of `docs/formats/resident_import.md`. Shares
follow the prefecture's census of 2020: ages 0–14 11.9 %, 15–64 59.8 %, 65 and over 28.3 %; households of about 2.3; foreign
residents 0.85 %. One resident in a thousand is under protection, one birth in five thousand is not known, 2 % have names with
variation selectors or characters beyond the BMP.
"""

import csv
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from kit.civic.codes import my_number_check_digit, resident_code_check_digit
from kit.civic.places import Neighbourhood, addresses
from kit.errors import Invalid
from systems.resident_registry.model.imports import BY_NAME
from tenants.model import Tenant

#: the day the synthetic register stands at
AS_OF = date(2026, 4, 1)
SURNAMES = (
    "佐藤 サトウ,鈴木 スズキ,高橋 タカハシ,佐々木 ササキ,阿部 アベ,千葉 チバ,三浦 ミウラ,菅原 スガワラ,伊藤 イトウ,"
    "遠藤 エンドウ,後藤 ゴトウ,斎藤 サイトウ,及川 オイカワ,小野寺 オノデラ,渡辺 ワタナベ,加藤 カトウ,木村 キムラ,"
    "今野 コンノ,畠山 ハタケヤマ,熊谷 クマガイ,山内 ヤマウチ,西城 サイジョウ,須藤 スドウ,星 ホシ,武山 タケヤマ,"
    "平塚 ヒラツカ,丹野 タンノ,大友 オオトモ,早坂 ハヤサカ,庄子 ショウジ,髙橋 タカハシ,石川 イシカワ"
)
#: spellings that must survive everywhere: variation sequences (of the collection Moji_Joho, which the certificates' font has) and
#: characters beyond the BMP
RARE_SURNAMES = (
    "𠮷田 ヨシダ,渡邉\U000e010f ワタナベ,斎藤\U000e0102 サイトウ,𣘺本 ハシモト,山﨑 ヤマザキ,"
    "䶒藤\U000e0103 ゴトウ,葛\U000e0102西 カサイ"
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
#: foreign residents: name in letters, reading, 国籍・地域
FOREIGN = tuple(
    tuple(each.split(","))
    for each in (
        "NGUYEN VAN AN,グエン ヴァン アン,ベトナム", "TRAN THI HOA,チャン ティ ホア,ベトナム", "WANG WEI,ワン ウェイ,中国",
        "LI NA,リー ナ,中国", "KIM MINJUN,キム ミンジュン,韓国", "SANTOS MARIA,サントス マリア,フィリピン",
        "THAPA RAM,タパ ラム,ネパール", "SMITH JOHN,スミス ジョン,米国", "PUTRI DEWI,プトリ デウィ,インドネシア",
    )
)  # fmt: skip
STATUSES = (("技術・人文知識・国際業務", "3年"), ("留学", "2年"), ("技能実習", "1年"), ("永住者", ""), ("家族滞在", "3年"))
#: kind of household -> weight; the heads' ages below make the census's shares of ages together
KINDS = {"single": 38, "couple": 25, "family": 23, "one_parent": 7, "three_generations": 7}
HEADING = (
    "世帯番号", "宛名番号", "住民種別", "氏名", "氏名フリガナ", "氏名ローマ字", "性別", "生年月日", "生年月日不詳表記", "続柄",
    "住民となった年月日", "住民となった事由", "郵便番号", "市区町村コード", "住所", "町字", "番地号", "本籍", "筆頭者",
    "住民票コード", "個人番号", "国籍・地域", "在留資格", "在留期間", "在留期間満了日", "在留カード等番号", "第30条45区分",
    "外国人住民となった年月日", "支援措置_相手方氏名", "支援措置_開始日", "支援措置_終了日",
)  # fmt: skip
Member = tuple[str, str, int]  # relation, sex, age
Row = list[str]


def write(tenant: Tenant, number: int, path: Path) -> None:
    """Write a file of `number` residents, one a row.

    Raises
    ------
    Invalid
        No address of the municipality is known.
    """
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADING)
        writer.writerows(rows(tenant, number))


def rows(tenant: Tenant, number: int) -> Iterator[Row]:
    """Rows under `HEADING`, households together; the first person of the tenant is under protection."""
    places = addresses(tenant.code)
    if not places:
        raise Invalid(f"no neighbourhood of {tenant.name} is in the postal table")
    rng = random.Random(f"{tenant.code}/{number}")
    codes = iter(rng.sample(range(10**10), number))
    numbers = iter(rng.sample(range(1, 10**11), number))
    kinds = rng.choices(list(KINDS), list(KINDS.values()), k=number)
    written = 0
    for household_no, kind in enumerate(kinds, 1):
        members = _members(rng, kind)[: number - written]
        foreign = rng.choice(FOREIGN) if kind == "single" and rng.random() < 0.05 else None
        surname = rng.choice(RARE_PAIRS if rng.random() < 0.0233 else SURNAME_PAIRS)
        since = AS_OF - timedelta(days=rng.randrange(1, 12_000))
        place = rng.choice(places)
        lot = f"{rng.randrange(1, 90)}番地{rng.randrange(1, 30)}"
        head = ""
        for place_in, member in enumerate(members):
            written += 1
            if foreign:
                person = _foreigner(rng, member, foreign, since)
            else:
                person = _person(rng, member, surname, since)
                head = head or person[1]
                person[-1:] = [f"{place.address}{len(person[1])}番地", head]
            is_protected = not place_in and (household_no == 1 or rng.random() < 0.0023)
            yield _row(rng, person, (household_no, written), (place, lot), (next(codes), next(numbers)), is_protected)
        if written == number:
            return


def _members(rng: random.Random, kind: str) -> list[Member]:
    sex, other = rng.choice((("male", "female"), ("female", "male")))
    if kind == "single":
        return [("世帯主", sex, rng.randrange(19, 65) if rng.random() < 0.53 else rng.randrange(65, 95))]
    if kind == "couple":
        age = rng.randrange(28, 65) if rng.random() < 0.37 else rng.randrange(65, 90)
        return [("世帯主", "male", age), ("妻", "female", max(20, age - rng.randrange(-3, 8)))]
    age = rng.randrange(30, 70)
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


def _born(rng: random.Random, age: int) -> date:
    return AS_OF - timedelta(days=int(min(age, 105) * 365.25) + rng.randrange(1, 365))


def _person(rng: random.Random, member: Member, surname: tuple[str, str], since: date) -> Row:
    """Cells from 住民種別 to 住民となった年月日 without the place, and one to be replaced by domicile and 筆頭者."""
    relation, sex, age = member
    born, given = _born(rng, age), rng.choice(GIVEN[sex])
    unknown = ""
    if age > 60 and rng.random() < 0.0006:  # one birth in five thousand over all ages
        born, unknown = date(1926, 12, 25), "昭和年月日不詳"
    return [
        "日本人", f"{surname[0]}\u3000{given[0]}", f"{surname[1]}\u3000{given[1]}", "", _SEX[sex], str(born), unknown, relation,
        str(max(born, since)), "",
    ]  # fmt: skip


def _foreigner(rng: random.Random, member: Member, who: tuple[str, ...], since: date) -> Row:
    """As `_person`, with the cells of a foreign resident behind."""
    relation, sex, age = member
    born = _born(rng, age)
    became = max(born, since, date(2012, 7, 9))  # 住民基本台帳法 art. 30-45 is in force since
    status, period = rng.choice(STATUSES)
    until = "" if not period else str(AS_OF + timedelta(days=rng.randrange(-30, 900)))
    card = f"{rng.choice('ABEG')}{rng.choice('ABCD')}{rng.randrange(10**8):08d}{rng.choice('CDEF')}{rng.choice('ABCD')}"
    return [
        "外国人", who[0], who[1], who[0], _SEX[sex], str(born), "", relation, str(became), "", "",
        who[2], status, period, until, card, "中長期在留者", str(became),
    ]  # fmt: skip


_SEX = {"male": "男", "female": "女"}
_NOT_FOREIGN = [""] * 7
_NOT_PROTECTED = ["", "", ""]


def _row(
    rng: random.Random,
    person: Row,
    numbers: tuple[int, int],
    where: tuple[Neighbourhood, str],
    drawn: tuple[int, int],
    is_protected: bool,
) -> Row:
    place, lot = where
    ten, eleven = f"{drawn[0]:010d}", f"{drawn[1]:011d}"
    return [
        f"{numbers[0]:015d}", f"{numbers[1]:015d}", *person[:9], "転入",
        place.postal_code, place.authority_code, place.address + lot, place.town, lot, *person[9:11],
        f"{ten}{resident_code_check_digit(ten)}", f"{eleven}{my_number_check_digit(eleven)}",
        *(person[11:] or _NOT_FOREIGN), *(_protection(rng) if is_protected else _NOT_PROTECTED),
    ]  # fmt: skip


def _protection(rng: random.Random) -> Row:
    other = rng.choice(SURNAME_PAIRS)[0] + "\u3000" + rng.choice(GIVEN["male"])[0]
    return [other, str(AS_OF), str(AS_OF.replace(year=AS_OF.year + 1))]


assert set(HEADING) <= set(BY_NAME)  # noqa: S101  # one layout
