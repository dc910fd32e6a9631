"""Whether a movement may be made, by whom, and what follows from it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from kit.civic.codes import check_authority_code
from kit.civic.dates import due14
from kit.civic.places import authorities, authority_exists, ward_of
from kit.errors import Invalid
from systems.resident_registry.model.errors import (
    AlreadyRemoved,
    CheckDigit,
    DaysOutOfOrder,
    DifferentAddress,
    EventBeforeBirth,
    EventBeforeResidence,
    EventInFuture,
    GroundMissing,
    NewHeadNeeded,
    NoMoveOutCertificate,
    PlaceElsewhere,
    RelationNeeded,
    RepresentativeUnproven,
    SecondOfficer,
    TwoHeads,
    UnknownAuthority,
)
from systems.resident_registry.model.people import HEAD, Place, Resident
from systems.resident_registry.rules import relations

PLACE_PARTS = tuple(f.name for f in fields(Place))
#: movements of the office itself (職権) and those of My Number: decided by another officer than the one who entered them
OFFICE = {
    "office_entry", "office_removal", "office_correction", "office_restoration", "reversal", "nationality_loss", "disappearance",
}  # fmt: skip
#: kinds of ground on which a removal by the office rests, and what they are called (check_ground has the law)
GROUNDS = {
    "office_removal": ({"fact_check"}, "a record of an on-site fact check (実態調査)"),
    "nationality_loss": ({"notice"}, "the notice of the family register (国籍喪失の届出又は報告)"),
    "disappearance": ({"notice", "court"}, "the notice of the family register or the ruling (失踪宣告の届出又は審判)"),
}
SECOND_OFFICER = OFFICE | {"number_change", "code_change"}
#: movements that must be filed within the period of arts. 22, 23, 25
FILED_IN_TIME = {
    "move_in", "move_in_abroad", "address_setting", "move_within",
    "head_change", "household_split", "household_merge", "household_change",
}  # fmt: skip
#: movements of people who live here on the day of the event; names and numbers may have changed before they came
OF_RESIDENTS = {
    "move_within", "move_out", "move_out_abroad", "death", "nationality_loss", "disappearance", "office_removal",
    "head_change", "household_split", "household_merge", "household_change",
}  # fmt: skip
#: documents by which a representative shows their power (住民基本台帳法 art. 27 para. 3; which ones serve: to be verified)
MANDATES = {"委任状", "法定代理人の資格を示す書類"}
#: movements that may lie ahead
AHEAD = {"move_out", "move_out_abroad"}


def check_days(reason: str, *, event_on: date, filed_on: date, today: date, days_ahead: int) -> None:
    """Filing not in the future; event not after filing, but for a planned departure (R3).

    References
    ----------
    住民基本台帳法 arts. 22–25: arrivals are filed after the event, departures before it.
    """
    if filed_on > today:
        raise DaysOutOfOrder("the day of filing lies ahead")
    if reason in AHEAD:
        if event_on > today + timedelta(days=days_ahead):
            raise EventInFuture(f"a departure is filed at most {days_ahead} days ahead")
    elif event_on > today:
        raise EventInFuture("the event lies ahead")
    elif event_on > filed_on:
        raise DaysOutOfOrder("the event lies after its filing")


def is_late(reason: str, event_on: date, filed_on: date, filing_days: int) -> bool:
    """Whether the filing period had passed (住民基本台帳法 art. 22; 民法 arts. 140, 142); R4: never a fine by the system."""
    return reason in FILED_IN_TIME and filed_on > due14(event_on, filing_days)


def check_ground(reason: str, ground: Mapping[str, Any] | None, today: date) -> None:
    """The office's own movements rest on something that is there; a removal on what the law names for it.

    References
    ----------
    住民基本台帳法施行令 art. 8 (a record is removed when its ground is gone), art. 12 (by the office: after a fact check, or on
    what the family register says); 戸籍法 arts. 103, 105 (国籍喪失: filing and report), art. 94 (失踪宣告). That both are
    movements of the office itself, as the family register tells of them: to be verified.
    """
    if reason in OFFICE and not ground:
        raise GroundMissing("say what the movement rests on")
    if ground and date.fromisoformat(ground["on"]) > today:
        raise DaysOutOfOrder("the day of the ground lies ahead")
    kinds, called = GROUNDS.get(reason, (None, ""))
    if kinds and ground and ground["kind"] not in kinds:
        raise GroundMissing(f"this removal rests on {called}")


def check_certificate(
    certificate: str | None, *, out_planned_on: date | None, event_on: date, filed_on: date, days: Mapping[str, int]
) -> None:
    """A move-in brings its 転出証明書, or its data within 14 days of the move and 30 days of the planned day (特例転入).

    A period that ends on a closed day goes on until the next open one, as that of the filing does (民法 art. 142; that it does
    so for the 30 days too: to be verified).
    """
    if certificate is None:
        raise NoMoveOutCertificate("say what was shown: paper (転出証明書), data (転出証明書情報) or none")
    if certificate == "none":
        raise NoMoveOutCertificate("without a 転出証明書 or its data this is a 住所設定(未届転入)")
    if certificate == "data":
        if out_planned_on is None:
            raise NoMoveOutCertificate("with the data of the certificate comes the planned day of the departure")
        began = {"event": event_on, "planned": out_planned_on}
        if any(filed_on > since and filed_on > due14(since, days[which]) for which, since in began.items()):
            raise NoMoveOutCertificate("the data of the certificate no longer serve: the paper is needed")


def check_officer(reason: str, *, entered_by: str, decided_by: str, protected: bool, is_supervisor: bool) -> None:
    """Whoever entered the office's own movements, numbers or anything of a protected person does not decide them."""
    if reason in SECOND_OFFICER or protected:
        if not is_supervisor:
            raise SecondOfficer("a supervisor decides this movement")
        if entered_by == decided_by:
            raise SecondOfficer("another officer than the one who entered it decides this movement")


