"""How long each class of records is kept, and the disposal of what is kept long enough."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

#: classes that are disposed of once their period is over
RecordClass = Literal[
    "removed_records",
    "filing_papers",
    "certificate_papers",
    "notices",
    "support_cases",
    "notice_registrations",
    "exchange_jobs",
]


@dataclass(frozen=True)
class Class:
    """A class of records: its tables, when its clock starts, which parameter says for how many years, what a disposal takes.

    Without `years` nothing is disposed of, and `fate` says why. Texts are shown to people.
    """

    label: str
    tables: tuple[str, ...]
    clock: str
    years: str | None
    fate: str


CLASSES: dict[str, Class] = {
    "removed_records": Class(
        "除票",
        ("resident", "resident_history", "individual_number", "retired_number", "kinship", "movement_resident", "suppression",
         "legal_hold"),
        "消除の日(平成26年6月19日までのものは5年)",
        "removed_records_years",
        "記録と、改製前を含むその履歴、番号、親族関係、抑止。宛名番号と照合用の符号は残ります。",
    ),
    "filing_papers": Class(
        "届出書類",
        ("movement",),
        "届出の日",
        "filing_papers_years",
        "届出の内容、確認した書類、届出人。異動の日と事由は残ります。",
    ),
    "certificate_papers": Class(
        "証明書の交付の記録",
        ("certificate", "measure_lift"),
        "交付又は承認の日",
        "certificate_records_years",
        "証明の内容、請求者、請求の理由、交付の承認の根拠。番号、種類、日、手数料、照合値は残ります。",
    ),
    "notices": Class(
        "通知の控え", ("notice",), "送付の日", "notice_years", "控えの全部。本人確認情報の控えは除票とともに廃棄します。"
    ),
    "support_cases": Class(
        "支援措置の申出",
        ("support_case", "support_protected", "support_opponent", "support_forwarding"),
        "支援の終了又は却下の日",
        "support_case_years",
        "申出、対象者、相手方、他の自治体への連絡の全部。",
    ),
    "notice_registrations": Class(
        "本人通知の登録",
        ("third_party_notice_registration",),
        "登録の終わった日",
        "notice_registration_records_years",
        "登録の全部。",
    ),
    "exchange_jobs": Class(
        "取込と出力の記録",
        ("import_job", "export_job", "import_piece", "import_row", "import_fault", "import_character", "export_piece"),
        "取込又は出力の終わった日",
        "exchange_records_years",
        "記録と、残っている出力。取り込んだファイルと検査の結果は、取込の終わりに消えています。",
    ),
    "browsing": Class(
        "閲覧の申出", ("browsing_application",), "", None, "毎年の公表の基になります。保存年数は定めていません。"
    ),
    "households": Class(
        "世帯",
        ("household", "household_history"),
        "",
        None,
        "住所だけの記録で、過去の日の統計に使います。住む人の記録は除票として廃棄します。",
    ),
    "disposals": Class(
        "廃棄の記録", ("disposal", "disposed_record"), "", None, "廃棄済証明に使い、宛名番号を二度と付けないために残します。"
    ),
    "access_log": Class(
        "証跡", ("journal.entry",), "", None, "改ざんを見つける鎖の一部で、抜くと検証できません。保存年数は定めていません。"
    ),
    "public_check": Class(
        "証明書の真正の照会", ("certificate_check.issued",), "", None, "符号、種類、日、照合値だけで、人につながりません。"
    ),
    "reference": Class(
        "番号と文字の台帳", ("counter", "identified_character", "copy_confirmed"), "", None, "人の記録ではありません。"
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Disposal:
    """A disposal from its proposal to its certificate; the certificate carries no personal data."""

    id: UUID
    record_class: RecordClass
    state: Literal["proposed", "approved", "disposed", "refused"]
    #: how many were proposed; once it is carried out, how many went
    records: int
    #: the last day of the clock, where the records are not named one by one
    until: date | None = None
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
