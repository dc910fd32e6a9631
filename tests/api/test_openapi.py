"""API-1: what the services say of themselves is true, whatever they are asked: Schemathesis over every operation.

Operations that are asked in vain (all 404) prove little, so a small town with something of everything is there. Statuses are
printed, as a count of how far the questions came.
"""

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import requests
import schemathesis
from schemathesis.python import asgi

from infra.targets.services import Postgres
from kit.db import connect
from tenants.catalog import index
from tenants.home import PREFECTURE
from tests.support.cloud import ONAGAWA, Cloud
from tests.support.desk import Desk, desk
from tests.support.fuzz import Found, ask_everything
from tests.support.registry import PLACE, TODAY, household_of, move_in, person
from tests.systems.test_imports import as_csv, head
from tests.systems.test_registry_disclosure import founded

DAY = str(TODAY)
#: who asks, in turn: whoever may everything, and an ordinary clerk
WHO = ("everything", "everything", "everything", "clerk")
#: of each operation in each of the two ways: more find more and take longer
EXAMPLES = int(os.environ.get("API_EXAMPLES", "14"))


@pytest.fixture
def town(postgres: Postgres, tmp_path: Any) -> Iterator[Desk]:
    register = founded(postgres, tmp_path)
    with connect(register.superuser, actor="clerk") as tx:
        household_of(tx, 3)
        move_in(tx, person("架空\u3000一郎"), place=dataclasses.replace(PLACE, town="女川"))
    with desk(register.app) as found:
        yield found


BROWSING = {"kind": "public_body", "applicant": "架空県", "purpose": "調査", "towns": ["女川"]}


def objects(town: Desk) -> dict[str, list[str]]:
    """Ids of something of everything, by the name of the parameter that carries one."""
    do = town.done
    with connect(town.behind) as tx:
        people = tx.rows("SELECT id::text, household_id::text FROM resident_registry.resident ORDER BY atena_no")
    ids = [each["id"] for each in people]
    draft = {"event_on": DAY, "details": {"reason": "death", "residents": [{"id": ids[1], "version": 1}]}}
    movements = [do("clerk", "POST", "/movements", json=draft)["id"], do("clerk", "GET", "/movements")["movements"][0]["id"]]
    who = {"kind": "self", "name": "架空", "address": "宮城県", "documents": ["my_number_card"]}
    serial = do("clerk", "POST", f"/residents/{ids[0]}/certificates", json={"requester": who})["serial"]
    do("clerk", "POST", f"/residents/{ids[3]}/third-party-notice")
    third = who | {"kind": "third_party", "ground": "債権の回収"}
    do("clerk", "POST", f"/residents/{ids[3]}/certificates", json={"requester": third})
    stop = {"kind": "no_issue", "acts": ["certificate"], "message": "確認中", "override": "supervisor"}
    case = {"applicant": ids[2], "kind": "A", "opponent": {"name": "架空　相手"}}
    upload = {"files": {"file": ("residents.csv", as_csv(head(1)))}}
    return {
        "resident_id": ids,
        "household_id": sorted({each["household_id"] for each in people}),
        "movement_id": movements,
        "serial": [serial],
        "suppression_id": [do("supervisor", "POST", f"/residents/{ids[3]}/suppressions", json=stop)["id"]],
        "case_id": [do("dv-officer", "POST", "/support-cases", json=case)["id"]],
        "hold_id": [do("supervisor", "POST", f"/residents/{ids[0]}/legal-holds", json={"reason": "訴訟"})["id"]],
        "import_id": [do("everything", "POST", "/imports", **upload)["id"]],
        "export_id": [do("everything", "POST", "/exports", json={"ground": "移行"})["id"]],
        "browsing_id": [do("clerk", "POST", "/browsing-applications", json=BROWSING)["id"]],
        "letter_id": [do("clerk", "GET", "/letters")["letters"][0]["id"]],
        "code_point": ["U+E000"],
    }


