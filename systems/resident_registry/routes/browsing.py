"""Browsing of the extract of the register, and its yearly publication."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, Field

from kit.app import problems
from kit.clock import today
from kit.idempotency import once
from kit.requests import Transaction
from systems.resident_registry.model.browsing import BrowserKind
from systems.resident_registry.routes.desk import Clerk, IdempotencyKey, Office, Purpose, Strict, Supervisor, Text, counter
from systems.resident_registry.routes.statistics import SHEET, AskedForm, Sheet, answer
from systems.resident_registry.service import browsing as service
from systems.resident_registry.store import browsing as store

router = counter()


class NewApplication(Strict):
    """Who wants to browse, what for, and of which neighbourhoods (`towns`)."""

    kind: BrowserKind
    applicant: Text
    represented_by: Text | None = None
    purpose: str = Field(min_length=1, max_length=1000)
    towns: list[Text] = Field(min_length=1, max_length=200)
    applied_on: date | None = Field(None, description="today when left out")


class Decision(Strict):
    approved: bool
    ground: str = Field(min_length=1, max_length=1000)


class Application(BaseModel):
    """`browsed`: how many residents the newest extract showed."""

    id: UUID
    number: str
    state: str
    kind: str
    applicant: str
    represented_by: str | None
    purpose: str
    towns: list[str]
    applied_on: date
    decided_on: date | None
    browsed_on: date | None
    browsed: int | None


class Applications(BaseModel):
    applications: list[Application]


def _shown(one: Any) -> dict[str, Any]:
    return Application.model_validate(one, from_attributes=True).model_dump(mode="json")


@router.get(
    "/browsing-applications", summary="Applications for browsing, the newest first (200 at most)", responses=problems(403)
)
def listed(tx: Transaction, actor: Clerk) -> Applications:
    return Applications(applications=[Application(**_shown(each)) for each in store.recent(tx, 200)])


@router.post(
    "/browsing-applications",
    status_code=201,
    summary="Enter an application for browsing",
    response_model=Application,
    responses=problems(403, 409, 422),
)
def apply(tx: Transaction, actor: Clerk, body: NewApplication, idempotency_key: IdempotencyKey = None) -> dict[str, Any]:
    def work() -> dict[str, Any]:
        given = body.model_dump() | {"applied_on": body.applied_on or today()}
        return _shown(service.apply(tx, given.pop("kind"), given.pop("applicant"), **given))

    return once(tx, idempotency_key, body.model_dump_json().encode(), work)


@router.post(
    "/browsing-applications/{browsing_id}/decision",
    summary="Approve or refuse: another officer than the one who entered it",
    response_model=Application,
    responses=problems(403, 404, 409, 422),
)
def decide(tx: Transaction, actor: Supervisor, browsing_id: UUID, body: Decision) -> dict[str, Any]:
    return _shown(service.decide(tx, browsing_id, approved=body.approved, ground=body.ground))


@router.post(
    "/browsing-applications/{browsing_id}/extract",
    summary="The extract of an approved application (閲覧用の写し); protected residents are not in it",
    response_model=Sheet,
    responses=problems(403, 404, 409, 422, 428) | SHEET,
)
def extract(
    tx: Transaction,
    actor: Clerk,
    purpose: Purpose,
    office: Office,
    browsing_id: UUID,
    form: AskedForm = "json",
) -> Response:
    return answer(service.extract(tx, browsing_id), form, office, actor)


@router.get(
    "/browsing-publication",
    summary="Who browsed in the fiscal year, as it is published",
    response_model=Sheet,
    responses=problems(403, 422) | SHEET,
)
def published(
    tx: Transaction,
    actor: Clerk,
    office: Office,
    year: Annotated[int, Query(ge=1967, le=2999, description="in which the fiscal year begins")],
    form: AskedForm = "json",
) -> Response:
    return answer(service.published(tx, year), form, office, actor)
