"""Imports: a file is taken in, checked, chosen by the operator, loaded, and counted as done when a base holds it."""

import hashlib
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit import clock, journal, reading, tables
from kit.db import Tx
from kit.errors import Conflict, Invalid, NotFound
from systems.resident_registry.model.imports import NAMES, Choice, ImportJob, Unidentified, Wrong
from systems.resident_registry.model.people import Office
from systems.resident_registry.rules import imports as rules
from systems.resident_registry.store import imports as store

TABLE = "resident_registry.import_job"
PIECE_BYTES = 1 << 20
FAULTS_IN_WORKBOOK = 1000
MOST_BYTES = 1 << 30
GONE = "the uploaded file is no longer here (the database server was restarted hard): withdraw this import and upload it again"


def receive(tx: Tx, office: Office, file: IO[bytes]) -> tuple[ImportJob, bool]:
    """Take a file in, sealed piece by piece; its job, and whether it is new: the same bytes again are the same job.

    Raises
    ------
    Conflict
        Another import is on its way.
    Invalid
        The file is empty or larger than a gibibyte.
    """
    number, sha256, size, place = uuid4(), hashlib.sha256(), 0, 0
    cipher = AESGCM(office.data_key)
    while piece := file.read(PIECE_BYTES):
        size += len(piece)
        if size > MOST_BYTES:
            raise Invalid("the file is larger than 1 GiB: split it by households")
        sha256.update(piece)
        store.add_piece(tx, number, place, _sealed(cipher, number, place, piece))
        place += 1
    if not size:
        raise Invalid("the file is empty")
    known = store.last_with_file(tx, sha256.hexdigest())
    if known is not None:
        store.sweep_pieces(tx, number)
        return known, False
    if store.open_job(tx) is not None:
        raise Conflict("another import is on its way: finish or withdraw it first")
    store.add_job(tx, number, sha256=sha256.hexdigest(), size=size, at=clock.now())
    return store.job(tx, number), True


def _sealed(cipher: AESGCM, number: UUID, place: int, piece: bytes) -> bytes:
    nonce = secrets.token_bytes(12)
    return nonce + cipher.encrypt(nonce, piece, number.bytes + place.to_bytes(4))


def opened(tx: Tx, office: Office, number: UUID) -> Iterator[bytes]:
    """The file of a job, piece by piece.

    Raises
    ------
    Conflict
        A piece is missing or altered.
    """
    cipher, size = AESGCM(office.data_key), 0
    for place, sealed in store.pieces(tx, number):
        try:
            piece = cipher.decrypt(sealed[:12], sealed[12:], number.bytes + place.to_bytes(4))
        except InvalidTag:
            raise Conflict("the uploaded file was altered: withdraw this import and upload it again") from None
        size += len(piece)
        yield piece
    if size != store.job(tx, number).size:
        raise Conflict(GONE)


def choose(tx: Tx, number: UUID, choice: Choice) -> ImportJob:
    """The operator's choice: all rows (only when none is faulty), or the valid rows only. Nothing was saved before it.

    Raises
    ------
    Conflict
        The file is not checked yet or was chosen already; or all were chosen and some are faulty, or none is left.
    """
    job = store.job(tx, number, lock=True)
    if job.state != "checked":
        raise Conflict(f"this import is {job.state}: a choice is made when it is checked")
    if choice == "all" and job.faults:
        raise Conflict(f"{job.faults} faults are in the file: correct it and upload it again, or load the valid rows only")
    if not job.rows_valid:
        raise Conflict("no row of the file is valid: correct it and upload it again")
    store.set_state(tx, number, "chosen", choice=choice, chosen_by=tx.actor, chosen_at=clock.now())
    return store.job(tx, number)


def withdraw(tx: Tx, number: UUID) -> ImportJob:
    """Throw an import away that was not loaded; its file goes with it."""
    job = store.job(tx, number, lock=True)
    if job.state not in ("uploaded", "checked", "chosen", "refused", "withdrawn"):
        raise Conflict(f"this import is {job.state}: it can no longer be withdrawn")
    if job.state not in ("refused", "withdrawn"):
        store.set_state(tx, number, "withdrawn")
    store.sweep_pieces(tx, number)
    store.sweep_checks(tx, None)
    return store.job(tx, number)


def faults(tx: Tx, number: UUID, *, after: int, limit: int) -> list[Wrong]:
    """Faults of the rows behind `after`."""
    job = store.job(tx, number)
    return store.faults(tx, job.check_id, after=after, limit=limit) if job.check_id else []


def advice(wrong: Wrong) -> str:
    """What to do about a fault."""
    return rules.ADVICE[wrong.rule]


def write_faults(tx: Tx, office: Office, number: UUID, path: Path) -> None:
    """Write the first thousand faulty rows as Excel: each faulty cell coloured, and what is wrong with it behind the row.

    That they leave is recorded before they do: they are what the file holds of persons.

    Raises
    ------
    Conflict
        The file is no longer here.
    """
    found = faults(tx, number, after=0, limit=FAULTS_IN_WORKBOOK)
    wanted = {each.row for each in found}
    rows = read_rows(tx, office, store.job(tx, number))
    header = next(rows, [])
    place = {name.strip(): column for column, name in enumerate(header, 1)}
    cells: dict[int, list[str]] = {}
    for row, each in enumerate(rows, 2):
        if row in wanted:
            cells[row] = each
            if len(cells) == len(wanted):
                break
    journal.record(
        tx, "event", table=TABLE, key={"id": str(number)}, detail={"act": "faulty rows handed out", "rows": len(cells)}
    )
    told = [tables.Fault(each.row, place.get(each.column or ""), each.rule, advice(each)) for each in found]
    tables.write_faults_xlsx(path, "誤り", header, cells, told)


def read_rows(tx: Tx, office: Office, job: ImportJob) -> Iterator[list[str]]:
    """Every row of a checked file, its heading first."""
    if job.encoding == "xlsx":
        yield from reading.rows_of_workbook(b"".join(opened(tx, office, job.id)))
    elif job.encoding:
        for block in reading.blocks(reading.decoded(opened(tx, office, job.id), job.encoding)):
            yield from reading.rows_of(block)


def unidentified(tx: Tx, number: UUID) -> list[Unidentified]:
    """The 外字 of a checked import. Candidates are what the same code point was identified as before; none is guessed."""
    job = store.job(tx, number)
    return store.characters(tx, job.check_id) if job.check_id else []


def identify(tx: Tx, number: UUID, point: str, character: str) -> None:
    """Say what a private-use character stands for; the file is checked again with it.

    Raises
    ------
    NotFound
        The import has no such character.
    Conflict
        The import is past its check.
    """
    job = store.job(tx, number, lock=True)
    if job.state not in ("checked", "uploaded"):
        raise Conflict(f"this import is {job.state}: characters are identified before the choice")
    if job.check_id is None or point not in {each.code_point for each in store.characters(tx, job.check_id)}:
        raise NotFound("this import has no such private-use character")
    store.identify(tx, point, rules.check_identification(character), clock.now())
    store.set_state(tx, number, "uploaded")


def mark_based(tx: Tx, *, before: datetime, at: datetime) -> list[UUID]:
    """Count imports as done that were loaded before a base was begun: they would survive the loss of this site; which."""
    return store.mark_based(tx, before, at)


def write_template(path: Path) -> None:
    """Write an empty workbook of the layout, its cells text, so that leading zeros and days stay as they are typed."""
    tables.write_faults_xlsx(path, "住民", NAMES, {}, [])
