"""Departures that did not come to pass, and 転入通知 that met no departure: both wait on a list until somebody sees to them."""

from datetime import timedelta
from typing import Any

import pytest

from kit.db import Tx
from systems.resident_registry.jobs import night
from systems.resident_registry.model.errors import AlertsUnconfirmed, NewHeadNeeded, NotLeaving
from systems.resident_registry.model.filings import Filing
from systems.resident_registry.model.measures import Opponent
from systems.resident_registry.model.people import Resident
from systems.resident_registry.model.statistics import ListName
from systems.resident_registry.service import movements as service
from systems.resident_registry.service import support_cases, unmatched
from systems.resident_registry.service.statistics import listed
from systems.resident_registry.store import movements
from systems.resident_registry.store import people as store
from systems.resident_registry.store.statistics import departures_open
from tests.support.registry import OFFICE, TODAY, decided, die, household_of, move_in, moved, named, person, submitted

CLERK = frozenset({"registry_clerk"})
LONG_AGO = TODAY - timedelta(days=300)


def rows(tx: Tx, name: ListName, roles: frozenset[str] = CLERK) -> list[tuple[Any, ...]]:
    found = listed(tx, name, roles=roles).rows
    assert departures_open(tx, TODAY)[name] == len(found)  # what the first page says
    return found


def arrived(*people: Resident) -> Filing:
    """転入通知: these live in 石巻市 now."""
    details = {
        "reason": "in_notice",
        "residents": named(*people),
        "received_on": TODAY,
        "destination": {"address": "宮城県石巻市"},
    }
    return Filing.model_validate({"event_on": TODAY, "filer": "office", "details": details})


def planned(tx: Tx, one: Resident, relations: dict[Any, str]) -> None:
    """A 転出 that lay ahead when it was filed, and whose day has come."""
    details = {"residents": named(one), "destination": {"address": "宮城県石巻市"}, "relations": relations}
    moved(tx, "move_out", details, event_on=TODAY + timedelta(days=3))
    assert rows(tx, "departures_overdue") == []
    tx.execute("UPDATE resident_registry.resident SET out_planned_on = %s WHERE id = %s", (TODAY, one.id))


def test_a_departure_the_night_cannot_carry_out_is_listed_until_it_can(tx: Tx) -> None:
    """Mutant: the list asks for days before today only; seen failing."""
    head, heir, other, last = household_of(tx, 4)
    planned(tx, head, {heir.id: "世帯主"})
    die(tx, heir)
    with pytest.raises(NewHeadNeeded), movements.rehearsal(tx):
        night.depart(tx, OFFICE)
    assert [(row[0], row[2], row[3]) for row in rows(tx, "departures_overdue")] == [(head.atena_no, str(TODAY), 0)]
    now = [store.resident(tx, each.id, TODAY) for each in (head, other, last)]
    relations = {now[0].id: "父", now[2].id: "弟"}
    details = {"household_id": head.household_id, "new_head": named(now[1])[0], "relations": relations}
    moved(tx, "head_change", details)
    assert night.depart(tx, OFFICE) == 1
    assert rows(tx, "departures_overdue") == []


def test_where_a_protected_resident_goes_is_not_on_the_list(tx: Tx) -> None:
    """Mutant: `_overdue` without `masked`; seen failing."""
    head, *_ = move_in(tx, event_on=LONG_AGO)
    planned(tx, head, {})
    support_cases.apply(tx, head.id, "A", Opponent("架空 相手"), together=[], scope=["residence"], applied_on=TODAY)
    assert "石巻市" not in str(rows(tx, "departures_overdue"))
    assert "石巻市" in str(rows(tx, "departures_overdue", CLERK | {"dv_officer"}))


def test_a_notice_without_departure_is_told_kept_and_taken_up_once_there_is_one(tx: Tx) -> None:
    """Mutant: `enter` that lets NotLeaving pass; seen failing: the notice would be refused and lost."""
    one, *_ = move_in(tx, event_on=LONG_AGO)
    with pytest.raises(AlertsUnconfirmed) as told:
        unmatched.enter(tx, OFFICE, arrived(one), ())
    assert [each["slug"] for each in told.value.extra["alerts"]] == ["no-departure"]  # type: ignore[attr-defined]
    tx.execute("DELETE FROM resident_registry.movement WHERE state = 'draft'")  # as the refusal takes it back
    kept = unmatched.enter(tx, OFFICE, arrived(one), ["no-departure"])
    assert (kept.state, [each["slug"] for each in kept.alerts]) == ("draft", ["no-departure"])
    assert [(row[0], row[1], row[5]) for row in rows(tx, "in_notices_unmatched")] == [(kept.number, one.atena_no, "届出なし")]
    assert "石巻市" not in str(rows(tx, "in_notices_unmatched"))  # where they moved may be a secret
    with pytest.raises(NotLeaving):
        service.submit(tx, OFFICE, kept.id, kept.version, ())
    assert len(rows(tx, "in_notices_unmatched")) == 1
    moved(tx, "move_out", {"residents": named(one), "destination": {"address": "石巻市"}}, event_on=TODAY)
    assert [row[5] for row in rows(tx, "in_notices_unmatched")] == ["届出あり"]
    gone = store.resident(tx, one.id, TODAY)
    again = service.edit(tx, OFFICE, kept.id, kept.version, arrived(gone))
    decided(tx, submitted(tx, again))
    assert rows(tx, "in_notices_unmatched") == []
    assert store.resident(tx, one.id, TODAY).in_notice_on == TODAY


def test_a_notice_of_somebody_removed_by_the_office_waits_until_it_is_withdrawn(tx: Tx) -> None:
    one, *_ = move_in(tx, event_on=LONG_AGO)
    kept = unmatched.enter(tx, OFFICE, arrived(one), ["no-departure"])
    moved(tx, "office_removal", {"residents": named(one)}, ground={"kind": "fact_check", "text": "調査", "on": TODAY})
    assert [row[5] for row in rows(tx, "in_notices_unmatched")] == ["届出なし"]
    service.withdraw(tx, kept.id, kept.version, "職権消除で処理")
    assert rows(tx, "in_notices_unmatched") == []


def test_a_notice_that_meets_its_departure_goes_on_as_before(tx: Tx) -> None:
    one, other = move_in(tx, person(), person("䶒藤 花", "妻", sex="female"), event_on=LONG_AGO)
    moved(tx, "move_out", {"residents": named(one, other), "destination": {"address": "石巻市"}}, event_on=TODAY)
    gone = [store.resident(tx, each.id, TODAY) for each in (one, other)]
    assert unmatched.enter(tx, OFFICE, arrived(*gone), ()).state == "review"
    assert rows(tx, "in_notices_unmatched") == []
    cancel = Filing.model_validate({"event_on": TODAY, "details": {"reason": "move_out_cancel", "residents": named(*gone)}})
    with pytest.raises(NotLeaving):  # only a 転入通知 is kept
        unmatched.enter(tx, OFFICE, cancel, ["no-departure"])
