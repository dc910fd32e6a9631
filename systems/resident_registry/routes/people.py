"""One resident, as the counter sees one."""

from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from kit.app import problems
from kit.requests import Transaction
from systems.resident_registry.model.people import Resident
from systems.resident_registry.routes.desk import Clerk, Purpose, counter
from systems.resident_registry.service import people

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
def find(tx: Transaction, actor: Clerk, purpose: Purpose, resident_id: UUID) -> Record:
    return Record(**hit(people.find(tx, resident_id), may_see_address="registry_supervisor" in actor.roles))
