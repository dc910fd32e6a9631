"""Looks at residents, counted out of the journal; whom they were at stays there."""

from datetime import datetime
from typing import Any

from kit.db import Tx


def looks(tx: Tx, first: datetime, after: datetime, *, opens: str, closes: str) -> list[dict[str, Any]]:
    """Of each account and day in Japan: actor, day, looks, protected, numbers, and `late`: before `opens` or from `closes` on."""
    return tx.rows(
        "SELECT * FROM resident_registry.looks(%s, %s, %s::time, %s::time) ORDER BY actor, day", (first, after, opens, closes)
    )
