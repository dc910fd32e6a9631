"""Append-only events per tenant, in the platform's database: where the doors meet."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kit.db import Tx, json

#: every kind of event
KINDS = ("onboarding", "onboarded", "applied", "backed_up", "restored", "destroyed", "drilled", "suspended", "resumed", "worked")

SQL = """
CREATE SCHEMA IF NOT EXISTS ledger;
CREATE TABLE IF NOT EXISTS ledger.event (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tenant text NOT NULL, kind text NOT NULL, operation text NOT NULL, detail jsonb NOT NULL,
    UNIQUE (tenant, kind, operation));
SELECT journal.watch('ledger.event'::regclass);
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.event
    FOR EACH STATEMENT EXECUTE FUNCTION journal.refuse();
ALTER TABLE ledger.event ENABLE ALWAYS TRIGGER append_only;
"""


@dataclass(frozen=True)
class Event:
    """What happened to a tenant, when, in which operation."""

    number: int
    at: datetime
    tenant: str
    kind: str
    operation: str
    detail: dict[str, Any]


def append(tx: Tx, tenant: str, kind: str, operation: str, detail: dict[str, Any]) -> None:
    """Write the event once: the same operation writes the same kind only one time."""
    if kind not in KINDS:
        raise ValueError(f"{kind} is no kind of event")
    tx.execute(
        "INSERT INTO ledger.event (tenant, kind, operation, detail) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (tenant, kind, operation) DO NOTHING",
        (tenant, kind, operation, json(detail)),
    )


def events(tx: Tx, tenant: str | None = None) -> list[Event]:
    """Events in order; of one tenant or of all."""
    return tx.rows(
        "SELECT number, at, tenant, kind, operation, detail FROM ledger.event "
        "WHERE tenant = coalesce(%s, tenant) ORDER BY number",
        (tenant,),
        into=Event,
    )


def failed_work(tx: Tx) -> dict[str, datetime]:
    """When each piece of work by the clock failed, by its operation."""
    rows = tx.rows("SELECT operation, at FROM ledger.event WHERE kind = 'worked' AND detail ? 'failed'")
    return {row["operation"]: row["at"] for row in rows}
