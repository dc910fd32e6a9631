"""Packs of everything the register holds, in open formats."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

ExportState = Literal["requested", "released", "made", "refused", "swept"]
Encoding = Literal["utf-8-sig", "cp932"]


@dataclass(frozen=True, kw_only=True)
class ExportJob:
    """A pack: asked for by one, released or refused by another, made by a job, swept when it is no longer needed."""

    id: UUID
    state: ExportState
    ground: str
    encoding: Encoding
    with_numbers: bool
    with_protected: bool
    requested_by: str
    requested_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    manifest: dict[str, Any] | None = None
    pack_sha256: str | None = None
    made_at: datetime | None = None


@dataclass(frozen=True)
class Contents:
    """What a pack holds: whether individual numbers are in it, and the places and measures of protected residents."""

    encoding: Encoding = "utf-8-sig"
    with_numbers: bool = False
    with_protected: bool = False
