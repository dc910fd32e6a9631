"""The platform API: onboards tenants, serves municipalities and prefecture."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from kit import journal
from kit.app import create_app
from kit.db import Database, connect
from platform_api import jobs, schedule, store
from platform_api.access import PlatformVerifier
from platform_api.routes import operations, recovery, reports, tenants
from tenants.home import Home
from tenants.keyring import platform_url

ROUTERS = (tenants.router, operations.router, recovery.router, reports.router)


def build(home: Home) -> FastAPI:
    """The application; its database is ensured, its jobs start with it and go on where they stopped."""
    url = platform_url(home, "platform")
    journal.install(url)
    with connect(url) as tx:
        tx.execute("SELECT pg_advisory_xact_lock(hashtext('migrations'))")
        store.install(tx)
    database = Database(url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        jobs.launch(home, database, platform_url(home, "platform_dbos"))
        stop = schedule.start()
        yield
        stop.set()
        jobs.shut_down()
        database.close()

    return create_app(
        title="宮城県市町村共同クラウド platform API",
        routers=ROUTERS,
        verifier=PlatformVerifier(home),
        database=database,
        settings=home,
        lifespan=lifespan,
    )
