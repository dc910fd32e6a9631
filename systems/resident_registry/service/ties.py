"""Marriages that end and adoptions: what becomes of 続柄, and the kinship that later ones are worked out from.

References
----------
民法 arts. 728, 763–767 (離婚), arts. 727, 792–810 (養子縁組); 住民基本台帳事務処理要領 第2-1-(2)-エ (続柄).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from kit.clock import today
from kit.errors import Invalid
from systems.resident_registry.model.errors import TwoHeads
from systems.resident_registry.model.filings import Correction, NameChange, Ties
from systems.resident_registry.model.people import HEAD, Resident
from systems.resident_registry.rules import relations
from systems.resident_registry.rules.alerts import MARRIED
from systems.resident_registry.rules.movements import facts_of
from systems.resident_registry.rules.people import relation_codes
from systems.resident_registry.service.case import Case
from systems.resident_registry.store import movements as store
from systems.resident_registry.store import people as persons


def settle(case: Case, one: Resident, ties: Ties, given: str | None) -> None:
    """End the marriage and note the adoption that a form tells of `one`; `given` is the relation the clerk chose for `one`.

    Raises
    ------
    Invalid
        The two are not married here, or an adopter is the child.
    TwoHeads
        A relation is given to the head.
    """
    if not (ties.ends_marriage or ties.adopted_by or given):
        return
    everybody = case.members(one.household_id)
    if given is not None and HEAD in (given, one.relation):
        raise TwoHeads("the head changes by 世帯主変更 only")
    apart = [edge for edge in store.kinship(case.tx, [each.id for each in everybody]) if edge[2] == relations.APART]
    found: dict[UUID, str] = {}
    if ties.ends_marriage or ties.adopted_by:
        # what the old words say of parents is kept before they change
        store.add_kinship(case.tx, relations.implied(facts_of(everybody), apart), None)
    if ties.ends_marriage:
        found |= _end_marriage(case, one, ties.ends_marriage, everybody)
    if ties.adopted_by:
        found |= _adopt(case, one, ties.adopted_by, everybody)
    if given is not None:
        found[one.id] = given
    _relate(case, everybody, found)
    if given is not None and not ties.ends_marriage:
        _marry(case, one, given, everybody)


def _end_marriage(case: Case, one: Resident, spouse: UUID, everybody: Sequence[Resident]) -> Mapping[UUID, str]:
    other = persons.resident(case.tx, spouse, today())
    if not store.end_marriage(case.tx, one.id, other.id, case.movement.event_on):
        raise Invalid("these two are not married in this register: give the relation alone")
    if other.household_id != one.household_id:
        return {}
    return relations.after_divorce(one.id, other.id, facts_of(everybody))


def _adopt(case: Case, child: Resident, parents: Sequence[UUID], everybody: Sequence[Resident]) -> Mapping[UUID, str]:
    adopters = [persons.resident(case.tx, each, today()) for each in parents]
    if child.id in parents or any(each.born_on >= child.born_on for each in adopters):
        raise Invalid("a child is adopted by somebody older")
    store.add_kinship(case.tx, [(each.id, child.id, "parent") for each in adopters], case.movement.event_on)
    return relations.after_adoption(child.id, parents, facts_of(everybody))


def _relate(case: Case, everybody: Sequence[Resident], found: Mapping[UUID, str]) -> None:
    for each in everybody:
        if each.relation != found.get(each.id, each.relation):
            case.change(each, relation=found[each.id], relation_codes=relation_codes(found[each.id]))


def _marry(case: Case, one: Resident, given: str, everybody: Sequence[Resident]) -> None:
    """A spouse of the head again, or for the first time; who is no longer called one is asked about."""
    head = next(each for each in everybody if each.relation == HEAD)
    if given in relations.SPOUSES:
        store.marry_again(case.tx, head.id, one.id)
    elif one.relation in relations.SPOUSES:
        case.alerts.append(MARRIED)


def undo(case: Case, body: NameChange | Correction, since: date) -> None:
    """The marriage that an undone movement ended goes on; an adoption that it noted never was."""
    told: list[tuple[UUID, Ties]] = [(body.resident.id, body)] if isinstance(body, Correction) else []
    told += [(each.id, each) for each in body.residents] if isinstance(body, NameChange) else []
    for one, ties in told:
        if ties.ends_marriage:
            store.marry_again(case.tx, one, ties.ends_marriage)
        for each in ties.adopted_by:
            store.never_parent(case.tx, each, one, since)
