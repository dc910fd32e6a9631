"""Protective measures."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, Field

from kit.app import problems
from kit.clock import today
from kit.requests import Transaction
from systems.resident_registry.routes.desk import Purpose, Strict, Supervisor, Text, counter
from systems.resident_registry.service import measures as service

router = counter()


class Restriction(Strict):
    opponent_name: Text
    starts_on: date = Field(default_factory=today)


class Restricted(BaseModel):
    id: UUID


@router.post(
    "/residents/{resident_id}/disclosure-restrictions",
    status_code=201,
    summary="Protect a resident's address (支援措置)",
    responses=problems(403, 404, 422, 428),
)
def restrict(tx: Transaction, actor: Supervisor, purpose: Purpose, resident_id: UUID, body: Restriction) -> Restricted:
    measure = service.restrict_disclosure(tx, resident_id, opponent_name=body.opponent_name, starts_on=body.starts_on)
    return Restricted(id=measure)
