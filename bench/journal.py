"""A4 price of the journal, and how much of it is stored."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.report import Line
from infra.targets.services import Postgres
from kit import journal
from kit.db import Database, connect

ROUNDS, WRITES = 9, 300
ROW = "id int PRIMARY KEY, name text, kana text, address text, born_on date, relation text, note jsonb, version int"
VALUES = "(%s, '架空 太郎', 'カクウ タロウ', '宮城県牡鹿郡女川町女川1番地1', '1980-01-02', '世帯主', '{\"a\": 1}', 1)"


@contextmanager
def server(folder: Path, port: int) -> Iterator[Postgres]:
    """A PostgreSQL of its own."""
    import signal

    one = Postgres(folder / "postgres", port, "only-for-this-run")
    one.ensure_initialised()
    process = one.popen()
    try:
        one.wait()
        yield one
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _prepare(url: str) -> None:
    journal.install(url)
    with connect(url) as tx:
        tx.execute(f"CREATE SCHEMA o; CREATE TABLE o.bare ({ROW}); CREATE TABLE o.watched ({ROW}); CREATE TABLE o.log ({ROW})")
        tx.execute("SELECT journal.watch('o.watched'::regclass)")


def _write(database: Database, start: int, act: Callable[..., object]) -> float:
    began = time.perf_counter()
    for n in range(start, start + WRITES):
        with database.transaction("bench") as tx:
            act(tx, n)
    return (time.perf_counter() - began) / WRITES


def price(postgres: Postgres) -> list[Line]:
    """Seconds of a change in a transaction of its own: watched, against the same without journal, and with one plain insert."""
    url = postgres.url("postgres")
    _prepare(url)
    database = Database(url, max_size=1)
    kinds: dict[str, Callable[..., object]] = {
        "bare": lambda tx, n: tx.execute(f"INSERT INTO o.bare VALUES {VALUES}", (n,)),
        "insert": lambda tx, n: (
            tx.execute(f"INSERT INTO o.bare VALUES {VALUES}", (n + 10**6,)),
            tx.execute(f"INSERT INTO o.log VALUES {VALUES}", (n,)),
        ),
        "watched": lambda tx, n: tx.execute(f"INSERT INTO o.watched VALUES {VALUES}", (n,)),
    }
    for each in kinds.values():
        _write(database, 10**7, each)
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for round_ in range(ROUNDS):
        for name, act in kinds.items():
            times[name].append(_write(database, round_ * WRITES, act))
    database.close()
    middle = {name: statistics.median(found) for name, found in times.items()}
    return [
        Line("A4 journal / same change without it", middle["watched"] / middle["bare"], "≤ 1.3", middle["watched"] * 1000, "ms"),
        Line("A4 plain second insert / without it", middle["insert"] / middle["bare"], "peer", middle["insert"] * 1000, "ms"),
    ]


def stored(postgres: Postgres) -> list[Line]:
    """Bytes of the sealed segment against the zstd-compressed changed rows."""
    url = postgres.url("postgres")
    signer = Ed25519PrivateKey.generate()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal.seal(url, folder, tenant="045811", signer=signer)
        with connect(url, actor="bench") as tx:
            tx.execute("UPDATE o.watched SET name = md5(id::text), note = jsonb_build_object('b', id) WHERE id < 2000")
            rows = tx.rows("SELECT to_jsonb(w)::text AS row FROM o.watched w WHERE id < 2000 ORDER BY id")
        segment = journal.seal(url, folder, tenant="045811", signer=signer)
        assert segment is not None
        size = journal.segment_file(folder, segment.number).stat().st_size
        floor = len(zstandard.ZstdCompressor(level=3).compress("\n".join(row["row"] for row in rows).encode()))
    return [Line(f"K1 segment / compressed rows ({len(rows)} changes)", size / floor, "≤ 2", size / 1024, "KiB")]
