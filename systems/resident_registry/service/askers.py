"""Who asks for a certificate: identified as far as can be, and checked against the household they say they are of."""

from kit.clock import today
from kit.db import Tx
from systems.resident_registry.model.certificates import Request
from systems.resident_registry.model.errors import NotOfHousehold
from systems.resident_registry.model.measures import Asker
from systems.resident_registry.model.people import Resident
from systems.resident_registry.rules.certificates import bears
from systems.resident_registry.store import certificates as store
from systems.resident_registry.store import people


def identified(tx: Tx, request: Request, person: Resident) -> Asker:
    """Who asks, identified as far as can be: whom the counter named, the person, or whoever bears that name in the household."""
    known = request.requester_id
    if known is not None:
        people.resident(tx, known, today())
    elif request.requester == "self":
        known = person.id
    elif request.requester == "household_member":
        known = next((each.id for each in _household(tx, person) if bears(each, request.name or "")), None)
    return Asker(
        request.requester,
        name=request.name,
        born_on=request.born_on,
        address=request.address,
        resident_id=known,
        ground=request.ground,
    )


def check_of_household(tx: Tx, asker: Asker, person: Resident) -> None:
    """Who asks as 同一世帯の者 (住民基本台帳法 art. 12 (1)) is one of it; of a removed record, somebody who was.

    Raises
    ------
    NotOfHousehold
        Nobody of the household bears the name, or the record that the counter named is of another one.
    """
    if asker.kind == "household_member" and asker.resident_id not in {each.id for each in _household(tx, person)}:
        raise NotOfHousehold(
            "この氏名の世帯員はいません。同一世帯の者として請求できるのは世帯員だけです。"
            "ほかの人は、代理人又は第三者として請求してください。"
        )


def members(tx: Tx, person: Resident) -> list[Resident]:
    """Whom a household form is about: the present members; a removed record stands alone."""
    return [person] if person.removed_on is not None else people.members(tx, person.household_id, today())


def _household(tx: Tx, person: Resident) -> list[Resident]:
    gone = person.removed_on is not None
    return store.were_members(tx, person.household_id, today()) if gone else members(tx, person)
