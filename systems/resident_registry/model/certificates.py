"""Certificates and who asks for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

#: 請求区分; `other_municipality` is 広域交付 (art. 12-4), `listed_profession` 特定事務受任者 (art. 12-3(2))
Requester = Literal[
    "self", "household_member", "representative", "public_body", "third_party", "listed_profession", "other_municipality"
]
Form = Literal["individual", "household"]
CertificateKind = Literal["copy", "removed_copy", "items", "disposed", "move_out"]
Delivery = Literal["counter", "deliver_by_mail_to_person"]
#: what may stand on a certificate; `history` is the changes inside the municipality on the individual form
Item = Literal[
    "basic", "previous_address", "other_names", "before_move_address", "history", "head_and_relation",
    "registered_domicile", "individual_number", "resident_code", "foreign", "protective_measure",
]  # fmt: skip

#: kind -> its name on paper and at the public check
KINDS: dict[str, str] = {
    "copy": "住民票の写し",
    "removed_copy": "除票の写し",
    "items": "住民票記載事項証明書",
    "disposed": "除票の廃棄済証明書",
    "move_out": "転出証明書",
}
REQUESTERS: dict[str, str] = {
    "self": "本人",
    "household_member": "同一世帯の者",
    "representative": "代理人",
    "public_body": "国又は地方公共団体の機関",
    "third_party": "第三者",
    "listed_profession": "特定事務受任者",
    "other_municipality": "広域交付",
}
#: identity documents (本人確認書類): one with a photograph serves alone, of the others two are needed
DOCUMENTS_WITH_PHOTO = {
    "my_number_card": "個人番号カード",
    "driving_licence": "運転免許証",
    "passport": "旅券",
    "residence_card": "在留カード",
    "special_permanent_certificate": "特別永住者証明書",
    "disability_certificate": "身体障害者手帳",
    "official_card": "官公署の身分証明書",
    "professional_card": "資格者証",
}
DOCUMENTS_WITHOUT_PHOTO = {
    "insurance_eligibility": "資格確認書",
    "pension_certificate": "年金証書",
    "care_insurance_card": "介護保険被保険者証",
    "student_card": "学生証",
    "employee_card": "社員証",
    "bank_book": "預金通帳",
}
#: what shows that somebody acts for the person
MANDATES = {"mandate": "委任状", "legal_representation": "法定代理人であることを示す書類"}
DOCUMENTS = DOCUMENTS_WITH_PHOTO | DOCUMENTS_WITHOUT_PHOTO | MANDATES


@dataclass(frozen=True)
class Request:
    """Who asks for a certificate, why, with which identity documents, and which items beside the basic ones.

    `ground` is the purpose (請求の理由); `law` the act and article by which a public body may have numbers; `reasons` says for
    an item why a third party needs it. `members` picks some of the household (世帯一部); none means all. `requester_id` is the
    requester's own record, when the counter found them to be a resident here. `movement_id` is the departure of a 転出証明書.
    `suppressions_read`: the officer has read the messages of the suppressions (抑止) on the records and found that they do not
    stand against this issue.
    """

    requester: Requester
    form: Form = "individual"
    copies: int = 1
    name: str | None = None
    born_on: date | None = None
    requester_id: UUID | None = None
    ground: str | None = None
    with_head_and_relation: bool = False
    with_registered_domicile: bool = False
    with_resident_code: bool = False
    with_individual_number: bool = False
    with_before_move_address: bool = False
    with_foreign_items: bool = False
    with_history: bool = False
    kind: CertificateKind = "copy"
    address: str | None = None
    documents: tuple[str, ...] = ()
    law: str | None = None
    members: tuple[UUID, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    movement_id: UUID | None = None
    suppressions_read: bool = False

    @property
    def items(self) -> frozenset[Item]:
        """The items specially asked for."""
        asked: dict[Item, bool] = {
            "head_and_relation": self.with_head_and_relation,
            "registered_domicile": self.with_registered_domicile,
            "resident_code": self.with_resident_code,
            "individual_number": self.with_individual_number,
            "before_move_address": self.with_before_move_address,
            "foreign": self.with_foreign_items,
            "history": self.with_history,
        }
        return frozenset(item for item, wanted in asked.items() if wanted)


@dataclass(frozen=True)
class Certificate:
    """An issued certificate; `content` is all that its PDF is made of, an individual number in it sealed.

    `lift_id` is the approval (一時解除) under which it was issued about a protected resident; None of everybody else.
    """

    serial: str
    form: str
    requester: str
    residents: list[UUID]
    content: dict[str, Any]
    copies: int
    fee_yen: int
    issued_on: date
    pdf_sha256: str
    kind: str
    asked: dict[str, Any]
    delivery: str
    issued_by: str
    issued_at: datetime
    lift_id: UUID | None = None


@dataclass(frozen=True)
class Paper:
    """What every paper of the office carries: its number, code, day, and who issues it."""

    serial: str
    code: str
    check_url: str
    issued_on: date
    issuer: str
    issuer_name: str


@dataclass(frozen=True)
class Entry:
    """One change of a record, as the individual form's history shows it."""

    reason: str
    event_on: date
    filed_on: date | None
    text: str


@dataclass(frozen=True)
class Version:
    """A record as it stood from a day on, with the movement that made it so; `facts` are the row's columns as stored."""

    valid_from: date
    reason: str | None
    filed_on: date | None
    facts: dict[str, Any]


@dataclass(frozen=True)
class Disposed:
    """A removed record that is no longer kept, as the requester describes it."""

    name: str
    born_on: date
    address: str
    removed_on: date


@dataclass(frozen=True)
class NoticeRegistration:
    """A registration for the notice to the person (本人通知制度)."""

    id: UUID
    resident_id: UUID
    registered_on: date
    ends_on: date | None
    ended_on: date | None


@dataclass(frozen=True)
class DayLine:
    """One line of the day's account (証明発行日計・手数料日計)."""

    kind: str
    requester: str
    certificates: int
    copies: int
    fee_yen: int
