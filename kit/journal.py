"""One append-only, hash-chained journal per tenant: capture, access records, sealing, verifying.

A segment holds the entries visible in its snapshot and not in the snapshot of the segment before
(docs/decisions/0018-sealing-by-snapshot-difference.md). File `000001.jsonl.zst`: a header line, one line an entry, a seal
line. The SHA-256 runs over header and entries, names the segment before, and is signed with the tenant's key.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kit import clock
from kit.db import Tx, connect, identifier
from kit.db import json as as_json
from kit.errors import Conflict

Kind = Literal["access", "refusal", "event", "import"]
Line = dict[str, Any]
#: the hash that the first segment names as the one before
START = "0" * 64
LOCK = "SELECT pg_advisory_lock(hashtext('journal.seal'))"


@dataclass(frozen=True)
class Segment:
    """A sealed segment as it is registered."""

    number: int
    snapshot: str
    entries: int
    first_id: int | None
    last_id: int | None
    sha256: str
    previous: str
    signature: str
    sealed_at: datetime


@dataclass(frozen=True)
class Verdict:
    """What verifying found; `first_broken` names the first segment or entry that is not right."""

    entries: int
    segments: int
    intact: bool
    first_broken: str | None


def install(url: str) -> None:
    """Found the journal in the database; as its owner; safe to repeat."""
    with connect(url) as tx:
        tx.execute("SELECT pg_advisory_xact_lock(hashtext('migrations'))")
        tx.execute((Path(__file__).parent / "journal.sql").read_text())


def admit(tx: Tx, *, writers: Sequence[str], sealer: str) -> None:
    """Give roles what they need: writers record and remember answers, the sealer reads and registers segments."""
    for role in (*map(identifier, writers), identifier(sealer)):
        tx.execute(f"GRANT USAGE ON SCHEMA journal, idempotency TO {role}")
        tx.execute(f"GRANT EXECUTE ON FUNCTION journal.record(text, text, jsonb, jsonb), journal.actor() TO {role}")
    for role in map(identifier, writers):
        tx.execute(f"GRANT SELECT, INSERT ON idempotency.answer TO {role}")
    seal = identifier(sealer)
    tx.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA journal, idempotency TO {seal}")
    tx.execute(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA journal TO {seal}")
    tx.execute(f"GRANT INSERT ON journal.segment TO {seal}")
    tx.execute(f"GRANT EXECUTE ON FUNCTION journal.line(journal.entry) TO {seal}")


def record(
    tx: Tx,
    kind: Kind,
    *,
    table: str | None = None,
    key: Mapping[str, object] | None = None,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Write one entry in the caller's own transaction: it is there when the transaction is, and not before.

    `detail` carries facts about the procedure, never names or numbers of persons.
    """
    tx.execute(
        "SELECT journal.record(%s, %s, %s, %s)",
        (kind, table, as_json(key) if key is not None else None, as_json(detail) if detail is not None else None),
    )


def record_access(tx: Tx, table: str, ids: Sequence[object], detail: Mapping[str, object]) -> None:
    """One access entry for each row about to be shown; in the caller's transaction, before the data leaves."""
    tx.execute(
        "SELECT journal.record('access', %s, jsonb_build_object('id', id), %s) FROM unnest(%s::text[]) AS id",
        (table, as_json(detail), [str(each) for each in ids]),
    )


def unwatched(tx: Tx) -> list[str]:
    """Tables whose changes would not reach the journal: no capture trigger, or one that is not always on.

    Unlogged tables are scratch: whoever makes one says that it may be lost (docs/decisions/0038-scratch-is-unlogged.md).
    """
    found = tx.rows(
        """SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 'u'
             AND n.nspname NOT IN ('journal', 'migrations', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%%' AND 2 > (
               SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
               WHERE t.tgrelid = c.oid AND t.tgenabled = 'A'
                 AND p.oid IN ('journal.capture'::regproc, 'journal.refuse'::regproc))
           ORDER BY 1"""
    )
    return [row["name"] for row in found]


