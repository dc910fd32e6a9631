"""What every application does: commit before the answer, problems without personal data, refusals recorded."""

from pathlib import Path
from typing import Annotated, Any

import httpx2
import psycopg
import pytest
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel

from infra.targets.services import Postgres
from kit import journal
from kit.app import create_app, problems
from kit.auth import Actor, require
from kit.db import Database, connect
from kit.errors import NotFound, Unauthenticated
from kit.requests import Transaction, transaction
from tests.support.journaled import Journaled, journaled

router = APIRouter(prefix="/things", tags=["mynumber"])


class Thing(BaseModel):
    id: int
    note: str


Clerk = Annotated[Actor, Depends(require("clerk"))]


@router.post("", status_code=201, summary="Add a thing", responses=problems(409))
def add(tx: Transaction, actor: Clerk, body: Thing) -> Thing:
    tx.execute("INSERT INTO office.thing VALUES (%s, %s)", (body.id, body.note))
    return body


@router.get("/{number}", summary="One thing", responses=problems(404))
def one(tx: Transaction, actor: Clerk, number: int) -> Thing:
    journal.record_access(tx, "office.thing", [number], {"act": "find"})
    found = tx.row("SELECT * FROM office.thing WHERE id = %s", (number,), into=Thing)
    if found is None:
        raise NotFound("there is no such thing")
    return found


@router.get("/{number}/silent", summary="A mutant: reads without a record")
def silent(tx: Transaction, actor: Clerk, number: int) -> Thing | None:
    return tx.row("SELECT * FROM office.thing WHERE id = %s", (number,), into=Thing)


@router.get("/{number}/broken", summary="Reads, then fails")
def broken(tx: Transaction, actor: Clerk, number: int) -> None:
    journal.record_access(tx, "office.thing", [number], {"act": "find"})
    raise RuntimeError("secret note 123456789018")


class Anybody:
    """Stands in for Keycloak here only: who the actor is is not what these tests are about."""

    def verify(self, authorization: str | None) -> Actor:
        if authorization != "Bearer good":
            raise Unauthenticated("sign in")
        return Actor("045811", "clerk-1", "clerk", frozenset({"clerk"}), "mynumber", True)


class Office:
    def __init__(self, j: Journaled, app: FastAPI) -> None:
        self.j, self.app = j, app

    async def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> httpx2.Response:
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
        headers = {"Authorization": "Bearer good"} if headers is None else headers
        async with httpx2.AsyncClient(transport=transport, base_url="http://office") as client:
            return await client.request(method, path, headers=headers, **options)

    def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        import anyio

        async def go() -> httpx2.Response:
            return await self.call(method, path, **options)

        return anyio.run(go)

    def entries(self, kind: str) -> list[dict[str, Any]]:
        with connect(self.j.superuser) as tx:
            return tx.rows("SELECT * FROM journal.entry WHERE kind = %s ORDER BY id", (kind,))


@pytest.fixture
def office(postgres: Postgres, tmp_path: Path) -> Any:
    j = journaled(postgres, tmp_path)
    database = Database(j.app)
    yield Office(j, create_app(title="office", routers=[router], verifier=Anybody(), database=database))
    database.close()


async def answers_with_commit_seen(app: FastAPI, j: Journaled) -> list[bool]:
    """For each message the application sends, whether the row was committed by then."""
    seen: list[bool] = []
    body = b'{"id": 7, "note": "x"}'
    scope = {
        "type": "http", "method": "POST", "path": "/things", "raw_path": b"/things", "query_string": b"", "root_path": "",
        "headers": [(b"authorization", b"Bearer good"), (b"content-type", b"application/json")],
        "scheme": "http", "server": ("office", 80), "client": ("test", 1), "http_version": "1.1", "asgi": {"version": "3.0"},
    }  # fmt: skip
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            import anyio

            await anyio.sleep(60)
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        with psycopg.connect(j.superuser) as look:
            found = look.execute("SELECT count(*) FROM office.thing WHERE id = 7").fetchone()
            seen.append(found == (1,))

    await app(scope, receive, send)  # type: ignore[arg-type]
    return seen


