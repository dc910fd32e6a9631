"""What a backup, a restore and a drill are made of."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TableDigest(Strict):
    """Rows of a table by bucket: first three hex digits of the key's hash -> row count and hash of the ordered row hashes."""

    rows: int
    buckets: dict[str, tuple[int, str]]


class Digest(Strict):
    """A database's state in one snapshot: rows of every table, last values of sequences, schema."""

    tables: dict[str, TableDigest]
    sequences: dict[str, int | None]
    schema_sha256: str


class Manifest(Strict):
    """What must be there after one backup; the next one names its hash.

    Everything committed until `segment_sealed_at` is in it, nothing committed after `at`.
    """

    tenant: str
    number: int
    previous: str
    at: datetime
    snapshot: str
    base_snapshot: str
    base_segment: int
    segment: int
    segment_sha256: str
    segment_sealed_at: datetime
    dump_sha256: str
    bytes_added: int
    files: int
    digest_sha256: str


class Restored(Strict):
    """A restored database and how it came about."""

    tenant: str
    database: str
    manifest: int
    segments: int
    replayed: int
    until: datetime | None
    sealed_at: datetime


class Comparison(Strict):
    """Rows compared with what the manifest says; `differs` names what does not fit."""

    rows_compared: int
    rows_different: int
    differs: list[str]
    certificate_equal: bool | None


class DrillTenant(Strict):
    """One municipality's part of a drill."""

    code: str
    name: str
    passed: bool
    rto_seconds: float | None
    rpo_seconds: float | None
    rto_promised_seconds: int
    rpo_promised_seconds: int
    rows_compared: int
    rows_different: int
    differs: list[str]
    certificate_equal: bool | None
    steps: list[dict[str, Any]]
    destroyed: dict[str, bool]
    error: str | None


class DrillReport(Strict):
    """The whole drill."""

    id: str
    started_at: datetime
    ended_at: datetime
    primary_lost: dict[str, Any] | None
    tenants: list[DrillTenant]
    passed: bool
