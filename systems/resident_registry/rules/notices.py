"""Which notices a decided movement gives rise to. Drafts: sending them is the hub's work.

References
----------
住民基本台帳法 art. 9 (転入通知), arts. 19, 19-2 (戸籍の附票), art. 24-2 (転出証明書情報), art. 30-6 (本人確認情報),
arts. 50–52 (過料); 番号利用法 art. 7 (個人番号); 公的個人認証法 (revocation after a death).
住民基本台帳事務処理要領 第6-10: what is told of a protected resident bears a flag (支援措置フラグ); that a 転入通知 then names
the municipality alone until the other side's protection is known is ours, to be verified. The 附票 must have the address
(art. 19).
住所地通知 (art. 9 (2): whoever accepted a filing for the family register tells the municipality of residence) and 戸籍照合通知
(art. 19 (2): the 本籍地 tells that a 附票 notice does not fit its register; to be verified) are written by the office of family
registers, which is no part of this register. Here they arrive: as the ground (`notice`) of the movement that follows them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from systems.resident_registry.model.filings import Correction, Joining, MoveOut
from systems.resident_registry.model.movements import Movement, Notice
from systems.resident_registry.model.people import Resident
from systems.resident_registry.rules import move_out_certificate

#: items whose change is told to the network of resident records (本人確認情報: the four facts, both numbers; 旧氏 and 通称
#: with the name: 施行令 arts. 30-13, 30-16, to be verified). With whom somebody lives is none of them.
JUKI_ITEMS = {
    "name", "kana", "former_surname", "former_surname_kana", "alias", "alias_kana",
    "born_on", "sex", "address", "address_since", "resident_code", "individual_number",
}  # fmt: skip
#: changes of state that end or reopen somebody's record there
JUKI_STATES = {"removed_on"}
#: removals after which electronic certificates serve nobody (of the last two: to be verified)
REVOKED = {"death", "nationality_loss", "disappearance"}
#: of a protected resident
FLAG: dict[str, Any] = {"support_flag": True}
ENTRIES = {"move_in", "move_in_abroad", "address_setting", "office_entry"}


@dataclass(frozen=True)
class Draft:
    """A notice as it is to be drafted."""

    kind: str
    addressee: str
    resident: Resident | None
    content: dict[str, Any]
    authority: str | None = None


def of_filing(movement: Movement, people: Sequence[Resident], court: str) -> list[Draft]:
    """届出期間経過通知書 to the summary court `court` when the period had passed: the court decides, never the system (R4)."""
    if not movement.is_late:
        return []
    content = {"event_on": str(movement.event_on), "filed_on": str(movement.filed_on), "number": movement.number}
    first = people[0] if people else None
    return [Draft("late_filing", court, first, content | {"residents": len(people)})]


def of_change(movement: Movement, one: Resident, changed: Collection[str], *, moved: bool) -> list[Draft]:
    """本人確認情報: exactly one record for a resident of whom one of the items changed (R5)."""
    items = sorted((JUKI_ITEMS | JUKI_STATES) & set(changed) | ({"address"} if moved else set()))
    if not items:
        return []
    told = {"items": items, "reason": movement.reason, "event_on": str(movement.event_on), "version": one.version}
    return [Draft("juki_change", "都道府県知事", one, told)]


def address_told(municipality: str) -> dict[str, Any]:
    """What a 転入通知 says in place of a protected resident's new address: no more than the town."""
    return {"address": municipality} | FLAG


