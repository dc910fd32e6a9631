"""Movements from the draft to the decision: entered, rehearsed, confirmed, examined, decided, undone."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from kit import journal
from kit.clock import today
from kit.db import Tx
from kit.documents import check_printable
from kit.errors import Unavailable, Unprintable
from systems.resident_registry.model.errors import AlertsUnconfirmed, NewerVersion, Suppressed, WrongState
from systems.resident_registry.model.filings import DETAILS, Filing, Ground
from systems.resident_registry.model.movements import IN_FORCE, Change, Movement, Notice
from systems.resident_registry.model.people import RESIDENT, Office, Resident
from systems.resident_registry.rules import alerts
from systems.resident_registry.rules import movements as rules
from systems.resident_registry.rules.measures import DV_OFFICER
from systems.resident_registry.rules.people import check_numbers
from systems.resident_registry.service import corrections, departures, entries, households, legal, measures, reversal, sealing
from systems.resident_registry.service.case import Case
from systems.resident_registry.service.movement_notices import draft_notices
from systems.resident_registry.store import history, notices
from systems.resident_registry.store import measures as protections
from systems.resident_registry.store import movements as store
from systems.resident_registry.store import people as persons

#: states of what nobody has decided
OPEN = ("draft", "review", "returned")
Perform = Callable[[Case, Any], None]
PERFORM: dict[str, Perform] = {
    "move_in": entries.join,
    "move_in_abroad": entries.join,
    "address_setting": entries.join,
    "office_entry": entries.join,
    "birth": entries.birth,
    "move_within": households.move_within,
    "move_out": departures.move_out,
    "move_out_abroad": departures.move_out,
    "move_out_cancel": departures.move_out_cancel,
    "in_notice": departures.in_notice,
    "death": departures.removal,
    "nationality_loss": departures.removal,
    "disappearance": departures.removal,
    "office_removal": departures.removal,
    "office_restoration": departures.restoration,
    "head_change": households.head_change,
    "household_split": households.split,
    "household_merge": households.regroup,
    "household_change": households.regroup,
    "name_change": corrections.name_change,
    "alias": corrections.other_name,
    "former_surname": corrections.other_name,
    "number_change": corrections.number_change,
    "code_change": corrections.code_change,
    "office_correction": corrections.correction,
    "reversal": reversal.reverse,
}


def draft(tx: Tx, office: Office, filing: Filing) -> Movement:
    """Enter a filing as a draft; days, ground and numbers are checked, the rest on submission."""
    number = uuid4()
    if (household := getattr(filing.details, "household_id", None)) is not None:
        persons.household(tx, household)
    one = Movement(
        id=number,
        number=f"{today().year}-{persons.draw(tx, f'movement/{today().year}'):06d}",
        state="draft",
        processed_on=None,
        entered_by=tx.actor,
        entered_at=history.moment(tx),
        **_entered(office, number, filing),
    )
    store.add(tx, one)
    return one


def _entered(office: Office, number: UUID, filing: Filing, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Columns of a movement that the form fills. `before`: the form in whose place this one comes, its numbers readable."""
    details, event_on, filed_on = filing.details, filing.event_on, filing.filed_on or today()
    written = details.model_dump(mode="json", exclude_unset=True)
    if before is not None:
        written = sealing.kept(written, before)
    for each in sealing.numbers_in(written):
        check_numbers(None, each)
    ground = filing.ground.model_dump(mode="json") if filing.ground else None
    rules.check_ground(details.reason, ground, today())
    ahead = legal.value("move_out_days_ahead", today())
    rules.check_days(details.reason, event_on=event_on, filed_on=filed_on, today=today(), days_ahead=ahead)
    return {
        "reason": details.reason,
        "event_on": event_on,
        "filed_on": filed_on,
        "is_late": rules.is_late(details.reason, event_on, filed_on, legal.value("filing_days", event_on)),
        "filer": filing.filer,
        "filer_name": filing.filer_name,
        "documents": list(filing.documents),
        "ground": ground,
        "household_id": getattr(details, "household_id", None),
        "residents": rules.named_in(details.model_dump()),
        "details": sealing.sealed(office, number, written),
        "cancels": getattr(details, "movement_id", None),
    }


