"""What the platform API takes and gives."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TenantOut(BaseModel):
    """A tenant in short."""

    code: str
    name: str
    state: str
    population_census2020: int
    primary_site: str
    recovery_site: str
    systems: list[str]


class TenantDetail(TenantOut):
    definition: dict[str, Any]


class Applied(BaseModel):
    """Whether the definition differed, and in which keys."""

    changed: bool
    differs: list[str]


class Onboarding(Strict):
    synthetic_scale: int | None = Field(None, ge=1, le=1000, description="1/n of the census; no residents when left out")


class BackupRequest(Strict):
    base: bool = Field(False, description="take a base even when none is due")


class RestoreRequest(Strict):
    at: AwareDatetime | None = Field(None, description="moment to restore to; the newest when left out")


class DrillRequest(Strict):
    tenants: list[str] = Field(min_length=1, max_length=36)


class OperationOut(BaseModel):
    """A job: `state` is running, succeeded or failed."""

    id: UUID
    kind: str
    tenant: str
    state: str
    steps: list[dict[str, Any]]
    result: dict[str, Any] | None
    error: str | None
    started_at: datetime
    ended_at: datetime | None


class EventOut(BaseModel):
    """One event of the ledger."""

    number: int
    at: datetime
    tenant: str
    kind: str
    detail: dict[str, Any]


class JournalVerdict(BaseModel):
    """What verifying a tenant's journal found."""

    entries: int
    segments: int
    intact: bool
    first_broken: str | None


class SharesRequest(Strict):
    """A cost and the formula that shares it."""

    total_yen: int = Field(ge=0, le=10**15)
    components: list[Annotated[str, Field(max_length=100)]] = Field(min_length=1, max_length=10, description="KIND:PERCENT")
    basis: Literal["census2020", "est2023"] = "census2020"
    members: list[str] | None = Field(None, description="authority codes; all 35 municipalities when left out")
    measures: dict[str, dict[str, Decimal]] = Field(default_factory=dict, description="metric -> code -> value")
    year: int | None = Field(None, ge=2019, le=2100, description="fiscal year: write the report as PDF, Excel and CSV")


class ShareOut(BaseModel):
    code: str
    name: str
    yen: int
    yen_per_head: int


class SharesOut(BaseModel):
    total_yen: int
    shares: list[ShareOut]
    paths: dict[str, str] | None = None
