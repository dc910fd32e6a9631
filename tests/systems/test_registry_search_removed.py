"""除票 are found when they are asked for, by the counter alone, and never taken for somebody present."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from infra.targets.services import Postgres
from kit.db import Tx, connect
from kit.errors import Invalid
from systems.resident_registry.model.people import Resident
from systems.resident_registry.model.search import Criteria
from systems.resident_registry.service import search as service
from systems.resident_registry.store import people as store
from tests.support.desk import Desk, desk
from tests.support.journaled import Journaled
from tests.support.registry import OFFICE, TODAY, die, move_in, move_out, moved, named, person
from tests.systems.test_registry_disclosure import founded, in_state

BEFORE = TODAY - timedelta(days=100)
CODE, NUMBER = "24727059608", "379474484458"
SOUGHT: tuple[dict[str, Any], ...] = ({"name": "太朗"}, {"kana": "ゴトウ"}, {"born_on": "1950-01-02"}, {"atena_no": ""})
FACT_CHECK = {"kind": "fact_check", "text": "実態調査", "on": TODAY}


def gone(tx: Tx, how: str) -> Resident:
    """Somebody with both numbers whose record was removed this way."""
    [one] = move_in(tx, person(individual_number=NUMBER, resident_code=CODE), event_on=BEFORE, filed_on=BEFORE)
    match how:
        case "dead":
            die(tx, one)
        case "moved_out":
            move_out(tx, one, "宮城県石巻市")
        case "removed":
            moved(tx, "office_removal", {"residents": named(one)}, ground=FACT_CHECK)
    return store.resident(tx, one.id, TODAY)


@pytest.mark.parametrize("how", ["dead", "moved_out", "removed"])
def test_a_removed_record_is_found_by_everything_but_its_address(tx: Tx, how: str) -> None:
    """Mutant: `Criteria.removed` not asked in `store.search.search`, or in `by_resident_code`; seen failing."""
    one = gone(tx, how)
    assert one.state == how
    criteria = [Criteria(name="太朗"), Criteria(kana="ごとう"), Criteria(born_on=one.born_on), Criteria(atena_no=one.atena_no)]
    for each in criteria:
        assert service.search(tx, each) == []
        assert [hit.id for hit in service.search(tx, replace(each, removed=True))] == [one.id], each
    with pytest.raises(Invalid, match="address"):
        service.search(tx, Criteria(name="太朗", address="女川町", removed=True))
    for kind, number in (("resident_code", CODE), ("individual_number", NUMBER)):
        assert service.search_by_number(tx, OFFICE, kind, number) == []  # type: ignore[arg-type]
        found = service.search_by_number(tx, OFFICE, kind, number, removed=True)  # type: ignore[arg-type]
        assert [(hit.id, hit.state) for hit in found] == [(one.id, how)], kind


def test_who_came_back_is_found_before_the_record_that_was_removed(tx: Tx) -> None:
    """Mutant: `store.search._NEWEST` without NULLS FIRST; seen failing."""
    left = gone(tx, "moved_out")
    [back] = move_in(tx, person(individual_number=NUMBER, resident_code=CODE))
    for kind, number in (("resident_code", CODE), ("individual_number", NUMBER)):
        assert [hit.id for hit in service.search_by_number(tx, OFFICE, kind, number)] == [back.id]  # type: ignore[arg-type]
        found = service.search_by_number(tx, OFFICE, kind, number, removed=True)  # type: ignore[arg-type]
        assert [hit.id for hit in found] == [back.id, left.id], kind
    assert {hit.id for hit in service.search(tx, Criteria(name="太朗", removed=True))} == {back.id, left.id}


# ── at the counter ──


@pytest.fixture(scope="module")
def counter(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Journaled:
    return founded(postgres, tmp_path_factory.mktemp("segments"))


@pytest.fixture(scope="module")
def url(counter: Journaled) -> str:
    """For what the tests do behind the counter's back."""
    return counter.superuser


@pytest.fixture(scope="module")
def dead(url: str) -> Resident:
    with connect(url, actor="clerk") as tx:
        tx.actor = "clerk"
        return gone(tx, "dead")


@pytest.fixture(scope="module")
def town(counter: Journaled, dead: Resident) -> Iterator[Desk]:
    with desk(counter.app) as found:
        yield found


