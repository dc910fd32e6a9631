"""Disposal of records whose retention is over."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

RecordClass = Literal["removed_records", "filing_papers"]


@dataclass(frozen=True, kw_only=True)
class Disposal:
    """A disposal from its proposal to its certificate; the certificate carries no personal data."""

    id: UUID
    record_class: RecordClass
    state: Literal["proposed", "approved", "disposed", "refused"]
    residents: list[UUID] = field(default_factory=list)
    movements: list[UUID] = field(default_factory=list)
    ground: str
    proposed_by: str
    proposed_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    disposed_by: str | None = None
    disposed_at: datetime | None = None
    certificate: dict[str, Any] | None = None
    version: int = 1


@dataclass(frozen=True, kw_only=True)
class DueRecord:
    """A removed record whose period is over; `held` when a legal hold keeps it, `proposed` when an open disposal has it.

    `certified_on` is the day of the newest certificate about it, whose record has a period of its own; `kept_until` the last day
    of that period while it runs.
    """

    id: UUID
    atena_no: str
    name: str
    removed_on: date
    held: bool
    proposed: bool
    certified_on: date | None = None
    kept_until: date | None = None

    @property
    def is_free(self) -> bool:
        """Whether a proposal takes it."""
        return not (self.held or self.proposed or self.kept_until)
