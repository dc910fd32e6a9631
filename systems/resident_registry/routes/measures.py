"""Approving a single issue, other suppressions, and the confirmation of a restored copy."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field

from kit.app import problems
from kit.clock import today
from kit.idempotency import once
from kit.requests import Transaction
from systems.resident_registry.model.certificates import Requester
from systems.resident_registry.model.measures import Act, Asker, Override, SuppressionKind
from systems.resident_registry.routes.desk import IdempotencyKey, Purpose, Strict, Supervisor, Text, counter
from systems.resident_registry.service import measures as service
from systems.resident_registry.store import measures as store

router = counter()


class Approval(Strict):
    """一時解除: one issue, by one clerk, to one requester."""

    residents: list[UUID] = Field(min_length=1, max_length=20)
    requester: Requester
    requester_name: str = Field("", max_length=200)
    requester_born_on: date | None = None
    requester_address: str | None = Field(None, max_length=200)
    requester_id: UUID | None = Field(None, description="when the requester is a resident here")
    ground: Text
    for_actor: Text = Field(description="subject of the clerk who issues")
    not_opponent: bool = Field(False, description="examined: resembles the opponent but is somebody else")

    def asker(self) -> Asker:
        return Asker(
            self.requester,
            name=self.requester_name,
            born_on=self.requester_born_on,
            address=self.requester_address,
            resident_id=self.requester_id,
            ground=self.ground,
        )


class Lifted(BaseModel):
    """`closes_at`: over by then at the latest, and as soon as it is used."""

    id: UUID
    residents: list[UUID]
    closes_at: datetime


class NewSuppression(Strict):
    kind: SuppressionKind
    acts: Annotated[list[Act], Field(min_length=1, max_length=2)]
    message: Annotated[str, Field(min_length=1, max_length=500)]
    override: Override
    starts_on: date = Field(default_factory=today)
    ends_on: date | None = None


class Suppression(NewSuppression):
    id: UUID
    resident_id: UUID


class Confirmed(BaseModel):
    confirmed: Literal[True] = True
    at: datetime


@router.post(
    "/lifts", status_code=201, summary="Approve one issue of protected records (一時解除)", responses=problems(403, 422, 428)
)
def approve(
    tx: Transaction, actor: Supervisor, purpose: Purpose, body: Approval, idempotency_key: IdempotencyKey = None
) -> Lifted:
    def act() -> dict[str, Any]:
        lift = service.approve_issue(tx, body.residents, body.asker(), for_actor=body.for_actor, not_opponent=body.not_opponent)
        return Lifted(id=lift.id, residents=lift.residents, closes_at=lift.closes_at).model_dump(mode="json")

    return Lifted(**once(tx, idempotency_key, body.model_dump_json().encode(), act))


@router.post(
    "/residents/{resident_id}/suppressions",
    status_code=201,
    summary="Stop acts on a record (交付停止, 成年被後見, 異動保留, 訴訟)",
    responses=problems(403, 404, 409, 422, 428),
)
def suppress(
    tx: Transaction,
    actor: Supervisor,
    purpose: Purpose,
    resident_id: UUID,
    body: NewSuppression,
    idempotency_key: IdempotencyKey = None,
) -> Suppression:
    def act() -> dict[str, Any]:
        made = asdict(service.suppress(tx, resident_id, **body.model_dump()))
        return Suppression(**{name: made[name] for name in Suppression.model_fields}).model_dump(mode="json")

    return Suppression(**once(tx, idempotency_key, f"{resident_id}{body.model_dump_json()}".encode(), act))


@router.delete(
    "/suppressions/{suppression_id}",
    status_code=204,
    summary="End a suppression; it stays on record",
    responses=problems(403, 404, 428),
)
def end_suppression(tx: Transaction, actor: Supervisor, purpose: Purpose, suppression_id: UUID) -> Response:
    store.end_suppression(tx, suppression_id, tx.actor)
    return Response(status_code=204)


@router.post(
    "/restored-copy/confirm",
    summary="Confirm the measures of a restored copy, so that it may issue again",
    responses=problems(403, 409, 428),
)
def confirm_copy(tx: Transaction, actor: Supervisor, purpose: Purpose) -> Confirmed:
    return Confirmed(at=service.confirm_copy(tx))
