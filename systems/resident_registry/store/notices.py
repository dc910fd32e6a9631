"""Notices to somebody outside: drafts, letters that wait, what was sent."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from kit.db import Tx, json
from kit.errors import NotFound
from systems.resident_registry.model.movements import Notice

ITEMS = tuple(f.name for f in fields(Notice))
_ITEMS = ", ".join(ITEMS)


def add(tx: Tx, one: Notice) -> None:
    values = [json(value) if name == "content" else value for name in ITEMS for value in (getattr(one, name),)]
    tx.execute(f"INSERT INTO resident_registry.notice ({_ITEMS}) VALUES ({', '.join(['%s'] * len(ITEMS))})", values)


def of_movement(tx: Tx, movement_id: UUID) -> list[Notice]:
    """What the movement gave rise to."""
    sql = f"SELECT {_ITEMS} FROM resident_registry.notice WHERE movement_id = %s ORDER BY kind, resident_id"
    return tx.rows(sql, (movement_id,), into=Notice)


def void(tx: Tx, movement_id: UUID) -> None:
    """Drafts of a cancelled movement are not sent."""
    tx.execute("UPDATE resident_registry.notice SET state = 'void' WHERE movement_id = %s AND state = 'draft'", (movement_id,))


def reduce(tx: Tx, case_id: UUID, kinds: Collection[str], told: Mapping[str, Any]) -> None:
    """Drafts of these kinds about whom the case protects say `told` instead; what has been sent already stays."""
    tx.execute(
        """UPDATE resident_registry.notice SET content = content || %s WHERE state = 'draft' AND kind = ANY (%s)
           AND resident_id IN (SELECT resident_id FROM resident_registry.protected WHERE case_id = %s)""",
        (json(dict(told)), list(kinds), case_id),
    )


def notice(tx: Tx, number: UUID, kinds: Collection[str]) -> Notice:
    """The notice of one of these kinds; `NotFound` when there is none."""
    sql = f"SELECT {_ITEMS} FROM resident_registry.notice WHERE id = %s AND kind = ANY (%s)"
    found = tx.row(sql, (number, list(kinds)), into=Notice)
    if found is None:
        raise NotFound("there is no such letter")
    return found


def drafts(tx: Tx, kinds: Collection[str], limit: int) -> list[Notice]:
    """Drafts of these kinds, the oldest first."""
    sql = f"""SELECT {_ITEMS} FROM resident_registry.notice WHERE state = 'draft' AND kind = ANY (%s)
              ORDER BY drafted_at, id LIMIT %s"""
    return tx.rows(sql, (list(kinds), limit), into=Notice)


def count_drafts(tx: Tx, kinds: Collection[str]) -> int:
    """Number of drafts of these kinds."""
    found: int = tx.value(
        "SELECT count(*) FROM resident_registry.notice WHERE state = 'draft' AND kind = ANY (%s)", (list(kinds),)
    )
    return found


def mark_sent(tx: Tx, number: UUID, at: datetime) -> None:
    """It has left; the first time counts, and a void one stays void."""
    tx.execute("UPDATE resident_registry.notice SET state = 'sent', sent_at = %s WHERE id = %s AND state = 'draft'", (at, number))
