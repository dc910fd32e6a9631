"""`python -m tenants --tenant CODE`: what waits in the register's exchange: a file to be checked or loaded, a pack to be made.

With `--scale N`, an empty register is filled with 1/N of the census first. With `--job SYSTEM.JOB`, a job of a system that is due
by the calendar. JSON events on standard output.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from kit.db import connect
from kit.errors import CallerError, Conflict, Invalid
from systems.resident_registry.jobs import imports
from systems.resident_registry.model.people import Office
from systems.resident_registry.service import imports as service
from systems.resident_registry.store import imports as store
from tenants import synthetic_residents
from tenants.catalog import tenant
from tenants.home import Home, home
from tenants.keyring import tenant_url
from tenants.model import Tenant
from tenants.work import doors, exchange, office, run_job

ACTOR = "import of synthetic residents"


def fill(here: Home, code: str, scale: int) -> bool:
    """Import synthetic residents once; False when an import was there. All of them or none."""
    body = tenant(code, here)
    if scale < 1:
        raise Invalid("the scale of synthetic residents is 1 or more")
    to, where = doors(here, code), office(here, body)
    with connect(to.reader) as gate:
        # a counter that was killed may have left such a process running: one after the other
        gate.execute("SELECT pg_advisory_xact_lock(hashtext('fill the register'))")
        with connect(to.zone, actor=ACTOR) as tx:
            current = store.open_job(tx)
        if gate.value("SELECT 1 FROM journal.entry WHERE kind = 'import'") and not (current and current.uploaded_by == ACTOR):
            return False
        is_new = _import(here, body, to, where, scale)
    with connect(tenant_url(here, code, "owner"), autocommit=True) as tx:
        tx.execute("ANALYZE")
    return is_new


def _import(here: Home, body: Tenant, to: imports.Doors, where: Office, scale: int) -> bool:
    """Take the file through every state that an import has, however far a killed process had come; whether anything was done."""
    here.platform.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=here.platform) as folder:
        file = Path(folder) / "residents.csv"
        synthetic_residents.write(body, body.population.census2020 // scale, file)
        with file.open("rb") as content, connect(to.zone, actor=ACTOR) as tx:
            job, is_new = service.receive(tx, where, content)
    first = job.state
    while job.state in ("uploaded", "checked", "chosen", "loading"):
        if job.state == "checked":
            with connect(to.zone, actor=ACTOR) as tx:
                service.choose(tx, job.id, "all")
        job = imports.work(to, where) or job
    if job.state == "refused":
        raise Conflict(f"the synthetic residents were refused: {job.refused_for}")
    return is_new or job.state != first


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tenants")
    parser.add_argument("--tenant", required=True, help="authority code")
    parser.add_argument("--scale", type=int, help="fill an empty register with the census divided by this")
    parser.add_argument("--job", help="SYSTEM.JOB, as the system's contract names it")
    args = parser.parse_args()
    try:
        if args.job is not None:
            told: dict[str, object] = {"event": "result", **run_job(home(), args.tenant, args.job)}
        elif args.scale is None:
            told = {"event": "result", **exchange(home(), args.tenant)}
        else:
            told = {"event": "result", "changed": fill(home(), args.tenant, args.scale)}
    except CallerError as wrong:
        told = {"event": "error", "status": wrong.status, "detail": wrong.detail}
    sys.stdout.write(json.dumps(told) + "\n")
    return 1 if told["event"] == "error" else 0


if __name__ == "__main__":
    sys.exit(main())
