"""The pool leaves nothing behind; keys give the same answer; migrations run once."""

import random
import threading
from pathlib import Path

import psycopg
import pytest

from infra.targets.services import Postgres
from kit.db import Database, connect
from kit.errors import Conflict, Invalid, Unavailable
from kit.idempotency import once
from kit.migrate import migrate
from tests.support.journaled import journaled

LEFT_OVERS = (
    "SELECT current_setting('mcloud.actor', true) AS actor, current_setting('mcloud.purpose', true) AS purpose, "
    "current_user::text AS role, current_setting('search_path') AS path, "
    "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks, "
    "(SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()) AS tables"
)


class Abandoned(Exception):
    """The borrower's own failure."""


def borrow_badly(database: Database, rng: random.Random) -> None:
    try:
        with database.transaction("first", purpose="inquiry") as tx:
            tx.execute("SET search_path = office")
            tx.execute("SELECT set_config('mcloud.actor', 'first', false)")
            tx.execute("CREATE TEMP TABLE mine (id int)")
            tx.execute("SELECT pg_advisory_lock(7)")
            if rng.random() < 0.25:
                raise Abandoned
            if rng.random() < 0.25:
                tx.execute("SET statement_timeout = '1ms'")
                tx.execute("SELECT pg_sleep(1)")
    except (Abandoned, Unavailable):
        pass


@pytest.mark.proves("ISO-6")
def test_nothing_of_the_last_borrower_stays(postgres: Postgres, tmp_path: Path) -> None:
    j = journaled(postgres, tmp_path)
    with psycopg.connect(j.superuser, autocommit=True) as admin:
        admin.execute(f"GRANT TEMP ON DATABASE {admin.info.dbname} TO j_app")
    database = Database(j.app, max_size=2)
    rng = random.Random(6)
    for _ in range(200):
        borrow_badly(database, rng)
        with database.transaction("second") as tx:
            row = tx.rows(LEFT_OVERS)[0]
        assert list(row.values()) == ["second", "", "j_app", "pg_catalog", 0, 0]
    database.close()


@pytest.mark.proves("ISO-6")
def test_mutant_without_the_reset_the_next_borrower_sees_the_last(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.db._reset", lambda connection: None)
    j = journaled(postgres, tmp_path)
    with psycopg.connect(j.superuser, autocommit=True) as admin:
        admin.execute(f"GRANT TEMP ON DATABASE {admin.info.dbname} TO j_app")
    database = Database(j.app, max_size=1)
    with database.transaction("first") as tx:
        tx.execute("CREATE TEMP TABLE mine (id int)")
        tx.execute("SELECT pg_advisory_lock(7)")
    with database.transaction("second") as tx:
        assert list(tx.rows(LEFT_OVERS)[0].values())[4:] != [0, 0]
    database.close()


def test_same_key_same_answer(postgres: Postgres, tmp_path: Path) -> None:
    j = journaled(postgres, tmp_path)
    done: list[int] = []

    def ask(body: bytes) -> dict[str, object]:
        with connect(j.app, actor="clerk") as tx:
            return once(tx, "key-1", body, lambda: done.append(1) or {"serial": len(done)})  # type: ignore[func-returns-value]

    assert ask(b"a") == ask(b"a") == {"serial": 1}
    with pytest.raises(Invalid):
        ask(b"b")
    assert len(done) == 1


def test_the_same_key_at_once_acts_once(postgres: Postgres, tmp_path: Path) -> None:
    j = journaled(postgres, tmp_path)
    answers: list[object] = []

    def ask(n: int) -> None:
        with connect(j.app, actor="clerk") as tx:
            answers.append(once(tx, "k", b"a", lambda: {"by": n}))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(answers) == 6
    assert all(answer == answers[0] for answer in answers)


def test_migrations_run_once_and_a_changed_one_is_refused(postgres: Postgres, tmp_path: Path) -> None:
    j = journaled(postgres, tmp_path / "segments")
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_a.sql").write_text("CREATE TABLE office.a (id int PRIMARY KEY);")
    (folder / "0002_b.sql").write_text("CREATE TABLE office.b (id int PRIMARY KEY); SELECT 1/0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(j.owner, "office", folder)
    with connect(j.owner) as tx:
        assert tx.value("SELECT to_regclass('office.b')") is None  # half a file is not there
    (folder / "0002_b.sql").write_text("CREATE TABLE office.b (id int PRIMARY KEY);")
    assert migrate(j.owner, "office", folder) == ["0002_b.sql"]
    assert migrate(j.owner, "office", folder) == []
    (folder / "0001_a.sql").write_text("CREATE TABLE office.a (id bigint PRIMARY KEY);")
    with pytest.raises(Conflict, match="0001_a"):
        migrate(j.owner, "office", folder)


def test_a_server_that_is_away_is_unavailable() -> None:
    with pytest.raises(Unavailable), connect("postgresql://a:b@127.0.0.1:1/x"):
        pass


@pytest.mark.parametrize("value", ["a\x00b", "a\ud800b", 10**12])
def test_a_value_that_cannot_be_stored_is_the_callers_and_is_not_repeated(postgres: Postgres, value: object) -> None:
    kind = "int" if isinstance(value, int) else "text"
    with pytest.raises(Invalid) as wrong, connect(postgres.url("postgres")) as tx:
        tx.value(f"SELECT %s::{kind}", (value,))
    assert str(value) not in wrong.value.detail
