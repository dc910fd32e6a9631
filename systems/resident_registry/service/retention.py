"""Retention: disposal only when the period is over, by two officers, with a certificate."""

import hmac
from collections.abc import Collection
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from kit import journal
from kit.civic.names import fold
from kit.clock import today
from kit.db import Tx
from kit.errors import Conflict, NotFound
from systems.resident_registry.model.errors import DisposalNeeded, WrongState
from systems.resident_registry.model.people import RESIDENT, Office
from systems.resident_registry.model.retention import CLASSES, Disposal, DueRecord, RecordClass
from systems.resident_registry.rules import retention as rules
from systems.resident_registry.service import legal
from systems.resident_registry.service.measures import hold
from systems.resident_registry.store import clocks, history, people
from systems.resident_registry.store import retention as store

#: records of a class by the clock that one proposal takes
LIMIT = 10_000
#: removed records that one proposal takes, and one list shows
RECORDS = 1000


def refuse_deletion(tx: Tx, office: Office, number: UUID) -> None:
    """A record is never deleted by itself: until its period is over not at all, after that by a disposal.

    Raises
    ------
    RetentionRunning, DisposalNeeded
        Always one of them.
    """
    one = people.resident(tx, number, today())
    rules.check_disposable(one.removed_on, _years(office, one.removed_on), today())
    raise DisposalNeeded("the period is over: propose a disposal")


def propose(
    tx: Tx, office: Office, record_class: RecordClass, residents: list[UUID], ground: str, *, until: date | None = None
) -> Disposal:
    """Propose the disposal of these removed records, or of the oldest records of another class that are old enough.

    `until`: only of what is not younger than that day.

    Raises
    ------
    Conflict
        Nothing of that class is old enough.
    """
    movements: list[UUID] = []
    if record_class == "removed_records":
        records = len(_check_residents(tx, office, residents))
    elif record_class == "filing_papers":
        movements = _old_filings(tx, office, until)
        records = len(movements)
    else:
        until = last_due(office, record_class, until)
        records = clocks.count(tx, record_class, until, LIMIT)
        if not records:
            raise Conflict("no record of this class is old enough")
    one = Disposal(
        id=uuid4(),
        record_class=record_class,
        state="proposed",
        records=records,
        until=until,
        residents=residents if record_class == "removed_records" else [],
        movements=movements,
        ground=ground,
        proposed_by=tx.actor,
        proposed_at=history.moment(tx),
    )
    store.add(tx, one)
    return one


def due_records(tx: Tx, office: Office) -> list[DueRecord]:
    """Removed records whose period is over, the oldest first, at most `RECORDS`; recorded as looked at before they leave."""
    hold(tx)
    days = [day for day in store.removal_days(tx) if rules.disposable_from(day, _years(office, day)) <= today()]
    found = [_kept(office, each) for each in store.removed_on(tx, days, RECORDS)]
    journal.record_access(tx, RESIDENT, [each.id for each in found], {"act": "list", "list": "disposal_due"})
    return found


def _kept(office: Office, one: DueRecord) -> DueRecord:
    """The record with the last day on which a certificate about it keeps it."""
    if one.certified_on is None:
        return one
    first = rules.disposable_from(one.certified_on, _paper_years(office))
    return replace(one, kept_until=first - timedelta(days=1)) if today() < first else one


def propose_due(tx: Tx, office: Office, ground: str, *, until: date | None = None, left: Collection[UUID] = ()) -> Disposal:
    """Propose the removed records whose period is over and that no hold, certificate or other disposal keeps.

    `until`: only those removed up to that day; `left`: not these.

    Raises
    ------
    Conflict
        There is none.
    """
    due = [each for each in due_records(tx, office) if each.is_free and each.id not in left]
    free = [each.id for each in due if until is None or each.removed_on <= until]
    if not free:
        raise Conflict("no removed record may be disposed of now")
    return propose(tx, office, "removed_records", free, ground)


def years(office: Office) -> dict[str, int]:
    """Class of records to the years for which those are kept whose clock starts today; without the classes that stay."""
    dated = {name: one.years for name, one in CLASSES.items() if one.years}
    return {name: legal.value(parameter, today(), office.parameters) for name, parameter in dated.items()}


def last_due(office: Office, record_class: RecordClass, until: date | None = None) -> date:
    """The newest day whose records of the class are old enough, or `until` when that is older."""
    last = rules.last_due(years(office)[record_class], today())
    return min(last, until or last)


def due(tx: Tx, office: Office, record_class: RecordClass) -> int:
    """How many records of a class other than the removed ones may be proposed now, at most `LIMIT`."""
    if record_class == "filing_papers":
        return len(old_filings(tx, office))
    return clocks.count(tx, record_class, last_due(office, record_class), LIMIT)


def old_filings(tx: Tx, office: Office, until: date | None = None) -> list[UUID]:
    """Filings whose papers are old enough, up to the day `until`, the oldest first, at most `LIMIT`."""
    return store.filings_until(tx, last_due(office, "filing_papers", until), LIMIT)


