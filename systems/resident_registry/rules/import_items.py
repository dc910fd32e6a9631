"""個別事項 and 地区 of an import's row: «name: value» with semicolons between, and the days of 資格取得 and 資格喪失."""

import json
import re
from collections.abc import Sequence

from systems.resident_registry.model.imports import LAYOUT, QUALIFIED, Wrong

_AT = {column.item: place for place, column in enumerate(LAYOUT)}
_TEXTS = _AT["qualifications"]
#: name, place of the first day and of the last, heading of the last
_PERIODS = tuple((name, _AT[f"{name}_since"], _AT[f"{name}_until"], f"{name}_資格喪失日") for name in QUALIFIED)
Periods = tuple[tuple[str, int, int, str], ...]


def pairs(cell: str | None, rule: str | None) -> tuple[str | None, str | None]:
    """What a cell says as a JSON object, and the rule it breaks; a cell that breaks one already is passed on."""
    if cell is None:
        return None, rule
    parts = [re.split("[:：]", part, maxsplit=1) for part in re.split("[;；]", cell)]
    found = {part[0].strip(): part[-1].strip() for part in parts}
    if len(found) < len(parts) or any(len(part) < 2 for part in parts) or not all(map(all, found.items())):
        return None, "pairs"
    return json.dumps(found, ensure_ascii=False), None


def periods(heading: Sequence[str | None]) -> Periods:
    """The 個別事項 of which a file has days: most files have none."""
    days = {_AT[column.item] for column in LAYOUT if column.name in heading}
    return tuple(each for each in _PERIODS if days & {each[1], each[2]})


def disorder(number: int, values: Sequence[str | None], of: Periods) -> list[Wrong]:
    """Last days that lie before the first."""
    return [Wrong(number, column, "period") for _, since, until, column in of if (values[until] or "9") < (values[since] or "")]


def qualified(values: Sequence[str | None], of: Periods) -> str:
    """The 個別事項 of a row as JSON: a text where only that is known, an object where days are."""
    found = json.loads(values[_TEXTS] or "{}")
    for name, since, until, _ in of:
        days = {key: values[place] for key, place in (("since", since), ("until", until)) if values[place]}
        if days:
            found[name] = ({"text": found[name]} if name in found else {}) | days
    return json.dumps(found, ensure_ascii=False)
