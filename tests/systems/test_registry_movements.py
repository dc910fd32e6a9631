"""Movements: states, two officers, two clerks at once, replays, and what the forms keep."""

import json
import os
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dr import digest
from infra.targets.services import Postgres
from kit.civic.places import addresses
from kit.db import Database, Tx, connect
from kit.errors import CallerError
from kit.idempotency import once
from kit.migrate import migrate
from systems.resident_registry.jobs import night
from systems.resident_registry.model.errors import AlertsUnconfirmed, NewerVersion, Suppressed, WrongState
from systems.resident_registry.model.filings import Ground
from systems.resident_registry.model.movements import REASONS
from systems.resident_registry.model.people import Place
from systems.resident_registry.pages.movement_parts import placed
from systems.resident_registry.service import measures, sealing
from systems.resident_registry.service import movements as service
from systems.resident_registry.store import movements as store
from systems.resident_registry.store import people as persons
from systems.resident_registry.store.history import Segment, rewritten
from tests.support.journaled import journaled
from tests.support.registry import (
    CLERK,
    MIGRATIONS,
    OFFICE,
    ONAGAWA,
    PLACE,
    SUPERVISOR,
    TODAY,
    USUAL,
    decided,
    entered,
    household_of,
    move_in,
    moved,
    named,
    person,
    submitted,
)

GROUND = Ground(kind="error", text="誤り", on=TODAY)


def test_every_reason_is_performed() -> None:
    assert set(service.PERFORM) == set(REASONS) - {"move_out_due"}


def test_from_draft_over_returned_to_completed(tx: Tx) -> None:
    one = move_in(tx)[0]
    details = {"residents": [named(one)[0] | {"name": "架空　改", "kana": "カクウ"}]}
    drafted = entered(tx, "name_change", details)
    with pytest.raises(WrongState):
        service.approve(tx, OFFICE, drafted.id, drafted.version, is_supervisor=True)
    handed_in = submitted(tx, drafted)
    assert (handed_in.state, persons.resident(tx, one.id, TODAY).name) == ("review", one.name)  # the rehearsal left nothing
    back = service.send_back(tx, handed_in.id, handed_in.version, "戸籍を確認")
    assert (back.state, back.returned_for) == ("returned", "戸籍を確認")
    with pytest.raises(NewerVersion) as stale:
        service.submit(tx, OFFICE, back.id, handed_in.version, ())
    assert stale.value.extra == {"current_version": back.version}
    done = decided(tx, submitted(tx, back))
    assert (done.state, done.decided_by, done.entered_by) == ("decided", SUPERVISOR, CLERK)
    assert persons.resident(tx, one.id, TODAY).name == "架空　改"


def test_what_is_not_decided_is_withdrawn(tx: Tx) -> None:
    one = entered(tx, "death", {"residents": named(move_in(tx)[0])})
    assert service.cancel(tx, OFFICE, one.id, one.version, GROUND).state == "cancelled"
    with pytest.raises(WrongState):
        submitted(tx, store.movement(tx, one.id))


def test_alerts_are_told_once_and_remembered_with_who_confirmed(tx: Tx) -> None:
    move_in(tx, event_on=TODAY - timedelta(days=40), filed_on=TODAY - timedelta(days=39))
    came = {"place": vars(PLACE), "previous": {"address": "x"}, "certificate": "paper"}
    again = entered(tx, "move_in", came | {"people": [vars(person(resident_code="24727059608"))]})
    with pytest.raises(AlertsUnconfirmed) as told:
        service.submit(tx, OFFICE, again.id, again.version, ())
    assert [each["slug"] for each in told.value.extra["alerts"]] == ["same-person"]  # type: ignore[attr-defined]
    kept = service.submit(tx, OFFICE, again.id, again.version, ("same-person",))
    assert kept.alerts[0]["confirmed_by"] == CLERK


