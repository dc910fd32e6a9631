"""The journal: every committed change in exactly one segment, nothing altered unseen."""

import json
import random
import threading
import time
from pathlib import Path

import psycopg
import pytest

from infra.targets.services import Postgres
from kit import journal
from kit.db import connect
from kit.errors import CallerError, Conflict
from tests.support.journaled import SIGNER, TENANT, Journaled, journaled


def sealed_entries(folder: Path) -> list[dict[str, object]]:
    found = []
    for file in sorted(folder.glob("*.zst")):
        found += [json.loads(line) for line in journal.read_segment(file)[1]]
    return found


def write(j: Journaled, rows: int, start: int) -> None:
    with connect(j.app, actor="writer") as tx:
        for n in range(start, start + rows):
            tx.execute("INSERT INTO office.thing VALUES (%s, 'x')", (n,))


def _writer(j: Journaled, seed: int, committed: list[int], rolled_back: list[int]) -> None:
    rng = random.Random(seed)
    for round_ in range(12):
        numbers = [seed * 10_000 + round_ * 100 + n for n in range(rng.randint(1, 20))]
        connection = psycopg.connect(j.app)
        for n in numbers:
            connection.execute("INSERT INTO office.thing VALUES (%s, 'a')", (n,))
            if rng.random() < 0.3:
                connection.execute("UPDATE office.thing SET note = 'b' WHERE id = %s", (n,))
        if rng.random() < 0.1:
            time.sleep(0.4)  # holds a low number open across seals
        if rng.random() < 0.2:
            connection.rollback()
            rolled_back.extend(numbers)
        else:
            connection.commit()
            committed.extend(numbers)
        connection.close()


def check_sealed_once(j: Journaled, entries: list[dict[str, object]], committed: list[int], rolled_back: list[int]) -> None:
    """Every committed entry once, none rolled back, the changes of one row in the order of their commits."""
    ids = [entry["id"] for entry in entries]
    assert len(ids) == len(set(ids))
    with connect(j.superuser) as tx:
        assert set(ids) == {row["id"] for row in tx.rows("SELECT id FROM journal.entry")}
        last = {row["id"]: row["note"] for row in tx.rows("SELECT id, note FROM office.thing")}
    keys = [entry["key"]["id"] for entry in entries]
    assert set(keys) == set(committed)
    assert not set(keys) & set(rolled_back)
    replayed = {entry["key"]["id"]: entry["row"]["note"] for entry in entries}
    assert replayed == last


@pytest.mark.proves("JRN-1")
def test_sealing_under_concurrent_writers(postgres: Postgres, tmp_path: Path) -> None:
    j = journaled(postgres, tmp_path)
    committed: list[int] = []
    rolled_back: list[int] = []
    writers = [threading.Thread(target=_writer, args=(j, seed, committed, rolled_back)) for seed in range(1, 17)]
    for each in writers:
        each.start()
    seals = 0
    while any(each.is_alive() for each in writers):
        seals += j.seal() is not None
        time.sleep(0.05)
    j.seal()
    assert seals > 2
    check_sealed_once(j, sealed_entries(tmp_path), committed, rolled_back)
    assert j.verify() == journal.Verdict(len(sealed_entries(tmp_path)), len(list(tmp_path.glob("*.zst"))), True, None)


