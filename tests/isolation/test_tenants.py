"""No tenant reaches another: over the live API of every tenant, and at the walls of the database."""

import re
from contextlib import ExitStack
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from kit.db import connect, json
from tenants import catalog
from tenants.keyring import platform_url, postgres_url, tenant_keys, tenant_url
from tenants.processes import sessions_at_most
from tests.support.bent import bent
from tests.support.cloud import MINAMISANRIKU, ONAGAWA, TENANTS, Cloud

OFFICIAL = {"kind": "public_body", "name": "架空税務署", "address": "宮城県架空市2番地", "ground": "調査"} | {
    "documents": ["official_card"]
}
PAIRS = [(ONAGAWA, MINAMISANRIKU), (MINAMISANRIKU, ONAGAWA)]


def residents(cloud: Cloud, code: str) -> list[dict[str, Any]]:
    with connect(tenant_url(cloud.home, code, "backup")) as tx:
        return tx.rows(
            "SELECT id, household_id, name FROM resident_registry.resident r WHERE state = 'current' "
            "AND NOT EXISTS (SELECT FROM resident_registry.protected p WHERE p.resident_id = r.id) ORDER BY id LIMIT 5"
        )


def certificate(cloud: Cloud, code: str) -> str:
    """Serial of a certificate of that tenant."""
    with cloud.registry(code) as clerk:
        for one in residents(cloud, code):
            issued = clerk.post(f"/residents/{one['id']}/certificates", json={"requester": OFFICIAL})
            if issued.status_code == 201:
                return str(issued.json()["serial"])
    raise AssertionError("no certificate can be issued")


def movement(cloud: Cloud, code: str) -> str:
    """Id of a draft of that tenant."""
    details = {"reason": "death", "residents": [{"id": str(residents(cloud, code)[0]["id"]), "version": 1}]}
    with cloud.registry(code) as clerk:
        return str(clerk.post("/movements", json={"event_on": "2026-11-01", "details": details}).json()["id"])


def operations_with_ids(base: str) -> list[tuple[str, str, list[str]]]:
    """Method, path and id parameters of every operation of a live schema that carries one."""
    schema = httpx2.get(f"{base}/openapi.json", timeout=20).json()
    found = []
    for path, verbs in schema["paths"].items():
        names = re.findall(r"{(\w+)}", path)
        # the name of a statistic or list is the same for everybody: no object of a tenant
        found += [(verb.upper(), path, names) for verb in verbs if names and names != ["name"]]
    return found


BODIES: dict[str, dict[str, Any]] = {
    "/certificates": {"requester": OFFICIAL},
    "/move-out-certificates": {"requester": OFFICIAL | {"kind": "self"}},
    "/suppressions": {"kind": "no_issue", "acts": ["certificate"], "message": "x", "override": "none"},
    "/confirm": {"version": 1, "body": "x", "consulted_on": "2026-11-01", "opinion": "x"},
    "/decide": {"version": 1},
    "/extend": {"version": 1},
    "/decision": {"approved": True, "ground": "x"},
    "/close": {"version": 1, "reason": "x"},
    "/opponent": {"resident_id": str(uuid4())},
    "/legal-holds": {"reason": "x"},
    ":submit": {},
    ":return": {"reason": "x"},
    ":cancel": {"ground": {"kind": "error", "text": "x", "on": "2026-11-01"}},
    ":recalculate": {"head": str(UUID(int=1))},
    "/movements/{movement_id}": {
        "event_on": "2026-11-01",
        "details": {"reason": "move_out_cancel", "residents": [{"id": str(UUID(int=1)), "version": 1}]},
    },
    ":choose": {"rows": "all"},
    ":decide": {"release": False},
    "/{code_point}": {"character": "吉"},
    "/onboarding": {},
    "/backups": {},
    "/restores": {},
}


#: words in the paths that ask for a role which neither of the two has
OTHER_ROLES = (
    "support-", "suppressions", "individual-number", "/imports/", "/exports/", "/mailing", "/disposals/", "-hold", "/decision",
)  # fmt: skip


def a_case(cloud: Cloud, code: str) -> str:
    with connect(tenant_url(cloud.home, code, "backup")) as tx:
        found = tx.value("SELECT id::text FROM resident_registry.support_case LIMIT 1")
    return str(found or uuid4())