def edit(tx: Tx, office: Office, number: UUID, version: int, filing: Filing) -> Movement:
    """Another form for a draft, or for one that was sent back; whoever wrote it is the one who entered the movement.

    An individual number that comes as the mask it is shown as stays the one that was entered for the same person.
    """
    one = at(tx, number, version, "draft", "returned")
    written = _entered(office, number, filing, sealing.opened(office, number, one.details))
    store.update(tx, one, **written, state="draft", alerts=[], entered_by=tx.actor)
    return store.movement(tx, number)


def submit(tx: Tx, office: Office, number: UUID, version: int, confirmed: Collection[str]) -> Movement:
    """Rehearse a draft and hand it in for review.

    Raises
    ------
    AlertsUnconfirmed
        Something is unusual and was not confirmed by its slug; names each.
    """
    one = at(tx, number, version, "draft", "returned")
    rules.check_filer(one.filer, one.filer_name, one.documents)
    with store.rehearsal(tx):
        told = list(dict.fromkeys(alerts_of(perform(tx, office, one))))
    open_ = [each for each in told if each.slug not in confirmed]
    if open_:
        listed = [{"slug": each.slug, "title": each.title} for each in open_]
        raise AlertsUnconfirmed("confirm by slug: " + ", ".join(each.slug for each in open_), alerts=listed)
    noted = [{"slug": each.slug, "title": each.title, "confirmed_by": tx.actor} for each in told]
    store.update(tx, one, state="review", alerts=noted, submitted_at=history.moment(tx), returned_for=None)
    return store.movement(tx, number)


def send_back(tx: Tx, number: UUID, version: int, reason: str) -> Movement:
    """Send a movement under review back to who entered it."""
    one = at(tx, number, version, "review")
    store.update(tx, one, state="returned", returned_for=reason, reviewed_by=tx.actor, reviewed_at=history.moment(tx))
    return store.movement(tx, number)


def approve(tx: Tx, office: Office, number: UUID, version: int, *, is_supervisor: bool) -> Movement:
    """Decide a movement under review: the register changes, notices are drafted, everything in one transaction."""
    one = at(tx, number, version, "review")
    case = perform(tx, office, one)
    before = [number for number, (version, _) in case.touched.items() if version is not None]
    has_read = any(each["slug"] == alerts.SUPPRESSED.slug for each in one.alerts)
    measures.check_movement(tx, before, is_supervisor=is_supervisor, has_read=has_read)
    people = [persons.resident(tx, each, today()) for each in case.touched]
    protected = any(each.restricted for each in people)
    rules.check_officer(
        one.reason, entered_by=one.entered_by, decided_by=tx.actor, protected=protected, is_supervisor=is_supervisor
    )
    drafted = draft_notices(case, people)
    _decide(tx, one, case, "decided" if drafted else "completed")
    return store.movement(tx, number)


def _decide(tx: Tx, one: Movement, case: Case, state: str) -> None:
    for resident, (before, after) in case.touched.items():
        store.touch(tx, one.id, resident, before, after)
    at = case.because.known_from
    decision = {"state": state, "decided_by": tx.actor, "decided_at": at, "processed_on": today()}
    review = {} if one.reviewed_by else {"reviewed_by": tx.actor, "reviewed_at": at}
    store.update(tx, one, residents=list(case.touched) or one.residents, **decision, **review)


def by_the_clock(tx: Tx, office: Office, reason: str, residents: list[Resident], perform: Callable[[Case], None]) -> Movement:
    """A movement that the calendar makes: entered and decided at once, under the actor of the job."""
    event_on = residents[0].out_planned_on or today()
    filed_on = min(event_on, today())
    one = Movement(
        id=uuid4(),
        number=f"{today().year}-{persons.draw(tx, f'movement/{today().year}'):06d}",
        reason=reason,
        state="review",
        event_on=event_on,
        filed_on=filed_on,
        processed_on=None,
        is_late=False,
        filer="office",
        household_id=residents[0].household_id,
        residents=[each.id for each in residents],
        entered_by=tx.actor,
        entered_at=history.moment(tx),
    )
    store.add(tx, one)
    case = Case(tx, office, one, Change(one.id, event_on, history.moment(tx)))
    perform(case)
    drafted = draft_notices(case, [persons.resident(tx, each, today()) for each in case.touched])
    _decide(tx, one, case, "decided" if drafted else "completed")
    return store.movement(tx, one.id)


