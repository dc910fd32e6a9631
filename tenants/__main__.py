"""`python -m tenants --tenant CODE`: what waits in the register's exchange: a file to be checked or loaded, a pack to be made.

With `--scale N`, an empty register is filled with 1/N of the census first. JSON events on standard output.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from kit.db import connect
from kit.errors import CallerError, Conflict, Invalid
from systems.resident_registry.jobs import exports, imports
from systems.resident_registry.model.people import Office
from systems.resident_registry.service import imports as service
from systems.resident_registry.store import imports as store
from tenants import synthetic_residents
from tenants.catalog import tenant
from tenants.home import Home, home
from tenants.keyring import tenant_keys, tenant_url
from tenants.model import Tenant

ACTOR = "import of synthetic residents"


def doors(here: Home, code: str) -> imports.Doors:
    """The connections that an import needs."""
    return imports.Doors(*(tenant_url(here, code, role) for role in ("mynumber", "bulk", "backup")))


def office(here: Home, body: Tenant) -> Office:
    """The municipality with its keys."""
    keys = tenant_keys(here, body.code)
    return Office(body.code, body.name, bytes.fromhex(keys.data_key), bytes.fromhex(keys.blind_index_key))


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


def exchange(here: Home, code: str) -> dict[str, object]:
    """Take the import on its way as far as it goes, and make the packs that were released; what there is now."""
    body = tenant(code, here)
    to, where = doors(here, code), office(here, body)
    job = imports.work(to, where)
    made = exports.work(to.zone, where)
    is_at_work = job is not None and job.state in ("checked", "loaded")
    told = {"import": job and {"id": str(job.id), "state": job.state, "rows": job.rows, "faults": job.faults}}
    return {"changed": is_at_work or bool(made), **told, "exports": [str(each) for each in made]}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tenants")
    parser.add_argument("--tenant", required=True, help="authority code")
    parser.add_argument("--scale", type=int, help="fill an empty register with the census divided by this")
    args = parser.parse_args()
    try:
        if args.scale is None:
            told: dict[str, object] = {"event": "result", **exchange(home(), args.tenant)}
        else:
            told = {"event": "result", "changed": fill(home(), args.tenant, args.scale)}
    except CallerError as wrong:
        told = {"event": "error", "status": wrong.status, "detail": wrong.detail}
    sys.stdout.write(json.dumps(told) + "\n")
    return 1 if told["event"] == "error" else 0


if __name__ == "__main__":
    sys.exit(main())
