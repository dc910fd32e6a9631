"""One transaction a request, committed before the answer leaves; refusals recorded on their own."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request

from kit import auth
from kit.db import Database, Tx, json

#: statuses of answers that refuse somebody something: each is recorded before it is told
REFUSALS = (401, 403, 404, 428)


def purpose_of(request: Request) -> str | None:
    """The purpose of a browser's session, or the one a program names in its header."""
    chosen: str | None = getattr(request.state, "purpose", request.headers.get("x-purpose"))
    return chosen


def transaction(request: Request, actor: Annotated[auth.Actor, Depends(auth.current_actor)]) -> Iterator[Tx]:
    """One transaction a request, under the actor's name."""
    database: Database = request.app.state.database
    with database.transaction(actor.subject, purpose=purpose_of(request), request=request.state.request_id) as tx:
        yield tx


def record_refusal(request: Request, status: int) -> None:
    """Record that a request was refused, after its own transaction was rolled back.

    Raises
    ------
    Unavailable
        It cannot be recorded: then that is the answer.
    """
    database: Database | None = request.app.state.database
    if database is None:
        return
    actor = request.state.actor.subject if hasattr(request.state, "actor") else "unknown"
    route = request.scope.get("route")
    detail = {"method": request.method, "route": getattr(route, "path", ""), "status": status}
    detail |= {"object": dict(request.path_params)}
    with database.transaction(actor, purpose=purpose_of(request), request=request.state.request_id) as tx:
        tx.execute("SELECT journal.record('refusal', NULL, NULL, %s)", (json(detail),))


# The scope makes the block end, and the commit happen, before the answer leaves.
Transaction = Annotated[Tx, Depends(transaction, scope="function")]


def public_transaction(request: Request) -> Iterator[Tx]:
    """One transaction a request of somebody who did not sign in; for zone internet only, under a role that can read little."""
    database: Database = request.app.state.database
    with database.transaction("public", request=request.state.request_id) as tx:
        yield tx


PublicTransaction = Annotated[Tx, Depends(public_transaction, scope="function")]