def withdraw(tx: Tx, number: UUID, version: int, reason: str) -> Movement:
    """Withdraw what nobody has decided; it stays on record with the reason."""
    one = at(tx, number, version, *OPEN)
    store.update(tx, one, state="cancelled", returned_for=reason)
    return store.movement(tx, number)


def cancel(tx: Tx, office: Office, number: UUID, version: int, ground: Ground) -> Movement:
    """Withdraw what is not decided; of what is decided, enter a reversal that another officer decides.

    The answer is the withdrawn movement, or the reversal, which waits for its decision.
    """
    one = at(tx, number, version, *OPEN, *IN_FORCE)
    if one.state in OPEN:
        return withdraw(tx, number, version, ground.text)
    reversal.check_papers(one)
    filing = Filing.model_validate(
        {
            "event_on": min(one.event_on, today()),
            "filer": "office",
            "ground": ground.model_dump(),
            "details": {"reason": "reversal", "movement_id": number},
        }
    )
    entered = draft(tx, office, filing)
    store.update(tx, entered, state="review", residents=one.residents, submitted_at=history.moment(tx))
    return store.movement(tx, entered.id)


def find(tx: Tx, number: UUID, roles: frozenset[str]) -> tuple[Movement, list[Notice]]:
    """A movement and its drafts; looking at it is looking at those it names.

    Forms and drafts carry addresses: of protected residents, and where one is a protected person's today, they are empty for
    everybody without the DV role.
    """
    measures.hold(tx)
    one = store.movement(tx, number)
    journal.record_access(tx, RESIDENT, one.residents, {"act": "movement", "number": one.number})
    found = notices.of_movement(tx, number)
    people = [persons.resident(tx, each, today()) for each in one.residents]
    households = [persons.household(tx, one.household_id)] if one.household_id else []
    protected = any(each.restricted for each in people) or measures.leads_to_protected(tx, one.residents, one.details)
    protected |= any(each.restricted for household in households for each in persons.present(tx, household.id, today()))
    protected = protected or protections.tells_protected(tx, [one.details, *(each.content for each in found)])
    if protected and DV_OFFICER not in roles:
        return replace(one, details={}), [replace(each, content={}) for each in found]
    return replace(one, details=sealing.masked(one.details)), found


def at(tx: Tx, number: UUID, version: int, *states: str) -> Movement:
    """The movement at that version and in one of these states, locked; `NewerVersion` or `WrongState` otherwise."""
    one = store.movement(tx, number, lock=True)
    if one.version != version:
        raise NewerVersion("the movement changed in the meantime: read it again", current_version=one.version)
    if one.state not in states:
        raise WrongState(f"the movement is {one.state}: this needs {' or '.join(states)}")
    return one


def perform(tx: Tx, office: Office, one: Movement) -> Case:
    """Carry the movement out, in the caller's transaction or rehearsal."""
    case = Case(tx, office, one, Change(one.id, one.event_on, history.moment(tx)))
    details = DETAILS.validate_python(sealing.opened(office, one.id, one.details))
    PERFORM[one.reason](case, details)
    persons.check_heads(tx, list(case.touched))
    return case


def alerts_of(case: Case) -> list[alerts.Alert]:
    """Alerts about everybody touched, as the rehearsal left them."""
    found = ([alerts.LATE] if case.movement.is_late else []) + case.alerts
    try:
        measures.check_movement(case.tx, case.touched)
    except Suppressed:
        found.append(alerts.SUPPRESSED)
    people = [persons.resident(case.tx, each, today()) for each in case.touched]
    for one in people:
        if one.removed_on is None:
            found += alerts.of_person(one, today()) + _of_characters(one)
            if case.touched[one.id][0] is None and persons.same_person(case.tx, one.name, one.born_on, one.id):
                found.append(alerts.SAME_PERSON)
    for household in {one.household_id for one in people if one.removed_on is None}:
        members = persons.members(case.tx, household, today())
        found += alerts.of_household(members)
        if not members[0].building and persons.in_building(case.tx, members[0].address, household):
            found.append(alerts.BUILDING)
    return found


def _of_characters(one: Resident) -> list[alerts.Alert]:
    """Whether the record holds a character that no certificate could print."""
    try:
        check_printable(value for value in vars(one).values() if isinstance(value, str))
    except Unprintable:
        return [alerts.UNPRINTABLE]
    except Unavailable:  # without fonts nothing is printed at all, which is told there; an arrival does not wait for it
        return []
    return []
