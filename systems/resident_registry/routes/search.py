"""Finding residents."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, Field

from kit.app import problems
from kit.requests import Transaction
from systems.resident_registry.model.search import Criteria, NumberKind
from systems.resident_registry.routes.desk import Finder, NumberOfficer, Office, Purpose, Strict, counter
from systems.resident_registry.routes.people import Hit, hit
from systems.resident_registry.service import individual_numbers
from systems.resident_registry.service import search as service

router = counter()


class Hits(BaseModel):
    residents: list[Hit]


class Sought(Strict):
    """What a clerk knows of somebody, at least one of it: in the body, so that it stands in no address and no log."""

    name: str | None = Field(None, max_length=100)
    kana: str | None = Field(None, max_length=100)
    born_on: date | None = None
    address: str | None = Field(None, max_length=100)
    atena_no: str | None = Field(None, max_length=15)


class Number(Strict):
    """A number, whole: in the body, so that it stands in no address and no log."""

    kind: NumberKind
    number: str = Field(max_length=20)


class Shown(BaseModel):
    individual_number: str


@router.post(
    "/residents/search",
    summary="Search residents by name, kana, birth date, address or 宛名番号",
    responses=problems(403, 422, 428),
)
def search(tx: Transaction, actor: Finder, purpose: Purpose, body: Sought) -> Hits:
    found = service.search(tx, Criteria(**body.model_dump()))
    return Hits(residents=[Hit(**hit(each, actor)) for each in found])


@router.post(
    "/residents/search-by-number",
    summary="Find the resident with this 個人番号 or 住民票コード",
    responses=problems(403, 422, 428),
)
def search_by_number(tx: Transaction, actor: NumberOfficer, purpose: Purpose, office: Office, body: Number) -> Hits:
    found = service.search_by_number(tx, office, body.kind, body.number)
    return Hits(residents=[Hit(**hit(each, actor)) for each in found])


@router.get(
    "/residents/{resident_id}/individual-number",
    summary="The 個人番号 of one resident",
    responses=problems(403, 404, 428),
)
def show_number(tx: Transaction, actor: NumberOfficer, purpose: Purpose, office: Office, resident_id: UUID) -> Shown:
    return Shown(individual_number=individual_numbers.view(tx, office, resident_id))
