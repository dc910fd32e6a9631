"""Letters the office mails itself (本人通知, 届出期間経過通知書)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field

from kit.app import problems
from kit.requests import Transaction
from systems.resident_registry.routes.desk import Clerk, Office, Purpose, Strict, counter
from systems.resident_registry.rules.letters import LETTERS
from systems.resident_registry.service import letters as service

router = counter()


class Letter(BaseModel):
    """`name` is the resident it is about; `addressee` whom it goes to."""

    id: UUID
    kind: str
    title: str
    addressee: str
    resident_id: UUID | None
    name: str | None
    drafted_at: datetime


class Letters(BaseModel):
    letters: list[Letter]


class Sent(Strict):
    letters: list[UUID] = Field(min_length=1, max_length=200)


@router.get("/letters", summary="Letters that have not left, the oldest first (200 at most)", responses=problems(403, 422, 428))
def waiting(tx: Transaction, actor: Clerk, purpose: Purpose) -> Letters:
    found: list[dict[str, Any]] = [
        {name: getattr(one, name) for name in ("id", "kind", "addressee", "resident_id", "drafted_at")}
        | {"title": LETTERS[one.kind], "name": person.name if person else None}
        for one, person in service.waiting(tx, actor.roles)
    ]
    return Letters(letters=[Letter(**each) for each in found])


@router.get(
    "/letters/{letter_id}/pdf",
    summary="A letter, PDF/A; the address of a protected resident for the role that may see it",
    response_class=Response,
    responses=problems(403, 404, 422, 428) | {200: {"content": {"application/pdf": {}}}},
)
def pdf(tx: Transaction, actor: Clerk, purpose: Purpose, office: Office, letter_id: UUID) -> Response:
    return Response(service.letter_pdf(tx, office, letter_id, actor.roles), media_type="application/pdf")


@router.post(
    "/letters:sent", status_code=204, summary="These letters have left; safe to repeat", responses=problems(403, 404, 422, 428)
)
def sent(tx: Transaction, actor: Clerk, purpose: Purpose, body: Sent) -> Response:
    service.mark_sent(tx, body.letters)
    return Response(status_code=204)
