"""Packs of everything: asked for by one, released by another, made by a job. Zone mynumber alone (R10)."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Response
from pydantic import BaseModel, Field

from kit.app import problems
from kit.auth import Actor, require
from kit.idempotency import once
from kit.requests import Transaction
from systems.resident_registry.model.exports import ExportJob
from systems.resident_registry.routes.desk import IdempotencyKey, Office, Purpose, Strict, counter
from systems.resident_registry.service import exports as service
from systems.resident_registry.store import exports as store

router = counter()
Operator = Annotated[Actor, Depends(require("registry_operator"))]
Releaser = Annotated[Actor, Depends(require("registry_supervisor"))]
Either = Annotated[Actor, Depends(require("registry_operator", "registry_supervisor"))]


class Asked(Strict):
    ground: str = Field(min_length=1, max_length=1000, description="written ground")
    encoding: Literal["utf-8-sig", "cp932"] = Field("utf-8-sig", description="of the CSV files; cp932 with a character report")
    with_numbers: bool = Field(False, description="with individual numbers: released by the role for numbers only")


class Decision(Strict):
    release: bool
    with_protected: bool = Field(False, description="with the places of protected residents: the role for measures only")


class Export(BaseModel):
    """A pack as it stands; `manifest` once it is made."""

    id: UUID
    state: Literal["requested", "released", "made", "refused", "swept"]
    ground: str
    encoding: str
    with_numbers: bool
    with_protected: bool
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    manifest: dict[str, Any] | None
    pack_sha256: str | None
    made_at: datetime | None


class Exports(BaseModel):
    exports: list[Export]


def _told(job: ExportJob) -> Export:
    return Export(**asdict(job))


@router.post("/exports", status_code=202, summary="Ask for a pack of everything", responses=problems(403, 422, 428))
def request(
    tx: Transaction,
    actor: Operator,
    purpose: Purpose,
    response: Response,
    body: Asked,
    idempotency_key: IdempotencyKey = None,
) -> Export:
    def act() -> dict[str, Any]:
        return _told(service.request(tx, **body.model_dump())).model_dump(mode="json")

    told = Export(**once(tx, idempotency_key, body.model_dump_json().encode(), act))
    response.headers["Location"] = f"{router.prefix}/exports/{told.id}"
    return told


@router.get("/exports", summary="Packs, the newest first", responses=problems(403, 428))
def exports(tx: Transaction, actor: Either, purpose: Purpose) -> Exports:
    return Exports(exports=[_told(each) for each in store.recent(tx, 50)])


@router.get("/exports/{export_id}", summary="Where a pack stands", responses=problems(403, 404, 428))
def find(tx: Transaction, actor: Either, purpose: Purpose, export_id: UUID) -> Export:
    return _told(store.job(tx, export_id))


@router.post(
    "/exports/{export_id}:decide",
    status_code=202,
    summary="Release or refuse a pack that another asked for",
    responses=problems(403, 404, 409, 422, 428),
)
def decide(tx: Transaction, actor: Releaser, purpose: Purpose, export_id: UUID, body: Decision) -> Export:
    return _told(service.decide(tx, export_id, **body.model_dump(), roles=actor.roles))


@router.get(
    "/exports/{export_id}/pack",
    summary="The pack, to whoever asked for it or released it",
    response_class=Response,
    responses=problems(403, 404, 409, 428) | {200: {"content": {"application/zip": {}}}},
)
def pack(tx: Transaction, actor: Either, purpose: Purpose, office: Office, export_id: UUID) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="residents-{office.tenant}.zip"'}
    return Response(service.hand_out(tx, office, export_id, actor.roles), media_type="application/zip", headers=headers)


@router.post("/exports/{export_id}:sweep", summary="Throw away a pack no longer needed", responses=problems(403, 404, 409, 428))
def sweep(tx: Transaction, actor: Either, purpose: Purpose, export_id: UUID) -> Export:
    return _told(service.sweep(tx, export_id))
