"""Stops and approvals as the counter has them: who may go on once a message is read, and whom an approval covers."""

import dataclasses
import io
import itertools
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from pypdf import PdfReader

from infra.targets.services import Postgres
from kit.db import connect
from systems.resident_registry.model.certificates import REQUESTERS
from systems.resident_registry.model.people import Resident
from tests.support.desk import ROLES, Desk, desk
from tests.support.journaled import Journaled
from tests.support.registry import PLACE, TODAY, move_in, person
from tests.systems.test_registry_disclosure import OPPONENT, SHOWN, founded, protect

MESSAGE = "後見人の登記事項証明書を確かめること"
NUMBERS = itertools.count(1)
READ = "抑止の文を読み、交付してよいことを確かめた"


@pytest.fixture(scope="module")
def register(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Journaled:
    return founded(postgres, tmp_path_factory.mktemp("segments"))


@pytest.fixture(scope="module")
def town(register: Journaled) -> Iterator[Desk]:
    with desk(register.app) as found:
        yield found


def lives_here(register: Journaled, name: str = "架空\u3000一郎") -> UUID:
    with connect(register.superuser, actor="clerk") as tx:
        return move_in(tx, person(name, born_on=date(1960, 5, 1)))[0].id


def stopped(town: Desk, resident: UUID, override: str, **more: Any) -> None:
    body = {"kind": "guardianship", "acts": ["certificate"], "message": MESSAGE, "override": override} | more
    town.done("supervisor", "POST", f"/residents/{resident}/suppressions", json=body)


#: what the form of a certificate asks, answered by the person
ANSWERS = {
    "requester": "self",
    "name": "架空　一郎",
    "address": "宮城県架空市1番地",
    "documents": ["my_number_card"],
    "kind": "copy",
    "form": "individual",
    "copies": "1",
}


@pytest.mark.parametrize(("override", "clerk", "supervisor"), [("clerk", 201, 201), ("supervisor", 409, 201), ("none", 409, 409)])
def test_a_stop_is_passed_by_whom_it_lets_and_only_when_read(
    town: Desk, register: Journaled, override: str, clerk: int, supervisor: int
) -> None:
    """Mutant: `issue_certificate` without `has_read`: nobody ever passes; seen failing."""
    one = lives_here(register)
    stopped(town, one, override)
    asked = {"requester": {"kind": "self", "name": "架空　一郎"} | SHOWN}
    path = f"/residents/{one}/certificates"
    for who, status in (("clerk", clerk), ("supervisor", supervisor)):
        unread = town.ask(who, "POST", path, json=asked)
        assert (unread.status_code, unread.json()["suppressions"][0]["message"]) == (409, MESSAGE)
        assert town.ask(who, "POST", path, json=asked | {"suppressions_read": True}).status_code == status
    with connect(register.superuser) as tx:
        kept = tx.rows("SELECT asked FROM resident_registry.certificate WHERE %s = ANY (residents)", (one,))
    assert [each["asked"]["suppressions_read"] for each in kept] == [True] * [clerk, supervisor].count(201)


def test_the_pages_show_a_stop_and_issue_once_its_message_is_read(town: Desk, register: Journaled) -> None:
    """Mutants: the answer left out of `_request`; the mark left out of person.html; each seen failing."""
    one, mate = lives_here(register), lives_here(register, "架空\u3000無印")
    stopped(town, one, "clerk")
    stopped(town, mate, "clerk", acts=["movement"], ends_on=str(TODAY.replace(year=TODAY.year + 1)))
    shown = town.look("clerk", f"/residents/{one}").text
    for words in (MESSAGE, "成年被後見", "証明書の交付", "文を読んだ職員"):
        assert words in shown, words
    path = f"/residents/{one}/certificate"
    form = town.look("clerk", path).text
    assert MESSAGE in form
    assert READ in form
    assert READ not in town.look("clerk", f"/residents/{mate}/certificate").text  # a stop on movements alone
    unread = town.send("clerk", path, ANSWERS | {"step": "check"})
    assert unread.status_code == 422
    assert READ in unread.text
    assert town.send("clerk", path, ANSWERS | {"step": "do", "key": f"u{one}"}).status_code == 422
    read = ANSWERS | {"suppressions_read": "1"}
    assert town.send("clerk", path, read | {"step": "check"}).status_code == 200
    issued = town.send("clerk", path, read | {"step": "do", "key": f"r{one}"})
    assert issued.status_code == 303
    assert re.search(r"/certificates/045811-\d{4}-\d{6}$", issued.headers["location"])


@dataclasses.dataclass
class Family:
    """A protected mother and her child, with the address that nobody is to learn."""

    mother: Resident
    child: Resident
    canary: str


@pytest.fixture
def family(town: Desk, register: Journaled) -> Family:
    number = next(NUMBERS)
    canary = f"隠れ里{number}番地{number * 7}"
    place = dataclasses.replace(PLACE, address=f"宮城県牡鹿郡女川町{canary}")
    new = [person("架空\u3000母"), person("架空\u3000子", "子", born_on=date(2015, 1, 1))]
    with connect(register.superuser, actor="clerk") as tx:
        mother, child = move_in(tx, *new, place=place)
    protect(town, mother.id, [child.id])
    town.look("clerk", "/search")  # whom an approval can name has sat down
    return Family(mother, child, canary)


def approved(town: Desk, f: Family, requester: str, **more: Any) -> httpx2.Response:
    """A supervisor's approval by the page, for the clerk."""
    form = {"requester": requester, "ground": "書面で確かめた", "for_actor": "clerk", "step": "do", "key": f"a{next(NUMBERS)}"}
    return town.send("supervisor", f"/residents/{f.mother.id}/lift", form | more)


def asked_for(town: Desk, f: Family, requester: str, **more: Any) -> str:
    """The text of the paper that the clerk's form makes, or the number of the page it leads to instead."""
    form = ANSWERS | {"requester": requester, "ground": "裁判の準備", "step": "do", "key": f"c{next(NUMBERS)}"}
    answer = town.send("clerk", f"/residents/{f.mother.id}/certificate", form | more)
    if answer.status_code != 303:
        return str(answer.status_code)
    pdf = town.look("clerk", f"/certificates/{answer.headers['location'].rpartition('/')[2]}/pdf")
    return "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf.content)).pages)


def test_an_approval_by_the_page_covers_the_household_it_names(town: Desk, family: Family) -> None:
    """Mutant: `_approve` with the one resident alone: the copy is refused; seen failing."""
    whole = {"name": family.mother.name, "form": "household", "members": [str(family.mother.id), str(family.child.id)]}
    assert "証明書に載るほかの世帯員" in town.look("supervisor", f"/residents/{family.mother.id}/lift").text
    assert approved(town, family, "self").status_code == 303
    assert asked_for(town, family, "self", **whole) == "422"
    assert approved(town, family, "self", members=[str(family.child.id)]).status_code == 303
    paper = asked_for(town, family, "self", **whole)
    assert [word in paper for word in (family.canary, family.mother.name, family.child.name)] == [True] * 3
    assert asked_for(town, family, "self", **whole) == "422"  # used up


@pytest.mark.parametrize("requester", REQUESTERS)
def test_each_class_of_requester_can_be_examined_and_approved(town: Desk, family: Family, requester: str) -> None:
    """Mutant: `listed_profession` left out of the page's classes: its approval is refused; seen failing."""
    name = {"self": family.mother.name, "household_member": family.child.name}.get(requester, "架空\u3000請求者")
    documents = ["my_number_card", *(["mandate"] if requester == "representative" else [])]
    asked = {"name": name, "documents": documents}
    assert asked_for(town, family, requester, **asked) == "422"
    unnamed = approved(town, family, requester).status_code
    assert unnamed == (303 if requester == "self" else 422)  # the person's own name goes without saying
    if requester != "self":
        assert approved(town, family, requester, name=name).status_code == 303
    assert family.canary in asked_for(town, family, requester, **asked)


def test_the_requesters_day_of_birth_is_compared_with_the_opponents(town: Desk, family: Family) -> None:
    """Mutant: `_request` without `born_on`: the namesake is refused although they were examined; seen failing."""
    namesake = {"name": OPPONENT["name"]}
    other, own = {"born_on": "昭和50年1月1日"}, {"born_on": OPPONENT["born_on"]}
    assert approved(town, family, "third_party", **namesake, **own).status_code == 422
    assert approved(town, family, "third_party", **namesake, **other).status_code == 303
    for told in ({}, own):
        assert asked_for(town, family, "third_party", **namesake, **told) == "422"
    assert family.canary in asked_for(town, family, "third_party", **namesake, **other)
    relative = {"name": OPPONENT["name"][:2] + "\u3000別名"}
    assert approved(town, family, "third_party", **relative).status_code == 303
    assert asked_for(town, family, "third_party", **relative, **own) == "422"


def test_a_legal_hold_sent_twice_is_one(town: Desk, register: Journaled) -> None:
    """Mutant: the route without `once`; seen failing."""
    path = f"/residents/{lives_here(register)}/legal-holds"
    asked: dict[str, Any] = {"json": {"reason": "訴訟"}, "headers": {"Idempotency-Key": "hold-1"}}
    [held] = {town.done("supervisor", "POST", path, **asked)["id"] for _ in range(2)}
    other = asked | {"json": {"reason": "別の訴訟"}}
    assert town.ask("supervisor", "POST", path, **other).status_code == 422
    town.done("supervisor", "POST", f"/legal-holds/{held}:end")
    with connect(register.superuser) as tx:
        left = tx.value(
            "SELECT count(*) FROM resident_registry.legal_hold WHERE until IS NULL AND resident_id = %s", (path.split("/")[2],)
        )
    assert left == 0


@pytest.mark.parametrize(("who", "status"), [("decides-unread", 403), ("supervisor", 200)])
def test_who_decides_about_a_measure_may_read_it_by_page_and_by_machine(
    town: Desk, register: Journaled, monkeypatch: pytest.MonkeyPatch, who: str, status: int
) -> None:
    """Mutant: the routes for every supervisor, as they were; seen failing."""
    monkeypatch.setitem(ROLES, "decides-unread", ("registry_supervisor", "registry_clerk"))
    case = protect(town, lives_here(register), [], until="applied")
    taken = {"version": case["version"], "body": "警察署", "consulted_on": str(TODAY), "opinion": "必要"}
    case = town.done("dv-officer", "POST", f"/support-cases/{case['id']}/confirm", json=taken)
    path, version = f"/support-cases/{case['id']}", {"version": case["version"]}
    assert town.look(who, f"/measures/{case['id']}/decide", **version).status_code == status
    opponent = {"resident_id": str(lives_here(register, "架空　相手"))}
    assert town.ask(who, "POST", f"{path}/opponent", json=opponent).status_code == (204 if status == 200 else status)
    assert town.ask(who, "POST", f"{path}/decide", json=version).status_code == status
    if status == 403:
        for step, body in (("extend", version), ("close", version | {"reason": "本人の申出"})):
            assert town.ask(who, "POST", f"{path}/{step}", json=body).status_code == 403


def test_the_register_counts_no_day_of_which_it_cannot_say(town: Desk, register: Journaled) -> None:
    """By page and by machine, as the statistics. Mutants: `check_day` in neither; seen failing."""
    yesterday, tomorrow = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
    assert town.ask("clerk", "GET", "/register", params={"as_of": str(yesterday)}).status_code == 200
    assert town.look("clerk", "/register", day=str(yesterday)).status_code == 200
    with connect(register.superuser) as tx:
        tx.execute(
            """INSERT INTO resident_registry.import_job (id, state, file_sha256, size, uploaded_by, uploaded_at, loaded_at)
               VALUES (gen_random_uuid(), 'loaded', 'x', 1, 'x', now(), now())"""
        )
    for day in (yesterday, tomorrow):
        assert town.ask("clerk", "GET", "/register", params={"as_of": str(day)}).status_code == 422
        page = town.look("clerk", "/register", day=str(day))
        assert (page.status_code, "世帯数</th>" in page.text) == (422, False)
    assert town.ask("clerk", "GET", "/register").status_code == 200
    page = town.look("clerk", "/register", day=str(TODAY))
    assert (page.status_code, "世帯数</th>" in page.text) == (200, True)
