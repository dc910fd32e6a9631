"""Filing movements."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from kit.app import problems
from kit.clock import today
from kit.db import Tx
from kit.idempotency import once
from kit.requests import Transaction
from systems.resident_registry.model import people as model
from systems.resident_registry.model.movements import Movement
from systems.resident_registry.routes.desk import Clerk, IdempotencyKey, Office, Purpose, Strict, Text, counter
from systems.resident_registry.service import movements as service

router = counter()


class Person(Strict):
    """A person to be entered."""

    name: Text
    kana: Text
    sex: Literal["male", "female"]
    born_on: date
    relation: Text
    resident_code: str | None = None
    individual_number: str | None = None
    registered_domicile: str | None = Field(None, max_length=200)
    family_register_head: str | None = Field(None, max_length=200)

    def new(self) -> model.NewResident:
        return model.NewResident(**self.model_dump())


class Filing(Strict):
    """What every notification carries. Days are dates in Japan; `filed_on` is today when left out."""

    event_on: date
    filed_on: date = Field(default_factory=today)
    filer: Literal["self", "head", "representative", "office"] = "self"


class Place(Strict):
    postal_code: str = Field(pattern=r"^\d{7}$")
    address: Text
    authority_code: str | None = Field(None, pattern=r"^\d{6}$")
    town_code: str | None = Field(None, max_length=20)
    town: str = Field("", max_length=200)
    lot: str = Field("", max_length=200)
    building: str = Field("", max_length=200)

    def place(self) -> model.Place:
        return model.Place(**self.model_dump())


class Leaving(Strict):
    id: UUID
    version: int


Relations = Annotated[dict[UUID, Text], Field(description="relation to the new head of each who stays, when the head leaves")]


class MoveIn(Filing):
    """転入"""

    kind: Literal["move_in"]
    place: Place
    previous_address: Text
    people: list[Person] = Field(min_length=1, max_length=20)


class Birth(Filing):
    """出生; the event is the birth"""

    kind: Literal["birth"]
    household_id: UUID
    child: Person


class Death(Filing):
    """死亡"""

    kind: Literal["death"]
    resident: Leaving
    relations: Relations = Field(default_factory=dict)


class MoveOut(Filing):
    """転出"""

    kind: Literal["move_out"]
    destination: Text
    residents: list[Leaving] = Field(min_length=1, max_length=20)
    relations: Relations = Field(default_factory=dict)


class MoveWithin(Filing):
    """転居 of a whole household"""

    kind: Literal["move_within"]
    household_id: UUID
    version_of_head: int
    place: Place


Notification = Annotated[MoveIn | Birth | Death | MoveOut | MoveWithin, Field(discriminator="kind")]


class Filed(BaseModel):
    """A notification as entered; `is_late` asks for a 届出期間経過通知書."""

    id: UUID
    kind: str
    is_late: bool
    residents: list[UUID]


@router.post(
    "/notifications", status_code=201, summary="File a notification (届出)", responses=problems(403, 404, 409, 412, 422, 428)
)
def file_notification(
    tx: Transaction, actor: Clerk, purpose: Purpose, office: Office, body: Notification, idempotency_key: IdempotencyKey = None
) -> Filed:
    def act() -> dict[str, Any]:
        return _filed(_register(tx, office, body)).model_dump(mode="json")

    return Filed(**once(tx, idempotency_key, body.model_dump_json(exclude_unset=True).encode(), act))


def _filed(one: Movement) -> Filed:
    return Filed(id=one.id, kind=one.reason, is_late=one.is_late, residents=one.residents)


def _register(tx: Tx, office: model.Office, body: Notification) -> Movement:
    days = {"event_on": body.event_on, "filed_on": body.filed_on}
    match body:
        case MoveIn():
            people, place = [each.new() for each in body.people], body.place.place()
            return service.register_move_in(
                tx, office, people, place=place, previous=body.previous_address, filer=body.filer, **days
            )
        case Birth():
            return service.register_birth(tx, office, body.child.new(), body.household_id, filer=body.filer, **days)
        case Death():
            leaving = (body.resident.id, body.resident.version)
            return service.register_death(tx, leaving, relations=body.relations, filer=body.filer, **days)
        case MoveOut():
            everybody = [(each.id, each.version) for each in body.residents]
            return service.register_move_out(
                tx, everybody, destination=body.destination, relations=body.relations, filer=body.filer, **days
            )
        case MoveWithin():
            place = body.place.place()
            return service.register_move_within(
                tx, body.household_id, body.version_of_head, place=place, filer=body.filer, **days
            )
