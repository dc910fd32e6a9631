"""Movements that change items of a record: names, numbers, and what the office corrects."""

from datetime import date

from kit.civic.characters import check_name
from kit.clock import today
from systems.resident_registry.model.errors import NumberUsed
from systems.resident_registry.model.filings import CodeChange, Correction, NameChange, NumberChange, OtherName
from systems.resident_registry.model.forms import Named
from systems.resident_registry.model.people import Place, Resident
from systems.resident_registry.rules import movements as rules
from systems.resident_registry.rules.people import check_names, check_numbers
from systems.resident_registry.service import people, ties
from systems.resident_registry.service.case import Case
from systems.resident_registry.store import numbers
from systems.resident_registry.store import people as persons


def name_change(case: Case, body: NameChange) -> None:
    """婚姻・離婚等による氏の変更, by notice of the family register."""
    for each in body.residents:
        one = case.named([Named(id=each.id, version=each.version)])[0]
        check_names(each.name, each.kana)
        changes = {"name": each.name, "kana": each.kana}
        if each.registered_domicile is not None:
            changes["registered_domicile"] = each.registered_domicile
        if each.family_register_head is not None:
            changes["family_register_head"] = each.family_register_head
        case.change(one, **changes)
        ties.settle(case, one, each, each.relation)


def other_name(case: Case, body: OtherName) -> None:
    """通称 (of foreign residents, 施行令30条の16) or 旧氏 (施行令30条の13), entered or taken away."""
    one = case.named([body.resident])[0]
    rules.check_other_name(body.reason, one, body.name)
    if body.name is not None:
        check_names(body.name, body.kana or "")
    if body.reason == "alias":
        case.change(one, alias=body.name, alias_kana=body.kana)
    else:
        case.change(one, former_surname=body.name, former_surname_kana=body.kana)


def number_change(case: Case, body: NumberChange) -> None:
    """個人番号変更: the old number is kept and never given again (R2)."""
    one = case.named([body.resident])[0]
    check_numbers(None, body.individual_number)
    _check_new(case, "individual_number", body.individual_number)
    known, sealed = numbers.number(case.tx, one.id), people.seal_number(case.office, one.id, body.individual_number)
    if known is None:
        numbers.add(case.tx, one.id, *sealed)
    else:
        retire(case, one, "individual_number", known)
        numbers.put(case.tx, one.id, *sealed)
    case.change(one)
    case.changed[one.id].add("individual_number")


def code_change(case: Case, body: CodeChange) -> None:
    """住民票コード変更: drawn by lot unless one is given; the old code is kept and never given again (R2)."""
    one = case.named([body.resident])[0]
    code = body.resident_code or people.draw_resident_code()
    check_numbers(code, None)
    _check_new(case, "resident_code", code)
    retire(case, one, "resident_code", people.seal_number(case.office, one.id, one.resident_code))
    case.change(one, resident_code=code)


def _check_new(case: Case, kind: str, number: str) -> None:
    taken = numbers.is_taken(case.tx, kind, people.blind(case.office, number))
    if taken or (kind == "resident_code" and numbers.code_in_use(case.tx, number)):
        raise NumberUsed("the new number is in use, or was changed for another")


def retire(case: Case, one: Resident, kind: str, sealed: tuple[bytes, bytes]) -> None:
    """The number is kept as one that was changed, and never given again (R2)."""
    on: date = case.movement.event_on
    numbers.retire(case.tx, one.id, kind, *sealed, on=on, movement_id=case.movement.id)


def correction(case: Case, body: Correction) -> None:
    """職権修正: from the event's day on the items are these; what was believed before stays in the history."""
    one = persons.named(case.tx, body.resident.id, body.resident.version, today())
    changes = body.items.model_dump(exclude_unset=True)
    changes |= {name: {} for name in ("qualifications", "districts") if changes.get(name, 0) is None}
    place = rules.local_place(body.place.place(), case.office.tenant) if body.place else None
    tied = bool(body.ends_marriage or body.adopted_by)
    rules.check_correction(one, changes, place, case.movement.event_on, tied=tied)
    relation = changes.pop("relation", None)
    if changes.get("name") or changes.get("kana"):
        check_names(changes.get("name", one.name), changes.get("kana", one.kana))
    for written in (changes.get("roman_name"), changes.get("kanji_name")):
        if written is not None:
            check_name(written)
    case.change(one, **changes)
    ties.settle(case, one, body, relation)
    if place is not None and place != persons.household(case.tx, one.household_id).place:
        _correct_place(case, one, place)


def _correct_place(case: Case, one: Resident, place: Place) -> None:
    """The address of the household as it should have been written: of everybody in it, and nobody moved."""
    for each in case.members(one.household_id):
        case.change(each)
        case.changed[each.id].add("address")
    persons.set_place(case.tx, one.household_id, place, case.because)