def a_letter(cloud: Cloud, code: str) -> str:
    """A letter of the town, there for this test if there was none."""
    with connect(tenant_url(cloud.home, code, "owner")) as tx:
        content = {"issued_on": "2026-11-01", "kind": "住民票の写し", "copies": 1, "requester_class": "第三者"}
        tx.execute(
            """INSERT INTO resident_registry.notice (id, kind, addressee, content, state, drafted_at)
               SELECT gen_random_uuid(), 'third_party_issue', '架空', %s, 'draft', now()
               WHERE NOT EXISTS (SELECT FROM resident_registry.notice WHERE kind = 'third_party_issue')""",
            (json(content),),
        )
        return str(tx.value("SELECT id FROM resident_registry.notice WHERE kind = 'third_party_issue' LIMIT 1"))


def an_import(cloud: Cloud, code: str) -> str:
    with connect(tenant_url(cloud.home, code, "backup")) as tx:
        return str(tx.value("SELECT id FROM resident_registry.import_job LIMIT 1"))


def body_for(path: str) -> dict[str, Any]:
    return next((body for end, body in BODIES.items() if path.endswith(end)), {})


def refusals(url: str) -> int:
    with connect(url) as tx:
        found: int = tx.value("SELECT count(*) FROM journal.entry WHERE kind = 'refusal'")
        return found


def without_request(response: httpx2.Response) -> dict[str, Any]:
    found: dict[str, Any] = response.json()
    return {key: value for key, value in found.items() if key != "request"}


@pytest.mark.proves("ISO-1")
@pytest.mark.parametrize(("own", "other"), PAIRS)
def test_another_tenants_objects_are_not_there_in_the_registry(cloud: Cloud, own: str, other: str) -> None:
    base = cloud.registry_url(own).removesuffix("/resident-registry")
    somebody = residents(cloud, other)[0]
    foreign = {"resident_id": str(somebody["id"]), "household_id": str(somebody["household_id"])}
    foreign |= {"serial": certificate(cloud, other), "movement_id": movement(cloud, other), "disposal_id": str(uuid4())}
    foreign |= {"case_id": a_case(cloud, other), "suppression_id": str(uuid4()), "forwarding_id": str(uuid4())}
    foreign |= {"browsing_id": str(uuid4()), "hold_id": str(uuid4()), "letter_id": a_letter(cloud, other)}
    foreign |= {"import_id": an_import(cloud, other), "export_id": str(uuid4()), "code_point": "U+E000"}
    missing = {name: str(uuid4()) for name in foreign} | {"serial": f"{own}-2020-999999"}
    operations = operations_with_ids(base)
    assert len(operations) >= 4
    journal = tenant_url(cloud.home, own, "backup")
    for username in ("registry-clerk", "registry-supervisor"):
        with cloud.registry(own, username) as clerk:
            clerk.headers["If-Match"] = '"1"'
            for method, path, names in operations:
                before = refusals(journal)
                url = base + path.format(**{name: foreign[name] for name in names})
                answer = clerk.request(method, url, json=body_for(path) if method != "GET" else None)
                assert refusals(journal) == before + 1, path
                gone = clerk.request(
                    method, base + path.format(**{n: missing[n] for n in names}), json=body_for(path) if method != "GET" else None
                )
                expected = {404, 403} if method == "DELETE" or any(word in path for word in OTHER_ROLES) else {404}
                assert answer.status_code in expected, (method, path, answer.text)
                assert without_request(answer) == without_request(gone)


@pytest.mark.proves("ISO-1")
@pytest.mark.parametrize(("own", "other"), PAIRS)
def test_another_tenant_is_not_there_at_the_platform_api(cloud: Cloud, own: str, other: str) -> None:
    base = cloud.home.platform_api_url
    foreign = {"code": other, "operation_id": cloud.onboarded[other]["id"], "drill_id": str(uuid4()), "database": "r_1"}
    missing = {"code": "041009", "operation_id": str(uuid4()), "drill_id": str(uuid4()), "database": "r_1"}
    operations = operations_with_ids(base)
    assert len(operations) >= 9
    for username in ("tenant-admin", "auditor"):
        with cloud.platform(own, username) as admin:
            for method, path, names in operations:
                url = base + path.format(**{name: foreign[name] for name in names})
                before = refusals(platform_url(cloud.home, "platform"))
                answer = admin.request(method, url, json=body_for(path) if method != "GET" else None)
                assert refusals(platform_url(cloud.home, "platform")) == before + 1, path
                gone = admin.request(
                    method, base + path.format(**{n: missing[n] for n in names}), json=body_for(path) if method != "GET" else None
                )
                assert answer.status_code in (403, 404), (method, path, answer.text)
                told, absent = without_request(answer), without_request(gone)
                assert {k: str(v).replace(other, "CODE") for k, v in told.items()} == {
                    k: str(v).replace("041009", "CODE") for k, v in absent.items()
                }


