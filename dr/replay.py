"""Sealed entries applied on top of a base, in their order."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from dr.digest import tables
from kit import journal
from kit.db import Tx, identifier
from kit.errors import Conflict

Entry = dict[str, Any]
_COLUMNS = {
    "id": "bigint", "xid": "xid8", "at": "timestamptz", "kind": "text", "table": "text", "op": '"char"', "key": "jsonb",
    "row": "jsonb", "actor": "text", "purpose": "text", "request": "text", "detail": "jsonb",
}  # fmt: skip


def entries(folder: Path, numbers: Iterable[int]) -> Iterator[Entry]:
    """Entries of these segments, in order; each knows its segment and the line it stands in.

    Rows go back into the database from the line: read as numbers here, `1.10` would become `1.1`.
    """
    for number in numbers:
        _, lines, _ = journal.read_segment(journal.segment_file(folder, number))
        for line in lines:
            yield json.loads(line) | {"segment": number, "line": line}


def whole_until(found: Sequence[Entry], until: datetime | None) -> list[Entry]:
    """Entries of the transactions that were over at `until`: a transaction is taken whole or not at all."""
    if until is None:
        return list(found)
    last: dict[str, datetime] = defaultdict(lambda: datetime.min.replace(tzinfo=until.tzinfo))
    for each in found:
        last[each["xid"]] = max(last[each["xid"]], datetime.fromisoformat(each["at"]))
    return [each for each in found if last[each["xid"]] <= until]


def load_journal(tx: Tx, found: Iterable[Entry]) -> int:
    """Fill the empty journal of a restored database; number of entries."""
    tx.execute("CREATE TEMP TABLE sealed (line jsonb) ON COMMIT DROP")
    count = tx.copy_in("sealed (line)", ([each["line"]] for each in found))
    columns = ", ".join(identifier(name) for name in _COLUMNS)
    values = ", ".join(f"({value})::{kind}" for value, kind in ((_value(name), kind) for name, kind in _COLUMNS.items()))
    tx.execute(f"INSERT INTO journal.entry ({columns}) OVERRIDING SYSTEM VALUE SELECT {values} FROM sealed ORDER BY 1")
    tx.execute("SELECT setval(pg_get_serial_sequence('journal.entry', 'id'), coalesce((SELECT max(id) FROM journal.entry), 1))")
    return count


def _value(name: str) -> str:
    return f"nullif(line -> '{name}', 'null')" if _COLUMNS[name] == "jsonb" else f"line ->> '{name}'"


def load_register(tx: Tx, folder: Path, segments: Sequence[journal.Segment]) -> None:
    """Fill the empty register of segments of a restored database."""
    names = ("number", "snapshot", "entries", "first_id", "last_id", "sha256", "previous", "signature", "sealed_at")
    tx.copy_in(f"journal.segment ({', '.join(names)})", ([getattr(each, name) for name in names] for each in segments))


def apply(tx: Tx, changes: Iterable[Entry]) -> int:
    """Bring each changed row to the state of its last entry; applying them again changes nothing.

    All changed rows leave before any comes back: what stood in between need not fit what stands now (a number that wandered from
    one row to another would be there twice). Triggers and foreign keys rest meanwhile.

    Returns the number of changes. The transaction belongs to the superuser of the recovery server.

    Raises
    ------
    Conflict
        The changes name a table that the restored database does not have.
    """
    known = {f"{schema}.{name}": (schema, name, key) for schema, name, key in tables(tx)}
    tx.execute("CREATE TEMP TABLE change (number bigint, line jsonb) ON COMMIT DROP")
    found = (each["line"] for each in changes if each["kind"] == "change")
    count = tx.copy_in("change (number, line)", enumerate(found))
    tx.execute(
        """CREATE TEMP TABLE last_change ON COMMIT DROP AS
           SELECT DISTINCT ON (line ->> 'table', line -> 'key') line ->> 'table' AS "table", line
           FROM change ORDER BY line ->> 'table', line -> 'key', number DESC"""
    )
    touched = [row["table"] for row in tx.rows('SELECT DISTINCT "table" FROM last_change ORDER BY 1')]
    if unknown := [name for name in touched if name not in known]:
        raise Conflict(f"the journal changes {', '.join(unknown)}, which the restored database does not have")
    tx.execute("SET LOCAL session_replication_role = replica")
    for name in touched:
        schema, table, key = known[name]
        tx.execute(f"ALTER TABLE {identifier(schema, table)} DISABLE TRIGGER USER")
        for statement in _statements(tx, schema, table, key):
            tx.execute(statement, (name,))
        tx.execute(f"ALTER TABLE {identifier(schema, table)} ENABLE TRIGGER USER")
    _restore_always(tx)
    return count


def _statements(tx: Tx, schema: str, name: str, key: list[str]) -> tuple[str, str]:
    """What takes the changed rows of a table out, and what puts in those that are there in the end."""
    rows = tx.rows(
        "SELECT attname::text AS name FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        (identifier(schema, name),),
    )
    table, names = identifier(schema, name), ", ".join(identifier(row["name"]) for row in rows)
    source = f"last_change l, jsonb_populate_record(NULL::{table}, l.line -> '{{}}') k WHERE l.\"table\" = %s"
    same = " AND ".join(f"t.{identifier(c)} = k.{identifier(c)}" for c in key)
    delete = f"DELETE FROM {table} t USING {source.format('key')} AND {same}"
    put = f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM {source.format('row')} "
    return delete, put + "AND l.line ->> 'op' <> 'D'"


def _restore_always(tx: Tx) -> None:
    """Capture and refusal are on whatever the session's role, as the migrations made them."""
    for row in tx.rows(
        "SELECT n.nspname AS schema, c.relname AS name, t.tgname AS trigger FROM pg_trigger t "
        "JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace pn ON pn.oid = p.pronamespace "
        "WHERE pn.nspname = 'journal' AND NOT t.tgisinternal"
    ):
        tx.execute(f"ALTER TABLE {identifier(row['schema'], row['name'])} ENABLE ALWAYS TRIGGER {identifier(row['trigger'])}")
