"""Base + replay on a plain server: under writers, for every type, for every table."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from dr import replay, sources
from infra.targets.services import Postgres
from kit import journal
from kit.db import connect
from tests.support.journaled import SIGNER, TENANT, Journaled, journaled
from tests.support.postgres import fresh_database


def base(j: Journaled, folder: Path) -> int:
    """Seal and dump in the same snapshot; number of the segment that the base holds."""
    with journal.sealing(j.superuser, j.segments, tenant=TENANT, signer=SIGNER) as (tx, segment):
        sources.dump(j.superuser, tx.value("SELECT pg_export_snapshot()"), folder)
        assert segment is not None
        return segment.number


def replayed(server: Postgres, j: Journaled, folder: Path, after: int) -> str:
    """URL of a new database: the base, then every entry of the segments after `after`."""
    url = fresh_database(server)
    sources.load(url, folder)
    last = max(int(file.name[:6]) for file in j.segments.glob("*.zst"))
    entries = list(replay.entries(j.segments, range(1, last + 1)))
    with connect(url) as tx:
        replay.load_journal(tx, entries)
        replay.apply(tx, [each for each in entries if each["segment"] > after])
    return url


def content(url: str, table: str = "office.thing") -> list[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1").fetchall()


def writers(j: Journaled, stop: threading.Event, count: int = 8) -> list[threading.Thread]:
    def write(seed: int) -> None:
        rng = random.Random(seed)
        with psycopg.connect(j.app) as connection:
            n = 0
            while not stop.is_set():
                for _ in range(rng.randint(1, 5)):
                    n += 1
                    key = seed * 100_000 + rng.randint(1, 60)
                    sql = rng.choice(
                        [
                            "INSERT INTO office.thing VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note",
                            "INSERT INTO office.thing VALUES (%s, %s) ON CONFLICT (id) DO NOTHING",
                        ]
                    )
                    connection.execute(sql, (key, str(n)))
                    if rng.random() < 0.2:
                        connection.execute("DELETE FROM office.thing WHERE id = %s", (key,))
                if rng.random() < 0.2:
                    connection.rollback()
                else:
                    connection.commit()

    found = [threading.Thread(target=write, args=(seed,)) for seed in range(1, count + 1)]
    for each in found:
        each.start()
    return found


@pytest.fixture(scope="module")
def under_writers(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[Journaled, Path, int]:
    """A base taken while eight writers work, and segments sealed before and after it."""
    folder = tmp_path_factory.mktemp("writers")
    j = journaled(postgres, folder / "segments")
    stop = threading.Event()
    threads = writers(j, stop)
    time.sleep(0.5)
    j.seal()
    time.sleep(0.3)
    at = base(j, folder / "base")
    for _ in range(3):
        time.sleep(0.3)
        j.seal()
    stop.set()
    for each in threads:
        each.join()
    j.seal()
    return j, folder / "base", at


@pytest.mark.proves("JRN-7")
def test_a_base_under_writers_and_the_entries_it_did_not_see_make_the_whole(
    postgres: Postgres, under_writers: tuple[Journaled, Path, int]
) -> None:
    j, folder, at = under_writers
    expected = content(j.superuser)
    assert len(expected) > 50
    assert content(replayed(postgres, j, folder, at)) == expected


@pytest.mark.proves("JRN-7")
def test_mutant_a_base_that_thinks_it_holds_one_segment_more_loses_changes(
    postgres: Postgres, under_writers: tuple[Journaled, Path, int]
) -> None:
    j, folder, at = under_writers
    assert len(list(replay.entries(j.segments, [at + 1]))) > 0
    wrong = replayed(postgres, j, folder, at + 2)
    assert content(wrong) != content(j.superuser) or content(wrong, "journal.entry") != content(j.superuser, "journal.entry")


@pytest.mark.proves("JRN-8")
def test_pieces_and_overlaps_come_to_the_same(postgres: Postgres, under_writers: tuple[Journaled, Path, int]) -> None:
    j, folder, at = under_writers
    url = replayed(postgres, j, folder, at)
    expected = content(url)
    last = max(int(file.name[:6]) for file in j.segments.glob("*.zst"))
    for first in (at + 1, max(at, last - 1)):
        with connect(url) as tx:
            replay.apply(tx, replay.entries(j.segments, range(first, last + 1)))
        assert content(url) == expected


@pytest.mark.proves("JRN-8")
def test_a_number_that_wandered_from_row_to_row_comes_back_again_and_again(postgres: Postgres, tmp_path: Path) -> None:
    """Mutant: each change put in its turn; the second time, row 1 takes back the number that row 2 has by now."""
    j = journaled(postgres, tmp_path / "segments", "id int PRIMARY KEY, note text UNIQUE")
    at = base(j, tmp_path / "base")
    with connect(j.app) as tx:
        for step in (
            "INSERT INTO office.thing VALUES (1, 'head')",
            "UPDATE office.thing SET note = 'left' WHERE id = 1",
            "INSERT INTO office.thing VALUES (2, 'head'), (3, 'once')",
            "DELETE FROM office.thing WHERE id = 3",
            "INSERT INTO office.thing VALUES (4, 'once')",
        ):
            tx.execute(step)
    j.seal()
    url = replayed(postgres, j, tmp_path / "base", at)
    assert content(url) == content(j.superuser) == [("(1,left)",), ("(2,head)",), ("(4,once)",)]
    with connect(url) as tx:
        assert replay.apply(tx, replay.entries(j.segments, [at + 1])) == 6
    assert content(url) == content(j.superuser)


TYPES: dict[str, tuple[str, ...]] = {
    "text": ("''", "'䶒藤\U000e0103 𠮷田'", "E'\\\\ \\n \"'", "NULL"),
    "varchar(40)": ("'ｶﾅ'", "repeat('塩竈', 20)"),
    "char(5)": ("'ab'",),
    "boolean": ("true", "false", "NULL"),
    "smallint": ("-32768",),
    "bigint": ("9223372036854775807", "-9223372036854775808"),
    "numeric": ("1.10", "123456789012345678901234567890.123456789", "'NaN'", "0.000"),
    "numeric(12,2)": ("1.1",),
    "real": ("1.1", "'Infinity'", "3.4e38"),
    "double precision": ("0.1", "'-Infinity'", "'NaN'", "1e-300", "0.30000000000000004"),
    "date": ("'2026-02-28'", "'infinity'", "'0001-01-01 BC'"),
    "time": ("'23:59:59.999999'",),
    "timetz": ("'23:59:59.999999+09'",),
    "timestamp": ("'2026-11-24 01:02:03.000001'", "'-infinity'"),
    "timestamptz": ("'2026-11-24 01:02:03.000001+09'", "'infinity'"),
    "interval": ("'1 year 2 mons 3 days 04:05:06.7'", "'-1 day'"),
    "uuid": ("'98e02ebf-0d90-43a2-8772-94e9cc4d9a3d'",),
    "bytea": ("'\\x00ff5c'", "''"),
    "jsonb": ('\'{"b": [1, null, "\\u00e9"], "a": {}}\'', "'1.10'"),
    "text[]": ("'{}'", "ARRAY['a,b', NULL, '\"', '{}']", "ARRAY[['a'],['b']]"),
    "int[]": ("ARRAY[1,NULL,3]",),
    "int4range": ("'[1,5)'", "'empty'", "'(,5)'"),
    "daterange": ("'[2026-01-01,)'",),
    "tstzrange": ("'[2026-01-01 00:00+09, 2027-01-01 00:00+09)'",),
    "inet": ("'192.168.0.1/24'",),
    "bit varying": ("B'10101'",),
    "point": ("'(1.5,-2)'",),
    "office.colour": ("'赤'",),
}


@pytest.mark.proves("JRN-5")
def test_every_type_comes_back_byte_by_byte(postgres: Postgres, tmp_path: Path) -> None:
    j = journaled(postgres, tmp_path / "segments")
    columns = ", ".join(f"c{n} {kind}" for n, kind in enumerate(TYPES))
    with connect(j.owner) as tx:
        tx.execute("CREATE TYPE office.colour AS ENUM ('赤', '青')")
        tx.execute(
            f"CREATE TABLE office.every (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {columns}, "
            "twice int GENERATED ALWAYS AS (c4 * 2) STORED); SELECT journal.watch('office.every'::regclass)"
        )
    at = base(j, tmp_path / "base")
    with connect(j.superuser) as tx:
        for n, values in enumerate(TYPES.values()):
            for value in values:
                tx.execute(f"INSERT INTO office.every (c{n}) VALUES ({value})")
    j.seal()
    url = replayed(postgres, j, tmp_path / "base", at)
    assert len(content(url, "office.every")) == sum(map(len, TYPES.values()))
    assert content(url, "office.every") == content(j.superuser, "office.every")


def test_known_limit_a_json_null_comes_back_as_no_value(postgres: Postgres, tmp_path: Path) -> None:
    """docs/decisions/0003-the-journal.md: no column of ours holds a JSON null; if one did, the row digests would notice."""
    j = journaled(postgres, tmp_path / "segments", "id int PRIMARY KEY, note jsonb")
    at = base(j, tmp_path / "base")
    with connect(j.app) as tx:
        tx.execute("INSERT INTO office.thing VALUES (1, 'null')")
    j.seal()
    assert content(replayed(postgres, j, tmp_path / "base", at)) == [("(1,)",)]
    assert content(j.superuser) == [("(1,null)",)]


def _drop_trigger(j: Journaled) -> None:
    with connect(j.superuser) as tx:
        tx.execute("ALTER TABLE office.thing DISABLE TRIGGER journal_capture")


@pytest.mark.proves("JRN-4")
@pytest.mark.parametrize("mutant", [None, _drop_trigger])
def test_random_changes_come_back_and_a_missing_trigger_is_noticed(
    postgres: Postgres, tmp_path: Path, mutant: Callable[[Journaled], None] | None
) -> None:
    j = journaled(postgres, tmp_path / "segments")
    with connect(j.app) as tx:
        tx.execute("INSERT INTO office.thing SELECT n, 'first' FROM generate_series(1, 200) n")
    at = base(j, tmp_path / "base")
    if mutant:
        mutant(j)
    rng = random.Random(4)
    with connect(j.app) as tx:
        for _ in range(1000):
            key = rng.randint(1, 400)
            tx.execute(
                rng.choice(
                    [
                        "INSERT INTO office.thing VALUES (%s, 'new') ON CONFLICT DO NOTHING",
                        "UPDATE office.thing SET note = note || 'x' WHERE id = %s",
                        "DELETE FROM office.thing WHERE id = %s",
                    ]
                ),
                (key,),
            )
    j.seal()
    same = content(replayed(postgres, j, tmp_path / "base", at)) == content(j.superuser)
    assert same is (mutant is None)
