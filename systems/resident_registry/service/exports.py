"""Packs of everything in open formats: asked for by one, released by another, made from any connection that may read.

A pack is a ZIP archive: `residents.csv` in the layout of imports, every table as CSV and as JSON Lines, `characters.csv` when
characters had to be replaced, and `manifest.json` with the rows, bytes and SHA-256 of each.
"""

import hashlib
import io
import json
import secrets
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import IO, Any, cast
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit import clock, journal
from kit.civic.repertoire import Substitution
from kit.db import Tx
from kit.errors import Conflict, Forbidden, Invalid
from kit.tables import CHARACTER_REPORT, Cell, Encoding, character_report, write_csv_to
from systems.resident_registry.model.exports import Contents, ExportJob, ExportState
from systems.resident_registry.model.imports import LAYOUT, NAMES
from systems.resident_registry.model.people import Office
from systems.resident_registry.service import retired_numbers
from systems.resident_registry.service.measures import hold
from systems.resident_registry.service.numbers import open_number
from systems.resident_registry.store import exports as store

TABLE = "resident_registry.export_job"
PIECE_BYTES = 1 << 20
_AT = {column.item: place for place, column in enumerate(LAYOUT)}


def request(tx: Tx, *, ground: str, encoding: Encoding, with_numbers: bool) -> ExportJob:
    """Ask for a pack; nothing is made before somebody else releases it."""
    if not ground.strip():
        raise Invalid("give the written ground for which everything is exported")
    number = uuid4()
    store.add_job(tx, number, ground=ground, encoding=encoding, with_numbers=with_numbers, at=clock.now())
    return store.job(tx, number)


def decide(tx: Tx, number: UUID, *, release: bool, with_protected: bool, roles: frozenset[str]) -> ExportJob:
    """Release or refuse a pack that another asked for.

    Raises
    ------
    Conflict
        It was decided already.
    Forbidden
        By whoever asked for it; with protected residents' places without the role for measures; with individual numbers
        without the role for numbers.
    """
    job = store.job(tx, number, lock=True)
    if job.state != "requested":
        raise Conflict(f"this export is {job.state}: it was decided already")
    if tx.actor == job.requested_by:
        raise Forbidden("another officer than the one who asked for the export decides on it")
    if release and with_protected and "dv_officer" not in roles:
        raise Forbidden("only the role for protective measures releases the places of protected residents")
    if release and job.with_numbers and "number_officer" not in roles:
        raise Forbidden("only the role for individual numbers releases them")
    state: ExportState = "released" if release else "refused"
    decided = {"with_protected": release and with_protected, "decided_by": tx.actor, "decided_at": clock.now()}
    store.set_state(tx, number, state, **decided)
    return store.job(tx, number)


@dataclass
class Written:
    """One file of a pack."""

    name: str
    rows: int = 0
    bytes: int = 0
    sha256: str = ""
    replaced: list[Substitution] = field(default_factory=list)


class _Counted(io.RawIOBase):
    """Passes bytes on, counting and hashing them."""

    def __init__(self, out: IO[bytes], about: Written) -> None:
        self._out, self._about, self._hash = out, about, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._out.write(data)
        self._hash.update(data)
        self._about.bytes += len(data)
        self._about.sha256 = self._hash.hexdigest()
        return len(data)


def write_pack(
    tx: Tx, out: IO[bytes], contents: Contents, *, tenant: str, made_at: datetime, office: Office | None
) -> dict[str, Any]:
    """Write the pack of the state that the transaction sees; its manifest. The transaction may be read-only.

    `office` carries the keys; without it (a restored copy elsewhere) no individual number can be written.

    Raises
    ------
    Forbidden
        Individual numbers are asked for without the keys of their zone (R10).
    """
    if contents.with_numbers and office is None:
        raise Forbidden("individual numbers do not leave the zone mynumber")
    files: list[Written] = []
    store.make_room(tx)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as pack:
        rows = _residents(tx, contents, office)
        files.append(_csv(pack, "residents.csv", NAMES, rows, contents.encoding))
        if contents.with_numbers and office:
            changed = retired_numbers.rows(tx, office)
            files.append(_csv(pack, "retired_numbers.csv", retired_numbers.HEADING, changed, contents.encoding))
        for table in store.EXPORTED:
            files += _table(tx, pack, table, contents)
        replaced = [(f.name, *row) for f in files for row in character_report(f.replaced)]
        if replaced:
            files.append(_csv(pack, "characters.csv", ("ファイル", *CHARACTER_REPORT), replaced, "utf-8-sig"))
        manifest = {
            "tenant": tenant,
            "synthetic": True,
            "made_at": made_at.isoformat(),
            "encoding": contents.encoding,
            "with_individual_numbers": contents.with_numbers,
            "with_protected_places": contents.with_protected,
            "left_out": store.LEFT_OUT,
            "files": [{k: v for k, v in asdict(f).items() if k != "replaced"} for f in files],
        }
        pack.writestr("manifest.json", json.dumps(manifest, ensure_ascii=False, indent=1))
    return manifest


def _residents(tx: Tx, contents: Contents, office: Office | None) -> Iterator[Sequence[Cell]]:
    number, identity = _AT["individual_number"], _AT["id"]
    for row in store.residents(tx, with_protected=contents.with_protected, with_numbers=contents.with_numbers):
        cells: list[Cell] = list(row)
        if cells[number] and office:
            cells[number] = open_number(office, UUID(str(cells[identity])), bytes.fromhex(str(cells[number])))
        yield cells


