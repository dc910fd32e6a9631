"""A protected address is kept wherever it is read: at a second household, in the records of those who once lived there, by a
guess; who looks leaves a trace, and 同一世帯の者 is of the household."""

import dataclasses
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from infra.targets.services import Postgres
from kit import clock
from kit.db import Tx, connect
from systems.resident_registry.model.errors import DifferentAddress, NotOfHousehold
from systems.resident_registry.model.exports import Contents
from systems.resident_registry.model.measures import Opponent
from systems.resident_registry.model.people import Resident
from systems.resident_registry.service import certificates, exports
from systems.resident_registry.service import support_cases as cases
from systems.resident_registry.store import people
from tests.support.desk import Desk, desk
from tests.support.journaled import Journaled
from tests.support.registry import (
    OFFICE,
    PLACE,
    TODAY,
    asked,
    die,
    entered,
    household_of,
    move_in,
    move_out,
    moved,
    named,
    person,
    submitted,
)
from tests.systems.test_registry_disclosure import (
    OPPONENT,
    SHOWN,
    Protected,
    founded,
    move_away,
    moved_in,
    pack,
    printed,
    protect,
)
from tests.systems.test_registry_measures import in_force

LONG_AGO = TODAY - timedelta(days=100)


@pytest.fixture(scope="module")
def counter(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Journaled:
    return founded(postgres, tmp_path_factory.mktemp("segments"))


@pytest.fixture(scope="module")
def town(counter: Journaled) -> Iterator[Desk]:
    with desk(counter.app) as found:
        yield found


def beside(tx: Tx, address: str, name: str = "隣の\u3000人", **more: Any) -> Resident:
    """Somebody with a household of their own at that address."""
    return move_in(tx, person(name), place=dataclasses.replace(PLACE, address=address), **more)[0]


def restricted(tx: Tx, *some: Resident) -> list[bool]:
    return [people.resident(tx, each.id, TODAY).restricted for each in some]


def looks(town: Desk) -> int:
    with connect(town.behind) as tx:
        found: int = tx.value("SELECT count(*) FROM journal.entry WHERE kind = 'access'")
    return found


def ago(url: str, p: Protected, *some: Resident) -> None:
    """As if they had come thirty days earlier, and the household with them."""
    with connect(url) as tx:
        sql = "valid_from = valid_from - 30, became_resident_on = became_resident_on - 30"
        tx.execute(f"UPDATE resident_registry.resident SET {sql} WHERE id = ANY (%s)", ([each.id for each in some],))
        sql = "UPDATE resident_registry.household SET valid_from = valid_from - 30 WHERE id = %s"
        tx.execute(sql, (p.one.household_id,))


# ── a second household at the address ──


@pytest.mark.proves("JP-2")
def test_whoever_has_the_address_is_protected_in_whatever_household(tx: Tx) -> None:
    """Mutant: the view by the household alone, and by the address as it is written; each seen failing."""
    one = beside(tx, "宮城県牡鹿郡女川町桜ヶ丘1番地7", "架空\u3000守")
    same, written = beside(tx, one.address), beside(tx, "牡鹿郡女川町桜ヶ丘１－７")
    flat, other = beside(tx, f"{one.address}\u3000コーポ201"), beside(tx, "宮城県牡鹿郡女川町桜ヶ丘1番地8")
    grandmother = beside(tx, one.address, event_on=LONG_AGO, filed_on=LONG_AGO)
    die(tx, grandmother)
    in_force(tx, one.id, Opponent("三浦 茂", None, None))
    assert restricted(tx, one, same, written, grandmother) == [True] * 4
    assert restricted(tx, flat, other) == [False] * 2
    tx.actor = "clerk"
    move_out(tx, people.resident(tx, one.id, TODAY), "宮城県石巻市穀町1番")
    assert restricted(tx, same, written, grandmother) == [False] * 3  # nobody protected lives there any more


@pytest.mark.proves("JP-2")
def test_the_opponents_household_is_not_protected_from_itself(tx: Tx) -> None:
    """Mutant: without the exemption of the neighbour's household; seen failing."""
    place = dataclasses.replace(PLACE, address="宮城県牡鹿郡女川町桜ヶ丘2番地7")
    one, mate = move_in(tx, person(), person("架空 同居", "同居人"), place=place)
    other, third = beside(tx, one.address, "三浦\u3000茂"), beside(tx, one.address)
    case = in_force(tx, one.id, Opponent("三浦 茂", None, None))
    cases.identify_opponent(tx, case.id, other.id)
    assert restricted(tx, one, mate, third, other) == [True, True, True, False]


@pytest.mark.proves("JP-2")
@pytest.mark.parametrize("reason", ["household_merge", "household_change"])
def test_no_form_puts_a_protected_household_beside_another(town: Desk, counter: Journaled, reason: str) -> None:
    """Mutant: `households_beside` without roles: both are offered to the clerk; seen failing."""
    p = moved_in(town, counter.superuser)
    with connect(counter.superuser, actor="clerk") as tx:
        near = beside(tx, p.one.address)
    protect(town, p.one.id, [])

    def offered(who: str, one: Resident) -> list[str]:
        page = town.look(who, f"/residents/{one.id}/movements/{reason}", purpose="notification")
        assert page.status_code == 200
        return re.findall(r'<option value="([0-9a-f-]{36})"', page.text)

    assert (offered("clerk", p.one), offered("clerk", near)) == ([], [])
    before = looks(town)
    offered("dv-officer", near)
    seen = looks(town) - before
    assert offered("dv-officer", p.one) == [str(near.household_id)]
    assert offered("dv-officer", near) == [str(p.one.household_id)]
    assert seen == 1 + 1 + 2  # the person, their household, and both who live in the other
    for household in (near.household_id, p.one.household_id):
        assert p.canary not in town.look("clerk", f"/households/{household}").text
        assert p.canary in town.look("dv-officer", f"/households/{household}").text


# ── who once lived there ──


@pytest.mark.proves("JP-2")
def test_a_former_housemate_does_not_carry_the_address_out(town: Desk, counter: Journaled) -> None:
    """Mutants: `restricted_items` always empty; `asof` without `protected_addresses`; `entries` with nothing hidden; `_rows`
    without `restricted_items`; each seen failing."""
    p = moved_in(town, counter.superuser)
    ago(counter.superuser, p, p.one, p.mate)
    protect(town, p.one.id, [])
    move_away(counter.superuser, p)
    then = {"as_of": str(TODAY - timedelta(days=3))}
    path = f"/residents/{p.mate.id}"
    for asked_ in ({}, then):
        told = town.ask("clerk", "GET", path, params=asked_)
        assert (told.status_code, p.canary in told.text) == (200, False)
        assert p.canary in town.ask("dv-officer", "GET", path, params=asked_).text
    assert town.done("clerk", "GET", path)["restricted"] is False
    assert p.canary not in town.look("clerk", path).text
    assert p.canary not in town.look("clerk", f"{path}/history", day=then["as_of"]).text
    for more in ({}, {"with_history": True}, {"kind": "items", "with_before_move_address": True}):
        body = {"requester": {"kind": "self", "name": p.mate.name} | SHOWN} | more
        issued = town.done("clerk", "POST", f"{path}/certificates", json=body)
        paper = printed(town, issued["serial"])
        assert "鷲神浜" in paper
        assert p.canary not in paper, more


@pytest.mark.proves("JP-2")
def test_a_paper_from_the_time_together_is_not_printed_again(town: Desk, counter: Journaled) -> None:
    """Mutant: `check_reprint` without `tells_protected`; seen failing."""
    p = moved_in(town, counter.superuser)
    body = {"requester": {"kind": "self", "name": p.mate.name} | SHOWN}
    early = town.done("clerk", "POST", f"/residents/{p.mate.id}/certificates", json=body)["serial"]
    assert p.canary in printed(town, early)
    case = protect(town, p.one.id, [])
    move_away(counter.superuser, p)
    path = f"/certificates/{early}/pdf"
    assert town.ask("clerk", "GET", path).status_code == 403
    assert town.look("clerk", path).status_code == 403
    ended = {"version": case["version"], "reason": "本人の申出"}
    town.done("supervisor", "POST", f"/support-cases/{case['id']}/close", json=ended)
    assert p.canary in printed(town, early)


@pytest.mark.proves("JP-2")
def test_a_household_does_not_tell_it_on_a_day_before_she_came(town: Desk, counter: Journaled) -> None:
    """Nor does the form of his arrival. Mutants: `asof` by who was there then; `find` without `tells_protected`; seen failing."""
    p = moved_in(town, counter.superuser)
    ago(counter.superuser, p, p.one)
    protect(town, p.mate.id, [])  # she came later, and he leaves
    place = vars(PLACE) | {"address": "宮城県牡鹿郡女川町鷲神浜98番地"}
    with connect(counter.superuser, actor="clerk") as tx:
        arrival = tx.value("SELECT movement_id FROM resident_registry.movement_resident WHERE resident_id = %s", (p.one.id,))
        tx.execute("UPDATE resident_registry.movement SET residents = %s WHERE id = %s", ([p.one.id], arrival))
        now = people.resident(tx, p.one.id, TODAY)
        moved(tx, "move_within", {"residents": named(now), "place": place, "relations": {now.id: "世帯主"}})
    day = str(TODAY - timedelta(days=3))
    path = f"/households/{p.one.household_id}"
    for who, seen in (("clerk", False), ("dv-officer", True)):
        assert (p.canary in town.ask(who, "GET", path, params={"as_of": day}).text) is seen
        assert (p.canary in town.look(who, f"{path}/history", day=day).text) is seen
        assert (p.canary in town.ask(who, "GET", f"/movements/{arrival}").text) is seen
        assert (p.canary in town.look(who, f"/movements/{arrival}").text) is seen
    assert p.canary not in pack(town, p, 0)


@pytest.mark.proves("JP-2")
def test_a_pack_without_protected_places_has_it_nowhere(town: Desk, counter: Journaled) -> None:
    """Papers, histories, a household that moved on. Mutants: what a pack asks of records, histories, papers left out; seen."""
    p = moved_in(town, counter.superuser)
    body = {"requester": {"kind": "self", "name": p.mate.name} | SHOWN}
    town.done("clerk", "POST", f"/residents/{p.mate.id}/certificates", json=body)
    with connect(counter.superuser, actor="clerk") as tx:
        near = beside(tx, p.one.address)
        place = vars(PLACE) | {"address": "宮城県牡鹿郡女川町鷲神浜96番地"}
        moved(tx, "move_within", {"residents": named(near), "place": place})
    protect(town, p.one.id, [])
    move_away(counter.superuser, p)
    move_away(counter.superuser, p)  # once more: the address stands in the history alone
    assert p.canary not in pack(town, p, 0)
    out = io.BytesIO()
    contents = Contents("utf-8-sig", False, True)
    with town.database.transaction("export job") as tx:
        exports.write_pack(tx, out, contents, tenant=OFFICE.tenant, made_at=clock.now(), office=OFFICE)
    with zipfile.ZipFile(out) as files:
        telling = {name for name in files.namelist() if p.canary in files.read(name).decode("utf-8-sig")}
    tables = ("resident_history", "household", "household_history", "movement", "certificate")
    assert telling >= {"residents.csv", *(f"tables/{name}.csv" for name in tables)}


@pytest.mark.proves("JP-2")
def test_who_came_back_from_where_a_protected_person_went_does_not_tell_it(tx: Tx) -> None:
    """Mutant: `is_protected_address` without the lots left for; seen failing."""
    one, mate = household_of(tx, 2)
    in_force(tx, mate.id, Opponent("三浦 茂", None, None))
    tx.actor = "clerk"
    move_out(tx, mate, "宮城県大崎市古川隠れ里一丁目7番8号")
    back = move_in(tx, person("架空 戻"), previous="大崎市古川隠れ里1-7-8")[0]
    neighbour = move_in(tx, person("架空 別"), previous="大崎市古川隠れ里1-7-9")[0]
    assert (back.restricted, back.restricted_items) == (False, ["previous_address"])
    assert neighbour.restricted_items == one.restricted_items == []
    issued = certificates.issue_certificate(tx, OFFICE, back.id, asked(with_history=True), is_supervisor=False)
    assert "隠れ里" not in repr(issued.content)
    kept = "SELECT count(*) FROM resident_registry.protected_place WHERE key = resident_registry.place_key(%s)"
    assert [tx.value(kept, (each.previous_address,)) for each in (back, neighbour)] == [1, 0]  # packs ask that


# ── a guess ──


def previewed(town: Desk, details: dict[str, Any]) -> tuple[int, Any]:
    answer = town.ask("clerk", "POST", "/movements:preview", json={"event_on": str(TODAY), "details": details})
    return answer.status_code, answer.json()


@pytest.mark.proves("JP-2")
def test_no_guess_at_the_address_is_answered(town: Desk, counter: Journaled) -> None:
    """Mutant: addresses compared whoever it is about; seen failing: 409 when the guess is right."""
    p = moved_in(town, counter.superuser)
    protect(town, p.one.id, [])
    with connect(counter.superuser, actor="clerk") as tx:
        near, far = beside(tx, p.one.address, "某\u3000甲"), beside(tx, "宮城県牡鹿郡女川町別2番地", "某\u3000甲")
        everybody = [each | {"id": str(each["id"])} for each in named(p.one, p.mate)]
    guesses = [
        previewed(
            town, {"reason": "move_within", "residents": everybody, "place": {"postal_code": "9862261", "address": address}}
        )
        for address in (p.one.address, "宮城県牡鹿郡女川町別3番地")
    ]
    assert guesses[0] == guesses[1]
    assert guesses[0][0] == 200
    assert "address-not-compared" in [each["slug"] for each in guesses[0][1]["alerts"]]
    merged = []
    for who in (near, far):
        joining = {"residents": [{"id": str(who.id), "version": who.version}], "relations": {str(who.id): "同居人"}}
        found = previewed(town, {"reason": "household_change", "household_id": str(p.one.household_id)} | joining)
        merged.append((found[0], repr(found[1]).replace(str(who.id), "").replace(who.household_no, "")))
    assert merged[0] == merged[1]
    assert merged[0][0] == 200


def test_of_everybody_else_addresses_are_compared(tx: Tx) -> None:
    one, far = move_in(tx)[0], beside(tx, "宮城県牡鹿郡女川町別4番地")
    same = {"residents": named(one), "place": vars(PLACE)}
    joining = {"residents": named(far), "household_id": one.household_id, "relations": {far.id: "同居人"}}
    for reason, details in (("move_within", same), ("household_merge", joining)):
        with pytest.raises(DifferentAddress):
            submitted(tx, entered(tx, reason, details))


# ── a look leaves a trace ──


def test_relations_worked_out_and_lists_of_movements_are_looks(town: Desk, counter: Journaled) -> None:
    """Mutant: `record_access` left out of either; seen failing."""
    p = moved_in(town, counter.superuser)
    for method, path, options in (
        ("POST", f"/households/{p.one.household_id}:recalculate", {"json": {"head": str(p.mate.id)}}),
        ("GET", "/movements", {"params": {"resident": str(p.one.id)}}),
    ):
        before = looks(town)
        town.done("clerk", method, path, **options)
        assert looks(town) - before == 2, path  # both of the household


# ── 同一世帯の者 ──


def test_one_of_the_household_is_of_it(tx: Tx) -> None:
    """Mutants: without `check_of_household`; names compared as written; both seen failing."""
    head, child = household_of(tx, 2)
    alien = move_in(
        tx,
        person("ＳＭＩＴＨ ＪＯＨＮ", alias="髙橋 譲二", alias_kana="タカハシ", kind="foreign", nationality="架空国"),
        person("連れ", "同居人"),
    )

    def issue(one: Resident, name: str, **more: Any) -> str:
        request = asked("household_member", name=name, **more)
        return certificates.issue_certificate(tx, OFFICE, one.id, request, is_supervisor=False).serial

    assert issue(head, child.name.replace(" ", ""))
    assert issue(head, child.name, with_resident_code=True)
    assert issue(alien[1], "高橋譲二")
    assert issue(head, "届いた名", requester_id=child.id)
    for name, more in (("全くの 他人", {}), (alien[0].name, {}), (child.name, {"requester_id": alien[0].id})):
        with pytest.raises(NotOfHousehold) as told:
            issue(head, name, **more)
        assert "代理人又は第三者" in told.value.detail
        assert not any(each in told.value.detail for each in (head.name, child.name))


def test_who_was_of_the_household_may_have_the_removed_record(tx: Tx) -> None:
    children = [person(f"䶒藤 子{n}", "子", born_on=date(1990 + n, 1, 1)) for n in range(2)]
    head, child, other = move_in(tx, person(), *children, event_on=LONG_AGO, filed_on=LONG_AGO)
    die(tx, head, {child.id: "世帯主"})

    def issue(name: str) -> str:
        request = asked("household_member", name=name, kind="removed_copy", ground="相続のため")
        return certificates.issue_certificate(tx, OFFICE, head.id, request, is_supervisor=False).serial

    assert issue(child.name)
    now = people.resident(tx, other.id, TODAY)
    place = vars(PLACE) | {"address": "宮城県牡鹿郡女川町鷲神浜2番地"}
    moved(tx, "move_within", {"residents": named(now), "place": place, "relations": {other.id: "世帯主"}})
    assert issue(other.name)  # who lives elsewhere by now
    with pytest.raises(NotOfHousehold):
        issue("全くの 他人")


def test_the_counter_is_told_what_else_can_be_asked(town: Desk, counter: Journaled) -> None:
    p = moved_in(town, counter.superuser)
    who = {"kind": "household_member", "name": OPPONENT["name"]} | SHOWN
    answer = town.ask("clerk", "POST", f"/residents/{p.one.id}/certificates", json={"requester": who})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:mcloud:problem:not-of-household")
    assert p.mate.name not in answer.text
    protect(town, p.one.id, [])
    answer = town.ask("clerk", "POST", f"/residents/{p.one.id}/certificates", json={"requester": who})
    assert answer.status_code == 403  # as for everybody who is refused
