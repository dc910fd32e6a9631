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
    """Apply row changes; applying them again changes nothing. Triggers and foreign keys rest meanwhile.

    Returns the number of changes. The transaction belongs to the superuser of the recovery server.
    """
    known = {f"{schema}.{name}": (schema, name, key) for schema, name, key in tables(tx)}
    statements = {name: _statements(tx, *parts) for name, parts in known.items()}
    watched = [identifier(schema, name) for schema, name, _ in known.values()]
    tx.execute("SET LOCAL session_replication_role = replica")
    for table in watched:
        tx.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    count = 0
    for each in changes:
        if each["kind"] != "change":
            continue
        put, delete = statements[each["table"]]
        tx.execute(delete if each["op"] == "D" else put, {"line": each["line"]})
        count += 1
    for table in watched:
        tx.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    _restore_always(tx)
    return count


def _statements(tx: Tx, schema: str, name: str, key: list[str]) -> tuple[str, str]:
    rows = tx.rows(
        "SELECT attname::text AS name FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        (identifier(schema, name),),
    )
    columns = [row["name"] for row in rows]
    table, names = identifier(schema, name), ", ".join(map(identifier, columns))
    sets = ", ".join(f"{identifier(c)} = EXCLUDED.{identifier(c)}" for c in columns if c not in key)
    keys = ", ".join(map(identifier, key))
    conflict = f"DO UPDATE SET {sets}" if sets else "DO NOTHING"
    source = f"jsonb_populate_record(NULL::{table}, %(line)s::jsonb -> '{{}}')"
    put = f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM {source.format('row')} "
    put += f"ON CONFLICT ({keys}) {conflict}"
    match = " AND ".join(f"t.{identifier(c)} = k.{identifier(c)}" for c in key)
    return put, f"DELETE FROM {table} t USING {source.format('key')} k WHERE {match}"


def _restore_always(tx: Tx) -> None:
    """Capture and refusal are on whatever the session's role, as the migrations made them."""
    for row in tx.rows(
        "SELECT n.nspname AS schema, c.relname AS name, t.tgname AS trigger FROM pg_trigger t "
        "JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace pn ON pn.oid = p.pronamespace "
        "WHERE pn.nspname = 'journal' AND NOT t.tgisinternal"
    ):
        tx.execute(f"ALTER TABLE {identifier(row['schema'], row['name'])} ENABLE ALWAYS TRIGGER {identifier(row['trigger'])}")
