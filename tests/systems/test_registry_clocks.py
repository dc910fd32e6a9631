"""Every class of records has a clock, and goes by two officers once its years are over; or it stays, and says why."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import get_args
from uuid import uuid4

import pytest
import yaml

from kit import clock, parameters
from kit.db import Tx
from kit.errors import Conflict
from systems.resident_registry.model.errors import SecondOfficer
from systems.resident_registry.model.measures import Asker, Opponent
from systems.resident_registry.model.people import Resident
from systems.resident_registry.model.retention import CLASSES, Disposal, RecordClass
from systems.resident_registry.rules.retention import disposable_from, last_due
from systems.resident_registry.service import (
    certificates,
    legal,
    letters,
    measures,
    retention,
    support_cases,
    third_party_notices,
)
from systems.resident_registry.store import exports, imports
from systems.resident_registry.store import retention as rows
from tests.support.registry import OFFICE, TODAY, asked, move_in, person
from tests.systems.test_registry_retention import tables_with

NAME, ASKER = "架空　在住", "架空　請求"
CONTRACT = yaml.safe_load((legal.HERE / "contract.yaml").read_text())


def tables(tx: Tx, *, scratch: bool) -> set[str]:
    """Every table of the register and of the board outside, those of scratch or not."""
    found = tx.rows(
        """SELECT relnamespace::regnamespace::text AS schema, relname::text AS name FROM pg_class
           WHERE relnamespace::regnamespace::text IN ('resident_registry', 'certificate_check') AND relkind = 'r'
             AND relpersistence = %s""",
        ("u" if scratch else "p",),
    )
    return {each["name"] if each["schema"] == "resident_registry" else f"{each['schema']}.{each['name']}" for each in found}


def test_every_table_belongs_to_one_class(tx: Tx) -> None:
    """Mutants: `notice` left out of its class, and put into a second one: each seen failing."""
    named = [table for each in CLASSES.values() for table in each.tables]
    assert sorted(named) == sorted(set(named))
    there = tables(tx, scratch=False)
    assert set(named) == there | tables(tx, scratch=True) | {"journal.entry"}
    assert set(CONTRACT["data_sets"]["register"]["tables"]) == there - {"certificate_check.issued"}


def test_every_class_has_dated_years_with_their_source_or_says_why_it_stays() -> None:
    """Mutant: `notice_years` without «to be verified»; seen failing."""
    assert {name for name, each in CLASSES.items() if each.years} == set(get_args(RecordClass))
    known = parameters.load(legal.HERE)
    for each in CLASSES.values():
        assert each.fate
        if each.years:
            assert each.clock
            assert known.value(each.years, TODAY) >= 1
            text = yaml.safe_load((legal.HERE / "parameters.yaml").read_text())[each.years]
            assert "to be verified" in text["description"]


@pytest.mark.parametrize("years", [1, 3, 5, 150])
def test_the_last_day_that_is_due(years: int) -> None:
    """Mutant: the same day of the year instead of the day before: disposed of a day early; seen failing."""
    for n in range(4 * 365 + 2):
        day = date(2027, 1, 1) + timedelta(days=n)
        last = last_due(years, day)
        assert disposable_from(last, years) <= day < disposable_from(last + timedelta(days=1), years), day


# ── something of each class whose clock started on a day ──


def certificate(tx: Tx, one: Resident, on: date) -> None:
    request = asked(requester="third_party", name=ASKER)
    serial = certificates.issue_certificate(tx, OFFICE, one.id, request, is_supervisor=False).serial
    tx.execute("UPDATE resident_registry.certificate SET issued_on = %s WHERE serial = %s", (on, serial))


def lift(tx: Tx, one: Resident, on: date) -> None:
    """An approval of a single issue; of the same class as certificates."""
    by, tx.actor = tx.actor, "supervisor"
    made = measures.approve_issue(tx, [one.id], Asker("self", name=ASKER, ground=ASKER), for_actor=by, not_opponent=False)
    tx.actor = by
    tx.execute(
        """UPDATE resident_registry.measure_lift SET opened_at = d, closes_at = d + interval '1 minute'
           FROM (SELECT %s::timestamp AT TIME ZONE 'Asia/Tokyo' AS d) day WHERE id = %s""",
        (on, made.id),
    )


def letter(tx: Tx, one: Resident, on: date) -> None:
    """A notice to the person that somebody else was given a certificate."""
    third_party_notices.register(tx, OFFICE, one.id, TODAY)
    certificates.issue_certificate(tx, OFFICE, one.id, asked(requester="third_party"), is_supervisor=False)
    number = tx.value("SELECT id FROM resident_registry.notice WHERE kind = 'third_party_issue' AND state = 'draft'")
    letters.mark_sent(tx, [number])
    third_party_notices.end(tx, one.id)
    sql = "UPDATE resident_registry.notice SET sent_at = %s::timestamp AT TIME ZONE 'Asia/Tokyo' WHERE id = %s"
    tx.execute(sql, (on, number))


def case(tx: Tx, one: Resident, on: date) -> None:
    made = support_cases.apply(tx, one.id, "A", Opponent(ASKER))
    sql = "UPDATE resident_registry.support_case SET state = 'rejected', closed_on = %s WHERE id = %s"
    tx.execute(sql, (on, made.id))


def registration(tx: Tx, one: Resident, on: date) -> None:
    third_party_notices.register(tx, OFFICE, one.id, on)
    sql = "UPDATE resident_registry.third_party_notice_registration SET ended_on = %s WHERE registered_on = %s"
    tx.execute(sql, (on, on))


def exchange(tx: Tx, one: Resident, on: date) -> None:
    """An import that was withdrawn and a pack nobody threw away."""
    at = clock.now().replace(year=on.year, month=on.month, day=on.day, hour=3)
    file, pack = uuid4(), uuid4()
    imports.add_job(tx, file, sha256=file.hex, size=1, at=at)
    imports.set_state(tx, file, "withdrawn")
    exports.add_job(tx, pack, ground="移行", encoding="utf-8-sig", with_numbers=False, at=at)
    exports.set_state(tx, pack, "made", decided_by="somebody else", decided_at=at, made_at=at, manifest={})
    exports.add_piece(tx, pack, 0, b"sealed")


#: class, what makes one, how many records it is, tables that hold something of it before and after
Make = Callable[[Tx, Resident, date], None]
EACH: list[tuple[RecordClass, Make, int, str, int]] = [
    ("certificate_papers", certificate, 1, "SELECT count(*) FROM resident_registry.certificate WHERE asked <> '{}'", 1),
    ("certificate_papers", lift, 1, "SELECT count(*) FROM resident_registry.measure_lift WHERE ground <> '廃棄済み'", 1),
    ("notices", letter, 1, "SELECT count(*) FROM resident_registry.notice WHERE kind = 'third_party_issue'", 1),
    ("support_cases", case, 1, "SELECT count(*) FROM resident_registry.support_protected", 1),
    ("notice_registrations", registration, 1, "SELECT count(*) FROM resident_registry.third_party_notice_registration", 1),
    ("exchange_jobs", exchange, 2, "SELECT count(*) FROM resident_registry.export_piece", 1),
]


def carried_out(tx: Tx, one: Disposal) -> Disposal:
    before, tx.actor = tx.actor, "supervisor"
    retention.approve(tx, one.id)
    done = retention.dispose(tx, OFFICE, one.id)
    tx.actor = before
    return done


@pytest.mark.parametrize(("name", "make", "records", "sql", "rest"), EACH, ids=[each[1].__name__ for each in EACH])
def test_each_class_goes_once_its_years_are_over(
    tx: Tx, name: RecordClass, make: Make, records: int, sql: str, rest: int
) -> None:
    """What is a day younger stays. Mutants: `_DUE` with the day after `until`; an entry of `_TAKE` emptied; seen failing."""
    one = move_in(tx, person(NAME))[0]
    over = last_due(retention.years(OFFICE)[name], TODAY)
    make(tx, one, over + timedelta(days=1))
    with pytest.raises(Conflict, match="old enough"):
        retention.propose(tx, OFFICE, name, [], "満了")
    make(tx, one, over)
    assert tx.value(sql) == rest + 1
    proposed = retention.propose(tx, OFFICE, name, [], "満了")
    assert (proposed.records, proposed.until, retention.due(tx, OFFICE, name)) == (records, over, records)
    with pytest.raises(SecondOfficer):
        retention.approve(tx, proposed.id)
    done = carried_out(tx, proposed)
    assert done.certificate is not None
    told = {key: done.certificate[key] for key in ("record_class", "records", "until", "approved_by")}
    assert told == {"record_class": name, "records": records, "until": str(over), "approved_by": "supervisor"}
    assert tx.value(sql) == rest
    assert retention.due(tx, OFFICE, name) == 0


@pytest.mark.parametrize(("name", "make"), [each[:2] for each in EACH[:-1]], ids=[each[1].__name__ for each in EACH[:-1]])
def test_a_legal_hold_keeps_what_is_about_the_person(tx: Tx, name: RecordClass, make: Make) -> None:
    """Also one that is set after the approval. Mutant: `_free` that is always true; seen failing."""
    one = move_in(tx, person(NAME))[0]
    make(tx, one, last_due(retention.years(OFFICE)[name], TODAY))
    proposed = retention.propose(tx, OFFICE, name, [], "満了")
    rows.add_hold(tx, one.id, "訴訟", TODAY)
    assert carried_out(tx, proposed).records == 0
    with pytest.raises(Conflict, match="old enough"):
        retention.propose(tx, OFFICE, name, [], "満了")


def test_a_hold_keeps_the_papers_of_a_filing_too(tx: Tx) -> None:
    """Mutant: `dispose_papers` without `_NO_HOLD`; seen failing."""
    old = TODAY - timedelta(days=500)
    one = move_in(tx, person(NAME), event_on=old, filed_on=old)[0]
    proposed = retention.propose(tx, OFFICE, "filing_papers", [], "満了")
    rows.add_hold(tx, one.id, "訴訟", TODAY)
    assert (proposed.records, carried_out(tx, proposed).records) == (1, 0)
    with pytest.raises(Conflict):
        retention.propose(tx, OFFICE, "filing_papers", [], "満了")


def test_a_certificate_that_was_disposed_of_says_nothing_and_is_counted(tx: Tx) -> None:
    one = move_in(tx, person(NAME))[0]
    certificate(tx, one, TODAY - timedelta(days=2000))
    assert "certificate" in tables_with(tx, NAME)
    assert "certificate" in tables_with(tx, ASKER)
    carried_out(tx, retention.propose(tx, OFFICE, "certificate_papers", [], "満了"))
    assert "certificate" not in tables_with(tx, NAME) + tables_with(tx, ASKER)
    assert sum(each.certificates for each in certificates.store.day_lines(tx, TODAY - timedelta(days=2000))) == 1
    assert tx.value("SELECT count(*) FROM certificate_check.issued") == 1


def test_what_waits_for_an_answer_is_no_copy_yet(tx: Tx) -> None:
    """Notices of a movement that nobody has acknowledged stay, and 本人確認情報 always. Mutants: without either condition."""
    move_in(tx, person(NAME), event_on=TODAY - timedelta(days=100))  # late: a letter to the court
    tx.execute("UPDATE resident_registry.notice SET state = 'sent', sent_at = '2000-01-01'")
    with pytest.raises(Conflict):
        retention.propose(tx, OFFICE, "notices", [], "満了")
    tx.execute("UPDATE resident_registry.movement SET state = 'completed'")
    carried_out(tx, retention.propose(tx, OFFICE, "notices", [], "満了"))
    assert {each["kind"] for each in tx.rows("SELECT kind FROM resident_registry.notice")} == {"juki_change"}


def test_a_town_that_keeps_its_papers_longer_by_now_keeps_them(tx: Tx) -> None:
    """Mutant: `dispose` by the day of the proposal alone; seen failing."""
    one = move_in(tx, person(NAME))[0]
    certificate(tx, one, last_due(3, TODAY))
    proposed = retention.propose(tx, OFFICE, "certificate_papers", [], "満了")
    tx.actor = "supervisor"
    retention.approve(tx, proposed.id)
    longer = replace(OFFICE, parameters={"certificate_records_years": {date(1900, 1, 1): 5}})
    assert retention.dispose(tx, longer, proposed.id).records == 0
