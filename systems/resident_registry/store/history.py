"""Versions of residents and households: written when a row changes, read for any day and any moment.

`table` is `resident` or `household` throughout. See docs/decisions/0030-two-times.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from kit.db import Tx, identifier, json
from systems.resident_registry.model.imports import PLACE_ITEMS
from systems.resident_registry.model.movements import Change

#: columns that only serve searching, which a version does not carry
SEARCH_KEYS = ("name_bigrams", "name_key", "kana_key", "other_kana_key", "address_bigrams", "address_key")
#: columns that say which version it is
OWN = ("valid_from", "known_from", "movement_id", "version")
#: parts of a place, which change together
_PLACE = frozenset(PLACE_ITEMS)
#: a row as a version keeps it
FACTS = f"to_jsonb(r) - '{{{','.join(SEARCH_KEYS)}}}'::text[]"
_COLUMNS = "version, valid_from, valid_to, known_from, known_to, movement_id, facts"

#: makes a row's search keys out of its facts
Keys = Callable[[Mapping[str, Any]], Mapping[str, object]]


@dataclass(frozen=True)
class Segment:
    """Facts that are believed to hold from `valid_from` until the day before `valid_to` (None: open, the row itself)."""

    id: UUID | None
    version: int
    valid_from: date
    valid_to: date | None
    movement_id: UUID | None
    facts: Mapping[str, Any]


def moment(tx: Tx) -> datetime:
    """This instant on the database's clock, which orders those who waited for each other."""
    found: datetime = tx.value("SELECT clock_timestamp()")
    return found


def rewritten(segments: Sequence[Segment], day: date, changes: Mapping[str, Any]) -> list[Segment]:
    """The timeline after a change that holds from `day` on.

    A change in the past goes on until the fact was changed again: a later version that says something else keeps it. What ends
    a record ends it for good: a departure that was planned after the day has nothing left to say. Versions that are new have no
    id. Segments follow each other without a gap; the last one is open. A place is one fact: who moved on from it moved with all
    its parts, even when some of them are the same there.
    """
    day = max(day, segments[0].valid_from)
    result, active, was, ends = [], set(changes), None, changes.get("removed_on") is not None
    for each in segments:
        if each.valid_to is not None and each.valid_to <= day:
            result.append(each)
            continue
        was = was or each.facts
        if not ends:
            again = {name for name in (*active, *_PLACE) if each.facts.get(name) != was.get(name)}
            active -= again | (_PLACE if again & _PLACE else set())
        start = max(each.valid_from, day)
        if each.valid_from < day:
            result.append(replace(each, id=None, valid_to=day))
        result.append(replace(each, id=None, valid_from=start, facts={**each.facts, **{n: changes[n] for n in active}}))
    return result


def believed(tx: Tx, table: str, number: UUID) -> list[Segment]:
    """What is believed now of all days, in their order; the last is the row itself, locked until the transaction ends."""
    tx.execute(f"SELECT FROM resident_registry.{table} WHERE id = %s FOR UPDATE", (number,))
    return tx.rows(
        f"""SELECT id, version, valid_from, valid_to, movement_id, facts FROM resident_registry.{table}_history
            WHERE {table}_id = %(id)s AND known_to IS NULL
            UNION ALL SELECT NULL, version, valid_from, NULL, movement_id, {FACTS} FROM resident_registry.{table} r
            WHERE id = %(id)s ORDER BY valid_from""",
        {"id": number},
        into=Segment,
    )


def change(
    tx: Tx, table: str, number: UUID, version: int | None, changes: Mapping[str, Any], because: Change, keys: Keys
) -> bool:
    """Set columns of a row from the change's day on and keep what was; False when it is not at `version` (None: at any).

    `keys` makes the row's search keys out of its facts.
    """
    before = believed(tx, table, number)
    if not before or version not in (None, before[-1].version):
        return False
    facts = {name: _plain(value) for name, value in changes.items()}
    if before[-1].movement_id == because.movement_id and because.movement_id:
        # a movement that touches a row twice makes one version of it
        columns = {**changes, **keys({**before[-1].facts, **facts})}
        _update(tx, table, number, columns, because, before[-1].valid_from, before[-1].version)
        return True
    day = because.valid_from
    if "became_resident_on" in changes and day < before[0].valid_from:
        before[0] = replace(before[0], valid_from=day)
    after = rewritten(before, day, facts)
    _replace(tx, table, number, before, after, because.known_from)
    holds = {name for name, value in facts.items() if after[-1].facts.get(name) == value}
    kept = {name: value for name, value in changes.items() if name in holds}
    _update(tx, table, number, {**kept, **keys(after[-1].facts)}, because, after[-1].valid_from, before[-1].version + 1)
    return True


