"""The counter's routes; what they share."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Depends, Header, Request, Response

from kit.auth import Actor
from kit.db import Database, Tx
from kit.idempotency import once
from platform_api import jobs, store
from platform_api.access import own_or_prefecture
from platform_api.shapes import OperationOut
from tenants.home import Home

Code = Annotated[str, Depends(own_or_prefecture)]
IdempotencyKey = Annotated[str | None, Header(max_length=200)]


def here(request: Request) -> Home:
    """The instance this counter works for."""
    home: Home = request.app.state.settings
    return home


Here = Annotated[Home, Depends(here)]


def accept(
    request: Request,
    response: Response,
    actor: Actor,
    kind: str,
    tenant: str,
    body: dict[str, Any],
    *,
    key: str | None,
    check: Callable[[Tx], None] = lambda _: None,
) -> OperationOut:
    """Write the operation, start it after that is committed, and answer where to look (202 and Location)."""
    database: Database = request.app.state.database

    def act() -> dict[str, Any]:
        check(tx)
        number = uuid4()
        store.begin(tx, number, kind, tenant, body)
        return {"id": str(number)}

    with database.transaction(actor.subject, request=request.state.request_id) as tx:
        text = f"{kind}/{tenant}/{sorted(body.items())}"
        number = UUID(once(tx, key, text.encode(), act)["id"])
        made = store.operation(tx, number)
    if made.state == "running":
        jobs.start(number)
    response.headers["Location"] = f"/v1/operations/{number}"
    return OperationOut.model_validate(made, from_attributes=True)
