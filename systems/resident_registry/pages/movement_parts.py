"""Blocks that the forms of movements are made of: questions, and what the answers become in a filing."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from kit.civic.places import addresses, authority_exists, municipality
from kit.errors import Invalid
from kit.forms import Field, prefixed
from systems.resident_registry.model.people import Resident

V = dict[str, Any]
FILERS = (("self", "本人"), ("head", "世帯主"), ("representative", "代理人"), ("office", "職権"))
DOCUMENTS = (
    ("個人番号カード", "個人番号カード"),
    ("運転免許証", "運転免許証"),
    ("旅券", "旅券"),
    ("在留カード", "在留カード"),
    ("健康保険の資格確認書", "健康保険の資格確認書"),
    ("年金手帳", "年金手帳"),
    ("委任状", "委任状"),
    ("法定代理人の資格を示す書類", "法定代理人の資格を示す書類"),
)
GROUNDS = (
    ("notice", "他の市区町村や戸籍の通知"),
    ("fact_check", "実態調査"),
    ("court", "裁判所の決定"),
    ("application", "本人の申出"),
    ("error", "誤りの訂正"),
)
SEXES = (("male", "男"), ("female", "女"))
KINDS = (("japanese", "日本人"), ("foreign", "外国人"))
RELATION = "世帯主、妻、子、子の妻 のように書きます。"
BY_LINES = "一行に一つ、「名前: 内容」と書きます。いまの内容の代わりになります。"
FILING = (
    Field("event_on", "異動日", "day", section="届出"),
    Field("filed_on", "届出日", "day"),
    Field("filer", "届出人", "radio", options=FILERS),
    Field("filer_name", "届出人の氏名", hint="本人以外のとき", required=False),
    Field("documents", "本人確認書類", "many", options=DOCUMENTS, required=False),
)
GROUND = (
    Field("ground_kind", "根拠の種類", "radio", options=GROUNDS, section="職権の根拠"),
    Field("ground_text", "根拠の内容", "area", longest=1000),
    Field("ground_on", "根拠の日付", "day"),
)
FOREIGN = (
    Field("nationality", "国籍・地域", hint="外国人住民のとき", required=False, longest=100),
    Field("residence_status", "在留資格", required=False, longest=100),
    Field("residence_period", "在留期間", required=False, longest=100),
    Field("residence_until", "在留期間の満了の日", "day", required=False),
    Field("residence_card_no", "在留カードの番号", required=False, longest=20),
)
PERSON = (
    Field("name", "氏名", hint="戸籍・在留カードのとおり。文字は置き換えません。"),
    Field("kana", "フリガナ", "kana"),
    Field("roman_name", "ローマ字氏名", hint="外国人住民のとき、在留カードのとおり", required=False),
    Field("kanji_name", "漢字氏名", hint="外国人住民のとき、在留カードに併記があれば", required=False),
    Field("former_surname", "旧氏", hint="日本人のとき", required=False, longest=100),
    Field("former_surname_kana", "旧氏のフリガナ", "kana", required=False, longest=100),
    Field("alias", "通称", hint="外国人住民のとき", required=False),
    Field("alias_kana", "通称のフリガナ", "kana", required=False),
    Field("sex", "性別", "radio", options=SEXES),
    Field("born_on", "生年月日", "day", hint="不詳のときは最も早い日"),
    Field("born_unknown", "生年月日不詳の表記", hint="不詳のとき印字する文字", required=False, longest=100),
    Field("relation", "続柄", hint=RELATION),
    Field("kind", "住民の種別", "radio", options=KINDS),
    Field("registered_domicile", "本籍", required=False),
    Field("family_register_head", "筆頭者", required=False),
    Field("resident_code", "住民票コード", "digits", hint="11桁。なければ空欄", required=False, longest=20),
    Field("individual_number", "個人番号", "digits", hint="12桁。なければ空欄", required=False, longest=20),
    *FOREIGN,
    Field("foreign_class", "第30条の45の規定区分", hint="中長期在留者、特別永住者 など", required=False, longest=100),
)
PREVIOUS = (
    Field("previous_address", "転入前の住所", section="これまでの住所"),
    Field(
        "previous_authority_code",
        "転入前の市区町村コード",
        "digits",
        hint="6桁。宮城県内の住所なら空欄でも求めます。ほかの都道府県で空欄なら、転入通知は作られません。",
        required=False,
        longest=12,
    ),
    Field("previous_head", "転入前の世帯主", required=False),
)
ABROAD = (
    Field("previous_address", "国外の住所", section="これまでの住所"),
    Field("previous_country", "国名", longest=100),
)
DESTINATION = (
    Field("destination_address", "転出先の住所", section="転出先"),
    Field(
        "destination_authority_code",
        "転出先の市区町村コード",
        "digits",
        hint="6桁。宮城県内の住所なら空欄でも求めます。",
        required=False,
        longest=12,
    ),
    Field("destination_head", "転出先の世帯主", required=False),
)
DESTINATION_ABROAD = (
    Field("destination_address", "国外の住所", section="転出先"),
    Field("destination_country", "国名", longest=100),
)


def optional(fields: Sequence[Field]) -> tuple[Field, ...]:
    """The same questions, none of which must be answered."""
    return tuple(replace(each, required=False) for each in fields)


def people(count: int) -> list[Field]:
    """Questions about so many people who come."""
    found: list[Field] = []
    for n in range(count):
        first, *rest = prefixed(PERSON, f"p{n}-")
        found += [replace(first, section=f"加わる人 {n + 1}"), *rest]
    return found


def place(tenant: str) -> list[Field]:
    """Questions about an address here: the neighbourhood from the postal table, then what the table does not know."""
    towns = tuple(
        (f"{n.postal_code}/{n.address}", f"{n.address.removeprefix('宮城県')}(〒{n.postal_code})") for n in addresses(tenant)
    )
    return [
        Field("town", "町字", "select", options=towns, section="新しい住所"),
        Field("lot", "番地・号", hint="例: 1番地1"),
        Field("building", "方書(建物・部屋)", required=False),
    ]


def who(members: Sequence[Resident], label: str = "異動する人") -> Field:
    """Which members."""
    return Field("who", label, "many", options=tuple((key(each), each.name) for each in members), section="対象")


def which(members: Sequence[Resident], label: str = "対象の人") -> Field:
    """Which one of the members."""
    return Field("resident", label, "radio", options=tuple((key(each), each.name) for each in members), section="対象")


def relations(members: Sequence[Resident], name: str, section: str) -> list[Field]:
    """A relation for each member, worked out when left empty."""
    found = []
    for n, each in enumerate(members):
        hint = "空欄なら計算し、確認を求めます。" if n else f"空欄なら計算し、確認を求めます。{RELATION}"
        found.append(Field(f"{name}-{each.id}", each.name, hint=hint, required=False, section=section if n == 0 else ""))
    return found


OTHER_RELATION = Field("relation", "続柄", hint="離婚や縁組による続柄と違うものにするときだけ", required=False)


def ties(members: Sequence[Resident]) -> list[Field]:
    """Whose marriage with the person ended, and who adopts the person."""
    options = tuple((str(each.id), each.name) for each in members)
    hint = "続柄はこの記入から直し、後の世帯主変更でも使います。"
    return [
        Field("ends_marriage", "離婚した相手", "select", hint, options=options, required=False, section="離婚・養子縁組"),
        Field("adopted_by", "養親になる人", "many", options=options, required=False),
    ]


def tied(v: V) -> V:
    return some(v, "ends_marriage") | ({"adopted_by": v["adopted_by"]} if v.get("adopted_by") else {})


def key(one: Resident) -> str:
    """The resident at the version that is shown."""
    return f"{one.id}:{one.version}"


def named(text: str) -> V:
    number, _, version = text.partition(":")
    return {"id": number, "version": int(version)}


def given(v: V, name: str) -> V:
    """Relations that were filled in."""
    return {field.removeprefix(f"{name}-"): value for field, value in v.items() if field.startswith(f"{name}-") and value}


def some(v: V, *names: str, prefix: str = "") -> V:
    """Those of the answers that were given, without their prefix."""
    return {name: v[prefix + name] for name in names if v.get(prefix + name) is not None}


def by_lines(text: str) -> dict[str, str]:
    """What «name: value» on each line says."""
    found = [re.split("[:：]", line, maxsplit=1) for line in text.splitlines() if line.strip()]
    if any(len(each) < 2 for each in found):
        raise Invalid("一行に一つ、「名前: 内容」と書いてください。")
    return {name.strip(): value.strip() for name, value in found}


def persons(v: V, count: int) -> list[V]:
    return [some(v, *(each.name for each in PERSON), prefix=f"p{n}-") for n in range(count)]


def placed(v: V, tenant: str) -> V:
    """The place as a filing has it; the address is written out whole."""
    chosen = next(each for each in addresses(tenant) if f"{each.postal_code}/{each.address}" == v["town"])
    building = v["building"] or ""
    whole = f"{chosen.address}{v['lot']}" + (f"\u3000{building}" if building else "")
    return {
        "postal_code": chosen.postal_code,
        "address": whole,
        "authority_code": chosen.authority_code,
        "town": chosen.town,
        "lot": v["lot"],
        "building": building,
    }


def elsewhere(v: V, prefix: str) -> V | None:
    """An address outside, None when it was left empty; who is told of the move is read from it when no code was given."""
    if not v.get(f"{prefix}address"):
        return None
    found = some(v, "address", "authority_code", "country", "head", prefix=prefix)
    code = None if found.get("country") else authority_of(found["address"], v["event_on"])
    return ({"authority_code": code} if code else {}) | found


def authority_of(address: str, on: date) -> str | None:
    """Code of the prefecture's municipality that the address begins with, if it was there on that day."""
    known = municipality(address)
    return known[0] if known and authority_exists(known[0], on) else None


def filing(v: V) -> V:
    """What every filing carries."""
    found = some(v, "event_on", "filed_on", "filer", "filer_name", "documents")
    if v.get("ground_kind"):
        found["ground"] = {"kind": v["ground_kind"], "text": v["ground_text"], "on": v["ground_on"]}
    return found
