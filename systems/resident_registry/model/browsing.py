"""Browsing (閲覧): who asked to read the extract of the register, what for, and of which neighbourhoods."""

from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

BrowserKind = Literal["public_body", "applicant"]
#: class of who browses -> its name (住民基本台帳法 arts. 11, 11-2)
KINDS: dict[str, str] = {"public_body": "国又は地方公共団体の機関", "applicant": "個人又は法人"}
STATES = {"applied": "申出受付", "approved": "承認", "refused": "却下"}


@dataclass(frozen=True, kw_only=True)
class BrowsingApplication:
    """A request of a public body, or an application of a person or corporation. `browsed_on`: when the extract was first made."""

    id: UUID
    number: str
    state: Literal["applied", "approved", "refused"] = "applied"
    kind: BrowserKind
    applicant: str
    represented_by: str | None = None
    purpose: str
    towns: list[str]
    applied_on: date
    entered_by: str
    decided_by: str | None = None
    decided_on: date | None = None
    ground: str | None = None
    browsed_on: date | None = None
    browsed: int | None = None
