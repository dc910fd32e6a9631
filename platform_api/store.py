"""Operations and their steps, in the platform's database: the only SQL of the counter."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kit.db import Tx, json
from kit.errors import Conflict, NotFound
from tenants import ledger

SQL = """
CREATE SCHEMA IF NOT EXISTS operations;
CREATE TABLE IF NOT EXISTS operations.operation (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    tenant text NOT NULL,
    actor text NOT NULL,
    request jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'succeeded', 'failed')),
    steps jsonb NOT NULL DEFAULT '[]',
    result jsonb,
    error text,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz);
CREATE UNIQUE INDEX IF NOT EXISTS one_at_a_time ON operations.operation (tenant) WHERE state = 'running';
SELECT journal.watch('operations.operation'::regclass);
"""


@dataclass(frozen=True)
class Operation:
    """A job of the counter; `steps` are `{name, seconds, changed}` in the order in which they ended."""

    id: UUID
    kind: str
    tenant: str
    actor: str
    request: dict[str, Any]
    state: str
    steps: list[dict[str, Any]]
    result: dict[str, Any] | None
    error: str | None
    started_at: datetime
    ended_at: datetime | None


def install(tx: Tx) -> None:
    """Ensure the platform's tables."""
    tx.execute(SQL)
    tx.execute(ledger.SQL)


def begin(tx: Tx, number: UUID, kind: str, tenant: str, request: dict[str, Any]) -> None:
    """Write a running operation; `Conflict` when another one of the tenant runs."""
    running = tx.value("SELECT id FROM operations.operation WHERE tenant = %s AND state = 'running'", (tenant,))
    if running:
        raise Conflict(f"operation {running} of {tenant} is running: wait for it")
    tx.execute(
        "INSERT INTO operations.operation (id, kind, tenant, actor, request, state) VALUES (%s, %s, %s, %s, %s, 'running')",
        (number, kind, tenant, tx.actor, json(request)),
    )


def operation(tx: Tx, number: UUID) -> Operation:
    """The operation of that id; `NotFound` when there is none."""
    found = tx.row("SELECT * FROM operations.operation WHERE id = %s", (number,), into=Operation)
    if found is None:
        raise NotFound("there is no such operation")
    return found


def operations(tx: Tx, tenant: str | None = None, kind: str | None = None) -> list[Operation]:
    """Operations, newest first; at most a hundred."""
    return tx.rows(
        "SELECT * FROM operations.operation WHERE tenant = coalesce(%s, tenant) AND kind = coalesce(%s, kind) "
        "ORDER BY started_at DESC LIMIT 100",
        (tenant, kind),
        into=Operation,
    )


def running(tx: Tx) -> list[Operation]:
    """Operations that have not ended."""
    return tx.rows("SELECT * FROM operations.operation WHERE state = 'running' ORDER BY started_at", into=Operation)


def add_step(tx: Tx, number: UUID, step: dict[str, Any]) -> None:
    """Add a step, or put it in the place of the one of that name when a broken-off run is repeated."""
    tx.execute(
        "UPDATE operations.operation SET steps = coalesce((SELECT jsonb_agg(s) FROM jsonb_array_elements(steps) s "
        "WHERE s ->> 'name' <> %s), '[]') || %s WHERE id = %s",
        (step["name"], json([step]), number),
    )


def end(tx: Tx, number: UUID, *, result: dict[str, Any] | None, error: str | None) -> None:
    """Write how the operation ended; an ended one stays as it is."""
    tx.execute(
        "UPDATE operations.operation SET state = %s, result = %s, error = %s, ended_at = clock_timestamp() "
        "WHERE id = %s AND state = 'running'",
        ("failed" if error else "succeeded", json(result), error, number),
    )


def history(tx: Tx) -> dict[str, list[str]]:
    """Kinds of ledger events by tenant, in order."""
    found: dict[str, list[str]] = {}
    for event in ledger.events(tx):
        found.setdefault(event.tenant, []).append(event.kind)
    return found
