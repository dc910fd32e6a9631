"""What the public may check, and the walls around the process that answers: the real role, on a real database, over ASGI."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
import psycopg
import pytest

from infra.targets.services import Postgres
from kit import settings
from kit.app import create_app
from kit.auth import Actor
from kit.civic.verification import ALPHABET, LENGTH, check_code, digest, draw, printed
from kit.db import Database, connect
from kit.errors import Invalid, Unauthenticated
from kit.migrate import migrate
from systems.certificate_check.routes import routers
from systems.resident_registry.model.certificates import Certificate
from systems.resident_registry.service import certificates
from tenants import databases
from tests.support.journaled import journaled
from tests.support.postgres import as_role, role
from tests.support.registry import MIGRATIONS, NAME, OFFICE, asked, move_in

KEYS = {"tenant", "kind", "issued_on", "hash_match"}
RNG = random.Random(31)


class Nobody:
    """No token is good in zone internet."""

    def verify(self, authorization: str | None) -> Actor:
        raise Unauthenticated("nobody signs in here")


@dataclass
class Public:
    """The public's process, a certificate that was issued, and the way to ask."""

    app: Any
    url: str
    writer: str
    issued: Certificate
    pdf: bytes

    def get(self, path: str, accept: str = "application/json", **params: str) -> httpx2.Response:
        async def go() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://public") as client:
                return await client.get(path, params=params or None, headers={"Accept": accept})

        return anyio.run(go)


@pytest.fixture(scope="module")
def public(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Public]:
    j = journaled(postgres, tmp_path_factory.mktemp("segments"))
    migrate(j.owner, "resident_registry", MIGRATIONS)
    name = j.superuser.rpartition("/")[2]
    role(postgres, "j_internet")
    with connect(postgres.url("postgres"), autocommit=True) as tx:
        tx.execute(f"GRANT {name} TO j_internet")
    databases.admit_zone(j.owner, "resident_registry", "j_app", "j_sealer", "j_bulk")
    databases.admit_board(j.owner, "certificate_check", writer="j_app", reader="j_internet", backup="j_sealer")
    reader = as_role(j.superuser, "j_internet")
    with connect(j.app, actor="clerk") as tx:  # the registry's own role hangs the row out
        one = move_in(tx)[0]
        issued = certificates.issue_certificate(tx, OFFICE, one.id, asked(), is_supervisor=False)
        pdf = certificates.certificate_pdf(tx, OFFICE, issued.serial)
    config = settings.ProcessSettings(
        tenant="045811", tenant_name="女川町", zone="internet", systems=("certificate_check",), database_port=1,
        database_name="x", database_role="x", issuer="x", jwks_url="x", audience="x", clients=(), port=1,
    )  # fmt: skip
    database = Database(reader)
    app = create_app(title="public", routers=routers, verifier=Nobody(), database=database, settings=config)
    yield Public(app, reader, j.app, issued, pdf)
    database.close()


def unknown() -> str:
    return draw(RNG.randrange)


def test_a_code_from_the_paper_is_known_in_every_spelling(public: Public) -> None:
    code = public.issued.content["code"]
    wide = "".join(chr(ord(c) + 0xFEE0) if c != "-" else "－" for c in code)
    for spelling in (code, code.replace("-", ""), code.lower(), code.replace("-", " "), wide):
        told = public.get(f"/verify/{spelling}")
        assert told.status_code == 200
        assert told.json() == {
            "tenant": "045811",
            "kind": "住民票の写し",
            "issued_on": str(public.issued.issued_on),
            "hash_match": None,
        }
    assert public.issued.content["check_url"].endswith(f"/verify/{code.replace('-', '')}")


def test_the_hash_of_the_file_is_compared(public: Public) -> None:
    code = public.issued.content["code"]
    right = hashlib.sha256(public.pdf).hexdigest()
    assert public.get(f"/verify/{code}", sha256=right.upper()).json()["hash_match"] is True
    # mutant: the hash of other content does not match
    assert public.get(f"/verify/{code}", sha256=hashlib.sha256(public.pdf + b" ").hexdigest()).json()["hash_match"] is False
    assert public.get(f"/verify/{unknown()}", sha256=right).json()["hash_match"] is False
    assert public.get(f"/verify/{code}", sha256="x").status_code == 422


def test_unknown_malformed_and_mistyped_codes_are_answered_alike(public: Public) -> None:
    code = public.issued.content["code"].replace("-", "")
    mistyped = code[:-1] + next(c for c in ALPHABET if c != code[-1])
    answers = [public.get(f"/verify/{each}") for each in (unknown(), mistyped, "x", "1" * 20, "%00", "𠮷" * 20, code[:-1])]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.text for answer in answers} == {answers[0].text}
    assert set(answers[0].json()) == KEYS
    assert set(public.get(f"/verify/{code}").json()) == KEYS


