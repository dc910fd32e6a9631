"""Protective measures."""

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from kit.db import Tx


def add_restriction(tx: Tx, number: UUID, resident_id: UUID, *, opponent_name: str, starts_on: date, ends_on: date) -> None:
    tx.execute(
        "INSERT INTO resident_registry.disclosure_restriction VALUES (%s, %s, %s, %s, %s)",
        (number, resident_id, opponent_name, starts_on, ends_on),
    )


def copy_restrictions(tx: Tx, rows: Iterable[Sequence[object]]) -> int:
    target = "resident_registry.disclosure_restriction (id, resident_id, opponent_name, starts_on, ends_on)"
    return tx.copy_in(target, rows)
