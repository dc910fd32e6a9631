"""Drafts of the notices that a decided movement gives rise to."""

from uuid import uuid4

from systems.resident_registry.model.filings import DETAILS
from systems.resident_registry.model.movements import Notice
from systems.resident_registry.model.people import Resident
from systems.resident_registry.rules import notices
from systems.resident_registry.service import legal, sealing
from systems.resident_registry.service.case import Case
from systems.resident_registry.store import movements, numbers
from systems.resident_registry.store import notices as store


def draft_notices(case: Case, people: list[Resident]) -> int:
    """Draft what the movement gives rise to; number of drafts."""
    tx, one = case.tx, case.movement
    details = DETAILS.validate_python(sealing.opened(case.office, one.id, one.details)) if one.details else None
    court = legal.value("summary_court", one.filed_on, case.office.parameters)
    found = notices.of_filing(one, people, court)
    for each in people:
        before = case.touched[each.id][0]
        changed = case.changed.get(each.id, set())
        moved = before is not None and "address_since" in changed
        found += notices.of_change(one, each, changed, moved=moved)
        numbered = numbers.number(tx, each.id) is not None
        here, abroad = case.office.tenant_name, _leads_abroad(case, each)
        found += notices.of_reason(one, details, each, changed, numbered=numbered, municipality=here, abroad=abroad)
        if moved:
            found += notices.of_ward(one, each, case.wards.get(each.id))
    if one.cancels is not None:
        found += notices.of_reversal(one, store.of_movement(tx, one.cancels), {each.id: each for each in people})
    for each_ in found:
        about = each_.resident.id if each_.resident else None
        store.add(
            tx,
            Notice(
                id=uuid4(),
                kind=each_.kind,
                movement_id=one.id,
                resident_id=about,
                authority=each_.authority,
                addressee=each_.addressee,
                content=each_.content,
                state="draft",
                drafted_at=case.because.known_from,
            ),
        )
    return len(found)


def _leads_abroad(case: Case, one: Resident) -> bool:
    """Whether the movement is a departure abroad, or the coming of the day that was planned for one."""
    if case.movement.reason == "move_out_due":
        filed = movements.move_out_of(case.tx, one.id)
        return filed is not None and filed.reason == "move_out_abroad"
    return case.movement.reason == "move_out_abroad"