def told(found: Found) -> str:
    return "\n".join(f"{key}\n    {text}" for key, text in sorted(found.wrong.items()))


def sessions(app: Any) -> list[Any]:
    found = []
    for who in WHO:
        session = asgi.get_client(app)
        session.headers["Authorization"] = f"Bearer {who}"
        found.append(session)
    return found


@pytest.mark.proves("API-1")
def test_the_registrys_counter_answers_as_it_says(town: Desk) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", town.app)
    headers = {"x-purpose": "inquiry", "if-match": '"1"'}
    found = ask_everything(schema, sessions(town.app), known=objects(town), headers=headers, examples=EXAMPLES)
    print(found.asked, "questions to", len(found.operations), "operations:", dict(sorted(found.statuses.items())))
    assert not found.wrong, told(found)


NARROW = {"type": "object", "properties": {"residents": {"type": "string"}}}


@pytest.mark.parametrize(
    ("path", "bend"),
    [
        ("/resident-registry/residents/{resident_id}", lambda op: op["responses"].pop("404")),
        ("/resident-registry/register", lambda op: op["responses"]["200"]["content"]["application/json"].update(schema=NARROW)),
        ("/resident-registry/statistics/{name}", lambda op: op["responses"]["200"]["content"].pop("text/csv; charset=utf-8")),
    ],
)
def test_mutant_a_status_a_shape_or_a_type_that_is_not_documented_is_found(
    town: Desk, path: str, bend: Callable[[dict[str, Any]], object]
) -> None:
    whole = town.app.openapi()
    described = json.loads(json.dumps(whole | {"paths": {path: {"get": whole["paths"][path]["get"]}}}))
    bend(described["paths"][path]["get"])
    schema = schemathesis.openapi.from_dict(described)
    schema.app = town.app
    found = ask_everything(schema, sessions(town.app), known={}, headers={"x-purpose": "inquiry"}, examples=60)
    assert found.wrong


def live(cloud: Cloud, base: str, tokens: list[str | None], **more: Any) -> Found:
    """A running process, asked with real tokens."""
    schema = schemathesis.openapi.from_url(f"{base}/openapi.json")
    callers = []
    for token in tokens:
        session = requests.Session()
        session.headers.update({"Authorization": f"Bearer {token}"} if token else {})
        callers.append(session)
    found = ask_everything(schema, callers, headers={}, examples=EXAMPLES // 2, **more)
    print(found.asked, "questions to", len(found.operations), "operations:", dict(sorted(found.statuses.items())))
    return found


@pytest.mark.proves("API-1")
def test_the_platform_api_answers_as_it_says(cloud: Cloud) -> None:
    """On the run's own town: its steps again, a backup or a restore that is accepted is a real one and is waited for."""
    staff = ["operator", "drill-leader", "council-secretary", "tenant-admin"]
    tokens: list[str | None] = [cloud.token(PREFECTURE, name, "platform") for name in staff]
    known = {"operation_id": [cloud.onboarded[ONAGAWA]["id"]], "code": [ONAGAWA], "drill_id": [str(uuid4())], "database": ["r_1"]}
    found = live(cloud, cloud.home.platform_api_url, tokens, known=known)
    for each in cloud.api.call("GET", "/operations"):
        list(cloud.api.steps(each["id"]))  # ends when the operation has
    assert not found.wrong, told(found)


@pytest.mark.proves("API-1")
def test_the_other_zones_answer_as_they_say(cloud: Cloud) -> None:
    internet = f"http://127.0.0.1:{cloud.home.tenant_port(index(ONAGAWA), 'internet')}"
    lgwan = f"http://127.0.0.1:{cloud.home.tenant_port(index(PREFECTURE), 'lgwan')}"
    procurement = cloud.token(PREFECTURE, "procurement-officer", "lgwan")
    for found in (live(cloud, internet, [None], known={}), live(cloud, lgwan, [procurement], known={})):
        assert not found.wrong, told(found)
