"""Retention: nothing goes before its time, nothing goes without two officers."""

import sys
from dataclasses import replace
from datetime import date, timedelta

import pytest

from kit.db import Tx
from kit.errors import CallerError, Conflict, NotFound
from systems.resident_registry.model.errors import DisposalNeeded, LegalHold, RetentionRunning, SecondOfficer
from systems.resident_registry.model.people import Resident
from systems.resident_registry.rules.retention import disposable_from
from systems.resident_registry.service import retention
from systems.resident_registry.store import people as store
from systems.resident_registry.store import retention as rows
from tests.support.registry import OFFICE, TODAY, die, move_in, moved, named, person


def at(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("systems.resident_registry") and hasattr(module, "today"):
            monkeypatch.setattr(module, "today", lambda: day)


def removed(tx: Tx, on: date) -> Resident:
    """A 除票 of that day, as an import of old records would bring it."""
    one = move_in(tx, person(resident_code="24727059608", individual_number="379474484458"))[0]
    die(tx, one)
    tx.execute("UPDATE resident_registry.resident SET removed_on = %s WHERE id = %s", (on, one.id))
    return store.resident(tx, one.id, TODAY)


@pytest.mark.parametrize(
    ("ended_on", "years", "first"),
    [
        (date(2020, 3, 31), 150, date(2170, 4, 1)),
        (date(2020, 2, 29), 150, date(2170, 3, 1)),
        (date(2020, 2, 29), 4, date(2024, 3, 1)),
        (date(2014, 6, 19), 5, date(2019, 6, 20)),
    ],
)
def test_the_first_day_of_disposal(ended_on: date, years: int, first: date) -> None:
    assert disposable_from(ended_on, years) == first


@pytest.mark.proves("JP-8")
def test_a_removed_record_is_refused_until_its_day_and_then_goes_by_two_officers(tx: Tx, monkeypatch: pytest.MonkeyPatch) -> None:
    one = removed(tx, date(2020, 3, 31))
    for day in (TODAY, date(2170, 3, 31)):
        at(monkeypatch, day)
        with pytest.raises(RetentionRunning) as running:
            retention.refuse_deletion(tx, OFFICE, one.id)
        assert running.value.extra == {"disposable_from": "2170-04-01"}
        with pytest.raises(RetentionRunning):
            retention.propose(tx, OFFICE, "removed_records", [one.id], "満了")
    at(monkeypatch, date(2170, 4, 1))
    with pytest.raises(DisposalNeeded):
        retention.refuse_deletion(tx, OFFICE, one.id)
    proposed = retention.propose(tx, OFFICE, "removed_records", [one.id], "満了")
    with pytest.raises(CallerError):
        retention.dispose(tx, OFFICE, proposed.id)
    with pytest.raises(SecondOfficer):
        retention.approve(tx, proposed.id)
    tx.actor = "supervisor"
    retention.approve(tx, proposed.id)
    done = retention.dispose(tx, OFFICE, proposed.id)
    assert done.certificate is not None
    assert (done.certificate["records"], done.certificate["approved_by"]) == (1, "supervisor")
    with pytest.raises(NotFound):
        store.resident(tx, one.id, TODAY)
    assert one.name not in str(done)
    at(monkeypatch, TODAY)
    assert move_in(tx)[0].atena_no > one.atena_no  # never given twice


def test_a_record_in_use_or_under_a_hold_stays(tx: Tx, monkeypatch: pytest.MonkeyPatch) -> None:
    one = removed(tx, date(2010, 1, 1))
    alive = move_in(tx, person("架空　在住"))[0]
    with pytest.raises(RetentionRunning, match="in use"):
        retention.propose(tx, OFFICE, "removed_records", [alive.id], "満了")
    hold = rows.add_hold(tx, one.id, "訴訟", TODAY)
    with pytest.raises(LegalHold):
        retention.propose(tx, OFFICE, "removed_records", [one.id], "満了")
    rows.end_hold(tx, hold, TODAY)
    assert retention.propose(tx, OFFICE, "removed_records", [one.id], "満了").state == "proposed"


def test_a_town_that_keeps_records_longer_disposes_of_none_before(tx: Tx) -> None:
    """Mutant: `_years` without the town's own values: the record is due and proposed; seen failing."""
    one = removed(tx, date(2010, 1, 1))
    longer = replace(OFFICE, parameters={"removed_records_years": {date(1900, 1, 1): 20}})
    assert [each.id for each in retention.due_records(tx, OFFICE)] == [one.id]
    assert retention.due_records(tx, longer) == []
    with pytest.raises(RetentionRunning, match="20 years"):
        retention.propose(tx, longer, "removed_records", [one.id], "満了")
    with pytest.raises(RetentionRunning, match="20 years"):
        retention.refuse_deletion(tx, longer, one.id)


def test_a_record_of_before_2014_06_20_may_be_certified_as_gone(tx: Tx) -> None:
    told = retention.certify_disposed(tx, OFFICE, "架空　太郎", date(1950, 1, 1), date(2014, 6, 19))
    assert told == {"removed_on": date(2014, 6, 19), "kept_years": 5, "disposed_on": None, "recorded_here": False}
    with pytest.raises(RetentionRunning):
        retention.certify_disposed(tx, OFFICE, "架空　太郎", date(1950, 1, 1), date(2014, 6, 20))
    one = removed(tx, date(2014, 6, 19))
    with pytest.raises(Conflict, match="kept"):
        retention.certify_disposed(tx, OFFICE, one.name, one.born_on, date(2014, 6, 19))
    proposed = retention.propose(tx, OFFICE, "removed_records", [one.id], "満了")
    tx.actor = "supervisor"
    retention.approve(tx, proposed.id)
    retention.dispose(tx, OFFICE, proposed.id)
    told = retention.certify_disposed(tx, OFFICE, one.name, one.born_on, date(2014, 6, 19))
    assert (told["recorded_here"], told["disposed_on"]) == (True, TODAY)
    told = retention.certify_disposed(tx, OFFICE, one.name, one.born_on, date(2014, 6, 18))  # of another record
    assert (told["recorded_here"], told["disposed_on"]) == (False, None)


@pytest.mark.proves("JP-8")
def test_papers_of_filings_are_proposed_after_a_year(tx: Tx) -> None:
    old = move_in(tx, event_on=TODAY - timedelta(days=500), filed_on=TODAY - timedelta(days=500))[0]
    moved(tx, "name_change", {"residents": [named(old)[0] | {"name": "架空　改", "kana": "カクウ"}]})
    proposed = retention.propose(tx, OFFICE, "filing_papers", [], "保存期間満了")
    assert proposed.movements == [old.movement_id]
    tx.actor = "supervisor"
    retention.approve(tx, proposed.id)
    retention.dispose(tx, OFFICE, proposed.id)
    with pytest.raises(Conflict):
        retention.propose(tx, OFFICE, "filing_papers", [], "保存期間満了")
