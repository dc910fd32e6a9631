"""One resident, as the counter sees one."""

from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from kit.app import problems
from kit.clock import today
from kit.requests import Transaction
from systems.resident_registry.model.people import Resident
from systems.resident_registry.routes.desk import Clerk, Purpose, counter
from systems.resident_registry.service import asof, people

router = counter()


class Hit(BaseModel):
    """One line of a search; the address of a protected resident is not shown."""

    id: UUID
    atena_no: str
    name: str
    kana: str
    born_on: date
    sex: str
    address: str | None
    restricted: bool


class Record(Hit):
    """A resident as the counter sees one."""

    household_id: UUID
    state: str
    relation: str
    became_resident_on: date
    version: int


def hit(one: Resident, *, may_see_address: bool = False) -> dict[str, Any]:
    """What is shown of a resident; the address of a protected one only to those who may see it."""
    shown = asdict(one)
    return shown | {"address": None if one.restricted and not may_see_address else one.address}


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
        return Record(**hit(one, may_see_address="registry_supervisor" in actor.roles))
    return Record(**hit(people.find(tx, resident_id), may_see_address="registry_supervisor" in actor.roles))
