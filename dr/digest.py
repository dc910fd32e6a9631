"""A database's state in few bytes: enough to tell later, without the original, whether a restored copy has the same rows."""

import hashlib
import json

from dr.model import Digest, TableDigest
from kit.db import Tx, identifier

#: schemas that are not business data: the journal proves itself by its own chain
LEFT_OUT = ("pg_catalog", "information_schema", "journal")
#: hex digits of the key's hash that name a bucket: 4096 of them
BUCKET_DIGITS = 3


def tables(tx: Tx) -> list[tuple[str, str, list[str]]]:
    """Schema, name and key columns of every table outside the journal, in order; unlogged ones are scratch and left out."""
    rows = tx.rows(
        """SELECT n.nspname AS schema, c.relname AS name,
               array(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a
                     ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
                     WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY a.attnum) AS key
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 'u' AND NOT c.relispartition
             AND n.nspname <> ALL (%s) AND n.nspname NOT LIKE 'pg\\_%%'
           ORDER BY 1, 2""",
        (list(LEFT_OUT),),
    )
    return [(row["schema"], row["name"], row["key"]) for row in rows]


def take(tx: Tx, schema: str) -> Digest:
    """Digest of everything the transaction sees; `schema` is the database's schema as text."""
    for setting in ("TimeZone = 'UTC'", "DateStyle = 'ISO'", "extra_float_digits = 1", "bytea_output = 'hex'"):
        tx.execute(f"SET LOCAL {setting}")
    found = {f"{space}.{name}": _table(tx, space, name, key) for space, name, key in tables(tx)}
    sequences = {
        row["name"]: row["value"]
        for row in tx.rows(
            "SELECT schemaname || '.' || sequencename AS name, last_value AS value FROM pg_sequences "
            "WHERE schemaname <> ALL (%s) ORDER BY 1",
            (list(LEFT_OUT),),
        )
    }
    return Digest(tables=found, sequences=sequences, schema_sha256=hashlib.sha256(schema.encode()).hexdigest())


def _table(tx: Tx, schema: str, name: str, key: list[str]) -> TableDigest:
    by = " || '/' || ".join(f"t.{identifier(column)}::text" for column in key) or "t::text"
    rows = tx.rows(
        f"""SELECT bucket, count(*) AS rows, md5(string_agg(hash, '' ORDER BY hash)) AS hash FROM (
                SELECT left(md5({by}), {BUCKET_DIGITS}) AS bucket, md5(t::text) AS hash FROM {identifier(schema, name)} t) h
            GROUP BY bucket ORDER BY bucket"""
    )
    buckets = {row["bucket"]: (int(row["rows"]), str(row["hash"])) for row in rows}
    return TableDigest(rows=sum(count for count, _ in buckets.values()), buckets=buckets)


def sha256(digest: Digest) -> str:
    """Hash of a digest's canonical text."""
    return hashlib.sha256(json.dumps(digest.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def compare(expected: Digest, found: Digest) -> tuple[int, int, list[str]]:
    """Rows compared, rows in buckets that differ, and what differs by name."""
    differs, compared, different = [], 0, 0
    for name in sorted(expected.tables.keys() | found.tables.keys()):
        a, b = expected.tables.get(name), found.tables.get(name)
        if a is None or b is None:
            differs.append(f"table {name} is {'missing' if b is None else 'not expected'}")
            different += (a or b).rows  # type: ignore[union-attr]
            continue
        compared += max(a.rows, b.rows)
        wrong = [k for k in a.buckets.keys() | b.buckets.keys() if a.buckets.get(k) != b.buckets.get(k)]
        if wrong:
            rows = sum(max(a.buckets.get(k, (0, ""))[0], b.buckets.get(k, (0, ""))[0]) for k in wrong)
            different += rows
            differs.append(f"table {name}: up to {rows} rows in {len(wrong)} buckets")
    if expected.sequences != found.sequences:
        differs.append("sequences")
    if expected.schema_sha256 != found.schema_sha256:
        differs.append("schema")
    return compared, different, differs
