"""`python -m systems CONFIG [--migrate]`: one tenant's process in one zone, with the routers of its systems found by name.

`--migrate` brings the schemas of its systems up to date as the database's owner and ends.
"""

import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path

import uvicorn
from fastapi import APIRouter, FastAPI

from kit import log, migrate, settings
from kit.app import create_app
from kit.auth import Verifier
from kit.db import Database
from kit.errors import CallerError
from kit.oidc import Realm
from kit.pages import PREFIX


def routers(config: settings.ProcessSettings) -> list[APIRouter]:
    """Routers of the configured systems that belong to the process's zone."""
    found = []
    for name in config.systems:
        module = importlib.import_module(f"systems.{name}.routes")
        found += [router for router in module.routers if router.tags[0] == config.zone]
    return found


def page_routers(config: settings.ProcessSettings) -> list[APIRouter]:
    """Routers of the pages that people use, one for each module of a system's `pages`."""
    found = []
    for name in config.systems:
        if importlib.util.find_spec(f"systems.{name}.pages"):
            room = importlib.import_module(f"systems.{name}.pages")
            modules = [importlib.import_module(f"{room.__name__}.{each.name}") for each in pkgutil.iter_modules(room.__path__)]
            found += [each.router for each in modules if isinstance(getattr(each, "router", None), APIRouter)]
    return [router for router in found if router.tags[0] == config.zone]


def build(config: settings.ProcessSettings) -> FastAPI:
    """The application of one tenant and zone."""
    verifier = Verifier(
        issuer=config.issuer,
        jwks_url=config.jwks_url,
        audience=config.audience,
        clients=frozenset(config.clients),
        tenant=config.tenant,
        two_factors=config.two_factors,
    )
    title = f"{config.tenant_name} {config.zone}"
    database, people = Database(config.database_url()), page_routers(config)
    realm = Realm(verifier, config.clients[0], f"{config.origin()}{PREFIX}/sign-in/callback") if people else None
    return create_app(
        title=title,
        routers=[*routers(config), *people],
        verifier=verifier,
        database=database,
        settings=config,
        realm=realm,
        home=people[0].prefix if people else PREFIX,
    )


def migrate_all(config: settings.ProcessSettings) -> list[str]:
    """Apply what each system's migrations lack; their names."""
    folders = {name: Path(__file__).parent / name / "migrations" for name in config.systems}
    return [
        f"{name}/{applied}"
        for name, folder in folders.items()
        if folder.exists()
        for applied in migrate.migrate(config.owner_url(), name, folder)
    ]


def main() -> int:
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--migrate"]):
        sys.stderr.write("usage: python -m systems CONFIG.yaml [--migrate]\n")
        return 1
    try:
        config = settings.read(Path(sys.argv[1]))
        log.configure(tenant=config.tenant, zone=config.zone)
        if sys.argv[2:]:
            log.logger().info("migrated", applied=migrate_all(config))
            return 0
        app = build(config)
    except CallerError as wrong:
        sys.stderr.write(f"systems: {wrong.detail}\n")
        return 1
    uvicorn.run(app, host=config.host, port=config.port, log_config=None, access_log=False, server_header=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
