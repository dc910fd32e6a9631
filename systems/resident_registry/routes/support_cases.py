"""Support cases (DV等支援措置): application, consultation, decision, extension, end; worklists; word to other authorities."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Response
from pydantic import BaseModel, Field

from kit.app import problems
from kit.auth import Actor
from kit.clock import today
from kit.idempotency import once
from kit.requests import Transaction
from systems.resident_registry.model import measures as model
from systems.resident_registry.routes.desk import DvOfficer, IdempotencyKey, Office, Purpose, Strict, Supervisor, Text, counter
from systems.resident_registry.rules.measures import shown_state
from systems.resident_registry.service import support_cases as service

router = counter()


def decider(actor: Supervisor, reader: DvOfficer) -> Actor:
    """Whoever decides about a case may read it: nobody decides unread."""
    return actor


Decider = Annotated[Actor, Depends(decider)]


class Opponent(Strict):
    name: Text
    born_on: date | None = None
    address: str | None = Field(None, max_length=200)


class Application(Strict):
    """Protects from the moment it is taken (仮支援)."""

    applicant: UUID
    kind: model.CaseKind
    opponent: Opponent
    together: list[UUID] = Field([], max_length=20)
    scope: list[model.Document] = Field(list(model.DOCUMENTS), min_length=1, max_length=4)
    applied_on: date = Field(default_factory=today)


class Version(Strict):
    version: int


class Consultation(Version):
    body: Text
    consulted_on: date
    opinion: Annotated[str, Field(min_length=1, max_length=1000)]


class Closing(Version):
    reason: Text


class Identity(Strict):
    resident_id: UUID


class Case(BaseModel):
    """A case without the opponent: what lists show."""

    id: UUID
    kind: model.CaseKind | None
    state: model.CaseState
    shown_state: str
    applicant_name: str
    scope: list[model.Document]
    applied_on: date
    starts_on: date | None
    ends_on: date | None
    closed_on: date | None
    version: int


class WholeCase(Case):
    """A case as the DV officer reads one."""

    protected_address: str
    consultation_body: str | None
    consulted_on: date | None
    opinion: str | None
    closed_for: str | None
    opponent: Opponent
    opponent_resident_id: UUID | None
    protected: list[UUID]


class Worklists(BaseModel):
    undecided: list[Case]
    ending: list[Case]
    expired: list[Case]
    moved: list[Case]


class Forwarding(BaseModel):
    """Word of a case to an authority; `to_authority` null: outside the platform, on paper."""

    id: UUID
    case_id: UUID
    what: str
    to_authority: str | None
    addressee: str
    holds: model.Holds
    created_at: datetime
    sent_at: datetime | None
    overdue: bool


class Forwardings(BaseModel):
    forwardings: list[Forwarding]


def _case(one: model.SupportCase) -> Case:
    return Case(**_facts(one))


def _facts(one: model.SupportCase) -> dict[str, object]:
    return asdict(one) | {"shown_state": shown_state(one, today())}


@router.post(
    "/support-cases", status_code=201, summary="Take an application (支援措置の申出)", responses=problems(403, 404, 409, 422, 428)
)
def apply(tx: Transaction, actor: DvOfficer, purpose: Purpose, body: Application, idempotency_key: IdempotencyKey = None) -> Case:
    def act() -> dict[str, Any]:
        opponent = model.Opponent(**body.opponent.model_dump())
        made = service.apply(
            tx, body.applicant, body.kind, opponent, together=body.together, scope=body.scope, applied_on=body.applied_on
        )
        return _case(made).model_dump(mode="json")

    return Case(**once(tx, idempotency_key, body.model_dump_json().encode(), act))


@router.get("/support-cases", summary="Worklists: undecided, ending, expired, moved", responses=problems(403, 428))
def worklists(tx: Transaction, actor: DvOfficer, purpose: Purpose) -> Worklists:
    return Worklists(**{name: [_case(each) for each in cases] for name, cases in service.worklists(tx).items()})


@router.get("/support-cases/{case_id}", summary="One case with its opponent", responses=problems(403, 404, 428))
def read(tx: Transaction, actor: DvOfficer, purpose: Purpose, case_id: UUID) -> WholeCase:
    case, opponent, protected = service.read(tx, case_id)
    told = Opponent(name=opponent.name, born_on=opponent.born_on, address=opponent.address)
    return WholeCase(**_facts(case) | {"opponent": told, "opponent_resident_id": opponent.resident_id, "protected": protected})


@router.post(
    "/support-cases/{case_id}/confirm", summary="Record the consultation", responses=problems(403, 404, 409, 412, 422, 428)
)
def confirm(tx: Transaction, actor: DvOfficer, purpose: Purpose, case_id: UUID, body: Consultation) -> Case:
    confirmed = service.confirm(tx, case_id, body.version, body=body.body, consulted_on=body.consulted_on, opinion=body.opinion)
    return _case(confirmed)


@router.post(
    "/support-cases/{case_id}/decide", summary="Decide for the measure", responses=problems(403, 404, 409, 412, 422, 428)
)
def decide(tx: Transaction, actor: Decider, purpose: Purpose, office: Office, case_id: UUID, body: Version) -> Case:
    return _case(service.decide(tx, case_id, body.version, office=office))


@router.post("/support-cases/{case_id}/extend", summary="Extend the measure", responses=problems(403, 404, 409, 412, 422, 428))
def extend(tx: Transaction, actor: Decider, purpose: Purpose, office: Office, case_id: UUID, body: Version) -> Case:
    return _case(service.extend(tx, case_id, body.version, tenant=office.tenant))


@router.post(
    "/support-cases/{case_id}/close",
    summary="End the measure, or reject the application",
    responses=problems(403, 404, 409, 412, 422, 428),
)
def close(tx: Transaction, actor: Decider, purpose: Purpose, office: Office, case_id: UUID, body: Closing) -> Case:
    return _case(service.close(tx, case_id, body.version, reason=body.reason, tenant=office.tenant))


@router.post(
    "/support-cases/{case_id}/opponent",
    status_code=204,
    summary="Decide that the opponent is this resident",
    responses=problems(403, 404, 409, 422, 428),
)
def identify(tx: Transaction, actor: Decider, purpose: Purpose, case_id: UUID, body: Identity) -> Response:
    service.identify_opponent(tx, case_id, body.resident_id)
    return Response(status_code=204)


@router.get("/support-forwardings", summary="Forwardings without acknowledgement", responses=problems(403, 428))
def forwardings(tx: Transaction, actor: DvOfficer, purpose: Purpose) -> Forwardings:
    rows = [Forwarding(**asdict(each), overdue=overdue) for each, overdue in service.forwardings(tx)]
    return Forwardings(forwardings=rows)


@router.post(
    "/support-forwardings/{forwarding_id}/acknowledge",
    status_code=204,
    summary="The other authority has it",
    responses=problems(403, 404, 428),
)
def acknowledge(tx: Transaction, actor: DvOfficer, purpose: Purpose, forwarding_id: UUID) -> Response:
    service.acknowledge(tx, forwarding_id)
    return Response(status_code=204)