def _table(tx: Tx, pack: zipfile.ZipFile, table: store.Exported, contents: Contents) -> list[Written]:
    """The table as CSV and as JSON Lines."""
    named = store.columns(tx, table)
    rows = store.table_rows(tx, table, named, with_protected=contents.with_protected)
    found = _csv(pack, f"tables/{table.name}.csv", named, rows, contents.encoding)
    objects = store.table_objects(tx, table, named, with_protected=contents.with_protected)
    return [found, _file(pack, f"tables/{table.name}.jsonl", lambda out: _lines(out, objects))]


def _lines(out: IO[bytes], rows: Iterable[tuple[str | None, ...]]) -> int:
    count, some = 0, list[str]()
    for count, (text,) in enumerate(rows, 1):
        some.append(f"{text}\n")
        if count % 1000 == 0:
            out.write("".join(some).encode())
            some.clear()
    out.write("".join(some).encode())
    return count


def _csv(pack: zipfile.ZipFile, name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]], encoding: Encoding) -> Written:
    counted = _Rows(rows)
    about = Written(name)

    def write(out: IO[bytes]) -> int:
        about.replaced = write_csv_to(out, header, counted, encoding=encoding)
        return counted.count

    made = _file(pack, name, write)
    made.replaced = about.replaced
    return made


class _Rows:
    """Rows handed on one by one, counted."""

    def __init__(self, rows: Iterable[Sequence[Cell]]) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[Sequence[Cell]]:
        for row in self._rows:
            self.count += 1
            yield row


def _file(pack: zipfile.ZipFile, name: str, write: Callable[[IO[bytes]], int]) -> Written:
    about = Written(name, sha256=hashlib.sha256().hexdigest())
    with pack.open(name, "w", force_zip64=True) as raw:
        about.rows = write(cast(IO[bytes], _Counted(raw, about)))
    return about


def check_pack(pack: IO[bytes]) -> dict[str, Any]:
    """The manifest of a pack whose every file is the one it names; for whoever receives one.

    Raises
    ------
    Conflict
        A file is missing, not named, or altered; says which.
    """
    with zipfile.ZipFile(pack) as archive:
        manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
        expected = {each["name"]: each for each in manifest["files"]}
        odd = sorted(set(archive.namelist()) - {"manifest.json"} ^ set(expected))
        if odd:
            raise Conflict(f"{odd[0]}: in the pack or in its manifest, not in both")
        for name, about in expected.items():
            with archive.open(name) as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != about["sha256"]:  # type: ignore[arg-type]
                    raise Conflict(f"{name} is not the file that the manifest names")
    return manifest


class Sealing(io.RawIOBase):
    """Takes a pack's bytes and keeps them as sealed pieces of the job; nothing lies open on a disk."""

    def __init__(self, tx: Tx, office: Office, number: UUID) -> None:
        self._tx, self._number, self._cipher = tx, number, AESGCM(office.data_key)
        self._left, self._place, self._hash = bytearray(), 0, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._left += data
        while len(self._left) >= PIECE_BYTES:
            self._put(bytes(self._left[:PIECE_BYTES]))
            del self._left[:PIECE_BYTES]
        return len(data)

    def finish(self) -> str:
        """The last piece; SHA-256 of all of them."""
        if self._left:
            self._put(bytes(self._left))
            self._left.clear()
        return self._hash.hexdigest()

    def _put(self, piece: bytes) -> None:
        self._hash.update(piece)
        nonce = secrets.token_bytes(12)
        bound = self._number.bytes + self._place.to_bytes(4)
        store.add_piece(self._tx, self._number, self._place, nonce + self._cipher.encrypt(nonce, piece, bound))
        self._place += 1


def hand_out(tx: Tx, office: Office, number: UUID, roles: frozenset[str]) -> bytes:
    """The pack, to whoever asked for it or released it; recorded before it leaves.

    Raises
    ------
    Conflict
        It is not made yet, or swept.
    Forbidden
        To anybody else; with individual numbers or protected places also to whoever lacks their role.
    """
    hold(tx)
    job = store.job(tx, number)
    if job.state != "made" or job.manifest is None:
        raise Conflict(f"this export is {job.state}: there is no pack")
    if tx.actor not in (job.requested_by, job.decided_by):
        raise Forbidden("a pack goes to whoever asked for it or released it")
    if not _needed(job) <= roles:
        raise Forbidden("this pack goes to the roles for what is in it: protective measures, individual numbers")
    journal.record(
        tx, "event", table=TABLE, key={"id": str(number)}, detail={"act": "export handed out", "sha256": job.pack_sha256}
    )
    return b"".join(_opened(tx, office, number))


def _needed(job: ExportJob) -> set[str]:
    return ({"number_officer"} if job.with_numbers else set()) | ({"dv_officer"} if job.with_protected else set())


def _opened(tx: Tx, office: Office, number: UUID) -> Iterator[bytes]:
    cipher, place = AESGCM(office.data_key), 0
    while (sealed := store.piece(tx, number, place)) is not None:
        yield cipher.decrypt(sealed[:12], sealed[12:], number.bytes + place.to_bytes(4))
        place += 1
    if not place:
        raise Conflict("the pack is no longer here (the database server was restarted hard): ask for it again")


def sweep(tx: Tx, number: UUID) -> ExportJob:
    """Throw a pack away that is no longer needed; that it was made stays on record."""
    job = store.job(tx, number, lock=True)
    if job.state not in ("made", "swept"):
        raise Conflict(f"this export is {job.state}: there is nothing to sweep")
    store.sweep(tx, number)
    store.set_state(tx, number, "swept")
    return store.job(tx, number)
