"""Keycloak's empty tables, kept by version: only a machine's first cloud waits while they are made change by change.

Kept is the schema with the list of the changes that made it, no row else: no realm, no key, no person.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

from kit.db import connect
from tools import programs

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
#: the tables in which Keycloak's migrations note what they did
CHANGES = ("databasechangelog", "databasechangeloglock")


def kept() -> Path | None:
    """Where the tables of our Keycloak are kept; None when the user's own Keycloak runs, whose version nobody vouches for."""
    if os.environ.get("MCLOUD_KEYCLOAK_HOME"):
        return None
    return programs.cache() / f"keycloak-{programs.KEYCLOAK}-tables.dump"


def tables(url: str) -> list[str]:
    """Names of Keycloak's tables."""
    with connect(url) as tx:
        return [row["tablename"] for row in tx.rows(_TABLES)]


def lay(url: str, file: Path | None) -> bool:
    """Lay the kept tables into an empty database, all or none; False when there are tables, or none are kept."""
    if file is None or not file.exists() or tables(url):
        return False
    programs.run_postgres(
        "pg_restore", ["--single-transaction", "--no-owner", "-d", urlsplit(url).path.lstrip("/"), str(file)], url
    )
    return True


def keep(url: str, file: Path | None) -> bool:
    """Keep the tables of a Keycloak that is ready; False when they are kept already."""
    if file is None or file.exists():
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    rows_of = [f"--exclude-table-data=public.{name}" for name in tables(url) if name not in CHANGES]
    programs.run_postgres("pg_dump", ["-Fc", "-Z0", "--no-owner", "--no-privileges", "-f", str(draft), *rows_of], url)
    draft.replace(file)
    return True
