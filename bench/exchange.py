"""R3 import against raw COPY and index build, R5 a neighbour's search meanwhile, D5 the pack: `python -m bench.exchange [ROWS]`.

The importing town's own counter waits for the load: its register is empty. So R5 is asked of another town on the same server.
"""

import io
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from bench import journal as bench_journal
from bench.cloud import free_port
from bench.report import Line, show
from dr import sources
from infra.targets.services import Postgres
from kit import clock, journal
from kit.db import connect, identifier
from kit.migrate import migrate
from systems.resident_registry.jobs import imports
from systems.resident_registry.model.exports import Contents
from systems.resident_registry.model.people import Office
from systems.resident_registry.model.search import Criteria
from systems.resident_registry.service import exports, search
from systems.resident_registry.service import imports as service
from tenants import databases, synthetic_residents
from tenants.catalog import tenant

ROWS = 1_100_000
OFFICE = Office("041009", "仙台市", b"1" * 32, b"2" * 32)
MIGRATIONS = Path(imports.__file__).parents[1] / "migrations"
ROLES = ("owner", "mynumber", "backup", "bulk")
TABLES = ("household", "resident", "individual_number")


def register(server: Postgres, name: str) -> imports.Doors:
    """An empty register with the roles of a tenant."""
    databases.ensure_database(server.url("postgres"), name, dict.fromkeys(ROLES, "x"))
    urls = {each: server.url(name).replace("postgres:only-for-this-run", f"{name}_{each}:x") for each in ROLES}
    databases.close_public_schema(urls["owner"])
    journal.install(urls["owner"])
    migrate(urls["owner"], "resident_registry", MIGRATIONS)
    for schema in ("migrations", "certificate_check"):
        databases.let_read(urls["owner"], schema, f"{name}_backup")
    databases.admit_zone(urls["owner"], "resident_registry", f"{name}_mynumber", f"{name}_backup", f"{name}_bulk")
    with connect(urls["owner"]) as tx:
        journal.admit(tx, writers=[f"{name}_mynumber", f"{name}_bulk"], sealer=f"{name}_backup")
    return imports.Doors(urls["mynumber"], urls["bulk"], urls["backup"])


def cpu(server: Postgres) -> float:
    """Seconds of processor that this process, its children and the server have used so far, those that ended included."""
    total = sum(os.times()[:4])
    postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:  # it ended meanwhile: its parent has its time
            continue
        fields = rest.split()
        if int(name.split()[0]) == postmaster:
            total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
        elif int(fields[1]) == postmaster:
            total += sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
    return total


def take(doors: imports.Doors, file: Path) -> dict[str, float]:
    """Seconds of each step of an import."""
    took: dict[str, float] = {}
    with timed(took, "upload"), file.open("rb") as content, connect(doors.zone, actor="bench") as tx:
        job, _ = service.receive(tx, OFFICE, content)
    with timed(took, "check"):
        checked = imports.work(doors, OFFICE)
    assert checked is not None
    assert checked.faults == 0, checked
    with connect(doors.zone, actor="bench") as tx:
        service.choose(tx, job.id, "all")
    with timed(took, "load"):
        imports.work(doors, OFFICE)
    return took