def test_the_commit_comes_before_the_answer(office: Office) -> None:
    import anyio

    seen = anyio.run(answers_with_commit_seen, office.app, office.j)
    assert seen
    assert all(seen)


def test_mutant_a_dependency_of_the_request_scope_answers_first(postgres: Postgres, tmp_path: Path) -> None:
    import anyio

    late = APIRouter(prefix="/things", tags=["mynumber"])

    @late.post("", status_code=201)
    def add_late(tx: Annotated[Any, Depends(transaction)], body: Thing) -> Thing:
        tx.execute("INSERT INTO office.thing VALUES (%s, %s)", (body.id, body.note))
        return body

    j = journaled(postgres, tmp_path)
    database = Database(j.app)
    app = create_app(title="late", routers=[late], verifier=Anybody(), database=database)
    assert not all(anyio.run(answers_with_commit_seen, app, j))
    database.close()


def leaves_without_record(office: Office, path: str) -> bool:
    """Whether the answer carries the thing though no access entry was written for it."""
    before = len(office.entries("access"))
    answer = office.ask("GET", path)
    return "note" in answer.text and len(office.entries("access")) == before


@pytest.mark.proves("AUD-2")
def test_mutant_a_route_that_records_nothing_is_found(office: Office) -> None:
    office.ask("POST", "/things", json={"id": 1, "note": "x"})
    assert leaves_without_record(office, "/things/1/silent")


@pytest.mark.proves("AUD-2")
def test_nothing_read_leaves_without_a_record(office: Office) -> None:
    office.ask("POST", "/things", json={"id": 1, "note": "x"})
    assert not leaves_without_record(office, "/things/1")
    assert len(office.entries("access")) == 1
    # a failure after the read: the record is rolled back together with an answer that carries nothing
    failed = office.ask("GET", "/things/1/broken")
    assert failed.status_code == 500
    assert "123456789018" not in failed.text
    assert len(office.entries("access")) == 1
    # the journal cannot be written: nothing leaves
    with connect(office.j.superuser) as tx:
        tx.execute("REVOKE EXECUTE ON FUNCTION journal.record(text, text, jsonb, jsonb) FROM j_app")
    assert not leaves_without_record(office, "/things/1")
    assert office.ask("GET", "/things/1").status_code >= 500


def test_refusals_are_recorded_once_and_carry_no_row(office: Office) -> None:
    assert office.ask("GET", "/things/99").status_code == 404
    assert office.ask("GET", "/things/99", headers={}).status_code == 401
    told = office.entries("refusal")
    assert [(entry["detail"]["status"], entry["actor"]) for entry in told] == [(404, "clerk-1"), (401, "unknown")]
    assert office.entries("access") == []  # what was read for nothing was rolled back


def test_a_401_says_how_to_sign_in(office: Office) -> None:
    response = office.ask("GET", "/things/1", headers={})
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"] == "application/problem+json"
    assert set(response.json()) == {"type", "title", "status", "detail", "request"}


def test_problems_name_fields_and_rules_but_never_values(office: Office) -> None:
    response = office.ask("POST", "/things", json={"id": "123456789018 is secret", "note": ["secret"]})
    assert response.status_code == 422
    assert "secret" not in response.text
    assert {each["field"] for each in response.json()["errors"]} == {"body.id", "body.note"}


def test_a_broken_rule_of_the_database_is_a_conflict_without_values(office: Office) -> None:
    office.ask("POST", "/things", json={"id": 1, "note": "first"})
    again = office.ask("POST", "/things", json={"id": 1, "note": "123456789018"})
    assert again.status_code == 409
    assert "thing_pkey" in again.json()["detail"]
    assert "123456789018" not in again.text


def test_the_api_page_needs_nothing_from_outside(office: Office) -> None:
    page = office.ask("GET", "/docs").text
    assert "/assets/swagger-ui-bundle.js" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert office.ask("GET", "/assets/swagger-ui-bundle.js").status_code == 200
    assert office.ask("GET", "/health").json() == {"status": "ok"}
    assert 'status="200"' in office.ask("GET", "/metrics").text
