"""The register as it stood: persons and households on a day, as known at a moment; counts; worklists."""

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from kit import journal
from kit.app import problems
from kit.clock import now, today
from kit.requests import Transaction
from systems.resident_registry.model.people import RESIDENT
from systems.resident_registry.routes.desk import Clerk, Purpose, Strict, counter
from systems.resident_registry.routes.people import Record, hit
from systems.resident_registry.service import asof, households, legal, statistics
from systems.resident_registry.store import asof as store
from systems.resident_registry.store import movements

router = counter()


class Version(BaseModel):
    """One version: the days on which it held and the time for which it was believed."""

    version: int
    valid_from: date
    valid_to: date | None
    known_from: datetime
    known_to: datetime | None
    movement_id: UUID | None
    state: str
    name: str
    relation: str


class Versions(BaseModel):
    versions: list[Version]


class Household(BaseModel):
    """A household and its members, head first; the address is not shown when one of them is protected."""

    id: UUID
    household_no: str
    address: str | None
    version: int
    members: list[Record]


class Counts(BaseModel):
    """Of the whole register; no personal data."""

    as_of: date
    known_at: datetime
    residents: int
    households: int


class NewHead(Strict):
    head: UUID


class Relations(BaseModel):
    """Relations as they would be worked out; null where the clerk must say."""

    relations: dict[UUID, str | None]


class Stay(BaseModel):
    id: UUID
    atena_no: str
    name: str
    residence_status: str | None
    residence_until: date


class Stays(BaseModel):
    """Permitted stays that end soon or have ended: a worklist, never a removal by itself (R11)."""

    stays: list[Stay]


@router.get("/residents/{resident_id}/history", summary="All versions of a resident", responses=problems(403, 404, 422, 428))
def history(tx: Transaction, actor: Clerk, purpose: Purpose, resident_id: UUID) -> Versions:
    found = asof.versions(tx, resident_id)
    shown = [asdict(each) | {name: each.facts[name] for name in ("state", "name", "relation")} for each in found]
    return Versions(versions=[Version(**each) for each in shown])


@router.get("/households/{household_id}", summary="A household on a day", responses=problems(403, 404, 422, 428))
def household(
    tx: Transaction,
    actor: Clerk,
    purpose: Purpose,
    household_id: UUID,
    as_of: date | None = None,
    known_at: AwareDatetime | None = None,
) -> Household:
    one, members = asof.household(tx, household_id, as_of or today(), known_at)
    shown = [Record(**hit(each, actor)) for each in members]
    hidden = any(each.address is None for each in shown)
    if hidden:  # who lives with a protected person has the same address
        shown = [each.model_copy(update={"address": None}) for each in shown]
    facts: dict[str, Any] = {"id": one.id, "household_no": one.household_no, "version": one.version}
    return Household(**facts, address=None if hidden else one.address, members=shown)


@router.post(
    "/households/{household_id}:recalculate",
    summary="Relations for another head, without writing anything",
    responses=problems(403, 404, 409, 422, 428),
)
def recalculate(tx: Transaction, actor: Clerk, purpose: Purpose, household_id: UUID, body: NewHead) -> Relations:
    return Relations(relations=households.recalculate(tx, household_id, body.head))


@router.get("/register", summary="How many lived here on a day, as known at a moment", responses=problems(403, 422))
def register(tx: Transaction, actor: Clerk, as_of: date | None = None, known_at: AwareDatetime | None = None) -> Counts:
    """Of a day of which it can be said, as the statistics say it: who came in by a file has a history only from then on."""
    day, moment = as_of or today(), known_at or now()
    statistics.check_day(tx, day)
    residents, of = store.present_at(tx, day, moment)
    return Counts(as_of=day, known_at=moment, residents=residents, households=of)


@router.get("/worklists/stays", summary="Stays that end soon or have ended", responses=problems(403, 422, 428))
def stays(tx: Transaction, actor: Clerk, purpose: Purpose, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Stays:
    last = today() + timedelta(days=legal.value("stay_warning_days", today()))
    found = movements.stays_until(tx, last, limit)
    journal.record_access(tx, RESIDENT, [each["id"] for each in found], {"act": "worklist of stays"})
    return Stays(stays=[Stay(**each) for each in found])
