"""Drafts of the notices that a decided movement gives rise to."""

from uuid import uuid4

from systems.resident_registry.model.filings import DETAILS
from systems.resident_registry.model.movements import Notice
from systems.resident_registry.model.people import Resident
from systems.resident_registry.rules import notices
from systems.resident_registry.service import sealing
from systems.resident_registry.service.case import Case
from systems.resident_registry.store import notices as store
from systems.resident_registry.store import numbers


def draft_notices(case: Case, people: list[Resident]) -> int:
    """Draft what the movement gives rise to; number of drafts."""
    tx, one = case.tx, case.movement
    details = DETAILS.validate_python(sealing.opened(case.office, one.id, one.details)) if one.details else None
    found = notices.of_filing(one, people)
    for each in people:
        before = case.touched[each.id][0]
        moved = before is not None and "address_since" in case.changed.get(each.id, set())
        found += notices.of_change(one, each, case.changed.get(each.id, set()), moved=moved)
        numbered = numbers.number(tx, each.id) is not None
        found += notices.of_reason(one, details, each, numbered=numbered, municipality=case.office.tenant_name)
        if moved:
            found += notices.of_ward(one, each, case.wards.get(each.id))
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
