"""The steps that take a tenant in. Each is an «ensure»: safe to repeat after a kill anywhere; it says what it changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

import systems
from kit import journal, migrate, parameters, sessions
from kit.civic.places import addresses
from kit.clock import today
from kit.db import connect
from kit.errors import NotFound, Unavailable
from kit.trust import authorities
from tenants import databases
from tenants.catalog import index, tenant
from tenants.home import Home, database_name
from tenants.keyring import postgres_url, tenant_keys, tenant_url, wrap
from tenants.model import COMPANIONS, SYSTEMS, Tenant
from tenants.processes import Process, processes, sessions_at_most

SYSTEMS_FOLDER = Path(systems.__path__[0])
#: starts `python -m MODULE ARGUMENTS` and returns its result event
Run = Callable[[str, Sequence[str]], dict[str, Any]]


@dataclass(frozen=True)
class Step:
    """One step: its name, what makes it so, and the steps it builds on. Steps that do not need each other run side by side."""

    name: str
    ensure: Callable[[], bool]
    needs: tuple[str, ...] = ()


def steps(home: Home, code: str, *, synthetic_scale: int | None, run: Run) -> list[Step]:
    """The steps, each after those it needs.

    `synthetic_scale` n fills an empty register with 1/n of the census; None leaves it empty.
    """
    body = tenant(code, home)

    def landed(module: str, *arguments: str) -> bool:
        return bool(run(module, arguments)["changed"])

    return [
        Step("backup_accounts", lambda: landed("infra.run", "accounts", "--tenant", code)),
        Step("database", lambda: _database(home, body)),
        Step("repository", lambda: landed("dr", "init", "--tenant", code), ("backup_accounts",)),
        Step("realm", lambda: _realm(home, body)),
        Step("migrations", lambda: _migrations(home, body), ("database",)),
        Step("parameters_and_places", lambda: _parameters_and_places(body)),
        Step("residents", lambda: _residents(body, synthetic_scale, run), ("migrations", "parameters_and_places")),
        Step("processes", lambda: landed("infra.run", "land", "--tenant", code), ("migrations",)),
        Step("first_base", lambda: landed("dr", "backup", "--tenant", code, "--first"), ("residents", "repository")),
        Step("smoke_test", lambda: _smoke_test(home, body), ("realm", "processes", "first_base")),
    ]


def role(code: str, what: str) -> str:
    """Name of a tenant's database role."""
    return f"{database_name(code)}_{what}"


def _database(home: Home, body: Tenant) -> bool:
    keys, name = tenant_keys(home, body.code), database_name(body.code)
    admin = postgres_url(home, "primary")
    with connect(admin) as tx:
        is_new = not tx.value("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
    passwords = {"owner": keys.owner_password, "backup": keys.backup_password, "bulk": keys.bulk_password}
    passwords |= {zone: getattr(keys, f"{zone}_password") for zone in body.zones}
    databases.ensure_database(admin, name, passwords, connections=sessions_at_most(body))
    for site in ("primary", "recovery"):
        wrap(home, site, body.code)
    return is_new


def _realm(home: Home, body: Tenant) -> bool:
    from tenants.realm import ensure_realm  # Keycloak's client takes half a second to import: the counter starts without

    return ensure_realm(home, body)


def _migrations(home: Home, body: Tenant) -> bool:
    owner, backup, bulk = tenant_url(home, body.code, "owner"), role(body.code, "backup"), role(body.code, "bulk")
    databases.close_public_schema(owner)
    journal.install(owner)
    staffed = [role(body.code, zone) for zone in body.zones if zone != "internet"]  # the public does not sign in
    sessions.install(owner, zones=staffed, reader=backup)
    applied = []
    for zone, names in body.zones.items():
        for name in names:
            folder = SYSTEMS_FOLDER / name / "migrations"
            applied += migrate.migrate(owner, name, folder)
            if folder.exists():
                databases.admit_zone(owner, name, role(body.code, zone), backup, bulk)
    for name, companion in COMPANIONS.items():
        if name in body.systems:
            writer, reader = (role(body.code, SYSTEMS[each]) for each in (name, companion))
            databases.admit_board(owner, companion, writer=writer, reader=reader, backup=backup)
    databases.let_read(owner, "migrations", backup)
    writers = [role(body.code, what) for what in (*body.zones, "bulk") if what != "internet"]  # the public leaves no entries
    with connect(owner) as tx:
        journal.admit(tx, writers=writers, sealer=backup)
    return bool(applied)


def _parameters_and_places(body: Tenant) -> bool:
    """Every dated parameter has a value today, and the postal table knows the municipality. Nothing is written."""
    for name in body.systems:
        folder = SYSTEMS_FOLDER / name
        if (folder / "parameters.yaml").exists():
            values = parameters.load(folder)
            for parameter in values.table:
                values.value(parameter, today())
            for parameter, days in body.parameters.get(name, {}).items():
                values.value(parameter, max(days), body.parameters[name])
    if "resident_registry" in body.systems and not addresses(body.code):
        raise NotFound(f"the postal table knows no neighbourhood of {body.name}")
    return False


def _residents(body: Tenant, scale: int | None, run: Run) -> bool:
    """In a process of its own: it computes for seconds, and the counter goes on answering meanwhile."""
    if scale is None or "resident_registry" not in body.systems:
        return False
    return bool(run("tenants", ["--tenant", body.code, "--scale", str(scale)])["changed"])


def _smoke_test(home: Home, body: Tenant) -> bool:
    """Every process answers, only the public's without a token; the realm is the expected one; no table escapes the journal."""
    with connect(tenant_url(home, body.code, "owner")) as tx:
        missing = journal.unwatched(tx)
    if missing:
        raise Unavailable(f"changes of {', '.join(missing)} would not reach the journal")
    try:
        realm_url = f"{home.keycloak_url}/realms/{body.code}"
        known = httpx2.get(f"{realm_url}/.well-known/openid-configuration", timeout=10, verify=authorities()).json()
        if known.get("issuer") != home.issuer(body.code):
            raise Unavailable(f"the realm of {body.code} names another issuer")
        for process in processes(body):
            _knock(home, body, process)
    except (httpx2.HTTPError, ValueError):
        raise Unavailable(f"smoke test of {body.code}: no answer; see the logs under run/") from None
    return False


def _knock(home: Home, body: Tenant, process: Process) -> None:
    zone = process.zone
    base = home.process_url(index(body.code), body.code, zone, process.name)
    paths = httpx2.get(f"{base}/openapi.json", timeout=10, verify=authorities()).json()["paths"]
    door = next((path for path, verbs in paths.items() if "get" in verbs and "{" not in path), None)
    # the public's page is open to everybody, every other door asks who is there
    answers = {f"{base}/health": 200} | ({f"{base}{door}": 200 if zone == "internet" else 401} if door else {})
    for url, status in answers.items():
        if httpx2.get(url, timeout=10, verify=authorities()).status_code != status:
            raise Unavailable(f"smoke test of {body.code} in zone {zone}: {url.removeprefix(base)} does not answer {status}")