def test_mutant_the_own_tenant_is_there(cloud: Cloud) -> None:
    """The same questions about one's own things are answered: the 404s above are not a broken test."""
    with cloud.platform(ONAGAWA, "tenant-admin") as admin:
        for path in ("", "/events", "/journal", "/backups"):
            assert admin.get(f"/tenants/{ONAGAWA}{path}").status_code == 200, path
        assert admin.get(f"/operations/{cloud.onboarded[ONAGAWA]['id']}").status_code == 200
        assert {each["tenant"] for each in admin.get("/operations").json()} == {ONAGAWA}
    with cloud.registry(ONAGAWA) as clerk:
        assert clerk.get(f"/residents/{residents(cloud, ONAGAWA)[0]['id']}").status_code == 200


@pytest.mark.proves("ISO-1", "ISO-2")
def test_mutant_a_process_on_another_tenants_database_shows_its_residents(cloud: Cloud) -> None:
    foreign = residents(cloud, MINAMISANRIKU)[0]
    with bent(cloud, ONAGAWA, "registry-clerk", database_of=MINAMISANRIKU) as clerk:
        assert clerk.get(f"/residents/{foreign['id']}").status_code == 200
        shown = clerk.post("/residents/search", json={"name": foreign["name"].replace("\u3000", "")})
        assert str(foreign["id"]) in [hit["id"] for hit in shown.json()["residents"]]


@pytest.mark.proves("ISO-2")
def test_another_tenants_ids_in_other_places_do_nothing(cloud: Cloud) -> None:
    foreign = residents(cloud, MINAMISANRIKU)[0]
    own = residents(cloud, ONAGAWA)[0]
    with connect(tenant_url(cloud.home, ONAGAWA, "backup")) as tx:
        before = tx.value("SELECT count(*) FROM resident_registry.movement")
    child = {"name": "架空 子", "kana": "カクウ コ", "sex": "male", "born_on": "2026-11-01", "relation": "子"}
    both = [{"id": str(own["id"]), "version": 1}, {"id": str(foreign["id"]), "version": 1}]
    place = {"postal_code": "9862261", "address": "x"}
    bodies = [
        {"reason": "birth", "household_id": str(foreign["household_id"]), "child": child},
        {"reason": "death", "residents": both[1:]},
        {"reason": "move_out", "residents": both, "destination": {"address": "x"}},
        {"reason": "move_out", "residents": both[::-1], "destination": {"address": "x"}},
        {"reason": "move_within", "residents": both[1:], "place": place},
        {"reason": "move_within", "residents": both[:1], "household_id": str(foreign["household_id"])},
    ]
    with cloud.registry(ONAGAWA) as clerk:
        for body in bodies:
            filing = {"event_on": "2026-11-01", "filed_on": "2026-11-02", "details": body, "up_to": "decided"}
            assert clerk.post("/movements", json=filing).status_code in (404, 409), body
        for header in ("X-Tenant", "X-Forwarded-Host", "Forwarded", "Host"):
            answer = clerk.get(f"/residents/{foreign['id']}", headers={header: MINAMISANRIKU})
            assert answer.status_code == 404
        for query in ({"tenant": MINAMISANRIKU}, {"include": MINAMISANRIKU}):
            found = clerk.post("/residents/search", params=query, json={"name": foreign["name"][:2]})
            assert found.status_code in (200, 422)
            assert foreign["id"] not in [UUID(hit["id"]) for hit in found.json().get("residents", [])]
    with connect(tenant_url(cloud.home, ONAGAWA, "backup")) as tx:
        assert tx.value("SELECT count(*) FROM resident_registry.movement") == before


