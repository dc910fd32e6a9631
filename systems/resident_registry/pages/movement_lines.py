"""A movement's form as lines of label and value, for the page that shows one."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from systems.resident_registry.model.movements import Movement
from systems.resident_registry.rules.people import qualification
from systems.resident_registry.service import sealing

#: item of a form -> its Japanese name; an item without one is not for reading
LABELS = {
    "name": "氏名", "kana": "フリガナ", "sex": "性別", "born_on": "生年月日", "relation": "続柄",
    "address": "住所", "authority_code": "市区町村コード", "postal_code": "郵便番号",
    "head": "世帯主", "country": "国名", "certificate": "転出証明書", "out_planned_on": "転出予定日",
    "registered_domicile": "本籍", "family_register_head": "筆頭者", "resident_code": "住民票コード",
    "individual_number": "個人番号", "nationality": "国籍・地域", "residence_status": "在留資格",
    "residence_period": "在留期間", "residence_until": "在留期間の満了の日", "residence_card_no": "在留カードの番号",
    "roman_name": "ローマ字氏名", "kanji_name": "漢字氏名", "former_surname": "旧氏", "former_surname_kana": "旧氏のフリガナ",
    "alias": "通称", "alias_kana": "通称のフリガナ", "born_unknown": "生年月日不詳の表記",
    "foreign_class": "第30条の45の規定区分",
    "received_on": "通知を受けた日", "unknown_day": "日が不詳のときの記載", "became_resident_on": "住民となった年月日",
    "address_since": "住所を定めた年月日", "previous_address": "転入前住所", "filed_on": "届出年月日",
    "kind": "住民の種別", "sex_text": "性別の表記", "became_resident_unknown": "住民となった年月日の不詳の表記",
    "before_move_address": "異動前住所", "previous_authority": "転入前の市区町村コード", "previous_country": "転入前の国名",
    "previous_head": "転入前の世帯主", "foreign_since": "外国人住民となった年月日",
    "qualifications": "個別事項", "districts": "地区", "ends_marriage": "離婚した相手", "adopted_by": "養親になる人",
}  # fmt: skip
#: part of a form -> its heading
PARTS = {
    "place": "新しい住所", "previous": "これまでの住所", "destination": "転出先", "people": "加わる人", "child": "子",
    "items": "訂正する項目", "relations": "続柄", "relations_left": "残る人の続柄", "new_head": "新しい世帯主",
}  # fmt: skip
WORDS = {"male": "男", "female": "女", "paper": "転出証明書(紙)", "data": "転出証明書情報(特例転入)", "none": "どちらもない"}
WORDS |= {"japanese": "日本人", "foreign": "外国人"}
#: of an item that becomes empty
EMPTY = "空にする"
Line = tuple[str, str, str | date]


def lines(one: Movement, names: Mapping[UUID, str]) -> list[Line]:
    """Heading, label and value of everything on the form; individual numbers are masked."""
    return list(_walk(sealing.masked(one.details), "", {str(number): name for number, name in names.items()}))


def _walk(value: Mapping[str, Any], heading: str, names: Mapping[str, str]) -> Iterator[Line]:
    for name, inner in sorted(value.items(), key=_place):
        if name in ("qualifications", "districts") and isinstance(inner, Mapping):
            yield heading, LABELS[name], "、".join(f"{key}: {qualification(each)}" for key, each in inner.items())
        elif isinstance(inner, Mapping):
            yield from _walk(inner, PARTS.get(name, heading), names)
        elif name == "adopted_by":
            yield from ((heading, LABELS[name], names.get(str(each), "—")) for each in inner)
        elif isinstance(inner, list):
            people = [each for each in inner if isinstance(each, Mapping)]
            for n, each in enumerate(people, 1):
                yield from _walk(each, f"加わる人 {n}" if name == "people" else PARTS.get(name, heading), names)
        elif name in names:
            yield heading, names[name], str(inner)
        elif name == "ends_marriage" and inner:
            yield heading, LABELS[name], names.get(str(inner), "—")
        elif name in LABELS and (inner is not None or heading == PARTS["items"]):
            yield heading, LABELS[name], EMPTY if inner is None else _value(name, inner)


def _place(item: tuple[str, Any]) -> int:
    """jsonb keeps no order of its own: single items first, then the parts, each as listed above."""
    order = [*LABELS, *PARTS]
    return order.index(item[0]) if item[0] in order else len(order)


def _value(name: str, value: Any) -> str | date:
    if name.endswith(("_on", "_since", "_until")):
        return date.fromisoformat(value)
    return WORDS.get(str(value), str(value))
