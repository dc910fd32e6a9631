"""Finding residents and removed records."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, Field

from kit.app import problems
from kit.errors import Forbidden
from kit.requests import Transaction
from systems.resident_registry.model.search import Criteria, NumberKind
from systems.resident_registry.routes.desk import Finder, NumberOfficer, Office, Purpose, Strict, counter
from systems.resident_registry.routes.people import Found, Hit, hit
from systems.resident_registry.service import individual_numbers
from systems.resident_registry.service import search as service

router = counter()


class Hits(BaseModel):
    """`state` and `removed_on` are told to the counter alone."""

    residents: list[Found] | list[Hit]


class Sought(Strict):
    """What a clerk knows of somebody, at least one of it: in the body, so that it stands in no address and no log."""

    name: str | None = Field(None, max_length=100)
    kana: str | None = Field(None, max_length=100)
    born_on: date | None = None
    address: str | None = Field(None, max_length=100)
    atena_no: str | None = Field(None, max_length=15)
    removed: bool = Field(False, description="removed records (除票) too, for the counter; they are not found by address")


class Number(Strict):
    """A number, whole: in the body, so that it stands in no address and no log."""

    kind: NumberKind
    number: str = Field(max_length=20)
    removed: bool = Field(False, description="removed records (除票) too")


class Shown(BaseModel):
    individual_number: str


@router.post(
    "/residents/search",
    summary="Search residents by name, kana, birth date, address or 宛名番号",
    responses=problems(403, 422, 428),
)
def search(tx: Transaction, actor: Finder, purpose: Purpose, body: Sought) -> Hits:
    at_counter = "registry_clerk" in actor.roles
    if body.removed and not at_counter:
        raise Forbidden("removed records are found by the role registry_clerk alone")
    found, line = service.search(tx, Criteria(**body.model_dump())), Found if at_counter else Hit
    return Hits(residents=[line(**hit(each, actor)) for each in found])


@router.post(
    "/residents/search-by-number",
    summary="Find who has this 個人番号 or 住民票コード",
    responses=problems(403, 422, 428),
)
def search_by_number(tx: Transaction, actor: NumberOfficer, purpose: Purpose, office: Office, body: Number) -> Hits:
    found = service.search_by_number(tx, office, body.kind, body.number, removed=body.removed)
    return Hits(residents=[Found(**hit(each, actor)) for each in found])


@router.get(
    "/residents/{resident_id}/individual-number",
    summary="The 個人番号 of one resident",
    responses=problems(403, 404, 428),
)
def show_number(tx: Transaction, actor: NumberOfficer, purpose: Purpose, office: Office, resident_id: UUID) -> Shown:
    return Shown(individual_number=individual_numbers.view(tx, office, resident_id))
