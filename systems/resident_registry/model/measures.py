"""Protective measures (DV等支援措置), lifts, other suppressions, and who asks."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from systems.resident_registry.model.certificates import Requester

#: A 配偶者からの暴力, B ストーカー行為等, C 児童虐待, D その他これらに準ずる行為
CaseKind = Literal["A", "B", "C", "D"]
#: 申出受付, 相談機関確認, 決定(支援中), 延長, 終了, 却下
CaseState = Literal["applied", "confirmed", "active", "extended", "ended", "rejected"]
PROTECTING: tuple[CaseState, ...] = ("applied", "confirmed", "active", "extended")
#: what a measure may be asked for: 住民票, 除票, 戸籍の附票, 住民基本台帳の閲覧
Document = Literal["residence", "removed", "domicile_history", "browsing"]
DOCUMENTS: tuple[Document, ...] = ("residence", "removed", "domicile_history", "browsing")
#: 交付停止, 成年被後見, 異動保留, 訴訟
SuppressionKind = Literal["no_issue", "guardianship", "movement_hold", "litigation"]
#: acts that a suppression may stop
Act = Literal["certificate", "movement"]
#: what an authority holds from which the address can be read: 除票, 戸籍の附票
Holds = Literal["removed_record", "domicile_history"]
#: who may go on in spite of it: nobody, a supervisor, any clerk after having read the message
Override = Literal["none", "supervisor", "clerk"]


@dataclass(frozen=True)
class Opponent:
    """相手方: what the applicant knows of them. `resident_id` when a person decided that it is that resident."""

    name: str
    born_on: date | None = None
    address: str | None = None
    resident_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class SupportCase:
    """A support case. In force from `starts_on` up to, not on, `ends_on`; both are None until it is decided."""

    id: UUID
    kind: CaseKind | None
    state: CaseState
    applicant_name: str
    protected_address: str
    scope: list[Document]
    applied_on: date
    consultation_body: str | None = None
    consulted_on: date | None = None
    opinion: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    closed_on: date | None = None
    closed_for: str | None = None
    origin: str = "application"
    entered_by: str
    decided_by: str | None = None
    version: int = 1


@dataclass(frozen=True)
class Protection:
    """One case as it bears on one resident. `opponent_household` are the residents who live with the opponent here."""

    case_id: UUID
    resident_id: UUID
    state: CaseState
    scope: list[Document]
    opponent: Opponent
    opponent_household: frozenset[UUID]


@dataclass(frozen=True)
class Asker:
    """Who is to receive what is asked for, as stated and as far as identified. `ground` is the written ground."""

    kind: Requester
    name: str | None = None
    born_on: date | None = None
    address: str | None = None
    resident_id: UUID | None = None
    ground: str | None = None


@dataclass(frozen=True)
class Lift:
    """一時解除: a supervisor's approval of one issue to one requester by one clerk; over when used or when `closes_at` comes."""

    id: UUID
    residents: list[UUID]
    requester: Requester
    requester_name: str
    ground: str
    not_opponent: bool
    for_actor: str
    approved_by: str
    opened_at: datetime
    closes_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """Another stop on a resident's record (交付停止, 成年被後見, 異動保留, 訴訟). `ends_on` None: until ended."""

    id: UUID
    resident_id: UUID
    kind: SuppressionKind
    acts: list[Act]
    message: str
    override: Override
    starts_on: date
    ends_on: date | None = None
    entered_by: str
    ended_by: str | None = None


@dataclass(frozen=True)
class Forwarding:
    """A case on its way to an authority that holds a record revealing the address; `to_authority` None: outside the platform."""

    id: UUID
    case_id: UUID
    case_version: int
    what: Literal["decided", "extended", "ended"]
    to_authority: str | None
    addressee: str
    holds: Holds
    created_at: datetime
    sent_at: datetime | None = None
    acknowledged_at: datetime | None = None
