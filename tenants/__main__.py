"""`python -m tenants --tenant CODE --scale N`: fill an empty register with 1/N of the census. JSON events on standard output."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from kit.db import connect
from kit.errors import CallerError, Invalid
from systems.resident_registry.jobs import imports
from systems.resident_registry.model.people import Office
from tenants import synthetic_residents
from tenants.catalog import tenant
from tenants.home import Home, home
from tenants.keyring import tenant_keys, tenant_url


def fill(here: Home, code: str, scale: int) -> bool:
    """Import synthetic residents once; False when an import was there. All of them or none."""
    body = tenant(code, here)
    if scale < 1:
        raise Invalid("the scale of synthetic residents is 1 or more")
    keys = tenant_keys(here, code)
    office = Office(code, body.name, bytes.fromhex(keys.data_key), bytes.fromhex(keys.blind_index_key))
    here.platform.mkdir(parents=True, exist_ok=True)
    with connect(tenant_url(here, code, "backup")) as gate:
        # a counter that was killed may have left such a process running: one after the other
        gate.execute("SELECT pg_advisory_xact_lock(hashtext('fill the register'))")
        if gate.value("SELECT 1 FROM journal.entry WHERE kind = 'import'"):
            return False
        with tempfile.TemporaryDirectory(dir=here.platform) as folder:
            file = Path(folder) / "residents.jsonl"
            synthetic_residents.write(body, body.population.census2020 // scale, file)
            with connect(tenant_url(here, code, "bulk"), actor="import of synthetic residents") as tx:
                imports.import_file(tx, office, file)
    with connect(tenant_url(here, code, "owner"), autocommit=True) as tx:
        tx.execute("ANALYZE")
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tenants")
    parser.add_argument("--tenant", required=True, help="authority code")
    parser.add_argument("--scale", required=True, type=int, help="divide the census by this")
    args = parser.parse_args()
    try:
        told: dict[str, object] = {"event": "result", "changed": fill(home(), args.tenant, args.scale)}
    except CallerError as wrong:
        told = {"event": "error", "status": wrong.status, "detail": wrong.detail}
    sys.stdout.write(json.dumps(told) + "\n")
    return 1 if told["event"] == "error" else 0


if __name__ == "__main__":
    sys.exit(main())
