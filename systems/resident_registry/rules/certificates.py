"""Who may have a certificate, and what it prints."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from kit.civic.dates import wareki
from kit.errors import Conflict, Refused
from systems.resident_registry.model.certificates import Request
from systems.resident_registry.model.people import HEAD, Resident
from systems.resident_registry.rules.measures import NEUTRAL

#: persons on one sheet of the household form (標準仕様書)
PERSONS_A_SHEET = 4


def check_may_issue(request: Request, people: Sequence[Resident]) -> None:
    """Whether this requester may have a copy of these records.

    Raises
    ------
    Refused
        The request lacks its ground, or asks for what it may not have; in the same neutral words as a protected record.
    Conflict
        Somebody was removed from the register: that is another certificate (除票の写し).

    References
    ----------
    住民基本台帳法 arts. 12, 12-2, 12-3. Protective measures are `service.measures.check_disclosure`'s.
    """
    if any(each.removed_on is not None for each in people):
        raise Conflict("a removed record is certified by 除票の写し, which is not offered yet")
    if request.requester == "third_party" and not request.ground:
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