@contextmanager
def sealing(
    url: str, directory: Path, *, tenant: str, signer: Ed25519PrivateKey, reached: Callable[[str], None] = lambda _: None
) -> Iterator[tuple[Tx, Segment | None]]:
    """Seal what is new and hand out the snapshot it was sealed in, for a dump or digests of exactly that state.

    Yields the open repeatable-read transaction and the new segment (None when nothing is new). The segment is registered
    when the block ends well; a kill at any point leaves it sealed once or not at all. `reached` is told each point.
    """
    with connect(url, autocommit=True) as lock:
        lock.execute(LOCK)  # before the snapshot is taken: two sealers never work from the same one
        with connect(url, isolation="REPEATABLE_READ", actor="sealer") as tx:
            reached("choose")
            last = tx.row("SELECT * FROM journal.segment ORDER BY number DESC LIMIT 1", into=Segment)
            snapshot = tx.value("SELECT pg_current_snapshot()::text")
            lines = _unsealed(tx, last)
            segment = None
            if lines or last is None:
                segment = _write(directory, tenant, last, snapshot, lines, signer, reached)
                reached("register")
                _register(tx, segment)
            yield tx, segment
        reached("registered")


def seal(url: str, directory: Path, *, tenant: str, signer: Ed25519PrivateKey) -> Segment | None:
    """Seal what is new into the next segment; None when nothing is."""
    with sealing(url, directory, tenant=tenant, signer=signer) as (_, segment):
        return segment


def _unsealed(tx: Tx, last: Segment | None) -> list[str]:
    seen = "true" if last is None else "NOT pg_visible_in_snapshot(e.xid, %(snapshot)s::pg_snapshot)"
    rows = tx.rows(
        f"SELECT journal.line(e) AS line FROM journal.entry e WHERE {seen} ORDER BY e.id",
        {"snapshot": last.snapshot if last else ""},
    )
    return [row["line"] for row in rows]


def _write(
    directory: Path,
    tenant: str,
    last: Segment | None,
    snapshot: str,
    lines: list[str],
    signer: Ed25519PrivateKey,
    reached: Callable[[str], None],
) -> Segment:
    number = last.number + 1 if last else 1
    previous = last.sha256 if last else START
    sealed_at = clock.now()
    header = {"tenant": tenant, "number": number, "previous": previous, "snapshot": snapshot, "entries": len(lines)}
    head = json.dumps(header | {"sealed_at": sealed_at.isoformat()}, ensure_ascii=False)
    body = "".join(line + "\n" for line in (head, *lines)).encode()
    sha256 = hashlib.sha256(body).hexdigest()
    signature = signer.sign(_signed(tenant, number, sha256, len(body))).hex()
    seal_line = json.dumps({"sha256": sha256, "signature": signature}) + "\n"
    directory.mkdir(parents=True, exist_ok=True)
    file = segment_file(directory, number)
    draft = file.with_suffix(".draft")
    with draft.open("wb") as out:
        out.write(zstandard.ZstdCompressor(level=9).compress(body + seal_line.encode()))
        reached("write")
        out.flush()
        os.fsync(out.fileno())
    reached("fsync")
    draft.replace(file)
    reached("rename")
    ids = [json.loads(line)["id"] for line in (lines[0], lines[-1])] if lines else [None, None]
    return Segment(number, snapshot, len(lines), ids[0], ids[1], sha256, previous, signature, sealed_at)


def _register(tx: Tx, s: Segment) -> None:
    tx.execute(
        "INSERT INTO journal.segment VALUES (%s, %s::pg_snapshot, %s, %s, %s, %s, %s, %s, %s)",
        (s.number, s.snapshot, s.entries, s.first_id, s.last_id, s.sha256, s.previous, s.signature, s.sealed_at),
    )


def _signed(tenant: str, number: int, sha256: str, length: int) -> bytes:
    return f"{tenant}|{number}|{sha256}|{length}".encode()


def segment_file(directory: Path, number: int) -> Path:
    """Where segment `number` lies."""
    return directory / f"{number:06d}.jsonl.zst"


def read_segment(path: Path) -> tuple[Line, list[str], Line]:
    """Header, entry lines as sealed, and seal of a segment file; nothing is verified here."""
    *lines, seal_line = zstandard.ZstdDecompressor().decompress(path.read_bytes(), 1 << 30).decode().splitlines()
    return json.loads(lines[0]), lines[1:], json.loads(seal_line)


