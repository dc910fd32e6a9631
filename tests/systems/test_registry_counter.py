"""Stops and approvals as the counter has them: who may go on once a message is read, and whom an approval covers."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from infra.targets.services import Postgres
from kit.db import connect
from tests.support.desk import Desk, desk
from tests.support.journaled import Journaled
from tests.support.registry import TODAY, move_in, person
from tests.systems.test_registry_disclosure import SHOWN, founded

MESSAGE = "後見人の登記事項証明書を確かめること"
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
