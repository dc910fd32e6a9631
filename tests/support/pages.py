"""The pages of one town's counter on its real database, with real sessions; only the realm is not asked who they are."""

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import anyio
import httpx2

from kit import clock, sessions
from kit.auth import Actor, Verifier
from kit.db import connect
from kit.oidc import Realm, SignedIn
from systems.__main__ import page_routers
from tests.support.desk import ROLES, Desk, desk
from tests.support.registry import OFFICE

ISSUER = "http://realm.example/realms/045811"


class Browsers:
    """Members of staff, named as in `desk.ROLES`, each with a session of their own."""

    def __init__(self, office: Desk) -> None:
        self.office, self.tokens = office, dict[str, sessions.Session]()

    def ask(self, who: str, path: str, form: Mapping[str, Any] | None = None, **more: Any) -> httpx2.Response:
        """A page as `who`; with a form it is posted."""
        session = self.tokens.get(who) or self._signed_in(who)
        cookies = {sessions.cookie_name(self.office.app.state.settings): session.token}

        async def go() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.office.app)
            base = "http://office/counter/resident-registry"
            async with httpx2.AsyncClient(transport=transport, base_url=base, cookies=cookies | more) as client:
                if form is None:
                    return await client.get(path)
                return await client.post(path, data={**form, "csrf": session.csrf})

        return anyio.run(go)

    def _signed_in(self, who: str) -> sessions.Session:
        settings = self.office.app.state.settings
        actor = Actor(OFFICE.tenant, who, who, frozenset(ROLES[who]), "mynumber", True)
        with connect(self.office.behind) as tx:
            token = sessions.begin(tx, SignedIn(actor, clock.now() + timedelta(hours=1), "x", "x"), None)
            found = sessions.find(tx, token, settings.tenant)
            assert found
            sessions.choose_purpose(tx, found, "notification")
        self.tokens[who] = found
        return found


@contextmanager
def browsers(url: str, behind: str) -> Iterator[Browsers]:
    """The counter's pages for the database at `url`; `behind` founds the table of sessions."""
    with desk(url) as office:
        office.behind = behind
        verifier = Verifier(issuer=ISSUER, jwks_url=ISSUER, audience="x", clients=frozenset("x"), tenant=OFFICE.tenant)
        office.app.state.realm = Realm(verifier, "x", "x")
        for each in page_routers(office.app.state.settings):
            office.app.include_router(each)
        yield Browsers(office)


def text_of(page: str) -> str:
    """What the page says, without tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def rows_of(page: str, table: str) -> list[list[str]]:
    """Cells of the body of the table with that class; none when there is no such table."""
    found = re.search(rf'<table class="{table}">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    lines = re.findall(r"<tr>(.*?)</tr>", found[1], re.DOTALL) if found else []
    return [[text_of(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.DOTALL)] for line in lines]
