"""Dump and load: pg_dump in a given snapshot, pg_restore; every exit code looked at."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from kit.errors import Unavailable
from tools import programs

#: the server gives these constraints names by the order in which tables are made, and a restore has another order
_NAMED_NOT_NULL = re.compile(r" CONSTRAINT \S+ NOT NULL")
#: what replay brings back from the segments is not dumped
REBUILT = ("journal.entry", "journal.segment")


def _run(program: str, arguments: Sequence[str], url: str) -> str:
    place = urlsplit(url)
    environment = {
        "PGHOST": place.hostname or "",
        "PGPORT": str(place.port),
        "PGUSER": place.username or "",
        "PGPASSWORD": place.password or "",
        "PGDATABASE": place.path.lstrip("/"),
        "PATH": os.defpath,
    }
    command = [str(programs.postgres_bin() / program), "--no-password", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        last = " ".join(done.stderr.strip().splitlines()[-1:])[-300:]
        raise Unavailable(f"{program} failed (exit {done.returncode}): {last}")
    return done.stdout


def dump(url: str, snapshot: str, folder: Path) -> None:
    """The database as that snapshot sees it, uncompressed so that equal tables are stored once; complete or not at all."""
    draft = folder.with_name(folder.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    options = [f"--exclude-table-data={name}" for name in REBUILT]
    options.append("--no-unlogged-table-data")  # scratch, here and in the digest
    _run("pg_dump", ["-Fd", "-Z0", f"--snapshot={snapshot}", "--no-sync", "-f", str(draft), *options], url)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def load(url: str, folder: Path) -> None:
    """Fill the empty database from a dump; stops at the first error."""
    _run("pg_restore", ["--exit-on-error", "-j", "2", "-d", urlsplit(url).path.lstrip("/"), str(folder)], url)


def schema(url: str) -> str:
    """The schema as text, without what depends on when or by which program it was written."""
    text = _NAMED_NOT_NULL.sub(" NOT NULL", _run("pg_dump", ["--schema-only", "--no-comments"], url))
    keep = [line for line in text.splitlines() if line and not line.startswith(("--", "\\restrict", "\\unrestrict", "SET "))]
    return "\n".join(keep)


def folder_sha256(folder: Path) -> str:
    """One hash over names and contents of all files below."""
    whole = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        with file.open("rb") as content:
            whole.update(f"{file.relative_to(folder)}\n{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()