def check_present(people: Iterable[Resident]) -> None:
    """Only somebody who was not removed can be moved."""
    if any(each.removed_on is not None for each in people):
        raise AlreadyRemoved("this resident was removed from the register already")


def check_residence(reason: str, people: Iterable[Resident], event_on: date) -> None:
    """Nobody moves, leaves or changes households here before becoming a resident (R3)."""
    if reason in OF_RESIDENTS and any(each.became_resident_on > event_on for each in people):
        raise EventBeforeResidence("the event lies before the day on which this resident became one")


def check_loses_nationality(people: Iterable[Resident]) -> None:
    """Only a Japanese resident loses the nationality (国籍法 arts. 11–13)."""
    if any(each.kind != "japanese" for each in people):
        raise Invalid("only a Japanese resident loses the Japanese nationality; correct the kind of this record (職権修正)")


def check_filer(filer: str, name: str | None, documents: Iterable[str]) -> None:
    """A representative is named, shows who they are and by what power they file (住民基本台帳法 art. 27 paras. 2, 3)."""
    shown = set(documents)
    if filer == "representative" and not (name and shown & MANDATES and shown - MANDATES):
        raise RepresentativeUnproven(f"name the representative; identity document and one of {'、'.join(sorted(MANDATES))}")


def check_after_birth(people: Iterable[Resident], event_on: date) -> None:
    """No event before birth (R3)."""
    if any(each.born_on > event_on for each in people):
        raise EventBeforeBirth("the event lies before the birth")


def check_authority(code: str | None, on: date) -> None:
    """A code of an address elsewhere: its check digit, and, inside the prefecture, that it was in force on that day."""
    if code is None:
        return
    try:
        check_authority_code(code)
    except Invalid as wrong:
        raise CheckDigit(wrong.detail) from None
    if not authority_exists(code, on):
        raise UnknownAuthority(f"there was no municipality with the code {code} on {on}")


def local_place(place: Place, tenant: str) -> Place:
    """The place with the code of its authority: the tenant's, or its ward's in a designated city.

    Raises
    ------
    PlaceElsewhere
        The code is another municipality's, or the address names no ward of the designated city.
    """
    mine = authorities(tenant)
    code = place.authority_code or (mine[0] if len(mine) == 1 else ward_of(place.address))
    if code not in mine:
        raise PlaceElsewhere("the address does not lie in this municipality")
    return Place(**{part: getattr(place, part) for part in PLACE_PARTS} | {"authority_code": code})


