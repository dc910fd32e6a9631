"""The counter for machines: zone mynumber."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from kit.app import problems
from kit.auth import Actor, require
from kit.clock import today
from kit.db import Tx
from kit.errors import PurposeRequired
from kit.idempotency import once
from kit.requests import Transaction
from kit.settings import ProcessSettings, secret
from systems.resident_registry import model, service, store

router = APIRouter(prefix="/resident-registry", tags=["mynumber"])
routers = (router,)

#: purposes (事務) a clerk chooses from; the same list as in contract.yaml
PURPOSES = ("certificate", "notification", "inquiry")


def purpose(request: Request, x_purpose: Annotated[str | None, Header(description="/".join(PURPOSES))] = None) -> str:
    """The purpose of looking at personal data, from the list."""
    if x_purpose not in PURPOSES:
        raise PurposeRequired(f"choose a purpose and send it as X-Purpose: {', '.join(PURPOSES)}")
    return x_purpose


def office(request: Request) -> model.Office:
    """The municipality this process works for."""
    settings: ProcessSettings = request.app.state.settings
    keys = [bytes.fromhex(secret(name)) for name in ("MCLOUD_DATA_KEY", "MCLOUD_BLIND_INDEX_KEY")]
    return model.Office(settings.tenant, settings.tenant_name, keys[0], keys[1])


Clerk = Annotated[Actor, Depends(require("registry_clerk"))]
Supervisor = Annotated[Actor, Depends(require("registry_supervisor"))]
Purpose = Annotated[str, Depends(purpose)]
Office = Annotated[model.Office, Depends(office)]
IdempotencyKey = Annotated[str | None, Header(max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Hit(BaseModel):
    """One line of a search; the address of a protected resident is not shown."""

    id: UUID
    name: str
    kana: str
    born_on: date
    sex: str
    address: str | None
    restricted: bool


class Hits(BaseModel):
    residents: list[Hit]


class Record(Hit):
    """A resident as the counter sees one."""

    household_id: UUID
    state: str
    relation: str
    became_resident_on: date
    version: int


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
    relations: Relations = {}


class MoveOut(Filing):
    """転出"""

    kind: Literal["move_out"]
    destination: Text
    residents: list[Leaving] = Field(min_length=1, max_length=20)
    relations: Relations = {}


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


class Asker(Strict):
    kind: model.Requester
    name: str | None = Field(None, max_length=200)
    ground: str | None = Field(None, max_length=1000, description="written ground; third parties and protected records")


class CertificateRequest(Strict):
    requester: Asker
    form: model.Form = "individual"
    copies: int = Field(1, ge=1, le=10)
    with_head_and_relation: bool = False
    with_registered_domicile: bool = False
    with_resident_code: bool = False

    def request(self) -> model.Request:
        asked = self.model_dump(exclude={"requester"})
        return model.Request(self.requester.kind, name=self.requester.name, ground=self.requester.ground, **asked)


class Issued(BaseModel):
    serial: str
    fee_yen: int
    copies: int
    pdf_sha256: str
    issued_on: date


class Restriction(Strict):
    opponent_name: Text
    starts_on: date = Field(default_factory=today)


class Restricted(BaseModel):
    id: UUID


def _hit(one: model.Resident, *, may_see_address: bool = False) -> dict[str, Any]:
    shown = asdict(one)
    return shown | {"address": None if one.restricted and not may_see_address else one.address}


@router.get("/residents", summary="Search residents by name, kana, birth date or address", responses=problems(403, 422, 428))
def search(
    tx: Transaction,
    actor: Clerk,
    purpose: Purpose,
    name: Annotated[str | None, Query(max_length=100)] = None,
    kana: Annotated[str | None, Query(max_length=100)] = None,
    born_on: date | None = None,
    address: Annotated[str | None, Query(max_length=100)] = None,
) -> Hits:
    found = service.search(tx, model.Criteria(name, kana, born_on, address))
    return Hits(residents=[Hit(**_hit(each)) for each in found])


@router.get("/residents/{resident_id}", summary="One resident", responses=problems(403, 404, 428))
def find(tx: Transaction, actor: Clerk, purpose: Purpose, resident_id: UUID) -> Record:
    return Record(**_hit(service.find(tx, resident_id), may_see_address="registry_supervisor" in actor.roles))


@router.post(
    "/notifications", status_code=201, summary="File a notification (届出)", responses=problems(403, 404, 409, 412, 422, 428)
)
def file_notification(
    tx: Transaction, actor: Clerk, purpose: Purpose, office: Office, body: Notification, idempotency_key: IdempotencyKey = None
) -> Filed:
    def act() -> dict[str, Any]:
        return Filed(**asdict(_register(tx, office, body))).model_dump(mode="json")

    return Filed(**once(tx, idempotency_key, body.model_dump_json(exclude_unset=True).encode(), act))


def _register(tx: Tx, office: model.Office, body: Notification) -> model.Notification:
    days = {"event_on": body.event_on, "filed_on": body.filed_on}
    match body:
        case MoveIn():
            people, place = [each.new() for each in body.people], (body.place.postal_code, body.place.address)
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
            place = (body.place.postal_code, body.place.address)
            return service.register_move_within(
                tx, body.household_id, body.version_of_head, place=place, filer=body.filer, **days
            )


@router.post(
    "/residents/{resident_id}/certificates",
    status_code=201,
    summary="Issue a 住民票の写し",
    responses=problems(403, 404, 409, 422, 428),
)
def issue(
    tx: Transaction,
    actor: Clerk,
    purpose: Purpose,
    office: Office,
    resident_id: UUID,
    body: CertificateRequest,
    idempotency_key: IdempotencyKey = None,
) -> Issued:
    def act() -> dict[str, Any]:
        supervisor = "registry_supervisor" in actor.roles
        issued = service.issue_certificate(tx, office, resident_id, body.request(), is_supervisor=supervisor)
        return Issued(**asdict(issued)).model_dump(mode="json")

    return Issued(**once(tx, idempotency_key, f"{resident_id}{body.model_dump_json()}".encode(), act))


@router.get(
    "/certificates/{serial}/pdf",
    summary="The certificate as issued, PDF",
    response_class=Response,
    responses=problems(403, 404, 409, 428) | {200: {"content": {"application/pdf": {}}}},
)
def certificate_pdf(tx: Transaction, actor: Clerk, purpose: Purpose, serial: str) -> Response:
    return Response(service.certificate_pdf(tx, serial), media_type="application/pdf")


@router.post(
    "/residents/{resident_id}/disclosure-restrictions",
    status_code=201,
    summary="Protect a resident's address (支援措置)",
    responses=problems(403, 404, 422, 428),
)
def restrict(tx: Transaction, actor: Supervisor, purpose: Purpose, resident_id: UUID, body: Restriction) -> Restricted:
    measure = service.restrict_disclosure(tx, resident_id, opponent_name=body.opponent_name, starts_on=body.starts_on)
    return Restricted(id=measure)


@router.get("/statistics", summary="Number of residents; no personal data", responses=problems(403))
def statistics(
    tx: Transaction, actor: Annotated[Actor, Depends(require("registry_clerk", "tenant_admin", "auditor"))]
) -> dict[str, int]:
    return {"residents": store.count(tx)}
