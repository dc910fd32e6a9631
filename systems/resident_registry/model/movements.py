"""Movements (異動): every change of the register, from its draft to its reversal."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

#: decided: its notices have not all left; notified: they have, and not each was acknowledged; completed: nothing is to be told
MovementState = Literal["draft", "review", "returned", "decided", "notified", "completed", "cancelled"]
#: states of a movement that the register shows
IN_FORCE = ("decided", "notified", "completed")
Filer = Literal["self", "head", "representative", "office"]

#: reason -> its name on paper
REASONS = {
    "move_in": "転入",
    "move_in_abroad": "国外からの転入",
    "address_setting": "住所設定(未届転入)",
    "birth": "出生",
    "move_within": "転居",
    "move_out": "転出",
    "move_out_abroad": "国外への転出",
    "move_out_cancel": "転出取消",
    "move_out_due": "転出予定日の到来",
    "in_notice": "転入通知の受理",
    "death": "死亡",
    "nationality_loss": "国籍喪失",
    "disappearance": "失踪宣告",
    "head_change": "世帯主変更",
    "household_split": "世帯分離",
    "household_merge": "世帯合併",
    "household_change": "世帯構成変更",
    "name_change": "婚姻・離婚等による氏の変更",
    "office_entry": "職権記載",
    "office_removal": "職権消除",
    "office_correction": "職権修正",
    "office_restoration": "職権回復",
    "number_change": "個人番号変更",
    "code_change": "住民票コード変更",
    "alias": "通称の登録・削除",
    "former_surname": "旧氏の登録・削除",
    "reversal": "異動取消",
}


@dataclass(frozen=True, kw_only=True)
class Movement:
    """A movement: when it happened, when it was filed, when it was decided; `is_late` when the filing period had passed."""

    id: UUID
    number: str
    reason: str
    state: MovementState
    event_on: date
    filed_on: date
    processed_on: date | None
    is_late: bool
    filer: str
    filer_name: str | None = None
    documents: list[str] = field(default_factory=list)
    ground: dict[str, Any] | None = None
    household_id: UUID | None = None
    residents: list[UUID]
    details: dict[str, Any] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    entered_by: str
    entered_at: datetime
    submitted_at: datetime | None = None
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    returned_for: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    cancels: UUID | None = None
    version: int = 1


@dataclass(frozen=True)
class Change:
    """What made a new version: the movement, the day from which it holds and the instant it became known."""

    movement_id: UUID | None
    valid_from: date
    known_from: datetime


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A draft of a notice to somebody outside; sending it is the hub's work."""

    id: UUID
    kind: str
    movement_id: UUID | None
    resident_id: UUID | None
    authority: str | None
    addressee: str
    content: dict[str, Any]
    state: Literal["draft", "sent", "acknowledged", "void"]
    drafted_at: datetime
    sent_at: datetime | None = None