@pytest.mark.proves("JRN-1")
def test_mutant_a_sealer_that_goes_by_the_highest_number_loses_entries(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_watermark(tx: object, last: journal.Segment | None) -> list[str]:
        floor = (last.last_id or 0) if last else 0
        rows = tx.rows("SELECT journal.line(e) AS line FROM journal.entry e WHERE e.id > %s ORDER BY e.id", (floor,))  # type: ignore[attr-defined]
        return [row["line"] for row in rows]

    monkeypatch.setattr(journal, "_unsealed", by_watermark)
    j = journaled(postgres, tmp_path)
    slow = psycopg.connect(j.app)
    slow.execute("INSERT INTO office.thing VALUES (1, 'slow')")
    write(j, 1, 2)
    j.seal()
    slow.commit()
    slow.close()
    write(j, 1, 3)
    j.seal()
    with pytest.raises(AssertionError):
        check_sealed_once(j, sealed_entries(tmp_path), [1, 2, 3], [])


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the code may catch it."""


@pytest.mark.proves("JRN-2")
@pytest.mark.parametrize("point", ["choose", "write", "fsync", "rename", "register", "registered"])
def test_a_killed_sealer_leaves_all_or_nothing(postgres: Postgres, tmp_path: Path, point: str) -> None:
    j = journaled(postgres, tmp_path)
    write(j, 3, 1)
    j.seal()
    write(j, 4, 10)

    def reached(now: str) -> None:
        if now == point:
            raise Killed

    with pytest.raises(Killed), journal.sealing(j.sealer, tmp_path, tenant=TENANT, signer=SIGNER, reached=reached):
        pass
    write(j, 2, 20)
    j.seal()
    assert [entry["key"]["id"] for entry in sealed_entries(tmp_path)] == [1, 2, 3, 10, 11, 12, 13, 20, 21]
    assert j.verify().intact


def _altered(kind: str, folder: Path, other: Path) -> None:
    file = journal.segment_file(folder, 2)
    header, lines, seal = journal.read_segment(file)
    if kind == "edit":
        lines[0] = lines[0].replace("x", "y", 1)
    elif kind == "delete":
        lines.pop()
    elif kind == "insert":
        lines.append(lines[0])
    elif kind == "reorder":
        lines.reverse()
    elif kind == "restamp":
        header["sealed_at"] = "2026-01-01T00:00:00+00:00"
    elif kind == "cut tail":
        journal.segment_file(folder, 3).unlink()
        return
    elif kind == "swap tenants":
        file.write_bytes(journal.segment_file(other, 2).read_bytes())
        return
    elif kind == "older":
        file.write_bytes(journal.segment_file(folder, 1).read_bytes())
        return
    import zstandard

    text = "".join(line + "\n" for line in [json.dumps(header, ensure_ascii=False), *lines, json.dumps(seal)])
    file.write_bytes(zstandard.ZstdCompressor().compress(text.encode()))


KINDS = ("edit", "delete", "insert", "reorder", "restamp", "cut tail", "swap tenants", "older")


@pytest.fixture(scope="module")
def sealed(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[Journaled, Path]:
    pair = []
    for name in ("a", "b"):
        j = journaled(postgres, tmp_path_factory.mktemp(name))
        for start in (1, 10, 20):
            write(j, 3, start)
            tenant = TENANT if name == "a" else "046060"
            journal.seal(j.sealer, j.segments, tenant=tenant, signer=SIGNER)
        pair.append(j)
    return pair[0], pair[1].segments


@pytest.mark.proves("JRN-3")
@pytest.mark.parametrize("kind", KINDS)
def test_altered_segments_are_found(sealed: tuple[Journaled, Path], kind: str, tmp_path: Path) -> None:
    j, other = sealed
    for file in j.segments.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    _altered(kind, tmp_path, other)
    verdict = journal.verify(j.sealer, tmp_path, tenant=TENANT, public_key=SIGNER.public_key())
    assert not verdict.intact
    assert f"segment {3 if kind == 'cut tail' else 2}" in (verdict.first_broken or "")


@pytest.mark.proves("JRN-3")
def test_mutant_a_hash_that_does_not_name_the_one_before_lets_an_older_segment_pass(sealed: tuple[Journaled, Path]) -> None:
    """With the chain's link left out, segment 2 of another tenant's chain is told from ours by nothing but its tenant."""
    _, other = sealed
    file = journal.segment_file(other, 2)
    header, _, _ = journal.read_segment(file)
    previous = str(header["previous"])
    journal.check_segment(file, tenant="046060", number=2, previous=previous, public_key=SIGNER.public_key())
    with pytest.raises(Conflict):
        journal.check_segment(file, tenant="046060", number=2, previous=journal.START, public_key=SIGNER.public_key())


ROUND_THE_TRIGGER = [
    ("TRUNCATE office.thing", False),
    ("TRUNCATE office.thing CASCADE", False),
    ("ALTER TABLE office.thing DISABLE TRIGGER ALL", False),
    ("DROP TRIGGER journal_capture ON office.thing", False),
    ("SET session_replication_role = replica", False),
    ("DROP TABLE office.thing", False),
    ("ALTER TABLE office.thing SET UNLOGGED", False),
    ("ALTER TABLE office.thing ALTER note TYPE int USING 1", False),
    ("INSERT INTO journal.entry (kind, actor) VALUES ('event', 'me')", False),
    ("UPDATE journal.entry SET actor = 'somebody'", False),
    ("DELETE FROM journal.entry", False),
    ("TRUNCATE journal.entry", False),
    ("SELECT journal.record('import', NULL, NULL, NULL)", False),
    ("COPY office.thing FROM PROGRAM 'true'", False),
    ("INSERT INTO office.thing VALUES (1, 'z') ON CONFLICT (id) DO UPDATE SET note = 'z'", True),
    ("MERGE INTO office.thing t USING (VALUES (1)) v(id) ON t.id = v.id WHEN MATCHED THEN UPDATE SET note = 'm'", True),
    ("WITH gone AS (DELETE FROM office.thing WHERE id = 1 RETURNING id) SELECT * FROM gone", True),
]


@pytest.mark.proves("JRN-14")
@pytest.mark.parametrize(("statement", "may"), ROUND_THE_TRIGGER, ids=[s[:40] for s, _ in ROUND_THE_TRIGGER])
def test_no_way_round_the_trigger(postgres: Postgres, tmp_path: Path, statement: str, may: bool) -> None:
    j = journaled(postgres, tmp_path)
    write(j, 1, 1)
    with connect(j.superuser) as tx:
        before = tx.value("SELECT count(*) FROM journal.entry")
    with psycopg.connect(j.app, autocommit=True) as connection:
        if may:
            connection.execute(statement)
        else:
            with pytest.raises(psycopg.Error):
                connection.execute(statement)
    with connect(j.superuser) as tx:
        assert tx.value("SELECT count(*) FROM journal.entry") == before + may


@pytest.mark.proves("JRN-14")
def test_owner_and_replica_role_are_captured_and_truncate_is_refused(postgres: Postgres, tmp_path: Path) -> None:
    j = journaled(postgres, tmp_path)
    with psycopg.connect(j.superuser, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("INSERT INTO office.thing VALUES (1, 'as replica')")
        for statement in ("TRUNCATE office.thing", "DELETE FROM journal.entry", "UPDATE journal.segment SET number = 9"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        assert connection.execute("SELECT count(*) FROM journal.entry").fetchone() == (1,)


@pytest.mark.proves("JRN-14")
def test_mutant_a_trigger_that_is_not_always_on_is_noticed(postgres: Postgres, tmp_path: Path) -> None:
    j = journaled(postgres, tmp_path)
    with psycopg.connect(j.superuser, autocommit=True) as connection:
        connection.execute("ALTER TABLE office.thing ENABLE TRIGGER journal_capture")
        connection.execute("SET session_replication_role = replica")
        connection.execute("INSERT INTO office.thing VALUES (1, 'unseen')")
        assert connection.execute("SELECT count(*) FROM journal.entry").fetchone() == (0,)
    with connect(j.owner) as tx:
        assert journal.unwatched(tx) == ["office.thing"]


FLAWS = {
    "no trigger": "CREATE TABLE office.other (id int PRIMARY KEY)",
    "capture missing": "DROP TRIGGER journal_capture ON office.thing",
    "truncate missing": "DROP TRIGGER journal_truncate ON office.thing",
    "disabled": "ALTER TABLE office.thing DISABLE TRIGGER journal_capture",
}


@pytest.mark.proves("JRN-15")
@pytest.mark.parametrize("flaw", [None, *FLAWS])
def test_unwatched_tables_are_found(postgres: Postgres, tmp_path: Path, flaw: str | None) -> None:
    j = journaled(postgres, tmp_path)
    with connect(j.owner) as tx:
        if flaw:
            tx.execute(FLAWS[flaw])
        assert len(journal.unwatched(tx)) == (1 if flaw else 0)


@pytest.mark.proves("JRN-13")
def test_a_bulk_import_is_one_entry_and_only_the_bulk_role_may_write_it(postgres: Postgres, tmp_path: Path) -> None:
    j = journaled(postgres, tmp_path)
    with connect(j.bulk, actor="import") as tx:
        tx.copy_in("office.thing (id, note)", ((n, "x") for n in range(1000)))
        journal.record(tx, "import", table="office.thing", detail={"rows": 1000})
    with connect(j.superuser) as tx:
        assert [row["kind"] for row in tx.rows("SELECT kind FROM journal.entry")] == ["import"]
    with pytest.raises(psycopg.errors.InsufficientPrivilege), connect(j.app) as tx:
        journal.record(tx, "import", table="office.thing")
    with pytest.raises(psycopg.errors.InsufficientPrivilege), connect(j.bulk) as tx:
        journal.record(tx, "event", table="office.thing")


EDITS = {
    "edit": "UPDATE journal.entry SET actor = 'nobody' WHERE id = %s",
    "delete": "DELETE FROM journal.entry WHERE id = %s",
    "restamp": "UPDATE journal.entry SET at = at + interval '1 second' WHERE id = %s",
    "insert": "INSERT INTO journal.entry (id, xid, kind, actor) OVERRIDING SYSTEM VALUE "
    "SELECT 1000, xid, 'event', 'x' FROM journal.entry WHERE id = %s",
}


@pytest.mark.proves("AUD-1")
@pytest.mark.parametrize("kind", EDITS)
@pytest.mark.parametrize("entry", [1, 4, 9])
def test_entries_altered_past_every_guard_are_found_with_their_place(
    postgres: Postgres, tmp_path: Path, kind: str, entry: int
) -> None:
    j = journaled(postgres, tmp_path)
    for start in (1, 4, 7):
        write(j, 3, start)
        j.seal()
    assert j.verify().intact
    with connect(j.superuser) as tx:
        tx.execute("ALTER TABLE journal.entry DISABLE TRIGGER append_only")
        tx.execute(EDITS[kind], (entry,))
        tx.execute("ALTER TABLE journal.entry ENABLE ALWAYS TRIGGER append_only")
    verdict = j.verify()
    assert not verdict.intact
    place = {"edit": f"entry {entry}", "restamp": f"entry {entry}"}.get(kind, "")
    assert place in (verdict.first_broken or "")
    assert j.verify(files_only=True).intact  # mutant: a check of the files alone does not see it


def test_two_sealers_at_once_wait_for_each_other(postgres: Postgres, tmp_path: Path) -> None:
    j = journaled(postgres, tmp_path)
    write(j, 50, 1)
    threads = [threading.Thread(target=j.seal) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert j.verify() == journal.Verdict(50, 1, True, None)


def test_a_key_never_changes(postgres: Postgres, tmp_path: Path) -> None:
    j = journaled(postgres, tmp_path)
    write(j, 1, 1)
    with pytest.raises(CallerError), connect(j.app) as tx:
        tx.execute("UPDATE office.thing SET id = 2")


def killed_while_writing(j: Journaled, folder: Path) -> list[str]:
    """Files under the name of a segment after a sealer was killed in the middle of writing one."""

    def reached(now: str) -> None:
        if now == "write":
            raise Killed

    write(j, 3, 1)
    with pytest.raises(Killed), journal.sealing(j.sealer, folder, tenant=TENANT, signer=SIGNER, reached=reached):
        pass
    return [file.name for file in folder.glob("*.zst")]


@pytest.mark.proves("JRN-2")
def test_half_a_segment_never_bears_a_segments_name(postgres: Postgres, tmp_path: Path) -> None:
    assert killed_while_writing(journaled(postgres, tmp_path), tmp_path) == []


@pytest.mark.proves("JRN-2")
def test_mutant_a_segment_written_in_place_bears_it(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "with_suffix", lambda self, suffix: self)
    assert killed_while_writing(journaled(postgres, tmp_path), tmp_path) == ["000001.jsonl.zst"]
