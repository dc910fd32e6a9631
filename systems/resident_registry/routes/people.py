"""One resident, as the counter sees one."""

from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from kit.app import problems
from kit.auth import Actor
from kit.requests import Transaction
from systems.resident_registry.model.people import Resident
from systems.resident_registry.routes.desk import Clerk, Purpose, counter
from systems.resident_registry.rules.measures import masked
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


def hit(one: Resident, actor: Actor) -> dict[str, Any]:
    """What is shown of a resident to this actor; nothing of the address of a protected one without the DV role."""
    shown = asdict(masked(one, actor.roles))
    return shown | {"address": shown["address"] or None}


@router.get("/residents/{resident_id}", summary="One resident", responses=problems(403, 404, 428))
def find(tx: Transaction, actor: Clerk, purpose: Purpose, resident_id: UUID) -> Record:
    return Record(**hit(people.find(tx, resident_id), actor))
