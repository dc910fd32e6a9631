"""What a movement would change, as lines of who, item, before and after: for who confirms it and for who decides it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from kit.db import Tx
from systems.resident_registry.model.movements import REASONS, Movement
from systems.resident_registry.pages.desk import STATES, Desk
from systems.resident_registry.rules.people import qualification
from systems.resident_registry.service.preview import DRAWN, Effect, preview

#: item of a record -> its Japanese name, in the order in which they are shown
LABELS = {
    "relation": "続柄", "state": "住民の状態", "name": "氏名", "kana": "フリガナ", "address": "住所", "postal_code": "郵便番号",
    "authority_code": "市区町村コード", "household_no": "世帯番号", "atena_no": "宛名番号", "position": "世帯内の順序",
    "kind": "住民の種別", "roman_name": "ローマ字の氏名", "kanji_name": "漢字の氏名",
    "former_surname": "旧氏", "former_surname_kana": "旧氏のフリガナ", "alias": "通称", "alias_kana": "通称のフリガナ",
    "sex": "性別", "sex_text": "性別の表記", "born_on": "生年月日", "born_unknown": "生年月日の不詳の表記",
    "became_resident_on": "住民となった年月日", "became_resident_unknown": "住民となった年月日の不詳の表記",
    "became_resident_reason": "住民となった事由", "address_since": "住所を定めた年月日", "filed_on": "届出年月日",
    "previous_address": "転入前住所", "previous_authority": "転入前の市区町村コード", "previous_country": "転入前の国名",
    "previous_head": "転入前の世帯主", "before_move_address": "異動前住所",
    "registered_domicile": "本籍", "family_register_head": "筆頭者", "resident_code": "住民票コード",
    "individual_number": "個人番号", "nationality": "国籍・地域", "residence_status": "在留資格", "residence_period": "在留期間",
    "residence_until": "在留期間の満了の日", "residence_card_no": "在留カードの番号", "foreign_class": "第30条の45の区分",
    "foreign_since": "外国人住民となった年月日", "qualifications": "個別事項", "districts": "地区",
    "removed_on": "消除の年月日", "removed_unknown": "消除の年月日の不詳の表記", "removed_filed_on": "消除の届出年月日",
    "removed_reason": "消除の事由", "out_planned_on": "転出予定日", "out_planned_to": "転出先(予定)",
    "out_planned_authority": "転出先(予定)の市区町村コード", "out_fixed_on": "転出の確定日", "out_fixed_to": "転出先(確定)",
    "out_fixed_authority": "転出先(確定)の市区町村コード", "in_notice_on": "転入通知を受けた日",
}  # fmt: skip
#: parts of an address, which is shown whole
PARTS = {"town_code", "town", "lot", "building"}
WORDS: dict[str, dict[str, str]] = {
    "state": STATES,
    "sex": {"male": "男", "female": "女"},
    "kind": {"japanese": "日本人", "foreign": "外国人"},
    "removed_reason": REASONS,
    "became_resident_reason": REASONS,
}


@dataclass(frozen=True)
class Line:
    """One item of one resident. `id`: None of somebody who would be entered; `on`: the day, where not the movement's.

    `worded`: before and after are words of the catalogue, not what the record says.
    """

    id: UUID | None
    name: str
    label: str
    before: str | date
    after: str | date
    on: date | None
    worded: bool


def changes(desk: Desk, tx: Tx, enter: Callable[[], Movement]) -> list[Line]:
    """What the movement that `enter` gives would change, as this member of staff may see it; nothing of it stays."""
    return list(_lines(preview(tx, desk.office, enter, desk.actor.roles)[0]))


def _lines(effects: Sequence[Effect]) -> Iterator[Line]:
    for each in effects:
        for item, label in LABELS.items():
            if item in each.items:
                before, after = (_value(item, value) for value in each.items[item])
                yield Line(each.id, each.name, label, before, after, each.on, item in WORDS or after == DRAWN)


def _value(item: str, value: Any) -> str | date:
    if isinstance(value, date):
        return value
    if isinstance(value, dict):
        return "、".join(f"{name}: {qualification(inner)}" for name, inner in value.items())
    return WORDS.get(item, {}).get(value, str(value)) if value is not None else ""
