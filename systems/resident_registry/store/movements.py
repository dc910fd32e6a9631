"""Movements, whom they touched, and drafts of notices."""

from dataclasses import fields
from uuid import UUID

from kit.db import Tx, json
from systems.resident_registry.model.movements import Movement

ITEMS = tuple(f.name for f in fields(Movement))
_JSON = {"ground", "details", "alerts"}


def add(tx: Tx, one: Movement) -> None:
    values = [json(v) if name in _JSON and v is not None else v for name in ITEMS for v in (getattr(one, name),)]
    marks = ", ".join(["%s"] * len(ITEMS))
    tx.execute(f"INSERT INTO resident_registry.movement ({', '.join(ITEMS)}) VALUES ({marks})", values)


def touch(tx: Tx, movement_id: UUID, resident_id: UUID, before: int | None, after: int) -> None:
    """Note that the movement brought the resident from one version to another."""
    tx.execute(
        "INSERT INTO resident_registry.movement_resident VALUES (%s, %s, %s, %s)", (movement_id, resident_id, before, after)
    )
