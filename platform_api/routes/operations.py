"""Operations: what a job does now, and how it ended."""

import json
import time
from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from kit.app import problems
from kit.auth import Actor, current_actor
from kit.db import Database
from kit.errors import NotFound
from kit.requests import Transaction
from platform_api import store
from platform_api.shapes import OperationOut
from tenants.home import PREFECTURE

router = APIRouter(prefix="/v1", tags=["operations"])
Anybody = Annotated[Actor, Depends(current_actor)]
#: seconds between two looks at a running operation
LOOK_EVERY = 0.3


def _visible(operation: store.Operation, actor: Actor) -> store.Operation:
    if actor.tenant not in (PREFECTURE, operation.tenant):
        raise NotFound("there is no such operation")
    return operation


@router.get("/operations", summary="Newest operations", responses=problems(403))
def operations(tx: Transaction, actor: Anybody, tenant: str | None = None) -> list[OperationOut]:
    mine = tenant if actor.tenant == PREFECTURE else actor.tenant
    return [OperationOut.model_validate(each, from_attributes=True) for each in store.operations(tx, mine)]


@router.get("/operations/{operation_id}", summary="One operation with its steps", responses=problems(404))
def operation(tx: Transaction, actor: Anybody, operation_id: UUID) -> OperationOut:
    return OperationOut.model_validate(_visible(store.operation(tx, operation_id), actor), from_attributes=True)


@router.get(
    "/operations/{operation_id}/events",
    summary="Steps as they end (server-sent events)",
    response_class=StreamingResponse,
    responses=problems(404) | {200: {"content": {"text/event-stream": {}}}},
)
def events(request: Request, tx: Transaction, actor: Anybody, operation_id: UUID) -> StreamingResponse:
    _visible(store.operation(tx, operation_id), actor)
    database: Database = request.app.state.database

    def stream() -> Iterator[str]:
        told = 0
        while True:
            with database.transaction(actor.subject) as look:
                now = store.operation(look, operation_id)
            for step in now.steps[told:]:
                yield f"event: step\ndata: {json.dumps(step)}\n\n"
            told = len(now.steps)
            if now.state != "running":
                yield f"event: {now.state}\ndata: {json.dumps({'error': now.error})}\n\n"
                return
            time.sleep(LOOK_EVERY)

    return StreamingResponse(stream(), media_type="text/event-stream")
