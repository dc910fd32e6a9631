"""Retention: nothing goes before its time, nothing goes without two officers."""

import sys
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from kit.db import Tx
from kit.errors import CallerError, Conflict, NotFound
from systems.resident_registry.model.errors import DisposalNeeded, LegalHold, RetentionRunning, SecondOfficer
from systems.resident_registry.model.measures import Asker, Opponent
from systems.resident_registry.model.people import Resident
from systems.resident_registry.rules.retention import disposable_from
from systems.resident_registry.service import certificates, measures, movements, retention, support_cases, third_party_notices
from systems.resident_registry.store import people as store
from systems.resident_registry.store import retention as rows
from tests.support.registry import OFFICE, TODAY, asked, die, move_in, moved, named, person


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


def tables_with(tx: Tx, text: str) -> list[str]:
    """Tables of the register in which a row holds the text anywhere."""
    of_register = "relnamespace = 'resident_registry'::regnamespace AND relkind = 'r'"
    rows = tx.rows(f"SELECT relname::text AS name FROM pg_class WHERE {of_register}")
    found = f"%{text}%"
    return sorted(
        row["name"]
        for row in rows
        if tx.value(f"SELECT EXISTS (SELECT FROM resident_registry.{row['name']} t WHERE t::text LIKE %s)", (found,))
    )


def disposed(tx: Tx, *people: Resident) -> None:
    proposed = retention.propose(tx, OFFICE, "removed_records", [each.id for each in people], "満了")
    before, tx.actor = tx.actor, "supervisor"
    retention.approve(tx, proposed.id)
    retention.dispose(tx, OFFICE, proposed.id)
    tx.actor = before


def certified(tx: Tx, one: Resident, issued_on: date) -> str:
    """Serial of a certificate about a removed record, issued on that day."""
    request = asked(name=one.name, kind="removed_copy")
    serial = certificates.issue_certificate(tx, OFFICE, one.id, request, is_supervisor=False).serial
    tx.execute("UPDATE resident_registry.certificate SET issued_on = %s WHERE serial = %s", (issued_on, serial))
    return serial


GONE, NEW_NAME, STAYS = "架空　消去", "架空　旧姓", "架空　残留"


def test_nothing_of_a_disposed_person_is_left_in_any_table(tx: Tx) -> None:
    """Mutants: `_leave_filings` not called: `movement`; `_empty_papers` not called: `certificate`, `measure_lift`; both
    seen failing.
    """
    one = move_in(tx, person(NEW_NAME))[0]
    moved(tx, "name_change", {"residents": [named(one)[0] | {"name": GONE, "kana": "カクウ"}]}, filer_name=GONE)
    one = store.resident(tx, one.id, TODAY)
    third_party_notices.register(tx, OFFICE, one.id, TODAY)
    die(tx, one)
    tx.execute("UPDATE resident_registry.resident SET removed_on = '2010-01-01' WHERE id = %s", (one.id,))
    serial = certified(tx, one, date(2015, 1, 1))
    by, tx.actor = tx.actor, "supervisor"
    measures.approve_issue(tx, [one.id], Asker("self", name=GONE, ground=f"{GONE}を確認"), for_actor=by, not_opponent=False)
    tx.actor = by
    assert tables_with(tx, GONE) == ["certificate", "measure_lift", "movement", "resident", "resident_history"]
    assert "movement" in tables_with(tx, NEW_NAME)
    disposed(tx, one)
    assert (tables_with(tx, GONE), tables_with(tx, NEW_NAME)) == ([], [])
    assert tables_with(tx, str(one.id)) == ["measure_lift"]  # that an approval was given: an id that leads nowhere
    assert certificates.issued(tx, serial).pdf_sha256
    with pytest.raises(NotFound):
        certificates.certificate_pdf(tx, OFFICE, serial)
    for each in tx.rows("SELECT id FROM resident_registry.movement"):  # the pages that show them still do
        movements.find(tx, each["id"], frozenset())


