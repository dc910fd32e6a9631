"""Movements and whom they touched."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import date
from typing import Any
from uuid import UUID

from kit.db import Tx, json
from kit.errors import NotFound
from systems.resident_registry.model.errors import NewerVersion
from systems.resident_registry.model.movements import Movement

ITEMS = tuple(f.name for f in fields(Movement))
_JSON = {"ground", "details", "alerts", "content"}


def _values(items: dict[str, Any]) -> list[Any]:
    return [json(v) if name in _JSON and v is not None else v for name, v in items.items()]


def add(tx: Tx, one: Movement) -> None:
    values = _values({name: getattr(one, name) for name in ITEMS})
    marks = ", ".join(["%s"] * len(ITEMS))
    tx.execute(f"INSERT INTO resident_registry.movement ({', '.join(ITEMS)}) VALUES ({marks})", values)


def movement(tx: Tx, number: UUID, *, lock: bool = False) -> Movement:
    """The movement of that id; `NotFound` when there is none."""
    sql = f"SELECT {', '.join(ITEMS)} FROM resident_registry.movement WHERE id = %s" + (" FOR UPDATE" if lock else "")
    found = tx.row(sql, (number,), into=Movement)
    if found is None:
        raise NotFound("there is no such movement")
    return found


def update(tx: Tx, one: Movement, **changes: Any) -> None:
    """Set columns of the movement; `NewerVersion` when somebody changed it since it was read."""
    sets = ", ".join(f"{name} = %s" for name in changes)
    touched = tx.execute(
        f"UPDATE resident_registry.movement SET {sets}, version = version + 1 WHERE id = %s AND version = %s",
        (*_values(changes), one.id, one.version),
    )
    if not touched:
        current = tx.value("SELECT version FROM resident_registry.movement WHERE id = %s", (one.id,))
        raise NewerVersion("the movement changed in the meantime: read it again", current_version=current)


def movements(tx: Tx, *, state: str | None, resident: UUID | None, after: str, limit: int) -> list[Movement]:
    """Movements by number, after the one given; of a state, of a resident, or all."""
    where = ["number > %(after)s"]
    params: dict[str, object] = {"after": after, "state": state, "resident": resident, "limit": limit}
    if state:
        where.append("state = %(state)s")
    if resident:
        where.append(
            "(id IN (SELECT movement_id FROM resident_registry.movement_resident WHERE resident_id = %(resident)s)"
            " OR state IN ('draft', 'review', 'returned') AND %(resident)s = ANY (residents))"
        )
    sql = f"SELECT {', '.join(ITEMS)} FROM resident_registry.movement WHERE {' AND '.join(where)} ORDER BY number LIMIT %(limit)s"
    return tx.rows(sql, params, into=Movement)


def note_told(tx: Tx, number: UUID, mailed: Collection[str]) -> None:
    """Once no draft of the movement's notices is left it is notified, and completed when nobody is to acknowledge any more.

    Notices of the kinds `mailed` are done with when they leave. Safe to repeat.
    """
    tx.execute(
        """UPDATE resident_registry.movement m SET state = told.state, version = version + 1
           FROM (SELECT count(*) FILTER (WHERE state = 'draft') AS waiting,
                   CASE WHEN bool_or(state = 'sent' AND kind <> ALL (%(mailed)s)) THEN 'notified' ELSE 'completed' END AS state
                 FROM resident_registry.notice WHERE movement_id = %(id)s) told
           WHERE m.id = %(id)s AND m.state IN ('decided', 'notified') AND told.waiting = 0 AND m.state <> told.state""",
        {"id": number, "mailed": list(mailed)},
    )


def touch(tx: Tx, movement_id: UUID, resident_id: UUID, before: int | None, after: int) -> None:
    """Note that the movement brought the resident from one version to another."""
    tx.execute(
        "INSERT INTO resident_registry.movement_resident VALUES (%s, %s, %s, %s)", (movement_id, resident_id, before, after)
    )


def touched(tx: Tx, movement_id: UUID) -> list[dict[str, Any]]:
    """Whom the movement touched: resident_id, version_before (None: entered by it), version_after."""
    return tx.rows(
        "SELECT * FROM resident_registry.movement_resident WHERE movement_id = %s ORDER BY resident_id", (movement_id,)
    )


def households_of(tx: Tx, movement_id: UUID) -> list[UUID]:
    """Households whose present version the movement made by a change (not by founding them)."""
    rows = tx.rows(
        "SELECT id FROM resident_registry.household WHERE movement_id = %s AND version > 1 ORDER BY id", (movement_id,)
    )
    return [row["id"] for row in rows]


def move_out_of(tx: Tx, resident_id: UUID) -> Movement | None:
    """The decided 転出 by which the resident is leaving."""
    return tx.row(
        f"""SELECT {", ".join("m." + i for i in ITEMS)} FROM resident_registry.movement m
            JOIN resident_registry.movement_resident t ON t.movement_id = m.id AND t.resident_id = %s
            WHERE m.reason IN ('move_out', 'move_out_abroad') AND m.state IN ('decided', 'notified', 'completed')
            ORDER BY m.decided_at DESC LIMIT 1""",
        (resident_id,),
        into=Movement,
    )


def undecided(tx: Tx, reason: str, residents: list[UUID]) -> str | None:
    """Number of a movement of that reason that names one of these residents and waits for its decision; None without one."""
    number: str | None = tx.value(
        """SELECT min(number) FROM resident_registry.movement
           WHERE reason = %s AND state IN ('draft', 'review', 'returned') AND residents && %s""",
        (reason, residents),
    )
    return number


def leaving_until(tx: Tx, day: date) -> list[UUID]:
    """Residents who are leaving and whose planned day has come, by household."""
    rows = tx.rows(
        "SELECT id FROM resident_registry.resident WHERE state = 'leaving' AND out_planned_on <= %s ORDER BY household_id, id",
        (day,),
    )
    return [row["id"] for row in rows]


def stays_until(tx: Tx, day: date, limit: int) -> list[dict[str, Any]]:
    """Present foreign residents whose permitted stay ends by that day, by its end."""
    return tx.rows(
        """SELECT id, atena_no, name, residence_status, residence_until FROM resident_registry.resident
           WHERE removed_on IS NULL AND residence_until <= %s ORDER BY residence_until, atena_no LIMIT %s""",
        (day, limit),
    )


@contextmanager
def rehearsal(tx: Tx) -> Iterator[None]:
    """What happens in the block is checked by the database and then taken back."""
    tx.execute("SAVEPOINT rehearsal")
    try:
        yield
    finally:
        tx.execute("ROLLBACK TO SAVEPOINT rehearsal")
        tx.execute("RELEASE SAVEPOINT rehearsal")


def kinship(tx: Tx, residents: list[UUID]) -> list[tuple[UUID, UUID, str]]:
    """Known edges among these residents: from, to, kind; `apart` between two whose marriage has ended."""
    rows = tx.rows(
        "SELECT from_id, to_id, CASE WHEN until IS NULL THEN kind ELSE 'apart' END AS kind FROM resident_registry.kinship "
        "WHERE from_id = ANY (%s) AND to_id = ANY (%s) AND (until IS NULL OR kind <> 'parent')",
        (residents, residents),
    )
    return [(row["from_id"], row["to_id"], row["kind"]) for row in rows]


def add_kinship(tx: Tx, edges: list[tuple[UUID, UUID, str]], since: date | None) -> None:
    for start, end, kind in edges:
        tx.execute(
            "INSERT INTO resident_registry.kinship VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", (start, end, kind, since)
        )


_MARRIED = "kind <> 'parent' AND from_id = ANY (%(pair)s) AND to_id = ANY (%(pair)s)"


def end_marriage(tx: Tx, one: UUID, other: UUID, until: date) -> int:
    """End the marriage, or 未届 one, of these two on that day; 0 when there is none."""
    sql = f"UPDATE resident_registry.kinship SET until = %(until)s WHERE until IS NULL AND {_MARRIED}"
    return tx.execute(sql, {"pair": [one, other], "until": until})


def marry_again(tx: Tx, one: UUID, other: UUID) -> None:
    """The marriage of these two, which had ended, goes on."""
    sql = f"UPDATE resident_registry.kinship SET until = NULL WHERE until IS NOT NULL AND {_MARRIED}"
    tx.execute(sql, {"pair": [one, other]})


def never_parent(tx: Tx, parent: UUID, child: UUID, since: date) -> None:
    """Take back that one is the other's parent since that day."""
    tx.execute(
        "DELETE FROM resident_registry.kinship WHERE from_id = %s AND to_id = %s AND kind = 'parent' AND since = %s",
        (parent, child, since),
    )
