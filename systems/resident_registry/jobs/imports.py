"""Taking a file into the register: a job beside the counter, with the role of bulk imports for the load alone.

Killed anywhere, it goes on: a check that was broken off begins again and what it left is swept away, a load is one transaction.
"""

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from uuid import UUID, uuid4

from kit import clock, journal, reading
from kit.db import Tx, connect
from kit.errors import CallerError, Conflict, Unavailable
from kit.tables import FAULTS
from systems.resident_registry.model.imports import NAMES, ImportJob
from systems.resident_registry.model.people import RESIDENT, Office
from systems.resident_registry.service import import_rows
from systems.resident_registry.service import imports as service
from systems.resident_registry.store import imports as store
from systems.resident_registry.store import people

#: who writes, and the lock that one process at a time holds
ACTOR = "import job"
#: a smaller file (85,000 rows) is checked in this process: starting others costs more than they save where others work too
SMALL_BYTES = 24 << 20
PROCESSES = 2


@dataclass(frozen=True)
class Doors:
    """Connections: of the zone (job and scratch), of bulk imports (the load), and of a reader of the journal."""

    zone: str
    bulk: str
    reader: str


def work(doors: Doors, office: Office) -> ImportJob | None:
    """Take the import that is on its way as far as it goes without the operator; the job, or None when there is none.

    Raises
    ------
    Unavailable
        Another process is at it.
    """
    with _alone(doors):
        with connect(doors.zone, actor=ACTOR) as tx:
            job = store.open_job(tx)
        if job is None:
            return None
        if job.state == "uploaded":
            _check(doors, office, job)
        elif job.state in ("chosen", "loading"):
            _load(doors, job)
        with connect(doors.zone, actor=ACTOR) as tx:
            return store.job(tx, job.id)


@contextmanager
def _alone(doors: Doors) -> Iterator[None]:
    with connect(doors.zone, autocommit=True, actor=ACTOR) as lock:
        if not lock.value("SELECT pg_try_advisory_lock(hashtext(%s))", (ACTOR,)):
            raise Unavailable("another process works on this import")
        try:
            yield
        finally:  # the server notices the end of a connection later than whoever comes next
            lock.execute("SELECT pg_advisory_unlock(hashtext(%s))", (ACTOR,))


def _check(doors: Doors, office: Office, job: ImportJob) -> None:
    check = uuid4()
    try:
        encoding, rows = _checked(doors, office, job, check)
    except (reading.Unreadable, Conflict) as wrong:
        with connect(doors.zone, actor=ACTOR) as tx:
            store.set_state(tx, job.id, "refused", refused_for=wrong.detail)
            store.sweep_pieces(tx, job.id)
        return
    with connect(doors.bulk, actor=ACTOR) as tx:
        store.find_between_rows(tx, check, is_empty=not people.has_any(tx))
    with connect(doors.zone, actor=ACTOR) as tx:
        store.drop_faulty_rows(tx, check)
        valid, faults = store.counted(tx, check)
        told = {"rows": rows, "rows_valid": valid, "faults": faults}
        store.set_state(tx, job.id, "checked", check_id=check, encoding=encoding, **told)
        store.sweep_checks(tx, check)


def _checked(doors: Doors, office: Office, job: ImportJob, check: UUID) -> tuple[str, int]:
    """Encoding of the file, and number of its rows; checked rows and faults are written down."""
    with connect(doors.bulk, actor=ACTOR) as tx:
        known = store.identified(tx)
        head = next(service.opened(tx, office, job.id), None)
        if head is None:
            raise Conflict(service.GONE)
        if reading.is_workbook(head):
            rows = reading.rows_of_workbook(b"".join(service.opened(tx, office, job.id)))
            heading = reading.header_of(next(rows, []), NAMES, ignored=(FAULTS,))
            found = import_rows.Checker(office, check, heading, known).check(2, rows)
            return "xlsx", _written(tx, check, found)
        encoding = reading.detect_encoding_of(lambda: service.opened(tx, office, job.id))
        blocks = reading.blocks(reading.decoded(service.opened(tx, office, job.id), encoding))
        first = next(blocks)
        heading = reading.header_of(next(reading.rows_of(first), []), NAMES, ignored=(FAULTS,))
        task = Task(doors.bulk, office, check, heading, known)
        every = chain([first], blocks)
        return encoding, _in_parallel(task, every) if job.size > SMALL_BYTES else sum(map(task.check, every))


@dataclass
class Task:
    """What a process needs to check blocks of one file."""

    url: str
    office: Office
    check_id: UUID
    heading: list[str | None]
    known: dict[str, str]

    def check(self, block: reading.Block) -> int:
        """Check a block and write down what was found, all of it or nothing; number of its rows."""
        checker = import_rows.Checker(self.office, self.check_id, self.heading, self.known)
        rows, first = reading.rows_of(block), block.first_row
        if first == 1:
            next(rows)
            first = 2
        found = checker.check(first, rows)
        with connect(self.url, actor=ACTOR) as tx:
            return _written(tx, self.check_id, found)


def _written(tx: Tx, check: UUID, found: import_rows.Lines) -> int:
    store.copy_rows(tx, found.lines)
    store.copy_faults(tx, check, found.wrong)
    store.copy_characters(tx, check, found.characters)
    return found.rows


def _in_parallel(task: Task, blocks: Iterator[reading.Block]) -> int:
    """Every block checked, by several processes; the number of rows. No more blocks are read than are soon needed."""
    rows, waiting = 0, set[Future[int]]()
    # a fresh process: a forked one would share this one's connections; a courteous one: counters on this machine go first
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=os.nice, initargs=(19,)) as pool:
        try:
            for block in blocks:
                waiting.add(pool.submit(task.check, block))
                if len(waiting) > 2 * PROCESSES:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    rows += sum(each.result() for each in done)
            return rows + sum(each.result() for each in waiting)
        except CallerError:
            pool.shutdown(cancel_futures=True)
            raise


def _load(doors: Doors, job: ImportJob) -> None:
    """Put the chosen rows into the register: rows, journal entry and nothing else in one transaction of the bulk role."""
    with connect(doors.reader) as tx:
        done = store.recorded_load(tx, job.id)
    if done is None:
        with connect(doors.zone, actor=ACTOR) as tx:
            store.set_state(tx, job.id, "loading")
        done = {"rows": _loaded(doors, job)}
    with connect(doors.zone, actor=ACTOR) as tx:
        # the instant after the commit: a base that was begun later has all of it
        store.set_state(tx, job.id, "loaded", rows_loaded=done["rows"], loaded_at=clock.now())
        store.sweep_checks(tx, None)
        store.sweep_pieces(tx, job.id)


def _loaded(doors: Doors, job: ImportJob) -> int:
    if job.check_id is None:
        raise Conflict("this import was not checked")
    with connect(doors.bulk, actor=job.chosen_by or ACTOR) as tx:
        rows = store.load(tx, job.check_id)
        if rows != job.rows_valid:
            raise Conflict(service.GONE)
        detail = {"job": str(job.id), "file_sha256": job.file_sha256, "rows": rows, "choice": job.choice}
        journal.record(tx, "import", table=RESIDENT, detail=detail)
    return rows
