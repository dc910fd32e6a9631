"""Dump and load: pg_dump in a given snapshot, pg_restore; every exit code looked at."""

import hashlib
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from tools import programs

#: the server gives these constraints names by the order in which tables are made, and a restore has another order
_NAMED_NOT_NULL = re.compile(r" CONSTRAINT \S+ NOT NULL")
#: what replay brings back from the segments is not dumped
REBUILT = ("journal.entry", "journal.segment")


def dump(url: str, snapshot: str, folder: Path) -> None:
    """The database as that snapshot sees it, uncompressed so that equal tables are stored once; complete or not at all."""
    draft = folder.with_name(folder.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    options = [f"--exclude-table-data={name}" for name in REBUILT]
    options.append("--no-unlogged-table-data")  # scratch, here and in the digest
    programs.run_postgres("pg_dump", ["-Fd", "-Z0", f"--snapshot={snapshot}", "--no-sync", "-f", str(draft), *options], url)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def load(url: str, folder: Path) -> None:
    """Fill the empty database from a dump; stops at the first error."""
    programs.run_postgres("pg_restore", ["--exit-on-error", "-j", "2", "-d", urlsplit(url).path.lstrip("/"), str(folder)], url)


def schema(url: str) -> str:
    """The schema as text, without what depends on when or by which program it was written."""
    text = _NAMED_NOT_NULL.sub(" NOT NULL", programs.run_postgres("pg_dump", ["--schema-only", "--no-comments"], url))
    keep = [line for line in text.splitlines() if line and not line.startswith(("--", "\\restrict", "\\unrestrict", "SET "))]
    return "\n".join(keep)


def folder_sha256(folder: Path) -> str:
    """One hash over names and contents of all files below."""
    whole = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        with file.open("rb") as content:
            whole.update(f"{file.relative_to(folder)}\n{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()
