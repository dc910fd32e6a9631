"""Movements (異動): entered, submitted, sent back, decided, cancelled."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Query, Response
from pydantic import BaseModel, Field

from kit import journal
from kit.app import problems
from kit.auth import Actor, require
from kit.db import Tx
from kit.idempotency import once
from kit.requests import Transaction
from systems.resident_registry.model.filings import Filing, Ground
from systems.resident_registry.model.movements import Movement, MovementState, Notice
from systems.resident_registry.model.people import RESIDENT
from systems.resident_registry.routes.desk import Clerk, IdempotencyKey, Office, Purpose, Strict, Text, Version, counter
from systems.resident_registry.service import movements as service
from systems.resident_registry.service import preview as previews
from systems.resident_registry.service import unmatched
from systems.resident_registry.store import movements as store

router = counter()
PROBLEMS = problems(403, 404, 409, 412, 422, 428)
Officer = Annotated[Actor, Depends(require("registry_clerk", "registry_supervisor"))]


class NewMovement(Filing):
    """A form, and how far it goes at once: a draft, handed in, or decided where the rules let the same officer.

    A 転入通知 (in_notice) without 転出 stays a draft, once `no-departure` is confirmed.
    """

    up_to: Literal["draft", "review", "decided"] = "draft"
    confirmed: list[Text] = Field(default_factory=list, max_length=20, description="slugs of alerts that were looked at")


class Confirmation(Strict):
    confirmed: list[Text] = Field(default_factory=list, max_length=20)


class Reason(Strict):
    reason: str = Field(min_length=1, max_length=1000)


class Cancellation(Strict):
    ground: Ground


class NoticeShown(BaseModel):
    """A draft of a notice to somebody outside."""

    id: UUID
    kind: str
    addressee: str
    authority: str | None
    resident_id: UUID | None
    state: str
    content: dict[str, Any]


class Shown(BaseModel):
    """A movement; `version` is what the next step sends as If-Match."""

    id: UUID
    number: str
    reason: str
    state: MovementState
    event_on: date
    filed_on: date
    processed_on: date | None
    is_late: bool
    filer: str
    residents: list[UUID]
    alerts: list[dict[str, Any]]
    returned_for: str | None
    cancels: UUID | None
    entered_at: datetime
    decided_at: datetime | None
    version: int


class ShownWhole(Shown):
    """With the form as entered and the drafts it gave rise to."""

    details: dict[str, Any]
    ground: dict[str, Any] | None
    documents: list[str]
    filer_name: str | None
    notices: list[NoticeShown]


class Effect(BaseModel):
    """Of a resident (null: one who would be entered), each item that would change with its value before and after.

    `on`: the day from which, where that is not the movement's.
    """

    id: UUID | None
    name: str
    items: dict[str, tuple[Any, Any]]
    on: date | None = None


class Told(BaseModel):
    slug: str
    title: str


class Preview(BaseModel):
    """What the movement would do, and the alerts to confirm by slug."""

    effects: list[Effect]
    alerts: list[Told]
    is_late: bool


class Listed(BaseModel):
    """Movements by number; `next` is where the following ones begin."""

    movements: list[Shown]
    next: str | None


def _shown(one: Movement) -> dict[str, Any]:
    return Shown.model_validate(one, from_attributes=True).model_dump(mode="json")


def _whole(one: Movement, notices: list[Notice]) -> ShownWhole:
    drafts = [NoticeShown.model_validate(each, from_attributes=True) for each in notices]
    facts = {name: getattr(one, name) for name in ShownWhole.model_fields if name != "notices"}
    return ShownWhole(**facts, notices=drafts)


@router.post("/movements", status_code=201, summary="Enter a movement (異動)", responses=PROBLEMS)
def enter(
    tx: Transaction, actor: Clerk, purpose: Purpose, office: Office, body: NewMovement, idempotency_key: IdempotencyKey = None
) -> Shown:
    def act() -> dict[str, Any]:
        if body.up_to == "draft":
            return _shown(service.draft(tx, office, body))
        one = unmatched.enter(tx, office, body, body.confirmed)
        if body.up_to == "decided" and one.state == "review":
            one = service.approve(tx, office, one.id, one.version, is_supervisor="registry_supervisor" in actor.roles)
        return _shown(one)

    return Shown(**once(tx, idempotency_key, body.model_dump_json(exclude_unset=True).encode(), act))


@router.post("/movements:preview", summary="What a movement would do, without doing it", responses=PROBLEMS)
def preview(tx: Transaction, actor: Clerk, purpose: Purpose, office: Office, body: Filing) -> Preview:
    effects, told, is_late = previews.preview(tx, office, lambda: service.draft(tx, office, body), actor.roles)
    shown = [asdict(each) for each in effects]
    return Preview(effects=[Effect(**each) for each in shown], alerts=[Told(**asdict(each)) for each in told], is_late=is_late)


@router.get("/movements", summary="Movements of a state or of a resident, by number", responses=problems(403, 422, 428))
def listed(
    tx: Transaction,
    actor: Officer,
    purpose: Purpose,
    state: MovementState | None = None,
    resident: UUID | None = None,
    after: Annotated[str, Query(max_length=40, pattern="^[0-9a-z-]*$")] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Listed:
    found = store.movements(tx, state=state, resident=resident, after=after, limit=limit + 1)
    seen = {each for one in found[:limit] for each in one.residents} | ({resident} if resident else set())
    journal.record_access(tx, RESIDENT, list(seen), {"act": "list of movements"})
    more = found[limit - 1].number if len(found) > limit else None
    return Listed(movements=[Shown(**_shown(each)) for each in found[:limit]], next=more)


@router.get("/movements/{movement_id}", summary="One movement with its form and drafts", responses=problems(403, 404, 422, 428))
def find(tx: Transaction, actor: Officer, purpose: Purpose, movement_id: UUID, response: Response) -> ShownWhole:
    one, notices = service.find(tx, movement_id, actor.roles)
    response.headers["ETag"] = f'"{one.version}"'
    return _whole(one, notices)


@router.put("/movements/{movement_id}", summary="Another form for a draft or a returned movement", responses=PROBLEMS)
def edit(
    tx: Transaction, actor: Clerk, purpose: Purpose, office: Office, movement_id: UUID, body: Filing, version: Version
) -> Shown:
    return Shown(**_shown(service.edit(tx, office, movement_id, version, body)))


def _step(tx: Tx, key: str | None, sent: str, act: Callable[[], Movement]) -> Shown:
    return Shown(**once(tx, key, sent.encode(), lambda: _shown(act())))


@router.post("/movements/{movement_id}:submit", summary="Hand a draft in, with alerts confirmed", responses=PROBLEMS)
def submit(
    tx: Transaction,
    actor: Clerk,
    purpose: Purpose,
    office: Office,
    movement_id: UUID,
    body: Confirmation,
    version: Version,
    idempotency_key: IdempotencyKey = None,
) -> Shown:
    sent = f"submit {movement_id} {version} {body.model_dump_json()}"
    return _step(tx, idempotency_key, sent, lambda: service.submit(tx, office, movement_id, version, body.confirmed))


@router.post("/movements/{movement_id}:approve", summary="Decide a movement; the register changes", responses=PROBLEMS)
def approve(
    tx: Transaction,
    actor: Officer,
    purpose: Purpose,
    office: Office,
    movement_id: UUID,
    version: Version,
    idempotency_key: IdempotencyKey = None,
) -> Shown:
    supervisor = "registry_supervisor" in actor.roles
    sent = f"approve {movement_id} {version}"
    return _step(tx, idempotency_key, sent, lambda: service.approve(tx, office, movement_id, version, is_supervisor=supervisor))


@router.post("/movements/{movement_id}:return", summary="Send a movement back to who entered it", responses=PROBLEMS)
def send_back(
    tx: Transaction,
    actor: Officer,
    purpose: Purpose,
    movement_id: UUID,
    body: Reason,
    version: Version,
    idempotency_key: IdempotencyKey = None,
) -> Shown:
    sent = f"return {movement_id} {version} {body.model_dump_json()}"
    return _step(tx, idempotency_key, sent, lambda: service.send_back(tx, movement_id, version, body.reason))


@router.post(
    "/movements/{movement_id}:cancel",
    summary="Withdraw a movement, or enter the reversal of a decided one",
    responses=PROBLEMS,
)
def cancel(
    tx: Transaction,
    actor: Clerk,
    purpose: Purpose,
    office: Office,
    movement_id: UUID,
    body: Cancellation,
    version: Version,
    idempotency_key: IdempotencyKey = None,
) -> Shown:
    sent = f"cancel {movement_id} {version} {body.model_dump_json()}"
    return _step(tx, idempotency_key, sent, lambda: service.cancel(tx, office, movement_id, version, body.ground))
