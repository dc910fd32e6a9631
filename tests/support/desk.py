"""The counter of one town over its real routes, pages and database; who sits there is told, as signing in is not asked here."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import anyio
import httpx2
from fastapi import FastAPI

from kit import clock, sessions
from kit.app import create_app
from kit.auth import Actor
from kit.db import Database
from kit.oidc import SignedIn, derived
from kit.settings import ProcessSettings
from systems.__main__ import page_routers
from systems.resident_registry.pages.desk import BASE
from systems.resident_registry.routes import routers
from tests.support.registry import OFFICE

ROLES = {
    "clerk": ("registry_clerk",),
    "other-clerk": ("registry_clerk",),
    "supervisor": ("registry_supervisor", "registry_clerk", "dv_officer"),
    "dv-officer": ("dv_officer", "registry_clerk"),
    "number-officer": ("number_officer", "registry_clerk"),
    "auditor": ("auditor",),
    "other-office": ("other_office",),
    #: what no member of staff is: whoever may everything comes furthest
    "everything": (
        "registry_clerk",
        "registry_supervisor",
        "dv_officer",
        "number_officer",
        "registry_operator",
        "statistics_officer",
        "other_office",
        "tenant_admin",
        "auditor",
    ),
    #: every role that there is or may come, but the one that sees protected addresses
    "all-but-dv": (
        "registry_clerk",
        "registry_supervisor",
        "number_officer",
        "auditor",
        "tenant_admin",
        "statistics_officer",
        "other_office",
        "registry_operator",
    ),
}


NO_COOKIES: Mapping[str, str] = {}


class Told:
    """The actor is named in the header."""

    def verify(self, authorization: str | None) -> Actor:
        return actor((authorization or "").removeprefix("Bearer "))


class Vouched:
    """The realm of people who are signed in already: it is asked nothing."""

    class verifier:
        issuer = "http://realm.example:1/realms/045811"


def actor(name: str) -> Actor:
    return Actor(OFFICE.tenant, name, name, frozenset(ROLES[name]), "mynumber", True)


@dataclass
class Desk:
    """Ask as one of `ROLES`; bodies are JSON."""

    app: FastAPI
    database: Database
    #: the same database for the server's superuser: what the counter's role may not read
    behind: str
    #: the cookie of each who has sat down at a browser
    sitting: dict[str, str] = field(default_factory=dict)

    def look(
        self, who: str, path: str, *, purpose: str = "certificate", cookies: Mapping[str, str] = NO_COOKIES, **params: Any
    ) -> httpx2.Response:
        """A page as its reader gets it, `path` below the system's own; `cookies` beside that of the session."""
        return self._browse(who, "GET", path, purpose, cookies, params=params or None)

    def send(self, who: str, path: str, form: dict[str, Any], *, purpose: str = "certificate") -> httpx2.Response:
        """A form sent from a page; a list is a question with several answers."""
        token = self._sit_down(who, purpose)
        return self._browse(who, "POST", path, purpose, data=form | {"csrf": derived(token, "csrf")})

    def _sit_down(self, who: str, purpose: str) -> str:
        """The cookie of a session (its table: `sessions.install`) that has the purpose chosen."""
        with self.database.transaction("session") as tx:
            if who not in self.sitting:
                signed = SignedIn(actor(who), clock.now() + timedelta(hours=5), "x", "x")
                self.sitting[who] = sessions.begin(tx, signed, None)
            found = sessions.find(tx, self.sitting[who], OFFICE.tenant)
            assert found
            sessions.choose_purpose(tx, found, purpose)
        return self.sitting[who]

    def _browse(
        self, who: str, method: str, path: str, purpose: str, more: Mapping[str, str] = NO_COOKIES, **options: Any
    ) -> httpx2.Response:
        cookies = {sessions.cookie_name(self.app.state.settings): self._sit_down(who, purpose), **more}

        async def go() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://office", cookies=cookies) as client:
                return await client.request(method, BASE + path, **options)

        return anyio.run(go)

    def ask(self, who: str, method: str, path: str, *, purpose: str = "certificate", **options: Any) -> httpx2.Response:
        async def go() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
            headers = {"Authorization": f"Bearer {who}", "X-Purpose": purpose} | options.pop("headers", {})
            async with httpx2.AsyncClient(transport=transport, base_url="http://office/resident-registry") as client:
                return await client.request(method, path, headers=headers, **options)

        return anyio.run(go)

    def done(self, who: str, method: str, path: str, **options: Any) -> dict[str, Any]:
        """The answer, which must be a good one."""
        answer = self.ask(who, method, path, **options)
        assert answer.status_code < 300, answer.text
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found


@contextmanager
def desk(url: str) -> Iterator[Desk]:
    """The town's process on the database at `url`."""
    keys = {"MCLOUD_DATA_KEY": OFFICE.data_key.hex(), "MCLOUD_BLIND_INDEX_KEY": OFFICE.blind_index_key.hex()}
    before = {name: os.environ.get(name) for name in keys}
    os.environ.update(keys)
    settings = ProcessSettings(
        tenant=OFFICE.tenant,
        tenant_name=OFFICE.tenant_name,
        zone="mynumber",
        systems=("resident_registry",),
        database_port=1,
        database_name="x",
        database_role="x",
        issuer="x",
        jwks_url="x",
        audience="x",
        clients=(),
        port=1,
    )
    database = Database(url)
    behind = re.sub(r"//[^@]*@", "//postgres:only-for-this-run@", url)
    mine = [*(each for each in routers if each.tags[0] == "mynumber"), *page_routers(settings)]
    realm: Any = Vouched()
    try:
        yield Desk(
            create_app(title="x", routers=mine, verifier=Told(), database=database, settings=settings, realm=realm),
            database,
            behind,
        )
    finally:
        database.close()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