def test_no_answer_names_anybody(public: Public) -> None:
    code = public.issued.content["code"]
    answers = [
        public.get(f"/verify/{code}"),
        public.get(f"/verify/{code}", accept="text/html"),
        public.get("/verify", accept="text/html", code=code),
        public.get("/verify", accept="text/html"),
        public.get("/openapi.json"),
    ]
    for answer in answers:
        assert answer.status_code == 200
        for secret in (NAME, "ゴトウ", "女川1番地", public.issued.serial, str(public.issued.residents[0]), "045811-"):
            assert secret not in answer.text
    assert "女川町が発行したものです" in answers[1].text
    assert answers[1].headers["content-security-policy"].startswith("default-src 'none'")
    assert answers[1].headers["cache-control"] == "no-store"


def test_the_page_answers_without_script_and_does_not_repeat_what_was_typed(public: Public) -> None:
    page = public.get("/verify", accept="text/html", code="<script>alert(1)</script>").text
    assert "<script" not in page
    assert "記録にありません" in page
    assert '<label for="code">' in page


def test_the_register_is_not_in_this_process() -> None:
    names = {route.path for router in routers for route in router.routes}  # type: ignore[attr-defined]
    assert names == {"/verify", "/verify/{code}"}
    from tenants.model import SYSTEMS

    assert [name for name, zone in SYSTEMS.items() if zone == "internet"] == ["certificate_check"]


READS = [
    "SELECT * FROM resident_registry.resident",
    "SELECT * FROM resident_registry.certificate",
    "SELECT * FROM resident_registry.individual_number",
    "SELECT * FROM journal.entry",
    "SELECT * FROM idempotency.answer",
    "SELECT * FROM migrations.applied",
    "SELECT journal.record('event', NULL, NULL, NULL)",
    "INSERT INTO certificate_check.issued VALUES ('x', 'x', '2026-01-01', 'x')",
    "UPDATE certificate_check.issued SET kind = 'x'",
    "DELETE FROM certificate_check.issued",
    "TRUNCATE certificate_check.issued",
    "CREATE TABLE certificate_check.mine (id int)",
]


@pytest.mark.proves("ISO-4")
@pytest.mark.parametrize("statement", READS)
def test_the_publics_role_reads_one_table_and_nothing_else(public: Public, statement: str) -> None:
    with psycopg.connect(public.url) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute(statement)
    assert refused.value.sqlstate == "42501"


def test_mutant_the_one_table_is_readable_and_holds_no_code(public: Public) -> None:
    with psycopg.connect(public.url) as connection:
        rows = connection.execute("SELECT * FROM certificate_check.issued").fetchall()
    assert len(rows) == 1
    assert public.issued.content["code"].replace("-", "") not in str(rows)


@pytest.mark.parametrize("statement", ["UPDATE certificate_check.issued SET kind = 'x'", "DELETE FROM certificate_check.issued"])
def test_the_registrys_role_adds_rows_and_takes_none_back(public: Public, statement: str) -> None:
    with psycopg.connect(public.writer) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute(statement)
    assert refused.value.sqlstate == "42501"


def test_every_wrong_character_and_every_exchange_is_noticed() -> None:
    for _ in range(40):
        code = draw(RNG.randrange)
        assert len(code) == LENGTH
        assert check_code(printed(code)) == code
        wrong = {code[:at] + other + code[at + 1 :] for at in range(LENGTH) for other in ALPHABET if other != code[at]}
        wrong |= {
            code[:a] + code[b] + code[a + 1 : b] + code[a] + code[b + 1 :]
            for a in range(LENGTH)
            for b in range(a + 1, LENGTH)
            if code[a] != code[b]
        }
        for each in wrong:
            with pytest.raises(Invalid):
                check_code(each)


def test_codes_are_drawn_evenly_and_hashed() -> None:
    codes = [draw(RNG.randrange) for _ in range(2000)]
    assert len(set(codes)) == 2000
    counts = [sum(code[:-1].count(each) for code in codes) for each in ALPHABET]
    assert max(counts) < 1.2 * min(counts)
    assert not set("01ILO") & set(ALPHABET)
    assert digest(codes[0]) == hashlib.sha256(codes[0].encode()).digest()


def test_a_rolled_back_issue_leaves_nothing_on_the_board(public: Public) -> None:
    with pytest.raises(RuntimeError), connect(public.writer, actor="clerk") as tx:
        one = move_in(tx)[0]
        certificates.issue_certificate(tx, OFFICE, one.id, asked(), is_supervisor=False)
        raise RuntimeError
    with psycopg.connect(public.url) as connection:
        assert connection.execute("SELECT count(*) FROM certificate_check.issued").fetchone() == (1,)
