"""Which notices a decided movement gives rise to. Drafts: sending them is the hub's work.

References
----------
住民基本台帳法 art. 9 (転入通知), arts. 19, 19-2 (戸籍の附票), art. 24-2 (転出証明書情報), art. 30-6 (本人確認情報),
arts. 50–52 (過料); 番号利用法 art. 7 (個人番号); 公的個人認証法 (revocation after a death).
住民基本台帳事務処理要領 第6-10: what is told of a protected resident bears a flag (支援措置フラグ); that the new address is then
the municipality's name alone, and so in the 附票 too, is to be verified.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from systems.resident_registry.model.filings import Joining, MoveOut
from systems.resident_registry.model.movements import Movement
from systems.resident_registry.model.people import Resident

#: items whose change is told to the network of resident records (本人確認情報: the four facts, both numbers)
JUKI_ITEMS = {"name", "kana", "born_on", "sex", "address", "address_since", "resident_code", "individual_number", "household_id"}
#: changes of state that end or reopen somebody's record there
JUKI_STATES = {"removed_on"}
#: of a protected resident
FLAG: dict[str, Any] = {"support_flag": True}
#: drafts that tell another authority where somebody lives now
TELL_ADDRESS = ("move_in_notice", "family_register_notice")
ENTRIES = {"move_in", "move_in_abroad", "address_setting", "office_entry"}


@dataclass(frozen=True)
class Draft:
    """A notice as it is to be drafted."""

    kind: str
    addressee: str
    resident: Resident | None
    content: dict[str, Any]
    authority: str | None = None


def of_filing(movement: Movement, people: Sequence[Resident]) -> list[Draft]:
    """届出期間経過通知書 to the summary court when the period had passed: the court decides, never the system (R4)."""
    if not movement.is_late:
        return []
    content = {"event_on": str(movement.event_on), "filed_on": str(movement.filed_on), "number": movement.number}
    first = people[0] if people else None
    return [Draft("late_filing", "簡易裁判所", first, content | {"residents": len(people)})]


def of_change(movement: Movement, one: Resident, changed: Collection[str], *, moved: bool) -> list[Draft]:
    """本人確認情報: exactly one record for a resident of whom one of the items changed (R5)."""
    items = sorted((JUKI_ITEMS | JUKI_STATES) & set(changed) | ({"address"} if moved else set()))
    if not items:
        return []
    told = {"items": items, "reason": movement.reason, "event_on": str(movement.event_on), "version": one.version}
    return [Draft("juki_change", "都道府県知事", one, told)]


def address_told(municipality: str) -> dict[str, Any]:
    """What a notice says in place of a protected resident's new address: no more than the town."""
    return {"address": municipality} | FLAG


def of_reason(movement: Movement, details: Any, one: Resident, *, numbered: bool, municipality: str) -> list[Draft]:
    """Notices that follow from what happened to a resident; `municipality` is the name of the office's own."""
    found: list[Draft] = []
    told = {"event_on": str(movement.event_on), "filed_on": str(movement.filed_on), "reason": movement.reason}
    address = told | (address_told(municipality) if one.restricted else {"address": one.address})
    if movement.reason in ENTRIES and isinstance(details, Joining):
        if one.previous_authority and not one.previous_country:
            found.append(Draft("move_in_notice", "従前の市区町村長", one, address, one.previous_authority))
        found += _family_register(one, address)
        if not numbered:
            found.append(Draft("number_request", "地方公共団体情報システム機構", one, told))
    if movement.reason == "birth":
        found.append(Draft("number_request", "地方公共団体情報システム機構", one, told))
    if movement.reason == "move_within":
        found += _family_register(one, address)
    if movement.reason == "move_out" and isinstance(details, MoveOut) and one.out_planned_on:
        planned = told | {"out_planned_on": str(one.out_planned_on), "destination": one.out_planned_to}
        flagged = planned | FLAG if one.restricted else planned  # the destination is the addressee's own place
        found.append(Draft("move_out_certificate", "転出先の市区町村長", one, flagged, one.out_planned_authority))
    if movement.reason == "death" and one.state == "dead":
        found.append(Draft("jpki_revocation", "地方公共団体情報システム機構", one, told))
    return found


def _family_register(one: Resident, content: dict[str, Any]) -> list[Draft]:
    if not one.registered_domicile:
        return []
    return [
        Draft("family_register_notice", "本籍地の市区町村長", one, content | {"registered_domicile": one.registered_domicile})
    ]


def of_ward(movement: Movement, one: Resident, before: str | None) -> list[Draft]:
    """区間異動: a move between the wards of a designated city is told to the ward that was left."""
    if before is None or one.authority_code in (None, before):
        return []
    content = {"event_on": str(movement.event_on), "from": before, "to": one.authority_code}
    return [Draft("ward_move", "従前の区長", one, content, before)]
