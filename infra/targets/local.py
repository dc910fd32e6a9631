"""The `local` target: the cloud's processes on this machine, both sites.

Every function is an «ensure» and says whether it changed anything.
"""

import base64
import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from infra.targets import identity, services
from infra.targets.services import Postgres, answers, give, listening, wait_until
from infra.targets.supervisor import Supervisor
from kit.clock import now
from kit.errors import Conflict, Unavailable
from kit.settings import ProcessSettings
from tenants import databases
from tenants.catalog import index, tenant
from tenants.home import PREFECTURE, Home, SiteName, Zone, database_name
from tenants.keyring import admin_secret, database_secret, platform_url, postgres_password, tenant_keys

SITES: tuple[SiteName, ...] = ("primary", "recovery")
PLATFORM_DATABASES = ("platform", "platform_dbos", "keycloak")
Report = Callable[[str, bool], None]


def supervisor(home: Home) -> Supervisor:
    return Supervisor(home.run)


def postgres(home: Home, site: SiteName) -> Postgres:
    """The server of a site."""
    return Postgres(home.site(site) / "postgres", home.postgres_port(site), postgres_password(home, site))


def check_ports(home: Home) -> None:
    """Refuse to start where somebody else listens already.

    Raises
    ------
    Conflict
        Names the port, what it is for and the way out.
    """
    for what, port in home.ports.model_dump().items():
        if what != "tenants_from" and listening(port):
            raise Conflict(
                f"port {port} ({what}) is taken by another program: end it, or set ports.{what} in {home.path}/config.yaml"
            )


def up(home: Home, report: Report, *, identity: bool = True) -> None:
    """Everything that stands before the first tenant, running and well; then the tenants that were landed before."""
    boss = supervisor(home)
    home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not boss.is_running():
        check_ports(home)
    if (home.path / "sites" / "primary.lost").exists():
        raise Conflict("site primary is lost: `mcloud site return primary` brings it back")
    with ThreadPoolExecutor(len(SITES)) as pool:
        founded = list(pool.map(lambda site: postgres(home, site).ensure_initialised(), SITES))
    for site, is_new in zip(SITES, founded, strict=True):
        report(f"postgres-{site}: founded", is_new)
        give(home.site(site) / "restic")
        (home.site(site) / "restic" / ".htpasswd").touch(mode=0o600)
        _own(home.site(site) / "restic" / ".htpasswd")
    report("supervisor", boss.ensure_running())
    _describe(home, boss, identity=identity)
    boss.refresh()
    for site in SITES:
        report(f"postgres-{site}", boss.start(f"postgres-{site}"))
        report(f"restic-{site}", boss.start(f"restic-{site}"))
    for site in SITES:
        postgres(home, site).wait()
        wait_until(partial(listening, home.restic_port(site)), f"restic-{site}", 15)
    _found_platform(home)
    if identity:
        _up_identity(home, boss, report)
    _start_tenants(home, boss, report)


def _start_tenants(home: Home, boss: Supervisor, report: Report) -> None:
    """Start every tenant's processes, and wait until each answers."""
    names = [name for name in boss.names() if name.startswith("tenant-")]
    started = {name: boss.start(name) for name in names}
    for name in names:
        _, code, zone = name.split("-")
        address = f"http://127.0.0.1:{home.tenant_port(index(code), zone)}/health"  # type: ignore[arg-type]
        wait_until(partial(answers, address), name, 60)
        report(name, started[name])


def _own(path: Path) -> None:
    if os.geteuid() == 0:
        import pwd

        user = pwd.getpwnam(services.USER)
        os.chown(path, user.pw_uid, user.pw_gid)


def _describe(home: Home, boss: Supervisor, *, identity: bool) -> None:
    for site in SITES:
        boss.put(f"postgres-{site}", postgres(home, site).command(), {}, stop="INT")
        boss.put(f"restic-{site}", services.rest_server_command(home.site(site) / "restic", home.restic_port(site)), {})
    if not identity:
        return
    management = home.ports.keycloak_management
    command = services.keycloak_command(home.keycloak_url, home.ports.keycloak, management, home.ports.postgres_recovery)
    admin = admin_secret(home)
    boss.put(
        "keycloak",
        command,
        {
            "KC_DB_PASSWORD": database_secret(home, "keycloak"),
            "KC_BOOTSTRAP_ADMIN_USERNAME": admin["username"],
            "KC_BOOTSTRAP_ADMIN_PASSWORD": admin["password"],
            "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx448m",
            # a machine of two cores that starts it often and asks it little: a third of the processor, 130 MB less
            "JAVA_OPTS_APPEND": "-XX:-UseG1GC -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        },
    )
    boss.put("platform-api", [sys.executable, "-m", "platform_api"], _child_environment(home))


def _child_environment(home: Home) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("MCLOUD_CACHE", "MCLOUD_KEYCLOAK_HOME", "MCLOUD_KILL_AT") if name in os.environ}
    root = str(Path(__file__).resolve().parents[2])
    return {"MCLOUD_HOME": str(home.path), "PYTHONPATH": root, "PATH": os.environ["PATH"], **kept}


def _found_platform(home: Home) -> None:
    admin = postgres(home, "recovery").url("postgres")
    for name in PLATFORM_DATABASES:
        databases.ensure_database(admin, name, {"owner": database_secret(home, name)})


