"""One form for each reason of a movement: who it is about, its questions, and the details they become."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kit.errors import Invalid
from kit.forms import Field
from systems.resident_registry.model.people import Household, Resident
from systems.resident_registry.pages import movement_parts as parts
from systems.resident_registry.pages.movement_parts import V


@dataclass(frozen=True)
class About:
    """What a form is filled in about: the town, the members of the household (none for a new one), others at the address."""

    tenant: str
    members: Sequence[Resident] = ()
    others: Sequence[Household] = ()
    count: int = 1

    @property
    def household(self) -> V:
        return {"household_id": str(self.members[0].household_id)}


@dataclass(frozen=True)
class Sheet:
    """The form of a reason. `by_office`: it needs a ground; `joins`: it can begin without a household."""

    ask: Callable[[About], list[Field]]
    details: Callable[[V, About], V]
    by_office: bool = False
    joins: bool = False
    removed: bool = False


def _joining(extra: Sequence[Field]) -> Callable[[About], list[Field]]:
    def ask(about: About) -> list[Field]:
        where = [] if about.members else parts.place(about.tenant)
        return [*extra, *where, *parts.people(about.count)]

    return ask


def _joined(v: V, about: About) -> V:
    where = about.household if about.members else {"place": parts.placed(v, about.tenant)}
    came = parts.elsewhere(v, "previous_")
    found = where | {"people": parts.persons(v, about.count)} | ({"previous": came} if came else {})
    return found | parts.some(v, "certificate", "out_planned_on", "passport")


CERTIFICATE = (
    Field(
        "certificate",
        "転出証明書",
        "radio",
        options=(("paper", "転出証明書(紙)"), ("data", "転出証明書情報(特例転入)"), ("none", "どちらもない")),
    ),
    Field("out_planned_on", "転出予定日", "day", hint="特例転入のとき", required=False),
)
PAPER = Field(
    "certificate",
    "転出証明書",
    "radio",
    options=(("paper", "転出証明書を交付する"), ("data", "交付しない(カードによる特例転出)")),
)
PASSPORT = (Field("passport", "旅券又は戸籍の附票を確認した", "check"),)


def _birth(about: About) -> list[Field]:
    options = tuple((str(each.id), each.name) for each in about.members)
    return [Field("parents", "父母", "many", options=options, required=False, section="父母"), *parts.people(1)]


def _moving_within(about: About) -> list[Field]:
    target = Field(
        "target_no", "加わる世帯の世帯番号", "digits", hint="ほかの世帯に加わるときだけ", required=False, section="加わる世帯"
    )
    where = [replace(each, required=False) for each in parts.place(about.tenant)]
    return [
        parts.who(about.members),
        *where,
        target,
        *parts.relations(about.members, "relation", "異動する人の続柄"),
        *parts.relations(about.members, "left", "残る人の続柄"),
    ]


def _moved_within(v: V, about: About) -> V:
    found: V = {"residents": [parts.named(each) for each in v["who"]]}
    if v.get("town"):
        found["place"] = parts.placed(v | {"lot": v["lot"] or ""}, about.tenant)
    if v.get("target_id"):
        found["household_id"] = v["target_id"]
    return found | {"relations": parts.given(v, "relation"), "relations_left": parts.given(v, "left")}


def _leaving(extra: Sequence[Field]) -> Callable[[About], list[Field]]:
    def ask(about: About) -> list[Field]:
        return [parts.who(about.members), *extra, *parts.relations(about.members, "relation", "残る人の続柄")]

    return ask


def _left(v: V, about: About) -> V:
    found: V = {"residents": [parts.named(each) for each in v["who"]], "relations": parts.given(v, "relation")}
    to = parts.elsewhere(v, "destination_")
    return found | ({"destination": to} if to else {}) | parts.some(v, "unknown_day", "certificate")


def _who(*extra: Field) -> Callable[[About], list[Field]]:
    return lambda about: [parts.who(about.members), *extra]


def _noticed(v: V, about: About) -> V:
    found: V = {"residents": [parts.named(each) for each in v["who"]]}
    to = parts.elsewhere(v, "destination_")
    return found | ({"destination": to} if to else {}) | parts.some(v, "received_on")


def _restoring(about: About) -> list[Field]:
    return [
        parts.which(about.members),
        Field("relation", "続柄", hint=parts.RELATION),
        *parts.optional(parts.place(about.tenant)),
        Field("target_no", "戻る世帯の世帯番号", "digits", hint="もとの世帯に戻るとき。新しい世帯なら空欄", required=False),
    ]


def _restored(v: V, about: About) -> V:
    found: V = {"resident": parts.named(v["resident"]), "relation": v["relation"]}
    if v.get("town"):
        found["place"] = parts.placed(v | {"lot": v["lot"] or ""}, about.tenant)
    return found | ({"household_id": v["target_id"]} if v.get("target_id") else {})


BESIDE = "同じ住所の世帯。支援措置のある人がいるときは、支援措置の担当者にだけ示します。"


def _regrouping(about: About) -> list[Field]:
    options = tuple((str(each.id), each.household_no) for each in about.others)
    return [
        parts.who(about.members),
        Field("target_id", "加わる世帯", "select", BESIDE, options=options),
        *parts.relations(about.members, "relation", "異動する人の続柄"),
        *parts.relations(about.members, "left", "残る人の続柄"),
    ]


def _regrouped(v: V, about: About) -> V:
    found = _moved_within(v, about)
    return found | {"household_id": v["target_id"]}


NEW_NAME = (
    Field("name", "新しい氏名"),
    Field("kana", "新しいフリガナ", "kana"),
    Field("registered_domicile", "本籍", required=False),
    Field("family_register_head", "筆頭者", required=False),
)
OTHER_NAME = (
    Field("name", "登録する名", hint="削除するときは空欄", required=False),
    Field("kana", "フリガナ", "kana", required=False),
)
ITEMS = (
    Field("name", "氏名", hint="変えない項目は空欄のままにします。", section="訂正する項目", required=False),
    Field("kana", "フリガナ", "kana", required=False),
    Field("roman_name", "ローマ字の氏名", required=False),
    Field("kanji_name", "漢字の氏名", required=False),
    Field("kind", "住民の種別", "select", options=parts.KINDS, required=False),
    Field("sex", "性別", "select", options=parts.SEXES, required=False),
    Field("sex_text", "性別の表記", required=False, longest=20),
    Field("born_on", "生年月日", "day", required=False),
    Field("born_unknown", "生年月日の不詳の表記", required=False, longest=100),
    Field("relation", "続柄", hint=parts.RELATION, required=False),
    Field("became_resident_on", "住民となった年月日", "day", required=False),
    Field("became_resident_unknown", "住民となった年月日の不詳の表記", required=False, longest=100),
    Field("address_since", "住所を定めた年月日", "day", required=False),
    Field("filed_since", "届出年月日", "day", required=False),
    Field("before_move_address", "異動前住所", required=False),
    Field("previous_address", "転入前住所", required=False),
    Field("previous_authority", "転入前の市区町村コード", "digits", hint="6桁", required=False, longest=10),
    Field("previous_country", "転入前の国名", required=False, longest=100),
    Field("previous_head", "転入前の世帯主", required=False),
    Field("registered_domicile", "本籍", required=False),
    Field("family_register_head", "筆頭者", required=False),
    *parts.FOREIGN,
    Field("foreign_class", "第30条の45の区分", required=False),
    Field("foreign_since", "外国人住民となった年月日", "day", required=False),
    Field("qualifications", "個別事項", "area", hint=parts.BY_LINES, required=False, longest=2000),
    Field("districts", "地区", "area", hint=parts.BY_LINES, required=False, longest=2000),
)
#: items of a record that may be empty
MAY_BE_EMPTY = tuple(
    (each.name, each.label)
    for each in ITEMS
    if each.name not in ("name", "kana", "kind", "sex", "born_on", "relation", "became_resident_on", "filed_since")
)
EMPTIED = Field(
    "emptied", "空にする項目", "many", hint="記載をなくす項目だけに印を付けます。", options=MAY_BE_EMPTY, required=False
)


def _correcting(about: About) -> list[Field]:
    first, *rest = parts.optional(parts.place(about.tenant))
    where = replace(
        first, section="正しい住所", hint="世帯全員の住所の書き誤りを直すとき。住んでいる所が変わったときは転居です。"
    )
    return [parts.which(about.members), *ITEMS, EMPTIED, where, *rest, *parts.ties(about.members)]


def _corrected(v: V, about: About) -> V:
    items = parts.some(v, *(each.name for each in ITEMS))
    if "filed_since" in items:  # the day of filing of the correction itself has the name
        items["filed_on"] = items.pop("filed_since")
    for name in ("qualifications", "districts"):
        items |= {name: parts.by_lines(items[name])} if name in items else {}
    if set(items) & set(v["emptied"]):
        raise Invalid("入力した項目に「空にする項目」の印を付けることはできません。")
    found: V = {"resident": parts.named(v["resident"]), "items": items | dict.fromkeys(v["emptied"])} | parts.tied(v)
    return found | ({"place": parts.placed(v | {"lot": v["lot"] or ""}, about.tenant)} if v.get("town") else {})


def _one(*extra: Field) -> Callable[[About], list[Field]]:
    return lambda about: [parts.which(about.members), *extra]


def _renaming(about: About) -> list[Field]:
    return [parts.which(about.members), *NEW_NAME, *parts.ties(about.members), parts.OTHER_RELATION]


def _renamed(v: V, about: About) -> V:
    new = parts.some(v, *(each.name for each in NEW_NAME), "relation")
    return {"residents": [parts.named(v["resident"]) | new | parts.tied(v)]}


def _about_one(*names: str) -> Callable[[V, About], V]:
    return lambda v, about: {"resident": parts.named(v["resident"])} | parts.some(v, *names)


def _head_change(about: About) -> list[Field]:
    return [parts.which(about.members, "新しい世帯主"), *parts.relations(about.members, "relation", "新しい世帯主との続柄")]


def _head_changed(v: V, about: About) -> V:
    return about.household | {"new_head": parts.named(v["resident"]), "relations": parts.given(v, "relation")}


DAY_UNKNOWN = Field("unknown_day", "日が不詳のときの記載", required=False, longest=100)
RECEIVED = Field("received_on", "通知を受けた日", "day")
NUMBER = Field("individual_number", "新しい個人番号", "digits", hint="12桁", longest=20)
CODE = Field("resident_code", "新しい住民票コード", "digits", hint="空欄なら新しく割り当てます。", required=False, longest=20)

#: in the order in which the counter offers them
SHEETS: dict[str, Sheet] = {
    "move_in": Sheet(_joining((*CERTIFICATE, *parts.PREVIOUS)), _joined, joins=True),
    "move_in_abroad": Sheet(_joining((*PASSPORT, *parts.ABROAD)), _joined, joins=True),
    "address_setting": Sheet(_joining(parts.optional(parts.PREVIOUS)), _joined, joins=True),
    "move_within": Sheet(_moving_within, _moved_within),
    "move_out": Sheet(_leaving((*parts.DESTINATION, PAPER)), _left),
    "move_out_abroad": Sheet(_leaving(parts.DESTINATION_ABROAD), _left),
    "move_out_cancel": Sheet(_who(), _noticed),
    "in_notice": Sheet(_who(RECEIVED, *parts.DESTINATION), _noticed, removed=True),
    "birth": Sheet(_birth, lambda v, about: about.household | {"child": parts.persons(v, 1)[0]} | parts.some(v, "parents")),
    "death": Sheet(_leaving((DAY_UNKNOWN,)), _left),
    "nationality_loss": Sheet(_leaving((DAY_UNKNOWN,)), _left, by_office=True),
    "disappearance": Sheet(_leaving((DAY_UNKNOWN,)), _left, by_office=True),
    "head_change": Sheet(_head_change, _head_changed),
    "household_split": Sheet(
        lambda about: [
            parts.who(about.members, "分かれる人"),
            *parts.relations(about.members, "relation", "分かれる人の続柄"),
            *parts.relations(about.members, "left", "残る人の続柄"),
        ],
        _moved_within,
    ),
    "household_merge": Sheet(_regrouping, _regrouped),
    "household_change": Sheet(_regrouping, _regrouped),
    "name_change": Sheet(_renaming, _renamed),
    "alias": Sheet(_one(*OTHER_NAME), _about_one("name", "kana")),
    "former_surname": Sheet(_one(*OTHER_NAME), _about_one("name", "kana")),
    "number_change": Sheet(_one(NUMBER), _about_one("individual_number")),
    "code_change": Sheet(_one(CODE), _about_one("resident_code")),
    "office_entry": Sheet(_joining(parts.optional(parts.PREVIOUS)), _joined, by_office=True, joins=True),
    "office_removal": Sheet(_leaving((DAY_UNKNOWN,)), _left, by_office=True),
    "office_correction": Sheet(_correcting, _corrected, by_office=True),
    "office_restoration": Sheet(_restoring, _restored, by_office=True, removed=True),
}


def questions(reason: str, about: About) -> list[Field]:
    """The whole form: what is filed, what it is about, and its ground when the office itself makes it."""
    sheet = SHEETS[reason]
    return [*parts.FILING, *sheet.ask(about), *(parts.GROUND if sheet.by_office else ())]


def filing(reason: str, v: V, about: About) -> V:
    """The filing that the answers make, as `model.filings.Filing` takes it."""
    return parts.filing(v) | {"details": {"reason": reason} | SHEETS[reason].details(v, about)}
