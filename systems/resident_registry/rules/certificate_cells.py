"""Cells that several papers about a resident print alike: names, birth, what a foreign resident's record has."""

from datetime import date
from typing import Any

from kit.civic.dates import wareki
from systems.resident_registry.model.people import Resident

SEXES = {"male": "男", "female": "女"}
Cell = dict[str, Any]


def cell(label: str, value: str, span: float = 1, **more: str) -> Cell:
    return {"label": label, "value": value, "span": span} | more


def day_text(day: date | None, unknown: str | None = None, *, western: bool = False) -> str:
    """A day as it is printed: the text for an unknown one first, nothing for none."""
    if unknown:
        return unknown
    if day is None:
        return ""
    return f"{day.year}年{day.month}月{day.day}日" if western else wareki(day)


def birth(one: Resident) -> str:
    """Day of birth as it is printed: a foreign resident's in the western calendar."""
    return day_text(one.born_on, one.born_unknown, western=one.kind == "foreign")


def other_names(one: Resident) -> list[Cell]:
    written = one.kanji_name if one.kanji_name and one.kanji_name != one.name else one.roman_name
    found = [cell("併記名", written, 1)] if written and written != one.name else []
    if one.former_surname:
        found.append(cell("旧 氏", one.former_surname, 1, reading=one.former_surname_kana or ""))
    if one.alias:
        found.append(cell("通 称", one.alias, 1, reading=one.alias_kana or ""))
    return found


def foreign_items(one: Resident) -> list[list[Cell]]:
    """Nationality and permission to stay (住民基本台帳法 art. 30-45)."""
    until = day_text(one.residence_until, western=True) or "―"
    return [
        [cell("国籍・地域", one.nationality or ""), cell("第30条の45 規定区分", one.foreign_class or "", 1.4)],
        [cell("在留資格", one.residence_status or "―", 1.2), cell("在留期間等", one.residence_period or "―")],
        [cell("在留期間の 満了の日", until), cell("在留カード等 の番号", one.residence_card_no or "―", 1.4)],
    ]