def _up_identity(home: Home, boss: Supervisor, report: Report) -> None:
    from tenants.realm import ensure_prefecture  # Keycloak's client takes a third of a second to import

    tables = platform_url(home, "keycloak")
    is_first = identity.lay(tables, identity.kept())
    report("keycloak: tables laid", is_first)
    report("keycloak", boss.start("keycloak"))
    if is_first:  # no job was broken off yet that would need a realm: the counter can load beside it
        boss.start("platform-api")
    ready = f"http://127.0.0.1:{home.ports.keycloak_management}/health/ready"
    wait_until(lambda: answers(ready), "Keycloak", 120)
    identity.keep(tables, identity.kept())
    report(f"realm {PREFECTURE}", ensure_prefecture(home))
    report("platform-api", boss.start("platform-api") or is_first)
    wait_until(lambda: answers(f"{home.platform_api_url}/health"), "the platform API", 60)


def process_settings(home: Home, code: str, zone: Zone) -> ProcessSettings:
    """What a tenant's process in a zone is told."""
    body = tenant(code, home)
    return ProcessSettings(
        tenant=code,
        tenant_name=body.name,
        zone=zone,
        systems=body.zones[zone],
        database_port=home.postgres_port("primary"),
        database_name=database_name(code),
        database_role=f"{database_name(code)}_{zone}",
        issuer=home.issuer(code),
        jwks_url=home.jwks_url(code),
        audience=f"{code}-{zone}",
        clients=(zone,),
        two_factors=True,
        port=home.tenant_port(index(code), zone),
        environment="training",
        parameters=body.parameters,
        public_url=f"http://127.0.0.1:{home.tenant_port(index(code), 'internet')}",
    )


def open_accounts(home: Home, code: str) -> dict[str, Any]:
    """The tenant's account at both backup servers. They look at their file every half minute, or when told."""
    keys, changed = tenant_keys(home, code), False
    for site, password in (("primary", keys.primary_http_password), ("recovery", keys.recovery_http_password)):
        line = f"{code}:{{SHA}}{base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()}\n"  # noqa: S324
        with (home.site(site) / "restic" / ".htpasswd").open("r+") as accounts:  # type: ignore[arg-type]
            fcntl.flock(accounts, fcntl.LOCK_EX)
            if line not in accounts.read():
                accounts.write(line)
                changed = True
        if changed:
            supervisor(home).signal(f"restic-{site}", "HUP")
    return {"changed": changed}


def land(home: Home, code: str) -> dict[str, Any]:
    """The tenant's processes, one per zone, described, running and well."""
    boss, changed = supervisor(home), False
    keys = tenant_keys(home, code)
    for zone in tenant(code, home).zones:
        settings = process_settings(home, code, zone)
        file = home.run / "processes" / f"{code}-{zone}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(settings.model_dump(mode="json"), allow_unicode=True))
        secrets = {"MCLOUD_DATABASE_PASSWORD": getattr(keys, f"{zone}_password")}
        if zone != "internet":
            secrets |= {"MCLOUD_DATA_KEY": keys.data_key, "MCLOUD_BLIND_INDEX_KEY": keys.blind_index_key}
        root = str(Path(__file__).resolve().parents[2])
        command = [sys.executable, "-m", "systems", str(file)]
        changed |= boss.put(f"tenant-{code}-{zone}", command, secrets | {"PYTHONPATH": root})
    boss.refresh()
    for zone in tenant(code, home).zones:
        changed |= boss.start(f"tenant-{code}-{zone}")
        address = f"http://127.0.0.1:{home.tenant_port(index(code), zone)}/health"
        wait_until(partial(answers, address), f"process {code}-{zone}", 30)
    return {"changed": changed, "processes": state(home, code)}


def lift(home: Home, code: str) -> dict[str, Any]:
    """Take the tenant's processes away; its data stays."""
    boss = supervisor(home)
    gone = [name for name in boss.names() if name.startswith(f"tenant-{code}-")]
    boss.stop(*gone)
    for name in gone:
        boss.remove(name)
    return {"changed": bool(gone), "removed": gone}


def state(home: Home, code: str | None = None) -> list[dict[str, Any]]:
    """State of a tenant's processes, or of all."""
    boss = supervisor(home)
    if not boss.is_running():
        raise Unavailable("nothing runs here: `mcloud up` starts it")
    prefix = f"tenant-{code}-" if code else ""
    return [
        {"name": p["name"], "state": p["statename"].lower(), "pid": p["pid"], "seconds": max(0, p["now"] - p["start"])}
        for p in boss.all_states()
        if p["name"].startswith(prefix)
    ]


def lose_site(home: Home) -> dict[str, Any]:
    """The sea: everything of site primary stops, its folder is moved away and made unreadable. Evidence of both."""
    boss = supervisor(home)
    names, lost_at = [n for n in boss.names() if n.startswith("tenant-") or n.endswith("-primary")], now()
    boss.stop(*names)
    folder, lost = home.site("primary"), home.path / "sites" / "primary.lost"
    if folder.exists() and not lost.exists():
        folder.rename(lost)
    lost.chmod(0)
    ports = [home.ports.postgres_primary, home.ports.restic_primary]
    evidence = {
        "site": "primary",
        "at": lost_at.isoformat(),
        "stopped": names,
        "ports_listening": [port for port in ports if listening(port)],
        "folder_there": folder.exists(),
        "mode": f"{lost.stat().st_mode & 0o777:03o}",
    }
    (home.run / "primary-lost.json").write_text(json.dumps(evidence))
    if evidence["ports_listening"] or evidence["folder_there"]:
        raise Unavailable(f"site primary is not quite lost: {evidence}")
    return evidence


def return_site(home: Home, report: Report) -> None:
    """Site primary comes back as it was."""
    folder, lost = home.site("primary"), home.path / "sites" / "primary.lost"
    if lost.exists():
        lost.chmod(0o755)
        lost.rename(folder)
    (home.run / "primary-lost.json").unlink(missing_ok=True)
    boss = supervisor(home)
    boss.refresh()
    for name in ("postgres-primary", "restic-primary"):
        report(name, boss.start(name))
    postgres(home, "primary").wait()
    _start_tenants(home, boss, report)