def test_a_room_is_asked_for_where_another_household_has_one(tx: Tx) -> None:
    """Addresses as the counter's form writes them. Mutants: the whole address compared; a room asked for in any company."""
    town = next(each for each in addresses(ONAGAWA) if each.town == "尾浦")

    def at(lot: str, building: str | None) -> dict[str, Any]:
        return placed({"town": f"{town.postal_code}/{town.address}", "lot": lot, "building": building}, ONAGAWA)

    def told(name: str, lot: str, building: str | None = None) -> list[str]:
        people = [vars(person(name, born_on=date(1960, 1, 2)))]
        one = entered(tx, "address_setting", {"place": at(lot, building), "people": people})
        handed_in = submitted(tx, one, (*USUAL, "building-missing"))
        return [each["slug"] for each in handed_in.alerts]

    for lot, building in (("2番地1", "さくら荘101"), ("2番地1", "さくら荘102"), ("5番地", "5"), ("4番地1", None)):
        move_in(tx, person(f"架空 {lot}{building}"), place=Place(**at(lot, building)))
    left = move_in(tx, person("架空 去った"), place=Place(**at("3番地1", "さくら荘101")))[0]
    moved(tx, "death", {"residents": named(left)})
    apart = Place(**at("6番地", None) | {"building": "みなと荘1"})  # an import may bring the room in its column alone
    move_in(tx, person("架空 別"), place=apart)
    assert told("架空 一", "2番地1") == told("架空 五", "5番地") == told("架空 六", "6番地") == ["building-missing"]
    assert told("架空 二", "2番地1", "さくら荘102") == told("架空 七", "2番地") == []
    assert told("架空 三", "3番地1") == told("架空 四", "4番地1") == []


def test_individual_numbers_of_forms_lie_sealed(tx: Tx) -> None:
    details = {
        "place": vars(PLACE),
        "previous": {"address": "x"},
        "certificate": "paper",
        "people": [vars(person(individual_number="379474484458"))],
    }
    one = entered(tx, "move_in", details)
    rows = tx.rows("SELECT m::text AS row FROM resident_registry.movement m UNION ALL SELECT e::text FROM journal.entry e")
    assert "379474484458" not in "".join(row["row"] for row in rows)
    assert sealing.numbers_in(sealing.opened(OFFICE, one.id, one.details)) == ["379474484458"]
    assert sealing.masked(one.details)["people"][0]["individual_number"] == sealing.MASK
    assert persons.resident(tx, decided(tx, submitted(tx, one)).residents[0], TODAY).resident_code


@pytest.mark.parametrize(
    ("override", "by", "passes"), [("none", SUPERVISOR, False), ("supervisor", SUPERVISOR, True), ("clerk", CLERK, True)]
)
def test_a_suppression_of_movements_is_read_and_then_passed_by_whom_it_names(
    tx: Tx, override: str, by: str, passes: bool
) -> None:
    one = move_in(tx)[0]
    measures.suppress(
        tx, one.id, "movement_hold", ["movement"], message="二重登録の疑い", override=override, starts_on=TODAY, ends_on=None
    )  # type: ignore[arg-type]
    drafted = entered(tx, "name_change", {"residents": [named(one)[0] | {"name": "架空　改", "kana": "カクウ"}]})
    with pytest.raises(AlertsUnconfirmed):
        submitted(tx, drafted)
    handed = submitted(tx, drafted, (*USUAL, "suppression-read"))
    if passes:
        decided(tx, handed, by=by)
    else:
        with pytest.raises(Suppressed):
            decided(tx, handed, by=by)


@contextmanager
def committed(register: str) -> Iterator[Database]:
    database = Database(register, max_size=4)
    try:
        yield database
    finally:
        database.close()


def test_two_officers_decide_two_movements_of_one_person_and_one_wins(register: str) -> None:
    with committed(register) as database:
        with database.transaction(CLERK) as tx:
            one = move_in(tx)[0]
        with database.transaction(CLERK) as tx:
            new_name = {"residents": [named(one)[0] | {"name": "架空　改", "kana": "カクウ"}]}
            waiting = [
                submitted(tx, entered(tx, "name_change", new_name)),
                submitted(tx, entered(tx, "death", {"residents": named(one)})),
            ]
        start, told = threading.Barrier(2), []

        def approve(number: UUID, version: int) -> None:
            start.wait()
            try:
                with database.transaction(SUPERVISOR) as tx:
                    told.append(service.approve(tx, OFFICE, number, version, is_supervisor=True).state)
            except CallerError as lost:
                told.append((lost.status, lost.extra.get("current_version")))

        threads = [threading.Thread(target=approve, args=(each.id, each.version)) for each in waiting]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(map(str, told)) == ["(412, 2)", "decided"]
        with database.transaction(CLERK) as tx:
            tx.execute("DELETE FROM resident_registry.notice")


