"""The register's procedures, on a real database."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from kit import journal
from kit.db import Tx, connect
from kit.errors import CallerError, Conflict, Invalid, NotFound, Stale
from systems.resident_registry.model.errors import NewHeadNeeded
from systems.resident_registry.model.search import Criteria
from systems.resident_registry.rules import movements as rules
from systems.resident_registry.service import certificates, people, search
from systems.resident_registry.store import people as store
from tests.support.registry import NAME, OFFICE, TODAY, asked, die, household_of, move_in, moved, named, person


def accesses(tx: Tx) -> int:
    found: int = tx.value("SELECT count(*) FROM journal.entry WHERE kind = 'access'")
    return found


def test_a_name_is_stored_as_it_is(tx: Tx) -> None:
    one = move_in(tx, person(individual_number="379474484458", resident_code="24727059608"))[0]
    assert one.name == NAME
    assert [len(one.name), len(people.find(tx, one.id).name)] == [len(NAME)] * 2
    with pytest.raises(Invalid) as wrong:
        move_in(tx, person(individual_number="507957100722"))
    assert "507957100722" not in wrong.value.detail


def test_numbers_lie_encrypted_and_only_once(tx: Tx) -> None:
    move_in(tx, person(individual_number="379474484458"))
    dump = "".join(str(row) for row in tx.rows("SELECT i::text AS row FROM resident_registry.individual_number i"))
    assert "379474484458" not in dump
    assert "379474484458" not in "".join(str(row) for row in tx.rows("SELECT row FROM journal.entry"))
    with pytest.raises(CallerError), connect_again(tx):
        move_in(tx, person(individual_number="379474484458"))


class connect_again:
    """A savepoint whose database error is ours."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    def __enter__(self) -> None:
        self.tx.execute("SAVEPOINT s")

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        from kit.db import translated

        self.tx.execute("ROLLBACK TO s")
        if error:
            with translated():
                raise error


def test_late_filing_is_accepted_and_marked() -> None:
    assert not rules.is_late("move_in", date(2026, 12, 18), date(2027, 1, 4), 14)
    assert rules.is_late("move_in", date(2026, 12, 18), date(2027, 1, 5), 14)
    assert not rules.is_late("death", date(2026, 12, 18), date(2027, 1, 5), 14)
    for filed_on in (TODAY - timedelta(days=1), TODAY + timedelta(days=1)):
        with pytest.raises(Invalid):
            rules.check_days("move_in", event_on=TODAY, filed_on=filed_on, today=TODAY, days_ahead=30)


def test_exactly_one_head(tx: Tx) -> None:
    with pytest.raises(Conflict):
        move_in(tx, person(), person())
    with pytest.raises(Conflict):
        move_in(tx, person(relation="子"))


def test_search_by_two_kanji_kana_birth_and_address(tx: Tx) -> None:
    one = move_in(tx)[0]
    for criteria in (
        Criteria(name="䶒藤"),
        Criteria(name="藤太朗"),
        Criteria(kana="ごとう"),
        Criteria(born_on=date(1950, 1, 2)),
        Criteria(address="女川1番"),
        Criteria(name="太朗", kana="ゴト", address="牡鹿郡"),
    ):
        assert [hit.id for hit in search.search(tx, criteria)] == [one.id], criteria
    assert accesses(tx) == 6
    assert search.search(tx, Criteria(kana="%タロウ")) == []
    for bad in (Criteria(), Criteria(name="藤"), Criteria(kana=" ")):
        with pytest.raises(Invalid):
            search.search(tx, bad)


def test_a_search_that_finds_more_than_fifty_is_refused_and_shows_nobody(tx: Tx) -> None:
    for _ in range(51):
        move_in(tx)
    with pytest.raises(Invalid, match="narrow"):
        search.search(tx, Criteria(name="太朗"))
    assert accesses(tx) == 0


def test_when_the_head_dies_the_others_need_a_head(tx: Tx) -> None:
    head, spouse, child = move_in(
        tx, person(), person("䶒藤 花", "妻", sex="female"), person("䶒藤 子", "子", born_on=date(1980, 1, 1))
    )
    with pytest.raises(NewHeadNeeded, match="2 residents"):
        die(tx, head)
    die(tx, head, {spouse.id: "世帯主"})
    assert [(m.name, m.relation) for m in store.members(tx, head.household_id, TODAY)] == [
        ("䶒藤 花", "世帯主"),
        ("䶒藤 子", "子"),
    ]
    die(tx, store.resident(tx, spouse.id, TODAY))
    assert store.resident(tx, child.id, TODAY).relation == "世帯主"  # a sole survivor is head by itself
    with pytest.raises(Conflict):
        certificates.issue_certificate(tx, OFFICE, head.id, asked(), is_supervisor=False)


def test_a_stale_version_loses(tx: Tx) -> None:
    one = move_in(tx)[0]
    with pytest.raises(Stale):
        die(tx, one, version=7)


def test_birth_move_within_and_move_out(tx: Tx) -> None:
    head, child = household_of(tx, 2)
    newborn = {"name": "䶒藤 新", "kana": "ゴトウ シン", "sex": "male", "born_on": TODAY, "relation": "子"}
    filed = moved(tx, "birth", {"household_id": head.household_id, "child": newborn, "parents": [head.id]})
    born = store.resident(tx, filed.residents[0], TODAY)
    assert (born.became_resident_on, born.address_since, born.household_id) == (TODAY, None, head.household_id)
    place = {"postal_code": "9862262", "address": "新しい住所"}
    moved(tx, "move_within", {"residents": named(head, child, born), "place": place})
    assert store.resident(tx, child.id, TODAY).address == "新しい住所"
    leaving = named(*(store.resident(tx, each.id, TODAY) for each in (head, child, born)))
    moved(tx, "move_out", {"residents": leaving, "destination": {"address": "仙台市"}})
    assert {store.resident(tx, each.id, TODAY).state for each in (head, child, born)} == {"moved_out"}
    assert search.search(tx, Criteria(name="太朗")) == []
    with pytest.raises(NotFound):
        store.resident(tx, uuid4(), TODAY)


def test_every_table_of_the_register_is_watched(register: str) -> None:
    with connect(register) as tx:
        assert journal.unwatched(tx) == []
