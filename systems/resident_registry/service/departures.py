"""Movements by which people leave the register, and by which they come back onto it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from kit.clock import today
from systems.resident_registry.model.errors import (
    AlreadyFixed,
    DaysOutOfOrder,
    InNoticeArrived,
    NotLeaving,
    NotRemoved,
    PlaceElsewhere,
    TwoHeads,
)
from systems.resident_registry.model.filings import DETAILS, InNotice, MoveOut, MoveOutCancel, Removal, Restoration
from systems.resident_registry.model.movements import Change
from systems.resident_registry.model.people import HEAD, Place, Resident
from systems.resident_registry.rules import alerts
from systems.resident_registry.rules import movements as rules
from systems.resident_registry.rules.people import relation_codes
from systems.resident_registry.service import people
from systems.resident_registry.service.case import Case
from systems.resident_registry.store import movements as store
from systems.resident_registry.store import numbers
from systems.resident_registry.store import people as persons


def move_out(case: Case, body: MoveOut) -> None:
    """転出: the record waits for its planned day; a day that has come removes it at once."""
    people_ = case.named(body.residents)
    everybody = case.members(people_[0].household_id)
    if any(each.state != "current" for each in people_):
        raise NotLeaving("this resident is leaving already")
    case.alerts += alerts.of_departure(case.movement.event_on, today())
    rules.check_authority(body.destination.authority_code, case.movement.event_on)
    planned = {
        "out_planned_on": case.movement.event_on,
        "out_planned_to": body.destination.address,
        "out_planned_authority": body.destination.authority_code,
    }
    if case.movement.event_on <= today():
        remove(case, people_, everybody, body.relations, state="moved_out", reason=case.movement.reason, more=planned)
        return
    with store.rehearsal(case.tx):  # that those who stay will have a head is known now, not on the day
        later = Case(case.tx, case.office, case.movement, case.because)
        remove(later, people_, everybody, body.relations, state="moved_out", reason=case.movement.reason, more=planned)
        case.alerts += later.alerts
        staying = later.touched.keys() - {each.id for each in people_}
        case.later = {each: persons.resident(case.tx, each, today()) for each in staying}
    # the record changes on the day of filing: until the planned day the person lives here
    case.because = Change(case.because.movement_id, case.movement.filed_on, case.because.known_from)
    for each in people_:
        case.change(each, state="leaving", **planned)


def due(case: Case, residents: Sequence[Resident], relations: Mapping[UUID, str]) -> None:
    """転出予定日の到来: the record becomes a 除票."""
    everybody = case.members(residents[0].household_id)
    remove(case, residents, everybody, relations, state="moved_out", reason="move_out", planned=True)


def relations_planned(case: Case, one: Resident) -> Mapping[UUID, str]:
    """Relations of those who stay, as the clerk gave them with the 転出."""
    filed = store.move_out_of(case.tx, one.id)
    return DETAILS.validate_python(filed.details).relations if filed and filed.details else {}


def _planned_filed_on(case: Case, one: Resident) -> date | None:
    """消除の届出年月日 of a planned 転出: the day of its 転出届, whatever ends the record; None when the plan was imported."""
    filed = store.move_out_of(case.tx, one.id)
    return filed.filed_on if filed else None


def remove(
    case: Case,
    residents: Sequence[Resident],
    everybody: Sequence[Resident],
    relations: Mapping[UUID, str],
    *,
    state: str,
    reason: str,
    unknown: str | None = None,
    more: Mapping[str, object] | None = None,
    planned: bool = False,
) -> None:
    """Remove records of one household; the others get a new head when theirs is gone (R12).

    `planned`: a 転出届 was filed before, and this movement is not it.
    """
    on = case.because.valid_from
    for each in residents:
        filed_on = _planned_filed_on(case, each) if planned else case.movement.filed_on
        removal = rules.removal_of(each, state=state, reason=reason, on=on, filed_on=filed_on, unknown=unknown)
        case.change(each, **removal, **(more or {}))
        numbers.set_in_use(case.tx, each.id, in_use=False)
    case.settle(everybody, residents, relations)


def removal(case: Case, body: Removal) -> None:
    """死亡, 国籍喪失, 失踪宣告, 職権消除; of the two in the middle the record says why (その他消除)."""
    people_ = case.named(body.residents)
    if body.reason == "nationality_loss":
        rules.check_loses_nationality(people_)
        case.alerts.append(alerts.GOES_ON_LIVING_HERE)
    state = {"death": "dead", "office_removal": "removed"}.get(body.reason, "ended")
    everybody = case.members(people_[0].household_id)
    remove(case, people_, everybody, body.relations, state=state, reason=body.reason, unknown=body.unknown_day)


def move_out_cancel(case: Case, body: MoveOutCancel) -> None:
    """転出取消: not once the 転入通知 arrived, decided or not (R14)."""
    found = [persons.named(case.tx, each.id, each.version, today()) for each in body.residents]
    if any(each.in_notice_on is not None for each in found):
        raise InNoticeArrived("the new municipality has entered this resident")
    if any(each.state != "leaving" for each in found):
        raise NotLeaving("only a departure that is still planned can be cancelled")
    if waiting := store.undecided(case.tx, "in_notice", [each.id for each in found]):
        raise InNoticeArrived(f"the 転入通知 {waiting} waits for its decision: withdraw it first if it is wrong")
    # not before the departure was planned, or there would be nothing to take back
    since = max(case.movement.filed_on, *(each.valid_from for each in found))
    case.because = Change(case.because.movement_id, since, case.because.known_from)
    for each in found:
        case.change(each, state="current", out_planned_on=None, out_planned_to=None, out_planned_authority=None)


def in_notice(case: Case, body: InNotice) -> None:
    """転入通知の受理 (住民基本台帳法 art. 9): the departure is fixed; a record still waiting for its day is removed."""
    found = [persons.named(case.tx, each.id, each.version, today()) for each in body.residents]
    if any(each.state not in ("leaving", "moved_out") for each in found):
        raise NotLeaving("no departure was filed: file it, or remove the record; until then the notice stays on its worklist")
    if any(each.out_fixed_on is not None or each.in_notice_on is not None for each in found):
        raise AlreadyFixed("a 転入通知 of this resident was accepted before: reverse that movement first if it was wrong")
    if body.received_on > today():
        raise DaysOutOfOrder("the day on which the 転入通知 was received lies ahead")
    fixed = {
        "out_fixed_on": case.movement.event_on,
        "out_fixed_to": body.destination.address,
        "out_fixed_authority": body.destination.authority_code,
        "in_notice_on": body.received_on,
    }
    waiting: dict[UUID, list[Resident]] = defaultdict(list)
    for each in found:
        if each.state == "leaving":
            waiting[each.household_id].append(each)
        else:
            case.change(each, **fixed)
    for household, together in waiting.items():  # at once, or the last of a household would be made its head on the way out
        relations = relations_planned(case, together[0])
        everybody = case.members(household)
        remove(case, together, everybody, relations, state="moved_out", reason="move_out", more=fixed, planned=True)


def restoration(case: Case, body: Restoration) -> None:
    """職権回復: somebody whom the office removed, or who was declared lost and lives, is a resident again."""
    one = persons.named(case.tx, body.resident.id, body.resident.version, today())
    if one.state != "removed" and one.removed_reason != "disappearance":
        raise NotRemoved("only a removal by the office, or after a 失踪宣告, is taken back so")
    if one.removed_on and case.because.valid_from < one.removed_on:
        raise DaysOutOfOrder(f"the restoration lies before the removal, which holds from {one.removed_on}")
    people.check_still_free(case.tx, one)
    household = one.household_id
    if body.household_id is not None:
        household = body.household_id
        case.members(household)
        if body.relation == HEAD:
            raise TwoHeads("the household has a head already")
    elif body.relation != HEAD:
        raise PlaceElsewhere("name the household they come back to, or make them head of their own")
    else:
        place = body.place.place() if body.place else Place(**{p: getattr(one, p) for p in rules.PLACE_PARTS})
        household = people.found_household(case.tx, rules.local_place(place, case.office.tenant), case.because).id
    back = {"removed_on": None, "removed_unknown": None, "removed_filed_on": None, "removed_reason": None}
    codes = relation_codes(body.relation)
    case.change(
        one, state="current", removed_place=None, household_id=household, relation=body.relation, relation_codes=codes, **back
    )
    numbers.set_in_use(case.tx, one.id, in_use=True)
