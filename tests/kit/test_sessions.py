"""Sessions of browsers: whose form it is, when it ends, what is kept, what a reader of the database learns."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Annotated, Any

import anyio
import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from hypothesis import given
from hypothesis import strategies as st

from infra.targets.services import Postgres
from kit import clock, pages, sessions
from kit.app import create_app
from kit.auth import Actor, Verifier, require
from kit.db import Database, connect
from kit.errors import Unauthenticated
from kit.oidc import Realm, SignedIn, derived
from kit.settings import ProcessSettings
from tests.support.journaled import Journaled, journaled

router = APIRouter(prefix="/counter/office", tags=["mynumber"], dependencies=[Depends(sessions.open_session)])
Clerk = Annotated[Actor, Depends(require("clerk"))]
TYPED = "䶒藤 花子"


@router.get("")
def desk(request: Request, actor: Clerk) -> Response:
    return pages.render(request, pages.FOLDER, "signed_out.html")


@router.post("/people")
def add(request: Request, actor: Clerk, form: Annotated[sessions.Form, Depends(sessions.read_form)]) -> Response:
    with request.app.state.database.transaction(actor.subject) as tx:
        tx.execute("INSERT INTO office.thing VALUES (%s, %s)", (int(form["id"][0]), form["name"][0]))
    return Response("added")


@dataclass
class Vouching:
    """Stands in for Keycloak here only: what a real realm answers is proven in tests/browser."""

    subject: str = "clerk-1"
    roles: frozenset[str] = frozenset({"clerk"})
    minutes: int = 5
    knows: bool = True
    asked: int = 0
    verifier: Any = field(default_factory=lambda: type("V", (), {"issuer": "http://realm.example:1/realms/045811"}))

    def question(self, secret: str) -> str:
        return f"http://realm.example:1/auth?state={derived(secret, 'state')}"

    def answer(self, secret: str, *, state: str, code: str) -> SignedIn:
        if state != derived(secret, "state"):
            raise Unauthenticated("not ours")
        return self.again("")

    def again(self, refresh_token: str) -> SignedIn:
        self.asked += 1
        if not self.knows:
            raise Unauthenticated("no longer")
        actor = Actor("045811", self.subject, self.subject, self.roles, "mynumber", True)
        return SignedIn(actor, clock.now() + timedelta(minutes=self.minutes), f"refresh-{self.asked}", "identity")

    def farewell(self, id_token: str, back: str) -> str:
        return "http://realm.example:1/logout"


class Browser:
    """Cookies and pages of one person; the application runs in this process."""

    def __init__(self, j: Journaled, realm: Vouching, *, tenant: str = "045811", counter_url: str = "") -> None:
        self.j, self.realm, self.cookies = j, realm, httpx2.Cookies()
        self.settings = ProcessSettings(
            tenant=tenant, tenant_name="女川町", zone="mynumber", systems=(), database_port=1, database_name="x",
            database_role="x", issuer="x", jwks_url="x", audience="x", clients=("mynumber",), port=1, counter_url=counter_url,
        )  # fmt: skip
        self.database = Database(j.app, max_size=2)
        stand_in: Any = realm
        self.app: FastAPI = create_app(
            title="office", routers=[router], verifier=stand_in, database=self.database, settings=self.settings, realm=stand_in
        )

    def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        async def go() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://office", cookies=self.cookies) as client:
                answer = await client.request(method, path, **options)
                self.cookies = client.cookies
                return answer

        return anyio.run(go)

    def sign_in(self) -> httpx2.Response:
        asked = self.ask("GET", "/counter/sign-in?next=/counter/office")
        state = re.search(r"state=([^&]+)", asked.headers["location"])
        assert state
        return self.ask("GET", f"/counter/sign-in/callback?state={state[1]}&code=x")

    @property
    def token(self) -> str:
        return str(self.cookies.get(sessions.cookie_name(self.settings)))

    @property
    def csrf(self) -> str:
        return derived(self.token, "csrf")

    def pass_minutes(self, minutes: int) -> None:
        with connect(self.j.superuser) as tx:
            tx.execute("UPDATE session.browser SET seen_at = seen_at - make_interval(mins => %s)", (minutes,))

    def things(self) -> list[dict[str, Any]]:
        with connect(self.j.superuser) as tx:
            return tx.rows("SELECT * FROM office.thing")


@pytest.fixture
def j(postgres: Postgres, tmp_path: Path) -> Journaled:
    made = journaled(postgres, tmp_path)
    sessions.install(made.owner, zones=["j_app"], reader="j_sealer")
    return made


@pytest.fixture
def browser(j: Journaled) -> Iterator[Browser]:
    made = Browser(j, Vouching())
    made.sign_in()
    yield made
    made.database.close()


def test_a_signed_in_clerk_works_and_signs_out(browser: Browser) -> None:
    assert browser.ask("GET", "/counter/office").status_code == 200
    form = {"csrf": browser.csrf, "id": "1", "name": TYPED}
    assert browser.ask("POST", "/counter/office/people", data=form).text == "added"
    left = browser.ask("POST", "/counter/sign-out", data={"csrf": browser.csrf})
    assert left.headers["location"] == "http://realm.example:1/logout"
    gone = browser.ask("GET", "/counter/office")
    assert gone.headers["location"] == "/counter/sign-in?next=/counter/office"


def test_the_cookie_is_opaque_and_kept_from_scripts(j: Journaled) -> None:
    made = Browser(j, Vouching(), counter_url="https://onagawa.example")
    asked = made.ask("GET", "/counter/sign-in?next=/counter/office").headers["set-cookie"]
    assert asked.startswith("__Host-mcloud-045811-mynumber-asking=")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(asked.split("; "))
    made.database.close()


@pytest.mark.parametrize("sent", [{}, {"csrf": "x"}, {"csrf": "ü"}])
def test_a_form_without_the_token_is_refused_and_recorded(browser: Browser, sent: dict[str, str]) -> None:
    answer = browser.ask("POST", "/counter/office/people", data=sent | {"id": "1", "name": TYPED})
    assert answer.status_code == 403
    assert browser.things() == []
    with connect(browser.j.superuser) as tx:
        last = tx.row("SELECT actor, detail FROM journal.entry WHERE kind = 'refusal' ORDER BY id DESC LIMIT 1")
    assert last
    assert (last["actor"], last["detail"]["status"]) == ("clerk-1", 403)


def test_a_form_from_another_site_is_refused_even_with_the_token(browser: Browser) -> None:
    form = {"csrf": browser.csrf, "id": "1", "name": TYPED}
    answer = browser.ask("POST", "/counter/office/people", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert browser.things() == []


def test_mutant_without_the_check_the_form_goes_through(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "check_csrf", lambda *_: None)
    assert browser.ask("POST", "/counter/office/people", data={"id": "1", "name": TYPED}).status_code == 200
    assert len(browser.things()) == 1


def test_a_session_ends_by_itself_and_keeps_what_was_entered(browser: Browser) -> None:
    first = browser.token
    browser.pass_minutes(16)
    form = {"csrf": browser.csrf, "id": "1", "name": TYPED}
    refused = browser.ask("POST", "/counter/office/people", data=form)
    assert refused.headers["location"] == "/counter/sign-in?next=/counter"
    assert browser.things() == []
    with connect(browser.j.superuser) as tx:
        told = tx.value("SELECT string_agg(row::text || coalesce(detail::text, ''), '') FROM journal.entry WHERE row IS NOT NULL")
    assert TYPED not in told
    assert TYPED.encode("unicode-escape").decode() not in told
    again = browser.sign_in()
    assert again.headers["location"] == "/counter/resume"
    assert browser.token != first
    shown = browser.ask("GET", "/counter/resume").text
    assert f'name="name" value="{TYPED}"' in shown
    assert 'action="/counter/office/people"' in shown


def test_what_was_entered_is_nobody_elses(browser: Browser) -> None:
    browser.pass_minutes(16)
    browser.ask("POST", "/counter/office/people", data={"csrf": browser.csrf, "id": "1", "name": TYPED})
    browser.realm.subject = "clerk-2"
    assert browser.sign_in().headers["location"] == "/counter/office"
    assert browser.ask("GET", "/counter/resume").headers["location"] == "/counter"


def test_the_realm_is_asked_again_and_its_word_holds(browser: Browser) -> None:
    browser.realm.minutes = -1
    browser.sign_in()
    browser.realm.minutes = 5
    assert browser.ask("GET", "/counter/office").status_code == 200
    asked = browser.realm.asked
    assert browser.ask("GET", "/counter/office").status_code == 200
    assert browser.realm.asked == asked  # not at every page
    with connect(browser.j.superuser) as tx:
        tx.execute("UPDATE session.browser SET verified_until = now() - interval '1 second'")
    browser.realm.roles = frozenset({"auditor"})
    assert browser.ask("GET", "/counter/office").status_code == 403
    with connect(browser.j.superuser) as tx:
        tx.execute("UPDATE session.browser SET verified_until = now() - interval '1 second'")
    browser.realm.knows = False
    assert browser.ask("GET", "/counter/office").status_code == 303


def test_a_session_of_another_tenant_or_a_made_up_one_is_refused(browser: Browser, postgres: Postgres, tmp_path: Path) -> None:
    other = journaled(postgres, tmp_path / "other")
    sessions.install(other.owner, zones=["j_app"], reader="j_sealer")
    elsewhere = Browser(other, Vouching(), tenant="046060")
    for value in (browser.token, "made-up", ""):
        elsewhere.cookies.set(sessions.cookie_name(elsewhere.settings), value)
        assert elsewhere.ask("GET", "/counter/office").status_code == 303
    elsewhere.database.close()


def test_an_answer_that_another_browser_asked_for_signs_nobody_in(browser: Browser, j: Journaled) -> None:
    other = Browser(j, Vouching())
    theirs = other.ask("GET", "/counter/sign-in").headers["location"].partition("state=")[2]
    browser.ask("GET", "/counter/sign-in")
    assert browser.ask("GET", f"/counter/sign-in/callback?state={theirs}&code=x").status_code == 401
    assert Browser(j, Vouching()).ask("GET", f"/counter/sign-in/callback?state={theirs}&code=x").status_code == 401
    other.database.close()


def policy_is_strict(answer: httpx2.Response) -> bool:
    policy = answer.headers.get("content-security-policy", "")
    return (
        "default-src 'none'" in policy
        and "unsafe" not in policy
        and "script-src" not in policy
        and "frame-ancestors 'none'" in policy
    )


def test_every_page_comes_under_a_strict_policy(browser: Browser) -> None:
    for path in ("/counter/office", "/counter/signed-out", "/counter/nowhere", "/counter/sign-in/callback"):
        answer = browser.ask("GET", path)
        assert policy_is_strict(answer), path
        assert answer.headers["cache-control"] == "no-store"
    assert browser.ask("GET", "/counter/nowhere").status_code == 404


def test_mutant_a_page_without_the_policy_is_found(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "headers", lambda request: {})
    assert not policy_is_strict(browser.ask("GET", "/counter/office"))


ELSEWHERE = [
    "//evil.example", "https://evil.example", "/\\evil.example", "/counter@evil.example", "/counter//evil.example",
    "/counter/../../x", "/counterfeit", "javascript:alert(1)", "/counter/\r\nSet-Cookie: x", "／counter", "",
]  # fmt: skip


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_a_sign_in_leads_to_own_pages_only(wanted: str) -> None:
    assert pages.own_path(wanted) == "/counter"


@given(st.text())
def test_whatever_is_asked_for_the_way_back_is_ours(wanted: str) -> None:
    assert re.fullmatch(r"/counter(/[^/\\][^\\]*|/)?", pages.own_path(wanted))


def test_realm_refuses_a_state_that_is_not_its_own() -> None:
    verifier: Any = None
    with pytest.raises(Unauthenticated):
        Realm(verifier, "mynumber", "http://x/").answer("secret", state="other", code="x")


# mutant: the issuer's address, which browsers know and a pod behind its walls cannot reach
def test_a_code_is_exchanged_where_the_process_reaches_the_realm() -> None:
    asked: list[str] = []

    class Realms(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_error(400)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Realms) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        inside = f"http://127.0.0.1:{server.server_port}/realms/045811/protocol/openid-connect"
        issuer = "https://login.invalid/realms/045811"
        verifier = Verifier(issuer=issuer, jwks_url=f"{inside}/certs", audience="x", clients=frozenset(), tenant="045811")
        realm = Realm(verifier, "mynumber", "https://onagawa.example/counter/sign-in/callback")
        assert realm.question("secret").startswith("https://login.invalid/realms/045811/protocol/openid-connect/auth?")
        with pytest.raises(Unauthenticated):
            realm.answer("secret", state=derived("secret", "state"), code="x")
        server.shutdown()
    assert asked == ["/realms/045811/protocol/openid-connect/token"]
