"""No page of the counter shows a protected address to who lacks the role for it; every page is opened (JP-2)."""

import io
import itertools
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from fastapi.routing import APIRoute
from pypdf import PdfReader

from infra.targets.services import Postgres
from kit import clock
from kit.civic.places import addresses
from kit.db import connect
from systems.__main__ import page_routers
from systems.resident_registry.model.movements import Notice
from systems.resident_registry.model.people import Resident
from systems.resident_registry.pages import desk as page_desk
from systems.resident_registry.pages import (
    lists,
    measures,
    movement_forms,
    movement_parts,
    movements,
    retention,
    sheets,
    statistics,
)
from systems.resident_registry.pages.desk import BASE
from systems.resident_registry.store import notices, people
from tests.support.desk import Desk, desk
from tests.support.journaled import Journaled
from tests.support.registry import OFFICE, TODAY, entered, named
from tests.systems.test_registry_disclosure import STATES, Protected, founded, in_state

#: page -> why no value of this test opens it
NOT_OPENED = {
    "/certificates/{serial}/mailing": "a paper that is mailed: test_registry_disclosure",
    **dict.fromkeys(
        (
            "/exports/{export_id}", "/exports/{export_id}/decision", "/exports/{export_id}/pack", "/exports/{export_id}/sweeping",
            "/imports/{import_id}", "/imports/{import_id}/faults", "/imports/{import_id}/faults.xlsx",
            "/imports/{import_id}/{report}.csv", "/imports/{import_id}/characters", "/imports/{import_id}/characters/{point}",
            "/imports/{import_id}/choice", "/imports/{import_id}/withdrawal",
        ),
        "files of the operator: packs are the channel EUC of test_registry_disclosure, an import shows what was uploaded",
    ),
    "/disposals/{disposal_id}": "of records whose period is over: no measure is in force by then",
    "/disposals/{disposal_id}/{step}": "as above",
}  # fmt: skip
#: pages that show where somebody lives, to the role for it
SHOWING = {
    "/residents/{resident_id}", "/residents/{resident_id}/history", "/households/{household_id}",
    "/households/{household_id}/history", "/search", "/movements/{movement_id}", "/movements/{movement_id}/edit",
    "/letters/{letter_id}", "/lists/{name}", "/lists/{name}/{form}", "/measures/{case_id}",
}  # fmt: skip