def _old_filings(tx: Tx, office: Office, until: date | None) -> list[UUID]:
    found = old_filings(tx, office, until)
    if not found:
        raise Conflict("the papers of no filing are old enough")
    return found


def _check_residents(tx: Tx, office: Office, residents: list[UUID]) -> list[dict[str, Any]]:
    found = store.removed(tx, residents)
    if not residents or len(found) != len(set(residents)):
        raise NotFound("there is no such resident")
    for each in found:
        rules.check_disposable(each["removed_on"], _years(office, each["removed_on"]), today())
    rules.check_no_hold(store.holds(tx, residents))
    rules.check_no_measure(store.open_measures(tx, residents))
    rules.check_papers(store.newest_certificate(tx, residents), _paper_years(office), today())
    return found


def _years(office: Office, removed_on: date | None) -> int:
    years: int = legal.value("removed_records_years", removed_on or today(), office.parameters)
    return years


def _paper_years(office: Office) -> int:
    years: int = legal.value("certificate_records_years", today(), office.parameters)
    return years


def approve(tx: Tx, number: UUID) -> Disposal:
    """Approve a proposal, as another officer."""
    one = _at(tx, number, "proposed")
    rules.check_approver(one.proposed_by, tx.actor)
    store.update(tx, one, state="approved", approved_by=tx.actor, approved_at=history.moment(tx))
    return store.disposal(tx, number)


def refuse(tx: Tx, number: UUID) -> Disposal:
    """Refuse a proposal: everything stays."""
    one = _at(tx, number, "proposed", "approved")
    store.update(tx, one, state="refused")
    return store.disposal(tx, number)


def dispose(tx: Tx, office: Office, number: UUID) -> Disposal:
    """Carry out an approved disposal; its certificate says what, on which ground and by whom, without personal data."""
    one = _at(tx, number, "approved")
    if one.record_class == "removed_records":
        for each in _check_residents(tx, office, one.residents):
            index = person_index(office, each["name"], each["born_on"])
            people.note_drawn(tx, "atena_no", int(each["atena_no"]))
            _leave_filings(tx, each["id"])
            store.dispose_record(tx, each, index, on=today(), disposal_id=one.id)
        records = len(one.residents)
    elif one.record_class == "filing_papers":
        records = store.dispose_papers(tx, one.movements, today())
    else:  # a town that keeps them longer by now keeps them longer
        records = clocks.dispose(tx, one.record_class, last_due(office, one.record_class, one.until), LIMIT, today())
    certificate = {
        "tenant": office.tenant,
        "record_class": one.record_class,
        "records": records,
        "until": one.until and str(one.until),
        "ground": one.ground,
        "proposed_by": one.proposed_by,
        "approved_by": one.approved_by,
        "disposed_by": tx.actor,
        "disposed_on": str(today()),
    }
    done = {"disposed_by": tx.actor, "disposed_at": history.moment(tx), "certificate": certificate}
    store.update(tx, one, state="disposed", records=records, **done, residents=[])
    return store.disposal(tx, number)


def _leave_filings(tx: Tx, resident: UUID) -> None:
    """Take the resident off every movement: wholly, when it concerns nobody else who is kept."""
    names = store.names_of(tx, resident)
    for each in store.filings_about(tx, resident):
        details = rules.without(each["details"], str(resident), names) if each["of_others"] else {}
        by_them = each["filer_name"] in names
        store.blank_filing(tx, each["id"], resident, details, whole=not each["of_others"], by_them=by_them)


def certify_disposed(tx: Tx, office: Office, name: str, born_on: date, removed_on: date) -> dict[str, Any]:
    """What a 廃棄済証明 may say of a record removed on that day: that it is lawfully gone.

    Raises
    ------
    RetentionRunning
        Its period is running, so that it must be here.
    Conflict
        A record of that person is kept, and no disposal of the one removed on that day is on record.
    EventInFuture
        The day of the removal lies ahead.
    """
    years = _years(office, removed_on)
    rules.check_past(removed_on, today())
    rules.check_disposable(removed_on, years, today())
    known = store.disposed(tx, person_index(office, name, born_on))
    last = max((each["disposed_on"] for each in known if each["removed_on"] == removed_on), default=None)
    if last is None and store.still_here(tx, name, born_on):
        raise Conflict("a record of this person is kept: 除票の写し is issued instead")
    return {"removed_on": removed_on, "kept_years": years, "disposed_on": last, "recorded_here": last is not None}


def person_index(office: Office, name: str, born_on: date) -> bytes:
    """Keyed hash of name and birth, by which a disposed record is found without keeping either."""
    return hmac.digest(office.blind_index_key, f"{fold(name)}/{born_on}".encode(), "sha256")


def _at(tx: Tx, number: UUID, *states: str) -> Disposal:
    one = store.disposal(tx, number)
    if one.state not in states:
        raise WrongState(f"the disposal is {one.state}: this needs {' or '.join(states)}")
    return one
