"""What a movement would change stands on the page that is confirmed and on the page that is decided from."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from infra.targets.services import Postgres
from kit import sessions
from kit.civic.dates import wareki
from kit.civic.places import addresses
from kit.db import connect
from kit.migrate import migrate
from systems.resident_registry.model.measures import Opponent
from systems.resident_registry.model.people import Resident
from systems.resident_registry.pages import movement_effects as shown
from systems.resident_registry.pages.movement_parts import key
from systems.resident_registry.service import preview, support_cases
from systems.resident_registry.store import people as store
from tests.support.desk import Desk, desk
from tests.support.journaled import journaled
from tests.support.pages import ask, rows_of, text_of
from tests.support.registry import CLERK, MIGRATIONS, ONAGAWA, PLACE, TODAY, die, move_in, person

TABLE = "effects"
TOWN = addresses(ONAGAWA)[3]
CANARY = "宮城県牡鹿郡女川町隠里7番7号"


@pytest.fixture(scope="module")
def url(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    j = journaled(postgres, tmp_path_factory.mktemp("segments"))
    migrate(j.superuser, "resident_registry", MIGRATIONS)
    sessions.install(j.superuser, zones=["j_app"], reader="j_sealer")
    return j.superuser


@pytest.fixture(scope="module")
def counter(url: str) -> Iterator[Desk]:
    with desk(url) as town:
        yield town


def family(url: str, name: str, *, place: str = PLACE.address, protected: bool = False) -> list[Resident]:
    """A man, his wife and their child."""
    with connect(url, actor=CLERK) as tx:
        tx.actor = CLERK
        new = [person(f"{name} 夫"), person(f"{name} 妻", "妻", sex="female"), person(f"{name} 子", "子")]
        found = move_in(tx, *new, place=type(PLACE)("9862261", place, PLACE.authority_code))
        if protected:
            support_cases.apply(tx, found[1].id, "A", Opponent("架空　相手"))
        return [store.resident(tx, each.id, TODAY) for each in found]


def filing(one: Resident, **more: Any) -> dict[str, Any]:
    return {"event_on": wareki(TODAY), "filed_on": wareki(TODAY), "filer": "self", "resident": key(one), "step": "check"} | more


def changed(page: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Name and item -> before and after."""
    return {(who, item): (before, after) for who, item, before, after in rows_of(page, TABLE)}


def handed_in(counter: Desk, path: str, raw: dict[str, Any]) -> str:
    """Hand the form in with its alerts confirmed; path of the movement's page."""
    sent = raw | {"step": "do", "key": path, "confirmed": ["relation-worked-out", "same-person", "late-filing"]}
    done = ask(counter, "clerk", path, sent)
    assert done.status_code == 303, text_of(done.text)
    return done.headers["location"].removeprefix("/counter/resident-registry")


def test_the_relations_that_were_worked_out_are_confirmed_and_decided_by_sight(counter: Desk, url: str) -> None:
    man, wife, child = family(url, "甲野")
    path = f"/residents/{man.id}/movements/head_change"
    page = ask(counter, "clerk", path, filing(wife))
    expected = {(man.name, "続柄"): ("世帯主", "夫"), (wife.name, "続柄"): ("妻", "世帯主")}  # mutant: no preview, an empty page
    assert (page.status_code, changed(page.text)) == (200, expected)
    assert "続柄を計算しました" in text_of(page.text)
    assert child.name not in str(rows_of(page.text, TABLE))
    told = ask(counter, "clerk", path, filing(wife, step="do", key="other"))
    assert (told.status_code, changed(told.text)) == (409, expected)  # nothing ticked: asked again, with the relations
    place = handed_in(counter, path, filing(wife))
    assert changed(ask(counter, "supervisor", place).text) == expected
    approval = ask(counter, "supervisor", f"{place}/approve?version=2")
    assert (approval.status_code, changed(approval.text)) == (200, expected)
    assert "決裁する" in approval.text
    english = ask(counter, "supervisor", place, language="en").text
    assert rows_of(english, TABLE)[0][1:] == ["Relation", "世帯主", "夫"]
    with connect(url) as tx:
        assert store.resident(tx, wife.id, TODAY).relation == "妻"  # a look changes nothing


def test_what_cannot_be_decided_any_more_is_told_and_no_table_stands_there(counter: Desk, url: str) -> None:
    man, wife, _ = family(url, "乙野")
    path = f"/residents/{man.id}/movements/head_change"
    place = handed_in(counter, path, filing(wife))
    with connect(url, actor=CLERK) as tx:
        tx.actor = CLERK
        die(tx, wife)
    page = ask(counter, "supervisor", place).text
    assert "このままでは決裁できません" in text_of(page)
    assert f'class="{TABLE}"' not in page
    approval = ask(counter, "supervisor", f"{place}/approve?version=2")
    assert approval.status_code >= 400
    assert "決裁する" not in approval.text  # mutant: the confirmation without its table


def test_a_refused_form_comes_back_with_its_error(counter: Desk, url: str) -> None:
    man, _, _ = family(url, "丙野")
    page = ask(counter, "clerk", f"/residents/{man.id}/movements/death", filing(man, who=key(man)))
    assert page.status_code == 422
    assert "新しい世帯主を決めてください" in text_of(page.text)
    assert f'class="{TABLE}"' not in page.text