@pytest.fixture(scope="module")
def register(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Journaled:
    return founded(postgres, tmp_path_factory.mktemp("segments"))


@pytest.fixture(scope="module")
def town(register: Journaled) -> Iterator[Desk]:
    with desk(register.app) as found:
        yield found


def pages_of(town: Desk) -> list[APIRoute]:
    """Every page that can be read, those that come later too."""
    found = [each for router in page_routers(town.app.state.settings) for each in router.routes]
    return [each for each in found if isinstance(each, APIRoute) and "GET" in each.methods]


def values_for(url: str, p: Protected) -> dict[str, list[str]]:
    """What leads to the person: values of every parameter of a path; a letter and a draft are made, so that there are some."""
    with connect(url, actor="clerk") as tx:
        tx.actor = "clerk"
        one = people.resident(tx, p.one.id, TODAY)
        if one.removed_on is None:
            town = addresses(OFFICE.tenant)[0]
            answers = {"town": f"{town.postal_code}/{town.address}", "lot": p.canary, "building": None}
            there = movement_parts.placed(answers, OFFICE.tenant)
            entered(tx, "move_within", {"residents": named(one), "place": there})
        told = {"issued_on": str(TODAY), "kind": "住民票の写し", "copies": 1, "requester_class": "第三者"}
        facts: dict[str, Any] = {"id": uuid4(), "kind": "third_party_issue", "movement_id": None, "authority": None}
        notices.add(
            tx, Notice(**facts, resident_id=one.id, addressee=one.name, content=told, state="draft", drafted_at=clock.now())
        )
        stay = "kind = 'foreign', nationality = '架空国', residence_status = '留学', residence_until = %s"
        tx.execute(f"UPDATE resident_registry.resident SET {stay} WHERE id = %s", (TODAY + timedelta(days=30), p.mate.id))
        made = tx.rows("SELECT id FROM resident_registry.movement WHERE %s = ANY (residents)", (one.id,))
        cases = tx.rows("SELECT case_id AS id FROM resident_registry.support_protected WHERE resident_id = %s", (one.id,))
    return {
        "resident_id": [str(one.id), str(p.mate.id)],
        "household_id": [str(one.household_id)],
        "serial": [p.serial],
        "movement_id": [str(each["id"]) for each in made],
        "case_id": [str(each["id"]) for each in cases],
        "letter_id": [str(facts["id"])],
        "name": list(lists.LISTS),
        "form": list(sheets.MEDIA),
        "reason": list(movement_forms.SHEETS),
        "step": [*movements.STEPS, *measures.STEPS, "new", "end"],
        "record_class": list(retention.CLASSES),
    }


def asked_of(path: str) -> list[dict[str, str]]:
    """Questions in the address of a page."""
    if path == "/movements":
        return [{"state": state} for state, _ in movements.STATES]
    if path.endswith("/history"):
        return [{}, {"day": str(TODAY)}]
    if path.startswith("/statistics"):
        return [{"name": name, "use": "office"} for name, _ in statistics.NAMES]
    return [{"days": "3660"}] if path.startswith("/lists/") else [{}]


def told(answer: httpx2.Response) -> str:
    """Everything that can be read in an answer, without the spaces of its layout."""
    text = answer.text
    if answer.headers.get("content-type", "") == "application/pdf":
        text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    elif answer.content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as files:
            text = "".join(files.read(name).decode("utf-8", "replace") for name in files.namelist())
    return "".join(text.split())


def open_all(town: Desk, url: str, p: Protected, who: str) -> tuple[set[str], set[str]]:
    """Pages that opened, and those that showed the canary, whatever their status."""
    wanted = {"kind": "public_body", "applicant": "架空県", "purpose": "調査", "towns": ["女川"]}
    browsing = town.done("clerk", "POST", "/browsing-applications", json=wanted)
    values, opened, telling = values_for(url, p) | {"browsing_id": [browsing["id"]]}, set(), set()
    town.send(who, "/search", {"name": p.name, "removed": "1"})
    for route in pages_of(town):
        path = route.path.removeprefix(BASE)
        names = [each.name for each in route.dependant.path_params]
        for chosen in itertools.product(*(values.get(name, [str(uuid4())]) for name in names)):
            place = path.format(**dict(zip(names, chosen, strict=True)))
            for params in asked_of(path):
                answer = town.look(who, place, **params)
                opened |= {path} if answer.status_code == 200 else set()
                telling |= {path} if p.canary in told(answer) else set()
    return opened, telling


@pytest.mark.proves("JP-2")
@pytest.mark.parametrize("state", STATES[:-1])
def test_no_page_shows_the_address(town: Desk, register: Journaled, state: str) -> None:
    p = in_state(town, register.superuser, state)
    opened, telling = open_all(town, register.superuser, p, "all-but-dv")
    assert telling == set()
    assert {"/residents/{resident_id}", "/search", "/lists/{name}", "/letters/{letter_id}"} <= opened


@pytest.mark.proves("JP-2")
def test_mutant_the_same_pages_show_it_to_the_role_for_it(town: Desk, register: Journaled) -> None:
    """And every page was opened: one that comes later is opened here too, or says in `NOT_OPENED` why not."""
    opened, telling = open_all(town, register.superuser, in_state(town, register.superuser, "本支援"), "everything")
    assert telling >= SHOWING
    printed, _ = open_all(town, register.superuser, in_state(town, register.superuser, "解除"), "everything")
    assert {each.path.removeprefix(BASE) for each in pages_of(town)} - opened - printed == set(NOT_OPENED)


@pytest.mark.proves("JP-2")
def test_mutant_a_page_that_does_not_ask_is_found(town: Desk, register: Journaled, monkeypatch: pytest.MonkeyPatch) -> None:
    def unasked(resident: Resident, roles: frozenset[str]) -> Resident:
        return resident

    monkeypatch.setattr(page_desk, "masked", unasked)
    _, telling = open_all(town, register.superuser, in_state(town, register.superuser, "本支援"), "all-but-dv")
    assert {"/residents/{resident_id}", "/residents/{resident_id}/history", "/households/{household_id}", "/search"} <= telling
