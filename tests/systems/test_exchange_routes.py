"""The counter for files and packs: roles, answers, problems."""

import io
import zipfile
from typing import Any
from uuid import uuid4

import pytest

from infra.targets.services import Postgres
from kit import reading, tables
from systems.resident_registry.jobs import exports
from systems.resident_registry.model.imports import NAMES
from systems.resident_registry.service.exports import check_pack
from tests.support.desk import ROLES, Desk, desk
from tests.support.exchange import Register, empty_register
from tests.systems.test_imports import as_csv, head, person


@pytest.fixture(scope="module")
def register(postgres: Postgres) -> Register:
    return empty_register(postgres)


@pytest.fixture
def counter(register: Register) -> Any:
    register.wipe()
    ROLES["operator"] = ("registry_operator",)
    ROLES["releaser"] = ("registry_operator", "registry_supervisor", "dv_officer", "number_officer")
    with desk(register.doors.zone) as open_desk:
        yield open_desk


def upload(counter: Desk, data: bytes, who: str = "operator") -> Any:
    return counter.ask(who, "POST", "/imports", files={"file": ("residents.csv", data)})


def test_a_file_is_uploaded_checked_corrected_and_chosen(counter: Desk, register: Register) -> None:
    assert upload(counter, as_csv(head(1)), "clerk").status_code == 403
    answer = upload(counter, as_csv(head(1), person(2, 生年月日="いつか"), head(3, 3, 氏名="\ue000田")))
    assert answer.status_code == 202
    place = answer.headers["location"].removeprefix("/resident-registry")
    assert counter.ask("operator", "POST", f"{place}:choose", json={"rows": "valid"}).status_code == 409
    register.work()
    told = counter.done("operator", "GET", place)
    assert (told["state"], told["rows"], told["rows_valid"]) == ("checked", 3, 0)
    faults = counter.done("operator", "GET", f"{place}/faults")["faults"]
    assert {"row": 3, "column": "生年月日", "rule": "day"}.items() <= next(f for f in faults if f["row"] == 3).items()
    assert all(f["advice"] for f in faults)
    assert "いつか" not in str(faults)
    paged = counter.done("operator", "GET", f"{place}/faults?limit=1")
    assert paged["next_after"] == 2
    assert counter.done("operator", "GET", f"{place}/faults?after=4")["next_after"] is None
    workbook = counter.ask("operator", "GET", f"{place}/faults.xlsx")
    assert workbook.content.startswith(b"PK")
    found = counter.done("operator", "GET", f"{place}/characters")["characters"]
    assert [(c["code_point"], c["candidates"]) for c in found] == [("U+E000", [])]
    assert counter.ask("operator", "PUT", f"{place}/characters/U+E001", json={"character": "吉"}).status_code == 404
    assert counter.ask("operator", "PUT", f"{place}/characters/U+E000", json={"character": "吉田"}).status_code == 422
    assert counter.ask("operator", "PUT", f"{place}/characters/U+E000", json={"character": "吉"}).status_code == 202
    register.work()
    assert counter.ask("operator", "POST", f"{place}:choose", json={"rows": "all"}).status_code == 409
    assert counter.ask("operator", "POST", f"{place}:choose", json={"rows": "some"}).status_code == 422
    assert counter.done("operator", "POST", f"{place}:choose", json={"rows": "valid"})["state"] == "chosen"
    assert register.work().rows_loaded == 1
    assert upload(counter, as_csv(head(1))).status_code == 409  # before the base that makes the last one done
    assert counter.ask("operator", "POST", f"{place}:withdraw").status_code == 409
    assert counter.ask("operator", "GET", f"/imports/{uuid4()}").status_code == 404
    assert [each["state"] for each in counter.done("operator", "GET", "/imports")["imports"]] == ["loaded"]


def test_the_template_is_filled_in_and_taken(counter: Desk, register: Register) -> None:
    empty = counter.ask("operator", "GET", "/imports/template.xlsx").content
    heading = next(reading.rows_of_workbook(empty))
    assert heading == [*NAMES, tables.FAULTS]
    with zipfile.ZipFile(io.BytesIO(empty)) as book:
        assert b'formatCode="@"' in book.read("xl/styles.xml")  # cells are text
    upload(counter, empty)
    assert register.work().rows == 0
    assert counter.ask("clerk", "GET", "/imports/template.xlsx").status_code == 403


def test_an_import_is_withdrawn_and_an_empty_file_refused(counter: Desk, register: Register) -> None:
    assert upload(counter, b"").status_code == 422
    place = upload(counter, as_csv(head(1))).headers["location"].removeprefix("/resident-registry")
    for _ in range(2):
        assert counter.done("operator", "POST", f"{place}:withdraw")["state"] == "withdrawn"
    assert register.count("import_piece") == 0
    assert upload(counter, as_csv(head(1))).json()["unchanged"] is False


def test_a_pack_is_asked_for_released_by_another_and_handed_out(counter: Desk, register: Register) -> None:
    register.take(as_csv(head(1, 個人番号="123456789018"), person(2)))
    body = {"ground": "72時間パック", "with_numbers": True}
    assert counter.ask("clerk", "POST", "/exports", json=body).status_code == 403
    asked = counter.ask("operator", "POST", "/exports", json=body)
    assert asked.status_code == 202
    place = asked.headers["location"].removeprefix("/resident-registry")
    assert counter.ask("operator", "POST", f"{place}:decide", json={"release": True}).status_code == 403
    assert counter.ask("supervisor", "POST", f"{place}:decide", json={"release": True}).status_code == 403  # not for numbers
    mine = counter.ask("releaser", "POST", "/exports", json=body).headers["location"].removeprefix("/resident-registry")
    assert counter.ask("releaser", "POST", f"{mine}:decide", json={"release": True}).status_code == 403  # her own
    assert counter.ask("operator", "GET", f"{place}/pack").status_code == 409
    assert counter.done("releaser", "POST", f"{place}:decide", json={"release": True})["state"] == "released"
    assert counter.ask("releaser", "POST", f"{place}:decide", json={"release": False}).status_code == 409
    exports.work(register.doors.zone, register.office)
    assert counter.ask("operator", "GET", f"{place}/pack").status_code == 403  # without the role for numbers
    pack = counter.ask("releaser", "GET", f"{place}/pack")
    assert pack.headers["content-type"] == "application/zip"
    assert check_pack(io.BytesIO(pack.content))["with_individual_numbers"] is True
    told = counter.done("operator", "GET", place)
    assert {f["name"]: f["rows"] for f in told["manifest"]["files"]}["residents.csv"] == 2
    assert counter.done("operator", "POST", f"{place}:sweep")["state"] == "swept"
    assert {each["state"] for each in counter.done("operator", "GET", "/exports")["exports"]} == {"swept", "requested"}


def test_the_same_key_asks_once(counter: Desk) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    asked = [counter.done("operator", "POST", "/exports", json={"ground": "移行"}, headers=key)["id"] for _ in range(2)]
    assert asked[0] == asked[1]
    assert counter.ask("operator", "POST", "/exports", json={"ground": "別"}, headers=key).status_code == 422
    assert counter.done("operator", "POST", "/exports", json={"ground": "移行"})["id"] != asked[0]
    for empty in ("", "  "):
        assert counter.ask("operator", "POST", "/exports", json={"ground": empty}).status_code == 422