@contextmanager
def timed(took: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    took[name] = time.perf_counter() - began


def floor(url: str, folder: Path) -> float:
    """Seconds of raw COPY of the same rows into bare tables, and of the same indexes and rules built over them."""
    with connect(url) as tx:
        definitions = [
            row["text"].replace("resident_registry.", "bare.")
            for row in tx.rows(
                """SELECT pg_get_indexdef(i.indexrelid) AS text FROM pg_index i WHERE i.indrelid IN
                   (SELECT oid FROM pg_class WHERE relnamespace = 'resident_registry'::regnamespace AND relname = ANY (%s))
                   UNION ALL SELECT format('ALTER TABLE %%s ADD %%s', c.conrelid::regclass, pg_get_constraintdef(c.oid))
                   FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid IN
                   (SELECT oid FROM pg_class WHERE relnamespace = 'resident_registry'::regnamespace AND relname = ANY (%s))""",
                (list(TABLES), list(TABLES)),
            )
        ]
        for table in TABLES:
            tx.execute(f"COPY resident_registry.{identifier(table)} TO '{folder / table}'")
    # the keys that the rules refer to are unique indexes here: the same structure
    began = time.perf_counter()
    with connect(url) as tx:
        tx.execute("CREATE SCHEMA bare")
        tx.execute("SET LOCAL maintenance_work_mem = '256MB'")
        for table in TABLES:
            tx.execute(f"CREATE TABLE bare.{table} (LIKE resident_registry.{table})")
            tx.execute(f"COPY bare.{table} FROM '{folder / table}'")
        for definition in definitions:
            tx.execute(definition)
    took = time.perf_counter() - began
    with connect(url) as tx:
        tx.execute("DROP SCHEMA bare CASCADE")
    return took


def p95(doors: imports.Doors, until: threading.Event | None, least: int = 200) -> float:
    """95th percentile, in milliseconds, of a clerk's search in that register; until the event, or `least` times."""
    took: list[float] = []
    names = [name for name, _ in synthetic_residents.SURNAME_PAIRS if len(name) > 1]
    while len(took) < least or (until is not None and not until.is_set()):
        name = names[len(took) % len(names)]
        began = time.perf_counter()
        with connect(doors.zone, actor="clerk") as tx:
            search.search(tx, Criteria(name=name, address=f"{len(took) % 89 + 1}番地{len(took) % 29 + 1}"))
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.02)
    return statistics.quantiles(took, n=20)[18]


def measure(server: Postgres, folder: Path, rows: int) -> Iterator[Line]:
    neighbour, town = register(server, "neighbour"), register(server, "town")
    small, file = folder / "small.csv", folder / "residents.csv"
    synthetic_residents.write(tenant("045811"), 6000, small)
    synthetic_residents.write(tenant(OFFICE.tenant), rows, file)
    took = take(neighbour, small)
    yield Line("R3 import of a town of 6,000", None, "-", took["check"] + took["load"], "s")
    alone = register(server, "alone")
    began = cpu(server)
    took = take(alone, file)
    ours, cpu_ours = took["check"] + took["load"], cpu(server) - began
    began = cpu(server)
    raw = floor(server.url("alone"), folder)
    cpu_raw = cpu(server) - began
    yield Line(f"R3 import of {rows:,} / raw COPY + index build, wall", ours / raw, "≤ 1.5", ours, "s")
    yield Line("R3 the same in seconds of processor, upload included", cpu_ours / cpu_raw, "-", cpu_ours, "s")
    for step, seconds in (*took.items(), ("raw COPY + index build", raw), ("the same, seconds of processor", cpu_raw)):
        yield Line(f"R3 of these: {step}", None, "-", seconds, "s")
    idle, done, busy = p95(neighbour, None), threading.Event(), []
    thread = threading.Thread(target=lambda: busy.append(p95(neighbour, done)))
    thread.start()
    take(town, file)
    done.set()
    thread.join()
    yield Line("R5 neighbour's search p95 while importing / idle", busy[0] / idle, "≤ 3", busy[0], "ms")
    with timed(took, "base"), connect(town.reader, isolation="REPEATABLE_READ") as tx:
        sources.dump(town.reader, tx.value("SELECT pg_export_snapshot()"), folder / "base")
    yield Line("R3 apart: dump for the forced base", None, "-", took["base"], "s")
    with timed(took, "pack"), connect(town.reader, isolation="REPEATABLE_READ") as tx, (folder / "pack.zip").open("wb") as out:
        contents, made_at = Contents(with_protected=True), clock.now()
        exports.write_pack(tx, cast(IO[bytes], out), contents, tenant=OFFICE.tenant, made_at=made_at, office=None)
    yield Line(
        f"D5 pack of {rows:,} / what 2.26 M may take, by the row", took["pack"] / (120 * rows / 2.26e6), "≤ 1", took["pack"], "s"
    )


def main() -> int:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    load = io.StringIO(Path("/proc/loadavg").read_text()).readline().split()[:3]
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        os.chmod(folder, 0o777)
        with bench_journal.server(folder / "server", free_port()) as server:
            sys.stdout.write(f"load before: {' '.join(load)}\n")
            show(measure(server, folder, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
