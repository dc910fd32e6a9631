"""Numbered SQL, once, in order, under a lock, with a lock timeout."""

import hashlib
from pathlib import Path

from kit.db import connect
from kit.errors import Conflict

_TABLE = """
CREATE SCHEMA IF NOT EXISTS migrations;
CREATE TABLE IF NOT EXISTS migrations.applied (
    schema text NOT NULL, name text NOT NULL, sha256 text NOT NULL, at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schema, name));
"""


def migrate(url: str, schema: str, directory: Path) -> list[str]:
    """Apply what is new in `directory` (`0001_*.sql` …); names of what was applied now.

    Each file is one transaction together with its record, so a kill leaves it applied or not, never half.

    Raises
    ------
    Conflict
        A file that was applied before has changed since.
    """
    done = []
    with connect(url) as tx:
        tx.execute("SELECT pg_advisory_xact_lock(hashtext('migrations'))")
        tx.execute(_TABLE)
    for file in sorted(directory.glob("[0-9][0-9][0-9][0-9]_*.sql")):
        text = file.read_text()
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        with connect(url) as tx:
            tx.execute("SELECT pg_advisory_xact_lock(hashtext('migrations')), set_config('lock_timeout', '5s', true)")
            known = tx.value("SELECT sha256 FROM migrations.applied WHERE schema=%s AND name=%s", (schema, file.name))
            if known is None:
                tx.execute(text)
                tx.execute("INSERT INTO migrations.applied VALUES (%s, %s, %s)", (schema, file.name, sha256))
                done.append(file.name)
            elif known != sha256:
                raise Conflict(f"migration {schema}/{file.name} was changed after it had been applied: add a new file")
    return done
