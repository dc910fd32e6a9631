"""Backups, restores and drills."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime

from kit.app import problems
from kit.auth import Actor
from kit.civic.codes import check_authority_code
from kit.requests import Transaction
from platform_api import runner, store
from platform_api.access import prefecture
from platform_api.routes import Code, Here, IdempotencyKey, accept
from platform_api.shapes import BackupRequest, DrillRequest, OperationOut, RestoreRequest
from tenants import catalog, ledger
from tenants.home import PREFECTURE

router = APIRouter(prefix="/v1", tags=["recovery"])
Operator = Annotated[Actor, prefecture("operator", "drill_leader")]
Leader = Annotated[Actor, prefecture("drill_leader")]
DrillReader = Annotated[Actor, prefecture("drill_leader", "operator", "council_secretary", "auditor")]


@router.post("/tenants/{code}/backups", status_code=202, summary="Back a tenant up now", responses=problems(403, 404, 409, 422))
def back_up(
    request: Request, response: Response, actor: Operator, code: Code, body: BackupRequest, idempotency_key: IdempotencyKey = None
) -> OperationOut:
    return accept(request, response, actor, "backup", code, body.model_dump(), key=idempotency_key)


@router.get("/tenants/{code}/backups", summary="Backups by their signed manifests", responses=problems(404, 409, 422))
def backups(tx: Transaction, code: Code, home: Here) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = runner.run(home, "dr", ["list", "--tenant", code])["backups"]
    return found


@router.get("/tenants/{code}/restore-plan", summary="What a restore would do", responses=problems(403, 404, 409, 422))
def restore_plan(tx: Transaction, actor: Operator, code: Code, home: Here, at: AwareDatetime | None = None) -> dict[str, Any]:
    moment = ["--at", at.isoformat()] if at else []
    plan = runner.run(home, "dr", ["plan", "--tenant", code, *moment])
    return {key: value for key, value in plan.items() if key != "event"}


@router.post(
    "/tenants/{code}/restores", status_code=202, summary="Restore beside everything else", responses=problems(403, 404, 409, 422)
)
def restore(
    request: Request, response: Response, actor: Leader, code: Code, body: RestoreRequest, idempotency_key: IdempotencyKey = None
) -> OperationOut:
    return accept(request, response, actor, "restore", code, body.model_dump(mode="json"), key=idempotency_key)


@router.delete("/tenants/{code}/restores/{database}", summary="Destroy a restored copy", responses=problems(403, 404, 422))
def destroy(tx: Transaction, actor: Leader, code: Code, home: Here, database: str) -> dict[str, Any]:
    gone = runner.run(home, "dr", ["destroy", "--tenant", code, "--id", database])
    ledger.append(tx, code, "destroyed", database, {"destroyed": gone["destroyed"]})
    return {"database": database, "destroyed": gone["destroyed"]}


@router.post("/drills", status_code=202, summary="Drill: bring towns back and measure", responses=problems(403, 404, 409, 422))
def drill(
    request: Request, response: Response, actor: Leader, home: Here, body: DrillRequest, idempotency_key: IdempotencyKey = None
) -> OperationOut:
    for code in body.tenants:
        catalog.tenant(check_authority_code(code), home)
    return accept(request, response, actor, "drill", PREFECTURE, body.model_dump(), key=idempotency_key)


@router.get("/drills", summary="Drills, newest first", responses=problems(403))
def drills(tx: Transaction, actor: DrillReader) -> list[OperationOut]:
    return [OperationOut.model_validate(each, from_attributes=True) for each in store.operations(tx, kind="drill")]


@router.get("/drills/{drill_id}", summary="A drill's report and whether its signature is valid", responses=problems(403, 404))
def drill_report(tx: Transaction, actor: DrillReader, home: Here, drill_id: UUID) -> dict[str, Any]:
    found = runner.run(home, "dr", ["report", "--id", drill_id.hex])
    return {key: value for key, value in found.items() if key != "event"}