def of_reason(
    movement: Movement,
    details: Any,
    one: Resident,
    changed: Collection[str],
    *,
    numbered: bool,
    municipality: str,
    abroad: bool = False,
) -> list[Draft]:
    """Notices that follow from what happened to a resident.

    `municipality` is the name of the office's own; `abroad`: a departure, filed or come, leads out of the country.
    """
    found: list[Draft] = []
    told = {"event_on": str(movement.event_on), "filed_on": str(movement.filed_on), "reason": movement.reason}
    address = told | {"address": one.address}
    elsewhere = told | address_told(municipality) if one.restricted else address
    if movement.reason in ENTRIES and isinstance(details, Joining):
        if one.previous_authority and not one.previous_country:
            found.append(Draft("move_in_notice", "従前の市区町村長", one, elsewhere, one.previous_authority))
        found += _family_register(one, address)
        if not numbered:
            found.append(Draft("number_request", "地方公共団体情報システム機構", one, told))
    if movement.reason == "birth":
        found.append(Draft("number_request", "地方公共団体情報システム機構", one, told))
    corrected = isinstance(details, Correction) and details.place is not None
    if corrected or (movement.reason == "move_within" and "address_since" in changed):
        found += _family_register(one, address)
    if "removed_on" in changed:
        found += _removed_or_back(movement, one, told, abroad=abroad)
    if movement.reason == "move_out" and isinstance(details, MoveOut) and "out_planned_on" in changed:
        planned = told | {"out_planned_on": str(one.out_planned_on), "destination": one.out_planned_to}
        data = planned | {"items": move_out_certificate.items(one)} | (FLAG if one.restricted else {})
        found.append(Draft("move_out_certificate", "転出先の市区町村長", one, data, one.out_planned_authority))
    if movement.reason in REVOKED and one.removed_reason == movement.reason:
        found.append(Draft("jpki_revocation", "地方公共団体情報システム機構", one, told))
    return found


def _removed_or_back(movement: Movement, one: Resident, told: dict[str, Any], *, abroad: bool) -> list[Draft]:
    """What the 戸籍の附票 must show when a record is removed or comes back.

    A move to another municipality is told by that one; a death, a lost nationality or a 失踪宣告 the family register knows first;
    nobody but this office tells of a removal by the office, of its end, and of a departure abroad (art. 17 no. 2, art. 19 (1)).
    """
    if movement.reason == "office_removal" and one.removed_on:
        return _family_register(one, told | {"removed_on": str(one.removed_on)})
    if movement.reason == "office_restoration":
        return _family_register(one, told | {"address": one.address})
    if abroad and one.removed_on:
        return _family_register(one, told | {"removed_on": str(one.removed_on), "destination": one.out_planned_to})
    return []


def _family_register(one: Resident, content: dict[str, Any]) -> list[Draft]:
    if not one.registered_domicile:
        return []
    content = content | {"registered_domicile": one.registered_domicile} | (FLAG if one.restricted else {})
    return [Draft("family_register_notice", "本籍地の市区町村長", one, content)]


def of_reversal(movement: Movement, told: Sequence[Notice], people: Mapping[UUID, Resident]) -> list[Draft]:
    """Whoever was told of the undone movement is told that it never was; `told`: its notices, `people`: whom it touched.

    The 附票 gets the facts that hold again; 本人確認情報 follow from what changed (`of_change`). What told of an event (転入通知,
    転出証明書情報 …) is withdrawn (通知の取消し): neither its kind nor an address goes out a second time. That other offices take
    it back in this form: to be verified.
    """
    found = []
    for each in told:
        if each.state not in ("sent", "acknowledged") or each.kind == "juki_change":
            continue
        one = people.get(each.resident_id) if each.resident_id else None
        content = {"event_on": str(movement.event_on), "filed_on": str(movement.filed_on), "reason": movement.reason}
        content |= {key: each.content[key] for key in ("registered_domicile",) if key in each.content}
        content |= FLAG if one and one.restricted else {}
        if each.kind == "late_filing":  # a letter, and so is what withdraws it
            found.append(Draft("late_filing_withdrawal", each.addressee, one, each.content))
        elif each.kind == "family_register_notice" and one and one.removed_reason != "reversal":
            holds = {"removed_on": str(one.removed_on)} if one.removed_on else {"address": one.address}
            found.append(Draft(each.kind, each.addressee, one, content | holds, each.authority))
        else:
            found.append(Draft("withdrawal", each.addressee, one, content | {"withdraws": each.kind}, each.authority))
    return found


def of_ward(movement: Movement, one: Resident, before: str | None) -> list[Draft]:
    """区間異動: a move between the wards of a designated city is told to the ward that was left."""
    if before is None or one.authority_code in (None, before):
        return []
    content = {"event_on": str(movement.event_on), "from": before, "to": one.authority_code}
    return [Draft("ward_move", "従前の区長", one, content, before)]
