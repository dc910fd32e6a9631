"""Retention: deletion refused, disposal by two officers, legal holds, 廃棄済証明."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from kit.app import problems
from kit.clock import today
from kit.idempotency import once
from kit.requests import Transaction
from systems.resident_registry.model.retention import Disposal, RecordClass
from systems.resident_registry.routes.desk import IdempotencyKey, Office, Purpose, Strict, Supervisor, Text, counter
from systems.resident_registry.service import retention as service
from systems.resident_registry.store import people
from systems.resident_registry.store import retention as store

router = counter()
PROBLEMS = problems(403, 404, 409, 422, 428)
Ground = Annotated[str, Field(min_length=1, max_length=1000)]


class Proposal(Strict):
    """Removed records by id, or the oldest records of another class that are old enough."""

    record_class: RecordClass
    residents: list[UUID] = Field(default_factory=list, max_length=1000)
    until: date | None = Field(None, description="only what is not younger than this day; not of removed records")
    ground: Ground


class Shown(BaseModel):
    """A disposal; its certificate is there when it was carried out."""

    id: UUID
    record_class: RecordClass
    state: str
    records: int
    until: date | None
    proposed_by: str
    approved_by: str | None
    certificate: dict[str, Any] | None
    version: int


class Hold(Strict):
    reason: Ground


class Held(BaseModel):
    id: UUID


class Gone(Strict):
    """Whom a 廃棄済証明 is asked for, and when the record was removed."""

    name: Text
    born_on: date
    removed_on: date


class CertifiedGone(BaseModel):
    """What the certificate may say; `recorded_here` when the disposal itself is on record."""

    removed_on: date
    kept_years: int
    disposed_on: date | None
    recorded_here: bool


def _shown(one: Disposal) -> Shown:
    return Shown(**{name: getattr(one, name) for name in Shown.model_fields})


@router.delete("/residents/{resident_id}", summary="Always refused: records are disposed of, not deleted", responses=PROBLEMS)
def delete(tx: Transaction, actor: Supervisor, purpose: Purpose, office: Office, resident_id: UUID) -> None:
    service.refuse_deletion(tx, office, resident_id)


@router.post("/disposals", status_code=201, summary="Propose a disposal", responses=PROBLEMS)
def propose(
    tx: Transaction,
    actor: Supervisor,
    purpose: Purpose,
    office: Office,
    body: Proposal,
    idempotency_key: IdempotencyKey = None,
) -> Shown:
    def act() -> dict[str, Any]:
        return _shown(service.propose(tx, office, body.record_class, body.residents, body.ground, until=body.until)).model_dump(
            mode="json"
        )

    return Shown(**once(tx, idempotency_key, body.model_dump_json().encode(), act))


@router.get("/disposals/{disposal_id}", summary="A disposal and its certificate", responses=problems(403, 404, 422, 428))
def find(tx: Transaction, actor: Supervisor, purpose: Purpose, disposal_id: UUID) -> Shown:
    return _shown(store.disposal(tx, disposal_id))


@router.post("/disposals/{disposal_id}:approve", summary="Approve a disposal, as another officer", responses=PROBLEMS)
def approve(tx: Transaction, actor: Supervisor, purpose: Purpose, disposal_id: UUID) -> Shown:
    return _shown(service.approve(tx, disposal_id))


@router.post("/disposals/{disposal_id}:refuse", summary="Refuse a disposal: everything stays", responses=PROBLEMS)
def refuse(tx: Transaction, actor: Supervisor, purpose: Purpose, disposal_id: UUID) -> Shown:
    return _shown(service.refuse(tx, disposal_id))


@router.post("/disposals/{disposal_id}:dispose", summary="Carry out an approved disposal", responses=PROBLEMS)
def dispose(tx: Transaction, actor: Supervisor, purpose: Purpose, office: Office, disposal_id: UUID) -> Shown:
    return _shown(service.dispose(tx, office, disposal_id))


@router.post(
    "/residents/{resident_id}/legal-holds", status_code=201, summary="Keep a record beyond its period", responses=PROBLEMS
)
def hold(
    tx: Transaction, actor: Supervisor, purpose: Purpose, resident_id: UUID, body: Hold, idempotency_key: IdempotencyKey = None
) -> Held:
    def act() -> dict[str, Any]:
        people.resident(tx, resident_id, today())
        return Held(id=store.add_hold(tx, resident_id, body.reason, today())).model_dump(mode="json")

    return Held(**once(tx, idempotency_key, f"{resident_id}{body.model_dump_json()}".encode(), act))


@router.post("/legal-holds/{hold_id}:end", summary="End a legal hold", responses=PROBLEMS)
def end_hold(tx: Transaction, actor: Supervisor, purpose: Purpose, hold_id: UUID) -> Held:
    store.end_hold(tx, hold_id, today())
    return Held(id=hold_id)


@router.post("/disposed-records:certify", summary="What a 廃棄済証明 may say", responses=PROBLEMS)
def certify(tx: Transaction, actor: Supervisor, purpose: Purpose, office: Office, body: Gone) -> CertifiedGone:
    return CertifiedGone(**service.certify_disposed(tx, office, body.name, body.born_on, body.removed_on))
