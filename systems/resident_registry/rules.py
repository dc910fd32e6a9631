"""What the office may and must decide. Pure: facts, day and parameters in, decision out."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from kit.civic.codes import check_my_number, check_resident_code
from kit.civic.dates import due14, wareki
from kit.civic.names import check_kana, check_no_private_use, fold
from kit.errors import Conflict, Invalid, Refused
from systems.resident_registry.model import HEAD, Criteria, NewResident, Request, Resident

#: told for every refusal of a certificate, so that the answer does not reveal why
NEUTRAL = "この請求には応じられません。"
#: persons on one sheet of the household form (標準仕様書)
PERSONS_A_SHEET = 4


def check_days(*, event_on: date, filed_on: date, today: date) -> None:
    """Event before filing, filing not in the future.

    References
    ----------
    住民基本台帳法 arts. 22–25: notified after the event; office practice R3.
    """
    if not event_on <= filed_on <= today:
        raise Invalid("the days do not fit: event, then filing, then today")


def is_late(event_on: date, filed_on: date, filing_days: int) -> bool:
    """Whether the filing period had passed (住民基本台帳法 art. 22; 民法 arts. 140, 142)."""
    return filed_on > due14(event_on, filing_days)


def check_new_resident(person: NewResident, event_on: date) -> None:
    """Reading, characters, check digits and birth of a person to be entered; raises `Invalid` naming the item."""
    check_no_private_use(person.name)
    check_kana(person.kana)
    if not fold(person.name):
        raise Invalid("the name is empty")
    if person.born_on > event_on:
        raise Invalid("the event lies before the birth")
    if person.resident_code is not None:
        check_resident_code(person.resident_code)
    if person.individual_number is not None:
        check_my_number(person.individual_number)


def check_one_head(relations: Sequence[str]) -> None:
    """Exactly one head in a household (住民基本台帳法 art. 7 no. 4)."""
    if list(relations).count(HEAD) != 1:
        raise Conflict("a household has exactly one head (世帯主)")


def check_movable(resident: Resident) -> None:
    """Only a current resident can be moved or die."""
    if resident.state != "current":
        raise Conflict("this resident was removed from the register already")


def relations_after(remaining: Sequence[Resident], given: Mapping[UUID, str]) -> dict[UUID, str]:
    """Relations of those who stay when the head leaves; the head's leaving needs a new head (office practice R12).

    A sole survivor becomes head by itself. Otherwise the clerk gives the relation of every one of them.

    Raises
    ------
    Conflict
        Nobody, or more than one, is to be head; or somebody's relation to the new head is missing.
    """
    if not remaining or any(each.relation == HEAD for each in remaining):
        return {}
    if len(remaining) == 1:
        return {remaining[0].id: HEAD}
    missing = [each.id for each in remaining if each.id not in given]
    if missing:
        raise Conflict(f"the head leaves: give the relation to the new head for {len(missing)} more residents")
    check_one_head([given[each.id] for each in remaining])
    return {each.id: given[each.id] for each in remaining}


def check_criteria(criteria: Criteria) -> None:
    """A search goes by something that narrows it (office practice R9)."""
    given = [criteria.name, criteria.kana, criteria.born_on, criteria.address]
    if not any(given):
        raise Invalid("search by name, kana, birth date or address")
    for text in (criteria.name, criteria.kana, criteria.address):
        if text is not None and len(fold(text)) < 2:
            raise Invalid("a search text has at least two characters")


def check_number_found(found: int, limit: int) -> None:
    """More than `limit` is refused: the register is not for browsing (office practice R9)."""
    if found > limit:
        raise Invalid(f"more than {limit} residents match: narrow the search")


def check_may_issue(request: Request, people: Sequence[Resident], *, is_supervisor: bool) -> None:
    """Whether this requester may have a copy of these records.

    Raises
    ------
    Refused
        Disclosure is restricted, or the request lacks its ground; always in the same neutral words.
    Conflict
        Somebody was removed from the register: that is another certificate (除票の写し).

    References
    ----------
    住民基本台帳法 arts. 12, 12-2, 12-3; 住民基本台帳事務処理要領 第6-10 (支援措置): third parties are refused,
    everybody else goes through a supervisor's examination with a written ground.
    """
    if any(each.state != "current" for each in people):
        raise Conflict("a removed record is certified by 除票の写し, which is not offered yet")
    if request.requester == "third_party" and not request.ground:
        raise Refused(NEUTRAL)
    examined = request.requester != "third_party" and is_supervisor and request.ground
    if any(each.restricted for each in people) and not examined:
        raise Refused(NEUTRAL)
    if request.requester in ("third_party", "public_body") and request.with_resident_code:
        raise Refused(NEUTRAL)


def fee_yen(request: Request, fee_each: int) -> int:
    """Fee of the copies; public bodies pay none (地方自治法 art. 227 and municipal ordinances)."""
    return 0 if request.requester == "public_body" else fee_each * request.copies


def build_content(
    request: Request, people: Sequence[Resident], *, tenant: str, tenant_name: str, serial: str, issued_on: date
) -> dict[str, Any]:
    """All that the certificate prints. Items not asked for are left out, not blanked (住民基本台帳法 art. 12(5))."""
    return {
        "template": "certificate_1",
        "form": request.form,
        "serial": serial,
        "tenant": tenant,
        "tenant_name": tenant_name,
        "issued_on": wareki(issued_on),
        "address": people[0].address,
        "postal_code": people[0].postal_code,
        "people": [_person(request, each) for each in people],
        "head": next((p.name for p in people if p.relation == HEAD), None) if request.with_head_and_relation else None,
        "sheet": PERSONS_A_SHEET if request.form == "household" else 1,
    }


def _person(request: Request, resident: Resident) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": resident.name,
        "kana": resident.kana,
        "born_on": wareki(resident.born_on),
        "sex": {"male": "男", "female": "女"}[resident.sex],
        "became_resident_on": wareki(resident.became_resident_on),
        "address_since": wareki(resident.address_since) if resident.address_since else "",
        "filed_on": wareki(resident.filed_on),
        "previous_address": resident.previous_address or "",
    }
    if request.with_head_and_relation:
        shown["relation"] = resident.relation
    if request.with_registered_domicile:
        shown["registered_domicile"] = resident.registered_domicile or ""
        shown["family_register_head"] = resident.family_register_head or ""
    if request.with_resident_code:
        shown["resident_code"] = resident.resident_code
    return shown
