"""One resident, as the counter sees one."""

from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from kit.app import problems
from kit.auth import Actor
from kit.clock import today
from kit.requests import Transaction
from systems.resident_registry.model.people import Resident
from systems.resident_registry.routes.desk import Clerk, Purpose, counter
from systems.resident_registry.rules.measures import masked
from systems.resident_registry.service import asof, people

router = counter()


class Hit(BaseModel):
    """What other offices see of a present resident (宛名), and no more; the address of a protected resident is not shown."""

    id: UUID
    atena_no: str
    name: str
    kana: str
    born_on: date
    sex: str
    address: str | None
    restricted: bool


class Found(Hit):
    """One line of the counter's own search: of a removed record (除票) also how and when it was removed."""

    state: str
    removed_on: date | None


class Record(Found):
    """A resident as the counter sees one."""

    household_id: UUID
    relation: str
    became_resident_on: date
    version: int
    kind: str
    roman_name: str | None
    kanji_name: str | None
    former_surname: str | None
    alias: str | None
    address_since: date | None
    filed_on: date
    previous_address: str | None
    previous_head: str | None
    before_move_address: str | None
    registered_domicile: str | None
    family_register_head: str | None
    nationality: str | None
    residence_status: str | None
    residence_period: str | None
    residence_until: date | None
    residence_card_no: str | None
    foreign_class: str | None
    foreign_since: date | None
    qualifications: dict[str, Any]
    districts: dict[str, str]
    out_planned_on: date | None
    out_planned_to: str | None
    out_fixed_on: date | None
    out_fixed_to: str | None


def hit(one: Resident, actor: Actor) -> dict[str, Any]:
    """What is shown of a resident to this actor; nothing of the address of a protected one without the DV role."""
    shown = asdict(masked(one, actor.roles))
    if one.restricted:  # where a protected person went is told to nobody, the role for measures neither
        shown |= {"out_planned_to": None, "out_fixed_to": None}
    return shown | {"address": shown["address"] or None}


@router.get("/residents/{resident_id}", summary="One resident", responses=problems(403, 404, 428))
def find(
    tx: Transaction,
    actor: Clerk,
    purpose: Purpose,
    resident_id: UUID,
    as_of: date | None = None,
    known_at: AwareDatetime | None = None,
) -> Record:
    """As of today unless a day is given; as known now unless a moment is given."""
    if as_of is not None or known_at is not None:
        one = asof.resident(tx, resident_id, as_of or today(), known_at)
        return Record(**hit(one, actor))
    return Record(**hit(people.find(tx, resident_id), actor))