def hits(town: Desk, who: str, **sought: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = town.done(who, "POST", "/residents/search", json=sought)["residents"]
    return found


def test_a_hit_says_that_and_how_it_was_removed_and_is_recorded(town: Desk, dead: Resident) -> None:
    for sought in SOUGHT:
        asked = sought | ({"atena_no": dead.atena_no} if "atena_no" in sought else {})
        assert hits(town, "clerk", **asked) == []
        [hit] = hits(town, "clerk", removed=True, **asked)
        assert (hit["id"], hit["state"], hit["removed_on"]) == (str(dead.id), "dead", str(TODAY))
    with connect(town.behind) as tx:
        last = tx.rows("SELECT key, actor FROM journal.entry WHERE kind = 'access' ORDER BY id DESC LIMIT 1")
    assert last == [{"key": {"id": str(dead.id)}, "actor": "clerk"}]
    assert town.ask("clerk", "POST", "/residents/search", json={"name": "太朗", "removed": True}, purpose="").status_code == 428
    refused = town.ask("clerk", "POST", "/residents/search", json={"name": "太朗", "address": "女川", "removed": True})
    assert (refused.status_code, "present residents alone" in refused.text) == (422, True)
    body = {"kind": "individual_number", "number": NUMBER, "removed": True}
    [hit] = town.done("number-officer", "POST", "/residents/search-by-number", json=body)["residents"]
    assert (hit["id"], hit["state"]) == (str(dead.id), "dead")


def test_other_offices_find_present_residents_alone(town: Desk, dead: Resident) -> None:
    """Mutant: the route without the question for `registry_clerk`; the page with `REMOVED` for everybody; seen failing."""
    asked: dict[str, Any] = {"purpose": "other_office", "json": {"name": "太朗", "removed": True}}
    assert town.ask("other-office", "POST", "/residents/search", **asked).status_code == 403
    town.send("other-office", "/search", {"name": "太朗", "removed": "1"}, purpose="other_office")
    page = town.look("other-office", "/search", purpose="other_office").text
    assert "除票" not in page
    assert dead.atena_no not in page


def test_the_page_marks_a_removed_record_and_leads_to_it(town: Desk, dead: Resident) -> None:
    """Mutant: `parts.removed` left out of search.html; seen failing."""
    town.send("clerk", "/search", {"name": "太朗"})
    page = town.look("clerk", "/search").text
    assert "除票も探す" in page
    assert dead.atena_no not in page
    town.send("clerk", "/search", {"name": "太朗", "removed": "1"})
    page = town.look("clerk", "/search").text
    assert "除票: 死亡" in page
    assert f"/residents/{dead.id}" in page
    town.send("clerk", "/search", {"name": "太朗", "address": "女川町", "removed": "1"})
    assert "除票は住所では探せません。" in town.look("clerk", "/search").text
    assert "除票: 死亡" in town.look("clerk", f"/residents/{dead.id}").text


def test_by_number_the_page_leads_to_one_record_and_lists_several(town: Desk, dead: Resident, url: str) -> None:
    asked = {"kind": "resident_code", "number": CODE}
    assert "いまはいません" in town.send("number-officer", "/search-by-number", asked).text
    found = town.send("number-officer", "/search-by-number", asked | {"removed": "1"})
    assert (found.status_code, found.headers["Location"].endswith(f"/residents/{dead.id}")) == (303, True)
    other = "12345678903"
    with connect(url, actor="clerk") as tx:
        tx.actor = "clerk"
        [left] = move_in(tx, person("架空 往復", resident_code=other), event_on=BEFORE, filed_on=BEFORE)
        move_out(tx, left, "宮城県石巻市")
        [back] = move_in(tx, person("架空 往復", resident_code=other))
    page = town.send("number-officer", "/search-by-number", asked | {"number": other, "removed": "1"}).text
    assert page.index(str(back.id)) < page.index(str(left.id))
    assert "除票: 転出" in page
    assert other not in page


def test_who_followed_a_protected_person_is_found_without_a_place(town: Desk, url: str) -> None:
    """No case names them, but where they went tells it. Mutant: `routes.people.hit` without `masked`; seen failing."""
    p = in_state(town, url, "後から転出")
    assert hits(town, "clerk", name=p.name) == []
    answer = town.ask("clerk", "POST", "/residents/search", json={"name": p.name, "removed": True})
    [hit] = answer.json()["residents"]
    assert (hit["id"], hit["restricted"], hit["address"], hit["state"]) == (str(p.one.id), True, None, "moved_out")
    assert p.canary not in answer.text
    [told] = hits(town, "dv-officer", name=p.name, removed=True)
    assert p.canary in told["address"]  # mutant: nothing was there to hide


def test_an_application_is_taken_for_who_left_and_not_for_the_dead(town: Desk, dead: Resident, url: str) -> None:
    with connect(url, actor="clerk") as tx:
        tx.actor = "clerk"
        [left] = move_in(tx, person("架空 転出"), event_on=BEFORE, filed_on=BEFORE)
        move_out(tx, left, "宮城県石巻市")
    offered = [f"/residents/{one.id}/measure" in town.look("dv-officer", f"/residents/{one.id}").text for one in (left, dead)]
    assert offered == [True, False]
    assert town.look("dv-officer", f"/residents/{left.id}/measure").status_code == 200
