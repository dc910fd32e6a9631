"""R1 the search matrix through the API, reads journaled; R2 recall of folding; two kanji against pg_trgm.

`python -m bench.registry [ROWS [QUERIES]]`. Residents are synthetic, their names some common, most rare.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx2

from bench import journal as bench_journal
from bench.cloud import free_port
from bench.report import Line, show
from bench.residents import OFFICE, Seen, fill
from infra.targets.services import Postgres, listening, wait_until
from kit.civic.names import variants
from kit.db import connect

DEFAULT, QUERIES, WARM = 100_000, 1000, 50
Ask = Callable[[random.Random, "Seen"], tuple[str, str, dict[str, Any]]]


def _search(**sought: Any) -> tuple[str, str, dict[str, Any]]:
    return "POST", "/residents/search", {"json": sought}


def _at(rng: random.Random, text: str, length: int) -> str:
    start = rng.randrange(len(text) - length + 1)
    return text[start : start + length]


#: the matrix: common and rare alike, refusals of more than fifty included
KINDS: dict[str, Ask] = {
    "id": lambda rng, s: ("GET", f"/residents/{s.id}", {}),
    "宛名番号": lambda rng, s: _search(atena_no=s.atena_no),
    "個人番号": lambda rng, s: (
        "POST",
        "/residents/search-by-number",
        {"json": {"kind": "individual_number", "number": s.number}},
    ),
    "二文字": lambda rng, s: _search(name=_at(rng, s.name.replace("\u3000", ""), 2)),
    "三文字": lambda rng, s: _search(name=_at(rng, s.name.replace("\u3000", ""), 3)),
    "氏名": lambda rng, s: _search(name=s.name),
    "カナ前方": lambda rng, s: _search(kana=s.kana[:3]),
    "カナ+生年月日": lambda rng, s: _search(kana=s.kana[:3], born_on=str(s.born_on)),
    "生年月日": lambda rng, s: _search(born_on=str(s.born_on)),
    "住所": lambda rng, s: _search(address=s.address.removeprefix("宮城県仙台市青葉区")),
    "二文字+住所": lambda rng, s: _search(name=_at(rng, s.name[:2], 2), address=s.address.removeprefix("宮城県仙台市青葉区")[:4]),
}


def measure(base: str, seen: list[Seen], count: int, queries: int) -> list[Line]:
    """p95 of each kind through the API, against the p95 of a primary key in the same run."""
    headers = {"Authorization": "Bearer bench", "X-Purpose": "inquiry"}
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    answers = {kind: [0, 0] for kind in KINDS}
    rng = random.Random(1)
    with httpx2.Client(base_url=base, headers=headers, timeout=60) as client:
        for turn in range(queries + WARM):
            for kind, ask in KINDS.items():
                method, path, options = ask(rng, seen[rng.randrange(len(seen))])
                began = time.perf_counter()
                answer = client.request(method, path, **options)
                spent = (time.perf_counter() - began) * 1000
                assert answer.status_code in (200, 422), answer.text
                if turn >= WARM:  # the first ones warm up
                    times[kind].append(spent)
                    answers[kind][answer.status_code == 422] += 1
    found = {kind: statistics.quantiles(each, n=100) for kind, each in times.items()}
    floor = found["id"][94]
    lines = [
        Line(f"R1 {kind} p95 / id ({count:,}; {answers[kind][1]} of {queries} refused)", q[94] / floor, "≤ 10", q[94], "ms")
        for kind, q in found.items()
    ]
    worst = max(found, key=lambda kind: found[kind][98])
    return [*lines, Line(f"R1 worst p99 ({worst})", None, "≤ 30 ms", found[worst][98], "ms")]


def trigrams(url: str, rows_: list[tuple[str, list[str]]]) -> list[Line]:
    """Two kanji on Debian's PostgreSQL: its pg_trgm against the bigrams, on the same rows, each index in a table of its own."""
    from kit.civic.names import fold

    with connect(url) as tx:
        tx.execute("CREATE EXTENSION pg_trgm; CREATE TABLE a (key text); CREATE TABLE b (key text, pairs text[])")
        tx.copy_in("a (key)", ([key] for key, _ in rows_))
        tx.copy_in("b (key, pairs)", rows_)
        tx.execute("CREATE INDEX ON a USING gin (key gin_trgm_ops); CREATE INDEX ON b USING gin (pairs)")
    with connect(url, autocommit=True) as tx:
        tx.execute("VACUUM (ANALYZE)")
        spent: dict[str, list[float]] = {"a": [], "b": []}
        rng = random.Random(5)
        for _ in range(100):
            two = fold(_at(rng, rng.choice(rows_)[0], 2))
            for table, where, params in (
                ("a", "key LIKE %s", (f"%{two}%",)),
                ("b", "pairs @> %s AND strpos(key, %s) > 0", ([two], two)),
            ):
                began = time.perf_counter()
                tx.value(f"SELECT count(*) FROM {table} WHERE {where}", params)
                spent[table].append((time.perf_counter() - began) * 1000)
    ours, theirs = statistics.median(spent["b"]), statistics.median(spent["a"])
    return [
        Line(f"R1 two kanji, pg_trgm / bigrams ({len(rows_):,}, all hits)", theirs / ours, "≥ 50", ours, "ms"),
        Line("R1 two kanji, pg_trgm", None, "peer", theirs, "ms"),
    ]


