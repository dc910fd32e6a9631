"""Movements by which people come onto the register."""

from kit.clock import today
from systems.resident_registry.model.errors import DaysOutOfOrder, NoMoveOutCertificate, TwoHeads
from systems.resident_registry.model.filings import Birth, Joining, MoveIn, MoveInAbroad
from systems.resident_registry.model.forms import Elsewhere
from systems.resident_registry.model.people import HEAD, Arrival, Household
from systems.resident_registry.rules import movements as rules
from systems.resident_registry.rules.alerts import CODE_DRAWN
from systems.resident_registry.rules.people import check_one_head
from systems.resident_registry.service import legal, people
from systems.resident_registry.service.case import Case
from systems.resident_registry.store import movements as store
from systems.resident_registry.store import people as persons


def join(case: Case, body: Joining) -> None:
    """転入, 国外からの転入, 住所設定, 職権記載: people come into a new household or into one that is there."""
    previous: Elsewhere | None = getattr(body, "previous", None)
    _check_papers(case, body)
    household = _household(case, body)
    if previous:
        rules.check_authority(previous.authority_code, case.because.valid_from)
    arrival = Arrival(
        event_on=case.movement.event_on,
        filed_on=case.movement.filed_on,
        reason=case.movement.reason,
        previous_address=previous.address if previous else None,
        previous_authority=previous.authority_code if previous else None,
        previous_country=previous.country if previous else None,
        previous_head=previous.head if previous else None,
    )
    if isinstance(body, MoveIn) and any(each.resident_code is None for each in body.people):
        case.alerts.append(CODE_DRAWN)
    for each in body.people:
        case.entered(people.enter(case.tx, case.office, each.new(), household, arrival, case.because))


def _check_papers(case: Case, body: Joining) -> None:
    event_on, filed_on = case.movement.event_on, case.movement.filed_on
    if isinstance(body, MoveIn):
        days = legal.value("special_move_in_days", event_on)
        rules.check_certificate(
            body.certificate, out_planned_on=body.out_planned_on, event_on=event_on, filed_on=filed_on, days=days
        )
    if isinstance(body, MoveInAbroad) and not body.passport:
        raise NoMoveOutCertificate("from abroad a passport or 戸籍の附票 is shown")


def _household(case: Case, body: Joining) -> Household:
    relations = [each.relation for each in body.people]
    if body.household_id is not None:
        case.members(body.household_id)
        if HEAD in relations:
            raise TwoHeads("the household has a head already")
        return persons.household(case.tx, body.household_id)
    if body.place is None:
        raise DaysOutOfOrder("say where they live: a place, or the household they join")
    check_one_head(relations)
    place = rules.local_place(body.place.place(), case.office.tenant)
    return people.found_household(case.tx, place, case.because)


def birth(case: Case, body: Birth) -> None:
    """出生: a child comes into the household it is born into; it became a resident by birth, on the day of birth."""
    child, born_on = body.child.new(), body.child.born_on
    if child.relation == HEAD:
        raise TwoHeads("a newborn is not the head of a household")
    if born_on != case.movement.event_on:
        raise DaysOutOfOrder("the event of a birth is the day of birth")
    case.members(body.household_id)
    for parent in body.parents:
        persons.resident(case.tx, parent, today())
    arrival = Arrival(event_on=born_on, filed_on=case.movement.filed_on, reason="birth")
    household = persons.household(case.tx, body.household_id)
    entered = people.enter(case.tx, case.office, child, household, arrival, case.because)
    store.add_kinship(case.tx, [(parent, entered.id, "parent") for parent in body.parents], born_on)
    case.entered(entered)