@pytest.mark.proves("ISO-2")
def test_an_idempotency_key_of_another_actor_answers_nothing(cloud: Cloud) -> None:
    one = residents(cloud, ONAGAWA)[1]
    body = {"requester": OFFICIAL}
    with cloud.registry(ONAGAWA) as clerk, cloud.registry(ONAGAWA, "registry-supervisor") as other:
        first = clerk.post(f"/residents/{one['id']}/certificates", json=body, headers={"Idempotency-Key": "k-1"})
        again = clerk.post(f"/residents/{one['id']}/certificates", json=body, headers={"Idempotency-Key": "k-1"})
        theirs = other.post(f"/residents/{one['id']}/certificates", json=body, headers={"Idempotency-Key": "k-1"})
    assert first.json() == again.json()
    assert theirs.json()["serial"] != first.json()["serial"]


def roles(cloud: Cloud) -> list[tuple[str, str]]:
    """Tenant and role of every role that may log in at the primary."""
    found = []
    for code in TENANTS:
        zones = ("lgwan",) if code == "040002" else ("mynumber", "internet")
        found += [(code, role) for role in ("owner", "backup", "bulk", *zones)]
    return found


def can_enter(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.proves("ISO-4")
def test_each_role_enters_its_own_database_and_no_other(cloud: Cloud) -> None:
    databases = [f"t_{code}" for code in TENANTS] + ["postgres", "template1"]
    entered = set()
    for code, role in roles(cloud):
        url = tenant_url(cloud.home, code, role)
        entered |= {(code, role, name) for name in databases if can_enter(f"{url.rpartition('/')[0]}/{name}")}
    assert entered == {(code, role, f"t_{code}") for code, role in roles(cloud)}


@pytest.mark.proves("ISO-4")
def test_mutant_a_role_put_into_another_group_is_let_in(cloud: Cloud) -> None:
    url = tenant_url(cloud.home, ONAGAWA, "mynumber")
    theirs = f"{url.rpartition('/')[0]}/t_{MINAMISANRIKU}"
    admin = postgres_url(cloud.home, "primary")
    with connect(admin, autocommit=True) as tx:
        tx.execute(f"GRANT t_{MINAMISANRIKU} TO t_{ONAGAWA}_mynumber; GRANT CONNECT ON DATABASE t_{MINAMISANRIKU} TO PUBLIC")
        seen = can_enter(theirs)
        tx.execute(f"REVOKE t_{MINAMISANRIKU} FROM t_{ONAGAWA}_mynumber")
        tx.execute(f"REVOKE CONNECT ON DATABASE t_{MINAMISANRIKU} FROM PUBLIC")
    assert seen
    assert not can_enter(theirs)


@pytest.mark.proves("ISO-4")
@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("mynumber", "SELECT * FROM journal.entry"),
        ("mynumber", "SELECT * FROM journal.segment"),
        ("mynumber", "SELECT * FROM migrations.applied"),
        ("mynumber", "CREATE TABLE resident_registry.mine (id int)"),
        ("mynumber", "CREATE TABLE public.mine (id int)"),
        ("backup", "UPDATE resident_registry.resident SET name = 'x'"),
        ("backup", "INSERT INTO journal.entry (kind, actor) VALUES ('event', 'x')"),
        ("bulk", "UPDATE resident_registry.resident SET name = 'x'"),
        ("bulk", "DELETE FROM resident_registry.resident"),
        ("internet", "SELECT * FROM resident_registry.resident"),
        ("internet", "SELECT * FROM resident_registry.certificate"),
        ("internet", "SELECT count(*) FROM journal.entry"),
        ("internet", "SELECT journal.record('event', NULL, NULL, NULL)"),
        ("internet", "SELECT * FROM idempotency.answer"),
        ("internet", "INSERT INTO certificate_check.issued VALUES ('\\x00', 'x', '2026-01-01', 'x')"),
        ("internet", "DELETE FROM certificate_check.issued"),
        ("mynumber", "UPDATE certificate_check.issued SET kind = 'x'"),
        ("mynumber", "DELETE FROM certificate_check.issued"),
        ("bulk", "SELECT * FROM certificate_check.issued"),
    ],
)
def test_roles_keep_to_their_schemas(cloud: Cloud, role: str, statement: str) -> None:
    with psycopg.connect(tenant_url(cloud.home, ONAGAWA, role)) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute(statement)
    assert refused.value.sqlstate == "42501"


