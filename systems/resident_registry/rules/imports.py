"""What a row of an import must satisfy. Pure; made for a million rows: one pass, no exceptions on the way.

A checked row is a list of texts as the database takes them, None for nothing, in the order of `LAYOUT`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from uuid import UUID

from kit.civic.characters import check_name
from kit.civic.codes import authority_check_digit, my_number_fits, resident_code_fits
from kit.civic.dates import parse_day
from kit.civic.repertoire import private_use
from kit.errors import Invalid
from systems.resident_registry.model.imports import LAYOUT, NAME_ITEMS, PRESENT, Column, Wrong
from systems.resident_registry.model.people import HEAD
from systems.resident_registry.rules.import_items import disorder, pairs, periods
from systems.resident_registry.rules.import_places import lies_elsewhere

#: rule -> what to do, for the person who corrects the file
ADVICE = {
    "required": "空欄にできない欄です。値を入れてください。",
    "character": "文字でない符号(制御文字など)が含まれています。打ち直してください。",
    "formula": "= + @ で始まる値は数式とみなされるため取り込めません。先頭の記号を取り除いてください。",
    "length": "長すぎます。この欄の最大文字数に収めてください。",
    "gaiji": "外字(私用領域の文字)があります。外字一覧で同定するか、正しい文字に直してください。",
    "name": "氏名に使えない文字があります。記号・絵文字・見えない文字を除き、在留カードのとおりに書いてください。",
    "kana": "全角カタカナで書いてください(半角カナは自動で全角にします)。",
    "day": "実在する日付を 2026-04-01、2026/4/1、20260401、令和8年4月1日 のいずれかで書いてください。",
    "number": "0から9999までの整数で書いてください。",
    "digits": "数字だけを、この欄の桁数で書いてください。表計算ソフトでは文字列の書式にして先頭の0を残します。",
    "check_digit": "検査数字が合いません。原本の番号と照合してください。",
    "choice": "この欄に書ける語のいずれかにしてください。",
    "pairs": "「名前: 内容」の形で書き、二つ以上は ; で区切ってください。同じ名前は一度だけです。",
    "period": "資格喪失日が資格取得日より前です。どちらかを直してください。",
    "id": "識別子は書き出したファイルの値をそのまま使うか、空欄にしてください。",
    "too_many_cells": "見出しより多くのセルがあります。余分なセルを消してください。",
    "birth_order": "生年月日が住民となった年月日より後です。どちらかを直してください。",
    "removed_day": "消除した住民には消除の異動年月日が要り、現存・転出予定の住民には書けません。",
    "planned_day": "転出予定の住民には転出予定年月日が要ります。",
    "elsewhere": "この市区町村の住所ではありません。市区町村コード(指定都市は区のコード)と住所を確かめてください。",
    "nationality": "外国人住民には国籍・地域が要ります。",
    "protection": "支援措置は相手方氏名・開始日・終了日の三つをそろえ、終了日を開始日より後にしてください。",
    "twice_atena": "同じ宛名番号の行が他にもあります。",
    "twice_code": "同じ住民票コードの現存者が他にもいます。",
    "twice_number": "同じ個人番号の現存者が他にもいます。",
    "known_atena": "この宛名番号は登録済みです。",
    "known_code": "この住民票コードの現存者が登録済みです。",
    "known_number": "この個人番号の現存者が登録済みです。",
    "known_household": "この世帯番号は登録済みです。",
    "heads": "世帯主は現存者のうちちょうど一人にしてください。",
    "place": "同じ世帯の現存者の住所が一致しません。",
    "household": "同じ世帯の他の行に誤りがあるため、この行も取り込めません。",
}  # fmt: skip
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\uffff]")
#: whatever needs a second look: private use, no text
_CARE = re.compile(_NO_TEXT.pattern[:-1] + "\ue000-\uf8ff\U000f0000-\U0010ffff]")
#: what most names are made of: nothing in it needs the rule of names character by character
_PLAIN_NAME = re.compile("[\u4e00-\u9fa5ぁ-ゖァ-ヶー々\u3000]*[\u4e00-\u9fa5ぁ-ゖァ-ヶー々]")
_KANA = re.compile("[ァ-ヴー・\u3000 ]+")
_FORMULA = ("=", "+", "@")
_WIDE_DIGITS = str.maketrans("０１２３４５６７８９－", "0123456789-")
#: a cell's text to (value, None) or (None, rule)
Checked = tuple[str | None, str | None]


def _text(cell: str, length: int) -> Checked:
    if len(cell) > length:
        return None, "length"
    if cell.startswith(_FORMULA):
        return None, "formula"
    if _CARE.search(cell):
        if _NO_TEXT.search(cell):
            return None, "character"
        if private_use(cell):
            return None, "gaiji"
    return cell, None


def _name(cell: str, length: int) -> Checked:
    if _PLAIN_NAME.fullmatch(cell) and len(cell) <= length:
        return cell, None
    value, wrong = _text(cell, length)
    if wrong is None:
        try:
            check_name(cell)
        except Invalid:
            return None, "name"
    return value, wrong


def _kana(cell: str, length: int) -> Checked:
    from jaconv import h2z

    if not _KANA.fullmatch(cell):
        cell = h2z(cell)
        if not _KANA.fullmatch(cell):
            return None, "kana"
    return (cell, None) if len(cell) <= length else (None, "length")


@lru_cache(maxsize=200_000)
def _day(cell: str, length: int) -> Checked:
    try:
        return parse_day(cell).isoformat(), None
    except Invalid:
        return None, "day"


def _number(cell: str, length: int) -> Checked:
    plain = cell.translate(_WIDE_DIGITS)
    return (plain, None) if plain.isascii() and plain.isdigit() and len(plain) <= 4 else (None, "number")


def _digits(cell: str, length: int) -> Checked:
    plain = cell if cell.isascii() and cell.isdigit() else cell.translate(_WIDE_DIGITS).replace("-", "")
    sound = plain.isascii() and plain.isdigit() and (len(plain) == length or (length == 200 and len(plain) <= 20))
    return (plain, None) if sound else (None, "digits")


def _padded(cell: str, length: int) -> Checked:
    plain = cell if cell.isascii() else cell.translate(_WIDE_DIGITS)
    return (plain.zfill(length), None) if plain.isascii() and plain.isdigit() and len(plain) <= length else (None, "digits")


@cache
def _authority(cell: str, length: int) -> Checked:
    plain, wrong = _digits(cell, 6)
    if plain is None:
        return None, wrong
    return (plain, None) if authority_check_digit(plain[:5]) == int(plain[5]) else (None, "check_digit")


def _resident_code(cell: str, length: int) -> Checked:
    if resident_code_fits(cell):
        return cell, None
    plain, wrong = _digits(cell, 11)
    return (plain, None) if plain and resident_code_fits(plain) else (None, wrong or "check_digit")


def _individual_number(cell: str, length: int) -> Checked:
    if my_number_fits(cell):
        return cell, None
    plain, wrong = _digits(cell, 12)
    return (plain, None) if plain and my_number_fits(plain) else (None, wrong or "check_digit")


def _id(cell: str, length: int) -> Checked:
    try:
        return str(UUID(cell)), None
    except ValueError:
        return None, "id"


_CHECKS: dict[str, Callable[[str, int], Checked]] = {
    "text": _text,
    "name": _name,
    "kana": _kana,
    "day": _day,
    "number": _number,
    "digits": _digits,
    "padded": _padded,
    "authority": _authority,
    "resident_code": _resident_code,
    "individual_number": _individual_number,
    "id": _id,
    "pairs": lambda cell, length: pairs(*_text(cell, length)),
}
_PLACE_OF = {column.item: place for place, column in enumerate(LAYOUT)}
DEFAULTS = {"kind": "japanese", "state": "current", "position": "0", "town": "", "lot": "", "building": ""}
DEFAULTS |= {"qualifications": "{}", "districts": "{}"}
_ITEM = {name: _PLACE_OF[name] for name in _PLACE_OF}


class Rows:
    """Checks rows under one heading. `known`: private-use characters as identified; `tenant`: whose addresses they are."""

    def __init__(self, heading: Sequence[str | None], known: Mapping[str, str], tenant: str | None = None) -> None:
        self._tenant = tenant
        by_name = {column.name: column for column in LAYOUT}
        self._columns = [
            (place, _PLACE_OF[by_name[name].item], by_name[name], _checker(by_name[name]))
            for place, name in enumerate(heading)
            if name is not None
        ]
        self._width = len(heading)
        self._required = [(place, column) for place, column in enumerate(LAYOUT) if column.required]
        self._needed = itemgetter(*(place for place, _ in self._required))
        self._periods = periods(heading)
        self._known = str.maketrans(dict(known)) if known else None
        self.empty: list[str | None] = [DEFAULTS.get(column.item) for column in LAYOUT]

    def check(self, number: int, cells: Sequence[str]) -> tuple[list[str | None], list[Wrong]]:
        """The row's values and what is wrong with it."""
        values = self.empty.copy()
        wrong: list[Wrong] = []
        width = len(cells)
        for place, target, column, check in self._columns:
            if place >= width:
                break
            cell = cells[place]
            if cell:
                value, rule = check(cell, column.length)
                if rule is None:
                    values[target] = value
                else:
                    self._again(number, cell, column, rule, values, wrong)
        if width > self._width and any(cells[self._width :]):
            wrong.append(Wrong(number, None, "too_many_cells"))
        for place, column in self._required if None in self._needed(values) else ():
            if values[place] is None and not any(each.column == column.name for each in wrong):
                wrong.append(Wrong(number, column.name, "required"))
        if not wrong:
            _check_together(number, values, wrong)
            wrong += disorder(number, values, self._periods) if self._periods else ()
            code, is_present = values[_AUTHORITY], values[_STATE] in PRESENT
            if self._tenant and lies_elsewhere(self._tenant, code, values[_ADDRESS] or "", is_present=is_present):
                wrong.append(Wrong(number, "市区町村コード", "elsewhere"))
        return values, wrong

    def _again(self, number: int, cell: str, column: Column, rule: str, values: list[str | None], wrong: list[Wrong]) -> None:
        """A second look: spaces around the cell, and private-use characters that were identified."""
        text = cell.strip()
        if rule == "gaiji" and self._known:
            text = text.translate(self._known)
        value, rule_now = _checker(column)(text, column.length) if text else (None, None)
        if rule_now is None:
            if value is not None:
                values[_PLACE_OF[column.item]] = value
        else:
            wrong.append(Wrong(number, column.name, rule_now))