def relations_for(
    staying: Sequence[Resident],
    everybody: Sequence[Resident],
    given: Mapping[UUID, str],
    kinship: Iterable[tuple[UUID, UUID, str]],
) -> tuple[dict[UUID, str], list[UUID]]:
    """Relations of those who form a household, and who of them was worked out and not given: the clerk confirms those.

    The head is the one given as 世帯主; a sole member is head by itself (R12). `everybody` is the household they come from,
    with its head: from their relations there the new ones are worked out.

    Raises
    ------
    NewHeadNeeded
        Nobody is to be head.
    TwoHeads
        More than one is.
    RelationNeeded
        A relation was not given and cannot be worked out.
    """
    heads = [each.id for each in staying if given.get(each.id) == HEAD]
    if len(staying) == 1:
        heads = [staying[0].id]
    if not heads:
        raise NewHeadNeeded(f"the head leaves: name the new head among {len(staying)} residents")
    if len(heads) > 1:
        raise TwoHeads("a household has exactly one head (世帯主)")
    worked_out = relations.relations_to(heads[0], facts_of(everybody), kinship)
    return _confirmed(heads[0], staying, given, worked_out)


def facts_of(members: Sequence[Resident]) -> list[relations.Member]:
    """Of each member, what relations depend on."""
    return [relations.Member(each.id, each.sex, each.born_on, each.relation) for each in members]


def _confirmed(
    head: UUID, members: Sequence[Resident], given: Mapping[UUID, str], worked_out: Mapping[UUID, str | None]
) -> tuple[dict[UUID, str], list[UUID]]:
    found, derived, missing = {head: HEAD}, [], 0
    for each in members:
        if each.id == head:
            continue
        told = given.get(each.id) or worked_out.get(each.id)
        if told is None:
            missing += 1
        else:
            found[each.id] = told
            derived += [] if each.id in given else [each.id]
    if missing:
        raise RelationNeeded(f"give the relation to the new head for {missing} more residents")
    return found, derived


def removal_of(
    one: Resident, *, state: str, reason: str, on: date, filed_on: date | None, unknown: str | None = None
) -> dict[str, Any]:
    """Columns of a record that is removed (消除); it keeps the address it had (住民基本台帳法 art. 8)."""
    place = {part: getattr(one, part) for part in PLACE_PARTS if getattr(one, part)}
    columns = {"state": state, "removed_on": on, "removed_filed_on": filed_on, "removed_reason": reason, "removed_place": place}
    return columns | {"removed_unknown": unknown}


def check_one_household(people: Sequence[Resident]) -> None:
    """Those who are named together live together, and nobody is named twice."""
    if len({each.household_id for each in people}) > 1:
        raise DifferentAddress("the residents do not live in one household")
    if len({each.id for each in people}) < len(people):
        raise Invalid("a resident is named twice")


def check_other_name(reason: str, one: Resident, name: str | None) -> None:
    """通称 is for foreign residents (施行令 art. 30-16), 旧氏 for Japanese (art. 30-13)."""
    kind = {"alias": "foreign", "former_surname": "japanese"}[reason]
    if one.kind != kind:
        raise Invalid(f"this name is only for {kind} residents")
    now = one.alias if reason == "alias" else one.former_surname
    if name == now:
        raise Invalid("the name is what is registered already")


def check_correction(
    one: Resident, changes: Mapping[str, Any], place: Place | None, event_on: date, *, tied: bool = False
) -> None:
    """A correction changes something, leaves no birth after the event, and never a removed record (除票).

    `tied`: it ends a marriage or tells of an adoption, which is something even when no item changes.
    """
    check_present([one])
    moved = place is not None and any(getattr(one, part) != getattr(place, part) for part in PLACE_PARTS)
    if not moved and not tied and all(getattr(one, name) == value for name, value in changes.items()):
        raise Invalid("the correction changes nothing")
    needed = {"name", "kana", "kind", "sex", "born_on", "relation", "position", "became_resident_on", "filed_on"}
    if any(changes.get(name, 0) is None for name in needed):
        raise Invalid("an item that every record has cannot be emptied")
    if changes.get("born_on", one.born_on) > event_on:
        raise EventBeforeBirth("the event lies before the birth")
    check_authority(changes.get("previous_authority"), changes.get("became_resident_on") or one.became_resident_on)


def named_in(details: Mapping[str, Any]) -> list[UUID]:
    """Residents whom a form names."""
    one = [details[key] for key in ("resident", "new_head") if details.get(key)]
    people = [*details.get("residents", ()), *one]
    tied = [other for each in (details, *people) for other in (each.get("ends_marriage"), *each.get("adopted_by", ())) if other]
    return list(dict.fromkeys([*(each["id"] for each in people), *tied]))