def test_a_departure_that_lies_ahead_shows_whom_it_makes_head(counter: Desk, url: str) -> None:
    man, wife, child = family(url, "丁野")
    raw = filing(man, event_on=str(TODAY + timedelta(days=5))) | {"who": key(man), f"relation-{wife.id}": "世帯主"}
    raw |= {"destination_address": "宮城県石巻市1番地", "certificate": "paper"}
    page = ask(counter, "clerk", f"/residents/{man.id}/movements/move_out", raw).text
    found = {(who, item.split()[0]): (before, after) for who, item, before, after in rows_of(page, TABLE)}
    assert found[man.name, "住民の状態"] == ("現存", "転出予定")
    assert found[wife.name, "続柄"] == ("妻", "世帯主")  # mutant: only what changes today
    assert (child.name, "続柄") not in found
    assert "から" in next(item for who, item, *_ in rows_of(page, TABLE) if who == wife.name)


def test_a_protected_address_stands_on_no_page_of_who_may_not_see_it(counter: Desk, url: str) -> None:
    man, wife, child = family(url, "戊野", place=CANARY, protected=True)
    with connect(url, actor=CLERK) as tx:
        tx.actor = CLERK
        guest = move_in(tx, person("戊野 客"))[0]
    into = {"who": key(guest), f"relation-{guest.id}": "同居人", "target_no": man.household_no}
    raw = filing(guest, event_on=wareki(TODAY)) | into
    path = f"/residents/{guest.id}/movements/move_within"
    for who, sees in (("clerk", False), ("supervisor", True)):
        page = ask(counter, who, path, raw).text
        assert changed(page)[guest.name, "続柄"] == ("世帯主", "同居人")
        assert (CANARY in page) is sees, who
    place = handed_in(counter, path, raw)
    for who, sees in (("clerk", False), ("supervisor", True)):
        assert (CANARY in ask(counter, who, place).text) is sees, who
    town = {"town": f"{TOWN.postal_code}/{TOWN.address}", "lot": "5番地", f"left-{man.id}": "世帯主"}
    page = ask(counter, "clerk", f"/residents/{man.id}/movements/move_within", filing(child, who=key(child)) | town).text
    assert (child.name, "続柄") in changed(page)
    assert CANARY not in page  # mutant: each record masked by itself, 異動前住所 of who leaves tells it
    moved = {"who": [key(each) for each in (man, wife, child)], "town": "", "lot": ""}
    left = filing(man) | moved | {"destination_address": "X市9", "certificate": "paper"}
    page = ask(counter, "clerk", f"/residents/{man.id}/movements/move_out", left).text
    assert changed(page)[man.name, "住民の状態"] == ("現存", "転出")
    assert CANARY not in page
    assert (man.name, "転出先(予定)") not in changed(page)


def test_numbers_that_are_drawn_are_not_promised(counter: Desk, url: str) -> None:
    man, _, _ = family(url, "己野")
    page = ask(counter, "clerk", f"/residents/{man.id}/movements/code_change", filing(man))
    assert changed(page.text) == {(man.name, "住民票コード"): (man.resident_code, preview.DRAWN)}
    given = ask(counter, "clerk", f"/residents/{man.id}/movements/code_change", filing(man, resident_code="24727059608"))
    assert changed(given.text) == {(man.name, "住民票コード"): (man.resident_code, "24727059608")}
    number = ask(counter, "clerk", f"/residents/{man.id}/movements/number_change", filing(man, individual_number="379474484458"))
    assert changed(number.text) == {(man.name, "個人番号"): ("—", "************")}


def test_every_item_of_a_record_has_its_name() -> None:
    items = set(Resident.__dataclass_fields__) - preview.OWN - shown.PARTS
    assert items | {"individual_number"} == set(shown.LABELS)


def test_what_an_undoing_brings_back_is_shown_before_it_is_asked_for(counter: Desk, url: str) -> None:
    man, wife, _ = family(url, "庚野")
    path = f"/residents/{man.id}/movements/head_change"
    place = handed_in(counter, path, filing(wife))
    done = ask(counter, "supervisor", f"{place}/approve", {"version": "2", "step": "do", "key": "d"})
    assert done.status_code == 303
    ground = {"ground_kind": "error", "ground_text": "誤り", "ground_on": wareki(TODAY)}
    page = ask(counter, "clerk", f"{place}/cancel", ground | {"version": "3", "step": "check"}).text
    assert changed(page) == {(man.name, "続柄"): ("夫", "世帯主"), (wife.name, "続柄"): ("世帯主", "妻")}


# mutant: the page of a day with a choice of items of its own; a clerk then reads the rest off today's page
def test_a_person_as_of_a_day_shows_every_item_of_that_day(counter: Desk, url: str) -> None:
    with connect(url, actor=CLERK) as tx:
        tx.actor = CLERK
        facts = {
            "kind": "foreign",
            "nationality": "ブラジル",
            "residence_status": "永住者",
            "alias": "架空通称",
            "alias_kana": "カクウ",
        }
        one = move_in(tx, person("SOUZA MARIA", **facts))[0]
    page = ask(counter, "clerk", f"/residents/{one.id}/history")
    assert page.status_code == 200
    told = text_of(page.text)
    for item in ("SOUZA MARIA", "ブラジル", "永住者", "架空通称", "東京都"):
        assert item in told, item