def check_segment(path: Path, *, tenant: str, number: int, previous: str, public_key: Ed25519PublicKey) -> Segment:
    """The segment in the file, when all of it is right.

    Raises
    ------
    Conflict
        The file is missing, unreadable, altered, of another tenant, out of place, or wrongly signed; says which.
    """
    if not path.exists():
        raise Conflict(f"segment {number}: the file is missing")
    try:
        header, lines, seal_line = read_segment(path)
        body = "".join(line + "\n" for line in (json.dumps(header, ensure_ascii=False), *lines)).encode()
        found = hashlib.sha256(body).hexdigest()
        if (header["tenant"], header["number"], header["previous"]) != (tenant, number, previous):
            raise Conflict(f"segment {number}: tenant, number or the segment before is not the expected one")
        if found != seal_line["sha256"] or header["entries"] != len(lines):
            raise Conflict(f"segment {number}: the content does not fit its hash")
        public_key.verify(bytes.fromhex(seal_line["signature"]), _signed(tenant, number, found, len(body)))
        ids = [json.loads(line)["id"] for line in (lines[0], lines[-1])] if lines else [None, None]
        sealed_at = datetime.fromisoformat(header["sealed_at"])
    except InvalidSignature:
        raise Conflict(f"segment {number}: the signature is not the tenant's") from None
    except (ValueError, KeyError, zstandard.ZstdError, UnicodeDecodeError):
        raise Conflict(f"segment {number}: the file is not a segment") from None
    signature = seal_line["signature"]
    return Segment(number, header["snapshot"], len(lines), ids[0], ids[1], found, previous, signature, sealed_at)


def verify(url: str | None, directory: Path, *, tenant: str, public_key: Ed25519PublicKey) -> Verdict:
    """Recompute the whole chain from the files and, with `url`, compare it with the register and every entry."""
    segments: list[Segment] = []
    entries = 0
    try:
        numbers = sorted(int(p.name[:6]) for p in directory.glob("[0-9]*.jsonl.zst"))
        if url is None:
            for number in range(1, max(numbers, default=0) + 1):
                segments.append(_next(directory, segments, number, tenant, public_key))
                entries += segments[-1].entries
        else:
            with connect(url, isolation="REPEATABLE_READ") as tx:
                entries = tx.value("SELECT count(*) FROM journal.entry")
                _compare(tx, directory, segments, tenant, public_key)
    except Conflict as broken:
        return Verdict(entries, len(segments), False, broken.detail)
    return Verdict(entries, len(segments), True, None)


def _next(directory: Path, before: list[Segment], number: int, tenant: str, key: Ed25519PublicKey) -> Segment:
    previous = before[-1].sha256 if before else START
    file = segment_file(directory, number)
    return check_segment(file, tenant=tenant, number=number, previous=previous, public_key=key)


def _compare(tx: Tx, directory: Path, segments: list[Segment], tenant: str, key: Ed25519PublicKey) -> None:
    for registered in tx.rows("SELECT * FROM journal.segment ORDER BY number", into=Segment):
        found = _next(directory, segments, registered.number, tenant, key)
        if (found.sha256, found.entries, found.signature) != (registered.sha256, registered.entries, registered.signature):
            raise Conflict(f"segment {registered.number}: the file is not the one that was registered")
        _compare_entries(tx, directory, segments[-1] if segments else None, registered)
        segments.append(found)


def _compare_entries(tx: Tx, directory: Path, before: Segment | None, segment: Segment) -> None:
    _, sealed, _ = read_segment(segment_file(directory, segment.number))
    seen = "" if before is None else "AND NOT pg_visible_in_snapshot(e.xid, %(before)s::pg_snapshot)"
    live = tx.rows(
        f"SELECT e.id, journal.line(e) AS line FROM journal.entry e "
        f"WHERE pg_visible_in_snapshot(e.xid, %(this)s::pg_snapshot) {seen} ORDER BY e.id",
        {"this": segment.snapshot, "before": before.snapshot if before else ""},
    )
    for row, line in zip(live, sealed, strict=False):
        if row["line"] != line:
            raise Conflict(f"entry {row['id']}: not what was sealed in segment {segment.number}")
    if len(live) != len(sealed):
        raise Conflict(f"segment {segment.number}: {len(sealed)} entries were sealed, {len(live)} are there")