def test_the_night_may_come_twice_and_leaves_alone_what_cannot_be_done(register: str) -> None:
    with committed(register) as database:
        with database.transaction(CLERK) as tx:
            head, child = household_of(tx, 2)
            later = {"residents": named(child), "destination": {"address": "仙台市"}}
            moved(tx, "move_out", later, event_on=TODAY + timedelta(days=3))
            tx.execute("UPDATE resident_registry.resident SET out_planned_on = %s WHERE id = %s", (TODAY, child.id))
        first, second = night.run(database, OFFICE), night.run(database, OFFICE)
        assert (first["departed"], first["failed_households"], second["departed"]) == (1, 0, 0)
        with database.transaction(CLERK) as tx:
            gone = persons.resident(tx, child.id, TODAY)
            assert (gone.state, gone.removed_on) == ("moved_out", TODAY)
            assert persons.resident(tx, head.id, TODAY).state == "current"


def test_the_command_of_the_night_says_what_it_did(register: str, tmp_path: Path) -> None:
    password, port, name = re.findall(r"//postgres:(.+)@.+:(\d+)/(.+)$", register)[0]
    config = {
        "tenant": "045811", "tenant_name": "女川町", "zone": "mynumber", "systems": ["resident_registry"], "issuer": "x",
        "database_port": int(port), "database_name": name, "database_role": "postgres", "jwks_url": "x", "audience": "x",
        "clients": [], "port": 1,
    }  # fmt: skip
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    secrets = {"MCLOUD_DATABASE_PASSWORD": password, "MCLOUD_DATA_KEY": "11" * 32, "MCLOUD_BLIND_INDEX_KEY": "22" * 32}
    command = [sys.executable, "-m", "systems.resident_registry.jobs.night", str(tmp_path / "config.yaml")]
    told = subprocess.run(command, capture_output=True, text=True, env=os.environ | secrets, timeout=120)
    assert (told.returncode, json.loads(told.stdout)["event"]) == (0, "result")
    wrong = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), timeout=120)
    assert (wrong.returncode, json.loads(wrong.stdout)["event"]) == (1, "error")


def mixed(tx: Tx, rng: random.Random, n: int) -> dict[str, Any]:
    """One of many movements, drawn from the state of the register; what cannot be done is refused and leaves nothing."""
    tx.execute("SAVEPOINT one")
    try:
        living = [
            row["id"] for row in tx.rows("SELECT id FROM resident_registry.resident WHERE removed_on IS NULL ORDER BY atena_no")
        ]
        kind = rng.choice(("move_in", "move_in", "move_within", "name_change", "death", "move_out", "household_split"))
        if kind == "move_in" or len(living) < 3:
            people = [person(f"架空　{n}"), person(f"架空　子{n}", "子", born_on=date(2000, 1, 1))]
            made = move_in(tx, *people[: rng.choice((1, 2))])
            return {"residents": len(made)}
        one = persons.resident(tx, rng.choice(living), TODAY)
        details: dict[str, Any] = {"residents": named(one)}
        if kind == "move_within":
            details["place"] = {"postal_code": "9862262", "address": f"宮城県牡鹿郡女川町鷲神浜{n}番地"}
        elif kind == "name_change":
            details["residents"] = [named(one)[0] | {"name": f"架空　改{n}", "kana": "カクウ"}]
        elif kind == "move_out":
            details["destination"] = {"address": "仙台市"}
        moved(tx, kind, details)
    except CallerError as refused:
        tx.execute("ROLLBACK TO SAVEPOINT one")
        return {"refused": refused.slug}
    return {"residents": 1}


def registered(tx: Tx) -> str:
    """Hash of everything the register holds."""
    return digest.sha256(digest.take(tx, ""))