def debian(folder: Path) -> Postgres | None:
    """Debian's PostgreSQL 15 with pg_trgm, or None where it is not installed."""
    there = Path("/usr/lib/postgresql/15/bin"), Path("/usr/share/postgresql/15/extension/pg_trgm.control")
    if not all(each.exists() for each in there):
        return None
    from tools import programs

    programs.postgres_bin = lambda: there[0]
    return Postgres(folder, free_port(), "only-for-this-run")


def recall(url: str, seen: list[Seen]) -> Line:
    """R2: every resident looked for by every variant of a character of the name is found."""
    from systems.resident_registry.model.search import Criteria
    from systems.resident_registry.store import search

    groups: dict[str, set[str]] = {}
    for each, to in variants().items():
        groups.setdefault(to, {to}).add(each)
    asked = found = 0
    with connect(url) as tx:
        for one in seen[:300]:
            name = one.name.replace("\u3000", "")
            for place, c in enumerate(name):
                for other in groups.get(variants().get(c, c), {c}):
                    criteria = Criteria(name=name[:place] + other + name[place + 1 :], born_on=one.born_on)
                    asked += 1
                    found += one.id in {hit.id for hit in search.search(tx, criteria, date(2026, 11, 25), 1000)}
    return Line(f"R2 recall of 異体字 ({asked:,} queries)", None, "100 %", 100 * found / asked, "%")


def serve(url: str, port: int) -> None:
    """The registry's routes on a port of the loopback, for a clerk of every role."""
    import uvicorn

    from kit.app import create_app
    from kit.auth import Actor
    from kit.db import Database
    from kit.settings import ProcessSettings
    from systems.resident_registry.routes import routers

    class Told:
        def verify(self, authorization: str | None) -> Actor:
            roles = frozenset({"registry_clerk", "number_officer"})
            return Actor(OFFICE.tenant, "bench", "bench", roles, "mynumber", True)

    settings = ProcessSettings(
        tenant=OFFICE.tenant,
        tenant_name=OFFICE.tenant_name,
        zone="mynumber",
        systems=("resident_registry",),
        database_port=port,  # the database is named by `url`
        database_name="bench",
        database_role="bench",
        issuer="bench",
        jwks_url="bench",
        audience="bench",
        clients=("bench",),
        port=port,
    )
    app = create_app(title="bench", routers=routers, verifier=Told(), database=Database(url), settings=settings)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def run(folder: Path, postgres: Postgres, count: int, queries: int) -> Iterator[Line]:
    """All lines, as they come."""
    url = postgres.url("postgres")
    began = time.perf_counter()
    seen = fill(url, count)
    yield Line(f"(register of {count:,} filled, indexes in place)", None, "-", time.perf_counter() - began, "s")
    port = free_port()
    keys = {"MCLOUD_DATA_KEY": OFFICE.data_key.hex(), "MCLOUD_BLIND_INDEX_KEY": OFFICE.blind_index_key.hex()}
    command = [sys.executable, "-m", "bench.registry", "serve", url, str(port)]
    process = subprocess.Popen(command, env=os.environ | keys, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: listening(port), "the registry", 60)
        yield from measure(f"http://127.0.0.1:{port}/resident-registry", seen, count, queries)
    finally:
        process.terminate()
        process.wait(30)
    yield recall(url, seen)
    with connect(url) as tx:
        kept = [
            (r["name_key"], r["name_bigrams"]) for r in tx.rows("SELECT name_key, name_bigrams FROM resident_registry.resident")
        ]
    yield from against(folder, kept)


def against(folder: Path, kept: list[tuple[str, list[str]]]) -> list[Line]:
    """The peer's lines, or one that says it was skipped."""
    other = debian(folder / "debian")
    if other is None:
        return [Line("R1 two kanji, pg_trgm: skipped, no PostgreSQL 15 here", None, "≥ 50", 0, "-")]
    other.ensure_initialised()
    process = other.popen()
    try:
        other.wait()
        return trigrams(other.url("postgres"), kept)
    finally:
        process.terminate()
        process.wait(30)


def main() -> int:
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], int(sys.argv[3]))
        return 0
    count, queries = (
        int(given) if given else usual for given, usual in zip([*sys.argv[1:3], "", ""], (DEFAULT, QUERIES), strict=False)
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with bench_journal.server(folder / "server", free_port()) as postgres:
            for line in run(folder, postgres, count, queries):
                show([line])
    return 0


if __name__ == "__main__":
    sys.exit(main())
