"""One transaction a request, committed before the answer leaves; refusals recorded on their own."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request

from kit import auth
from kit.db import Database, Tx, json
from kit.errors import CallerError


def transaction(request: Request, actor: Annotated[auth.Actor, Depends(auth.current_actor)]) -> Iterator[Tx]:
    """One transaction a request. A refusal is rolled back and then recorded on its own before it is told."""
    database: Database = request.app.state.database
    purpose = request.headers.get("x-purpose")
    number = request.state.request_id
    try:
        with database.transaction(actor.subject, purpose=purpose, request=number) as tx:
            yield tx
    except CallerError as refused:
        if refused.status in (403, 404, 428):
            refusal(request, refused.status, actor.subject)
        raise


def refusal(request: Request, status: int, actor: str) -> None:
    """Record that a request was refused; `Unavailable` when it cannot be recorded."""
    database: Database | None = request.app.state.database
    if database is None:
        return
    route = request.scope.get("route")
    detail = {"method": request.method, "route": getattr(route, "path", ""), "status": status}
    detail |= {"object": dict(request.path_params)}
    with database.transaction(actor, purpose=request.headers.get("x-purpose"), request=request.state.request_id) as tx:
        tx.execute("SELECT journal.record('refusal', NULL, NULL, %s)", (json(detail),))


# The scope makes the block end, and the commit happen, before the answer leaves.
Transaction = Annotated[Tx, Depends(transaction, scope="function")]