def test_mixed_movements_sent_twice_change_the_register_once(postgres: Postgres, tmp_path: Path) -> None:
    """Each in a transaction of its own, as at the counter. The acceptance has 10,000: MIXED_MOVEMENTS=10000, some minutes."""
    number = int(os.environ.get("MIXED_MOVEMENTS", "400"))
    made = journaled(postgres, tmp_path)
    migrate(made.superuser, "resident_registry", MIGRATIONS)
    answers: list[list[dict[str, Any]]] = []
    hashes = []
    with connect(made.superuser, autocommit=True, actor=CLERK) as tx:
        for _ in range(2):
            told = []
            for n in range(number):
                tx.execute("BEGIN")
                rng = random.Random(n)
                told.append(once(tx, f"mixed-{n}", str(n).encode(), lambda rng=rng, n=n: mixed(tx, rng, n)))  # type: ignore[misc]
                tx.execute("COMMIT")
            answers.append(told)
            hashes.append(registered(tx))
        assert answers[0] == answers[1]
        assert hashes[0] == hashes[1]
        assert sum("residents" in each for each in answers[0]) > number / 2
        tx.execute("BEGIN")
        mixed(tx, random.Random(1), number + 1)
        assert registered(tx) != hashes[0]  # mutant: without the key the register changes
        tx.execute("ROLLBACK")


def test_every_household_has_one_head_and_every_day_at_most_one_version(tx: Tx) -> None:
    for n in range(120):
        mixed(tx, random.Random(1000 + n), n)
    heads = tx.rows(
        "SELECT household_id FROM resident_registry.resident WHERE removed_on IS NULL GROUP BY 1 "
        "HAVING count(*) FILTER (WHERE relation = '世帯主') <> 1"
    )
    assert heads == []
    overlaps = """
        WITH v AS (
            SELECT resident_id AS id, valid_from, valid_to, known_from, known_to FROM resident_registry.resident_history
            UNION ALL SELECT id, valid_from, NULL, known_from, NULL FROM resident_registry.resident)
        SELECT count(*) FROM v a JOIN v b ON a.id = b.id AND a.ctid IS NOT NULL
    """.replace(" AND a.ctid IS NOT NULL", " AND (a.valid_from, a.known_from) < (b.valid_from, b.known_from)")
    overlaps += """
        WHERE daterange(a.valid_from, a.valid_to) && daterange(b.valid_from, b.valid_to)
          AND tstzrange(a.known_from, a.known_to) && tstzrange(b.known_from, b.known_to)"""
    assert tx.value(overlaps) == 0


facts = st.fixed_dictionaries({"a": st.integers(0, 3), "b": st.integers(0, 3)})


@st.composite
def timelines(draw: st.DrawFn) -> list[Segment]:
    days = sorted(draw(st.sets(st.integers(0, 60), min_size=1, max_size=6)))
    start = date(2026, 1, 1)
    bounds = [start + timedelta(days=each) for each in days]
    ends = [*bounds[1:], None]
    return [Segment(UUID(int=n), n, f, t, None, draw(facts)) for n, (f, t) in enumerate(zip(bounds, ends, strict=True), 1)]


def at(segments: list[Segment], day: date) -> dict[str, Any] | None:
    found = [s for s in segments if s.valid_from <= day and (s.valid_to is None or day < s.valid_to)]
    assert len(found) <= 1
    return dict(found[0].facts) if found else None


@settings(max_examples=400, deadline=None)
@given(timelines(), st.integers(0, 70), st.integers(4, 9))
def test_a_change_in_the_past_goes_on_until_the_fact_was_changed_again(before: list[Segment], offset: int, value: int) -> None:
    day = date(2026, 1, 1) + timedelta(days=offset)
    after = rewritten(before, day, {"a": value})
    start = max(day, before[0].valid_from)
    was, running = at(before, start), True
    assert was is not None
    for n in range(75):
        here = date(2026, 1, 1) + timedelta(days=n)
        old, new = at(before, here), at(after, here)
        if here < start:
            assert new == old
            continue
        assert old is not None
        running = running and old["a"] == was["a"]
        assert new == old | ({"a": value} if running else {})


def test_a_movement_that_lost_leaves_nothing(tx: Tx) -> None:
    people = household_of(tx, 3)
    before = registered(tx)
    with pytest.raises(CallerError):
        with_savepoint(tx, lambda: moved(tx, "death", {"residents": named(people[0])}))
    assert registered(tx) == before


def with_savepoint(tx: Tx, act: Any) -> None:
    tx.execute("SAVEPOINT act")
    try:
        act()
    except CallerError:
        tx.execute("ROLLBACK TO SAVEPOINT act")
        raise
