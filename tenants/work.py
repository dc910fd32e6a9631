"""What is done for a tenant behind its counters: files and packs of the exchange, and jobs by the calendar.

A system names its jobs in its `contract.yaml`: `jobs: {night: "00:10"}`, a module of its room `jobs` and the time in Japan at
which it is due each day. The module's `run(database, office)` is safe to repeat and to be killed anywhere.
"""

import importlib
import time

from kit.db import Database, connect
from kit.errors import Invalid, Unavailable
from systems.resident_registry.jobs import exports, imports
from systems.resident_registry.model.imports import ImportJob
from systems.resident_registry.model.people import Office
from systems.resident_registry.store import exports as packs
from systems.resident_registry.store import imports as files
from tenants.catalog import tenant
from tenants.home import Home
from tenants.keyring import tenant_keys, tenant_url
from tenants.model import SYSTEMS, Tenant
from tenants.processes import jobs

REGISTRY = "resident_registry"
#: seconds that an import may be in the hands of another process
PATIENCE = 60


def doors(here: Home, code: str) -> imports.Doors:
    """The connections that an import needs."""
    return imports.Doors(*(tenant_url(here, code, role) for role in ("mynumber", "bulk", "backup")))


def office(here: Home, body: Tenant) -> Office:
    """The municipality with its keys and its own dated values."""
    keys, own = tenant_keys(here, body.code), body.parameters.get(REGISTRY, {})
    return Office(body.code, body.name, bytes.fromhex(keys.data_key), bytes.fromhex(keys.blind_index_key), parameters=own)


def has_waiting(here: Home, code: str) -> bool:
    """Whether a file or a pack waits for somebody to work on it."""
    if REGISTRY not in tenant(code, here).systems:
        return False
    with connect(tenant_url(here, code, "backup")) as tx:
        file = files.open_job(tx)
        is_due = file is not None and file.state in ("uploaded", "chosen", "loading")
        return is_due or bool(packs.in_state(tx, "released"))


def _worked(to: imports.Doors, where: Office) -> ImportJob | None:
    """The import taken on; another process that is at it (the counter looks for waiting work too) is waited for."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return imports.work(to, where)
        except Unavailable:
            if time.monotonic() > until:
                raise
            time.sleep(1)


def exchange(here: Home, code: str) -> dict[str, object]:
    """Take the import on its way as far as it goes, and make the packs that were released; what there is now."""
    body = tenant(code, here)
    to, where = doors(here, code), office(here, body)
    job = _worked(to, where)
    made = exports.work(to.zone, where)
    is_at_work = job is not None and job.state in ("checked", "loaded")
    told = {"import": job and {"id": str(job.id), "state": job.state, "rows": job.rows, "faults": job.faults}}
    return {"changed": is_at_work or bool(made), **told, "exports": [str(each) for each in made]}


def run_job(here: Home, code: str, job: str) -> dict[str, object]:
    """Do one job of a system, named `system.job`, under the role of the system's zone; what it told.

    Raises
    ------
    Invalid
        The tenant has no such system, or the system's contract names no such job.
    """
    body = tenant(code, here)
    system, _, name = job.partition(".")
    if system not in body.systems or name not in jobs(system):
        named = [f"{each}.{one}" for each in body.systems for one in jobs(each)]
        raise Invalid(f"{code} has no job {job}; it has {', '.join(named) or 'none'}")
    module = importlib.import_module(f"systems.{system}.jobs.{name}")
    database = Database(tenant_url(here, code, SYSTEMS[system]), max_size=2)
    try:
        told: dict[str, object] = module.run(database, office(here, body))
        return told
    finally:
        database.close()