@cache
def _checker(column: Column) -> Callable[[str, int], Checked]:
    if column.kind != "choice":
        return _CHECKS[column.kind]
    table: dict[str, Checked] = {written: (stored, None) for written, stored in column.choices}
    return lambda cell, length: table.get(cell, (None, "choice"))


_BORN, _BECAME, _REMOVED = _ITEM["born_on"], _ITEM["became_resident_on"], _ITEM["removed_on"]
_STATE, _KIND, _NATION, _PLANNED = _ITEM["state"], _ITEM["kind"], _ITEM["nationality"], _ITEM["out_planned_on"]
_RELATION, _AUTHORITY, _ADDRESS = _ITEM["relation"], _ITEM["authority_code"], _ITEM["address"]
_PROTECTION = tuple(_ITEM[name] for name in ("opponent_name", "protected_from", "protected_until"))
_FILED, _SINCE, _FROM, _HOUSEHOLD_FROM = (_ITEM[n] for n in ("filed_on", "address_since", "valid_from", "household_from"))


def _check_together(number: int, values: list[str | None], wrong: list[Wrong]) -> None:
    """Cells that must fit each other; fills in what follows from them. Days are ISO texts: they sort as days do."""
    born, became, removed = values[_BORN] or "", values[_BECAME] or "", values[_REMOVED]
    if born > became:
        wrong.append(Wrong(number, "生年月日", "birth_order"))
    is_present = values[_STATE] in PRESENT
    if is_present == (removed is not None):
        wrong.append(Wrong(number, "消除の異動年月日", "removed_day"))
    if values[_STATE] == "leaving" and values[_PLANNED] is None:
        wrong.append(Wrong(number, "転出予定年月日", "planned_day"))
    if values[_KIND] == "foreign" and values[_NATION] is None:
        wrong.append(Wrong(number, "国籍・地域", "nationality"))
    opponent, begins, ends = (values[place] for place in _PROTECTION)
    if (opponent or begins or ends) and not (opponent and begins and ends and begins < ends):
        wrong.append(Wrong(number, "支援措置_開始日", "protection"))
    values[_FILED] = values[_FILED] or became
    values[_FROM] = values[_FROM] or max(became, values[_SINCE] or "", removed or "")
    values[_HOUSEHOLD_FROM] = values[_HOUSEHOLD_FROM] or values[_FROM]


def unidentified(heading: Sequence[str | None], cells: Sequence[str]) -> list[tuple[str, str]]:
    """(heading, character) of each private-use character of a row."""
    return [
        (name, character)
        for name, cell in zip(heading, cells, strict=False)
        if name is not None and _CARE.search(cell)
        for character in private_use(cell)
    ]


def is_head(values: Sequence[str | None]) -> bool:
    """Whether the row is the present head of its household."""
    return values[_RELATION] == HEAD and values[_STATE] in PRESENT


def check_identification(character: str) -> str:
    """The character that a private-use character is identified as: one character, perhaps with a variation selector.

    Raises
    ------
    Invalid
        Nothing, several characters, or itself a private-use one.
    """
    base = re.sub("[\ufe00-\ufe0f\U000e0100-\U000e01ef]", "", character)
    if len(base) != 1 or len(character) > 2 or private_use(character) or _NO_TEXT.search(character):
        raise Invalid("an identification is one character, with a variation selector where it has one")
    return character


assert set(NAME_ITEMS) <= set(_ITEM)  # noqa: S101  # one table