def _replace(tx: Tx, table: str, number: UUID, before: Sequence[Segment], after: Sequence[Segment], known: datetime) -> None:
    """Close what is no longer believed, the row itself included, and write what is believed of earlier days instead."""
    still = {each.id for each in after if each.id}
    close(tx, table, [each.id for each in before if each.id and each.id not in still], known)
    tx.execute(
        f"""INSERT INTO resident_registry.{table}_history (id, {table}_id, {_COLUMNS})
            SELECT gen_random_uuid(), r.id, r.version, r.valid_from, NULL, r.known_from, %s, r.movement_id, {FACTS}
            FROM resident_registry.{table} r WHERE id = %s""",
        (known, number),
    )
    for each in after[:-1]:
        if each.id is None:
            keep(tx, table, number, each, known)


def keep(tx: Tx, table: str, number: UUID, one: Segment, known: datetime) -> None:
    """Write a version that is believed from now on of days that are over."""
    tx.execute(
        f"INSERT INTO resident_registry.{table}_history (id, {table}_id, {_COLUMNS}) "
        "VALUES (%s, %s, %s, %s, %s, %s, NULL, %s, %s)",
        (uuid4(), number, one.version, one.valid_from, one.valid_to, known, one.movement_id, json(dict(one.facts))),
    )


def close(tx: Tx, table: str, versions: Sequence[UUID], known: datetime) -> None:
    """These versions are believed no longer."""
    if versions:
        tx.execute(f"UPDATE resident_registry.{table}_history SET known_to = %s WHERE id = ANY (%s)", (known, list(versions)))


def _update(
    tx: Tx, table: str, number: UUID, columns: Mapping[str, Any], because: Change, valid_from: date, version: int
) -> None:
    values = dict(columns) | {"valid_from": valid_from, "known_from": because.known_from}
    values |= {"movement_id": because.movement_id, "version": version}
    sets = ", ".join(f"{identifier(name)} = %s" for name in values)
    tx.execute(f"UPDATE resident_registry.{table} SET {sets} WHERE id = %s", (*map(_column, values.values()), number))


def _column(value: Any) -> Any:
    return json(value) if isinstance(value, dict) else value


def _plain(value: Any) -> Any:
    """A column's value as it stands in jsonb."""
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def was_removed(tx: Tx, resident_id: UUID, version: int) -> bool:
    """Whether that version of the record, one of the past, was removed from the register."""
    found: bool = tx.value(
        """SELECT facts ->> 'removed_on' IS NOT NULL FROM resident_registry.resident_history
           WHERE resident_id = %s AND version = %s ORDER BY valid_from DESC LIMIT 1""",
        (resident_id, version),
    )
    return found


def undo(tx: Tx, table: str, number: UUID, movement: UUID, because: Change, keys: Keys) -> bool:
    """Believe again what was believed before the movement made its version; False when the row has changed since.

    The movement's version stays as one that was believed until now.
    """
    row = tx.row(f"SELECT movement_id, known_from, version FROM resident_registry.{table} WHERE id = %s FOR UPDATE", (number,))
    if row is None or row["movement_id"] != movement:
        return False
    at, now = row["known_from"], believed(tx, table, number)
    before = tx.rows(
        f"""SELECT id, version, valid_from, valid_to, movement_id, facts FROM resident_registry.{table}_history
            WHERE {table}_id = %s AND known_to = %s ORDER BY valid_from""",
        (number, at),
        into=Segment,
    )
    if not before or before[-1].valid_to is not None:
        return False
    made = tx.rows(
        f"SELECT id FROM resident_registry.{table}_history WHERE {table}_id = %s AND known_to IS NULL AND known_from = %s",
        (number, at),
    )
    gone = {each["id"] for each in made}
    kept = [each for each in now[:-1] if each.id not in gone]
    again = [*kept, *(replace(each, id=None) for each in before)]
    _replace(tx, table, number, now, again, because.known_from)
    _restore(tx, table, number, before[-1], because, row["version"] + 1)
    renewed = keys(before[-1].facts)
    sets = ", ".join(f"{identifier(name)} = %s" for name in renewed)
    tx.execute(f"UPDATE resident_registry.{table} SET {sets} WHERE id = %s", (*renewed.values(), number))
    return True


def _restore(tx: Tx, table: str, number: UUID, one: Segment, because: Change, version: int) -> None:
    """Give the row the facts of an earlier version; what is missing in it (a younger column) gets its default."""
    names = [
        each["name"]
        for each in tx.rows(
            "SELECT attname::text AS name FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            (f"resident_registry.{table}",),
        )
    ]
    facts = [name for name in names if name in one.facts and name not in ("id", *OWN)]
    sets = ", ".join(f"{identifier(name)} = v.{identifier(name)}" for name in facts)
    tx.execute(
        f"""UPDATE resident_registry.{table} r SET {sets}, valid_from = %s, known_from = %s, movement_id = %s, version = %s
            FROM jsonb_populate_record(NULL::resident_registry.{table}, %s) v WHERE r.id = %s""",
        (one.valid_from, because.known_from, because.movement_id, version, json(dict(one.facts)), number),
    )