ESCAPES = """
COPY (SELECT 1) TO PROGRAM 'id'
COPY public.x FROM PROGRAM 'id'
COPY (SELECT 1) TO '/tmp/out'
SELECT pg_read_file('/etc/passwd')
SELECT pg_read_binary_file('/etc/passwd')
SELECT pg_ls_dir('/')
SELECT pg_stat_file('/etc/passwd')
SELECT lo_import('/etc/passwd')
SELECT lo_export(1, '/tmp/out')
CREATE EXTENSION dblink
CREATE EXTENSION postgres_fdw
CREATE EXTENSION file_fdw
CREATE EXTENSION adminpack
CREATE EXTENSION plpython3u
CREATE LANGUAGE plperlu
CREATE FUNCTION public.f() RETURNS int LANGUAGE c AS 'libc', 'system'
CREATE FUNCTION public.f() RETURNS int LANGUAGE internal AS 'pg_read_file'
CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw
CREATE ROLE mine SUPERUSER
ALTER ROLE postgres PASSWORD 'x'
ALTER ROLE CURRENT_USER SUPERUSER
ALTER ROLE CURRENT_USER CREATEROLE
ALTER ROLE CURRENT_USER BYPASSRLS
ALTER ROLE CURRENT_USER REPLICATION
SET ROLE postgres
SET ROLE t_046060_owner
SET SESSION AUTHORIZATION postgres
GRANT t_046060 TO CURRENT_USER
GRANT pg_read_all_data TO CURRENT_USER
GRANT pg_execute_server_program TO CURRENT_USER
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'
SELECT pg_reload_conf()
SELECT pg_rotate_logfile()
ALTER SYSTEM SET log_statement = 'all'
SET log_statement = 'all'
SET session_replication_role = replica
CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p
CREATE PUBLICATION p FOR ALL TABLES
CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION journal.refuse()
CREATE DATABASE mine
DROP DATABASE t_046060
CREATE TABLESPACE mine LOCATION '/tmp'
SELECT pg_create_logical_replication_slot('mine', 'pgoutput')
""".strip().splitlines()


@pytest.mark.proves("ISO-5")
@pytest.mark.parametrize("role", ["mynumber", "internet", "backup", "bulk"])
def test_no_statement_escapes(cloud: Cloud, role: str) -> None:
    assert len(ESCAPES) >= 40
    passed = []
    with psycopg.connect(tenant_url(cloud.home, ONAGAWA, role), autocommit=True) as connection:
        for statement in ESCAPES:
            try:
                connection.execute(statement)
            except psycopg.Error as refused:
                if (refused.sqlstate or "").startswith("08"):
                    raise
            else:
                passed.append(statement)
    # nobody's server process of the superuser was there to be ended: the statement then touches no row
    assert [each for each in passed if "pg_terminate_backend" not in each] == []


@pytest.mark.proves("ISO-14")
def test_a_tenant_that_takes_every_session_takes_none_of_its_neighbour(cloud: Cloud) -> None:
    most, taken = sessions_at_most(catalog.tenant(ONAGAWA)), ExitStack()
    with taken:
        with pytest.raises(psycopg.OperationalError, match="too many connections for database"):
            for _ in range(most + 1):  # mutant: without a limit the loop ends
                taken.enter_context(psycopg.connect(tenant_url(cloud.home, ONAGAWA, "mynumber")))
        with cloud.registry(MINAMISANRIKU) as clerk:
            assert clerk.get("/statistics").status_code == 200
        for role in ("mynumber", "bulk", "backup"):
            with psycopg.connect(tenant_url(cloud.home, MINAMISANRIKU, role)) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
        with cloud.registry(ONAGAWA) as clerk:  # its own process says so and lives
            assert clerk.get("/statistics").status_code in (200, 503)
    with cloud.registry(ONAGAWA) as clerk:
        assert clerk.get("/statistics").status_code == 200


@pytest.mark.proves("ISO-5")
def test_mutant_the_superuser_escapes(cloud: Cloud) -> None:
    with psycopg.connect(postgres_url(cloud.home, "primary"), autocommit=True) as connection:
        connection.execute("SELECT pg_ls_dir('.')")


def test_keys_of_one_tenant_open_nothing_of_another(cloud: Cloud) -> None:
    a, b = tenant_keys(cloud.home, ONAGAWA), tenant_keys(cloud.home, MINAMISANRIKU)
    assert not set(a.model_dump().values()) & set(b.model_dump().values())