def test_who_stays_keeps_their_part_of_a_common_filing(tx: Tx) -> None:
    """Mutant: `without` gives the form back as it was; seen failing."""
    gone, stays = move_in(tx, person(GONE), person(STAYS, "妻", sex="female"))
    die(tx, gone, {stays.id: "世帯主"})
    tx.execute("UPDATE resident_registry.resident SET removed_on = '2010-01-01' WHERE id = %s", (gone.id,))
    disposed(tx, store.resident(tx, gone.id, TODAY))
    assert tables_with(tx, GONE) == []
    form = tx.value("SELECT details FROM resident_registry.movement WHERE id = %s", (gone.movement_id,))
    assert [each["name"] for each in form["people"]] == [STAYS]
    assert movements.find(tx, gone.movement_id, frozenset())[0].residents == [stays.id]  # type: ignore[arg-type]


def test_a_certificate_keeps_the_record_for_its_own_years_and_says_until_when(tx: Tx) -> None:
    """Mutant: `check_papers` does nothing: it is proposed; seen failing."""
    one = removed(tx, date(2010, 1, 1))
    certified(tx, one, TODAY)
    with pytest.raises(RetentionRunning, match="a certificate of") as running:
        retention.propose(tx, OFFICE, "removed_records", [one.id], "満了")
    assert running.value.extra == {"disposable_from": str(disposable_from(TODAY, 3))}
    due = retention.due_records(tx, OFFICE)[0]
    assert (due.is_free, due.kept_until) == (False, disposable_from(TODAY, 3) - timedelta(days=1))
    with pytest.raises(Conflict, match="no removed record"):
        retention.propose_due(tx, OFFICE, "満了")


def test_a_support_case_that_goes_on_keeps_the_record(tx: Tx) -> None:
    """Mutant: `check_no_measure` does nothing: it is proposed; seen failing."""
    one = removed(tx, date(2010, 1, 1))
    support_cases.apply(tx, one.id, "A", Opponent("三浦　茂"))
    with pytest.raises(LegalHold, match="support case"):
        retention.propose(tx, OFFICE, "removed_records", [one.id], "満了")


def test_a_proposal_takes_what_was_chosen(tx: Tx) -> None:
    """Mutant: `propose_due` without `left`, and without `until`: one more each; seen failing."""
    old = ((GONE, "2008-01-01"), (NEW_NAME, "2009-01-01"), (STAYS, "2010-01-01"))
    first, second, third = (removed_as(tx, name, on) for name, on in old)
    chosen = retention.propose_due(tx, OFFICE, "満了", until=date(2009, 1, 1), left=[first])
    assert chosen.residents == [second]
    retention.refuse(tx, chosen.id)
    assert set(retention.propose_due(tx, OFFICE, "満了").residents) == {first, second, third}
    with pytest.raises(Conflict):
        retention.propose(tx, OFFICE, "filing_papers", [], "満了", until=date(2000, 1, 1))


def removed_as(tx: Tx, name: str, on: str) -> UUID:
    one = move_in(tx, person(name))[0]
    die(tx, one)
    tx.execute("UPDATE resident_registry.resident SET removed_on = %s WHERE id = %s", (on, one.id))
    return one.id


def test_disposed_papers_of_filings_say_nothing_more(tx: Tx) -> None:
    """Mutant: `dispose_papers` sets the day only, as it did: the name is there; seen failing."""
    old = TODAY - timedelta(days=500)
    one = move_in(tx, person(GONE), event_on=old, filed_on=old)[0]
    tx.execute("UPDATE resident_registry.movement SET filer_name = %s, documents = '{旅券}'", (GONE,))
    proposed = retention.propose(tx, OFFICE, "filing_papers", [], "満了", until=old)
    tx.actor = "supervisor"
    retention.approve(tx, proposed.id)
    retention.dispose(tx, OFFICE, proposed.id)
    assert tables_with(tx, GONE) == ["resident"]
    kept = movements.find(tx, one.movement_id, frozenset())[0]  # type: ignore[arg-type]
    assert (kept.details, kept.documents, kept.filer_name) == ({}, [], None)
