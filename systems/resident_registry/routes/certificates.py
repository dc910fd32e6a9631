"""Certificates: issuing one, fetching its PDF, the day's account, the notice to the person."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Query, Response
from pydantic import BaseModel, Field

from kit.app import problems
from kit.auth import Actor, require
from kit.clock import today
from kit.idempotency import once
from kit.requests import Transaction
from systems.resident_registry.model import certificates as model
from systems.resident_registry.routes.desk import Clerk, IdempotencyKey, Office, Purpose, Strict, Supervisor, Text, counter
from systems.resident_registry.service import certificates as service
from systems.resident_registry.service import third_party_notices

router = counter()

Reason = Annotated[str, Field(min_length=1, max_length=1000)]
Document = Literal[
    "my_number_card", "driving_licence", "passport", "residence_card", "special_permanent_certificate", "disability_certificate",
    "official_card", "professional_card", "insurance_eligibility", "pension_certificate", "care_insurance_card", "student_card",
    "employee_card", "bank_book", "mandate", "legal_representation",
]  # fmt: skip
ReasonedItem = Literal["before_move_address", "history", "head_and_relation", "registered_domicile", "foreign"]


class Asker(Strict):
    """Who asks (請求者). Name, address and identity documents are needed of everybody, a ground of public bodies and others."""

    kind: model.Requester
    name: str | None = Field(None, max_length=200)
    born_on: date | None = None
    address: str | None = Field(None, max_length=300)
    resident_id: UUID | None = Field(None, description="the requester's own record, when the requester is a resident here")
    ground: str | None = Field(None, max_length=1000, description="請求の理由; also for a supervisor's examination")
    documents: list[Document] = Field(default=[], max_length=5, description="one with a photograph, or two without")
    law: str | None = Field(None, max_length=200, description="act and article by which a public body may have numbers")
    reasons: dict[ReasonedItem, Reason] = Field(default={}, description="why a third party needs an item")


class CertificateRequest(Strict):
    requester: Asker
    kind: Literal["copy", "removed_copy", "items"] = "copy"
    form: model.Form = "individual"
    members: list[UUID] = Field(default=[], max_length=30, description="some of the household; empty: all of it")
    copies: int = Field(1, ge=1, le=10)
    with_head_and_relation: bool = False
    with_registered_domicile: bool = False
    with_resident_code: bool = False
    with_individual_number: bool = False
    with_before_move_address: bool = False
    with_foreign_items: bool = False
    with_history: bool = False
    suppressions_read: bool = Field(
        False, description="the messages of a 409 `suppressed` were read; it counts where `override` lets"
    )

    def request(self) -> model.Request:
        asked = self.model_dump(exclude={"requester"}) | {"members": tuple(self.members)}
        return _request(self.requester, **asked)


class MoveOutCertificateRequest(Strict):
    """転出証明書: one paper, without a fee; its items are those of the law, so that none is chosen."""

    requester: Asker
    suppressions_read: bool = Field(
        False, description="the messages of a 409 `suppressed` were read; it counts where `override` lets"
    )


class DisposalRequest(Strict):
    """廃棄済証明: the record as the requester describes it."""

    requester: Asker
    name: Text
    born_on: date
    address: Text
    removed_on: date
    copies: int = Field(1, ge=1, le=10)


class Issued(BaseModel):
    """`delivery` says whether the counter hands it over or it is mailed to the person; `code` is printed on it."""

    serial: str
    kind: str
    fee_yen: int
    copies: int
    pdf_sha256: str
    issued_on: date
    delivery: model.Delivery
    code: str


class DayLine(BaseModel):
    kind: str
    kind_name: str
    requester: str
    requester_name: str
    certificates: int
    copies: int
    fee_yen: int


class DayAccount(BaseModel):
    """証明発行日計・手数料日計"""

    day: date
    lines: list[DayLine]
    certificates: int
    copies: int
    fee_yen: int


class Registration(BaseModel):
    """本人通知制度登録; `ends_on` is the first day on which it no longer counts."""

    id: UUID
    registered_on: date
    ends_on: date | None
    ended_on: date | None


def _request(asker: Asker, **asked: Any) -> model.Request:
    who = asker.model_dump(exclude={"kind", "resident_id"}) | {"documents": tuple(asker.documents)}
    who |= {"requester_id": asker.resident_id}
    return model.Request(asker.kind, **who, **asked)


def _issued(one: model.Certificate) -> dict[str, Any]:
    return Issued(**asdict(one) | {"code": one.content["code"]}).model_dump(mode="json")


@router.post(
    "/residents/{resident_id}/certificates",
    status_code=201,
    summary="Issue a 住民票の写し, 除票の写し or 住民票記載事項証明書",
    responses=problems(403, 404, 409, 422, 428),
)
def issue(
    tx: Transaction,
    actor: Clerk,
    purpose: Purpose,
    office: Office,
    resident_id: UUID,
    body: CertificateRequest,
    idempotency_key: IdempotencyKey = None,
) -> Issued:
    def act() -> dict[str, Any]:
        return _issued(service.issue_certificate(tx, office, resident_id, body.request(), **service.officer(actor.roles)))

    return Issued(**once(tx, idempotency_key, f"{resident_id}{body.model_dump_json()}".encode(), act))


@router.post(
    "/movements/{movement_id}/move-out-certificates",
    status_code=201,
    summary="Issue the 転出証明書 of a departure, for all who leave by it",
    responses=problems(403, 404, 409, 422, 428),
)
def issue_move_out(
    tx: Transaction,
    actor: Clerk,
    purpose: Purpose,
    office: Office,
    movement_id: UUID,
    body: MoveOutCertificateRequest,
    idempotency_key: IdempotencyKey = None,
) -> Issued:
    def act() -> dict[str, Any]:
        request = _request(body.requester, suppressions_read=body.suppressions_read)
        return _issued(service.issue_move_out_certificate(tx, office, movement_id, request, **service.officer(actor.roles)))

    return Issued(**once(tx, idempotency_key, f"{movement_id}{body.model_dump_json()}".encode(), act))


@router.post(
    "/disposal-certificates",
    status_code=201,
    summary="Issue a 廃棄済証明書 for a removed record that is no longer kept",
    responses=problems(403, 409, 422, 428),
)
def issue_disposal(
    tx: Transaction,
    actor: Clerk,
    purpose: Purpose,
    office: Office,
    body: DisposalRequest,
    idempotency_key: IdempotencyKey = None,
) -> Issued:
    def act() -> dict[str, Any]:
        request = _request(body.requester, kind="disposed", copies=body.copies)
        subject = model.Disposed(body.name, body.born_on, body.address, body.removed_on)
        return _issued(service.issue_disposal_certificate(tx, office, subject, request))

    return Issued(**once(tx, idempotency_key, body.model_dump_json().encode(), act))


@router.get(
    "/certificates/{serial}/pdf",
    summary="The certificate as issued, PDF/A",
    response_class=Response,
    responses=problems(403, 404, 409, 428) | {200: {"content": {"application/pdf": {}}}},
)
def certificate_pdf(tx: Transaction, actor: Clerk, purpose: Purpose, office: Office, serial: str) -> Response:
    return Response(service.certificate_pdf(tx, office, serial), media_type="application/pdf")


@router.get(
    "/certificates/{serial}/mailing",
    summary="A certificate that is mailed to the person, PDF/A for the envelope",
    response_class=Response,
    responses=problems(403, 404, 409, 428) | {200: {"content": {"application/pdf": {}}}},
)
def certificate_mailing(tx: Transaction, actor: Supervisor, purpose: Purpose, office: Office, serial: str) -> Response:
    return Response(service.certificate_pdf(tx, office, serial, mailing=True), media_type="application/pdf")


@router.get("/reports/certificates", summary="The day's account of certificates and fees", responses=problems(403, 422))
def day_account(
    tx: Transaction,
    actor: Annotated[Actor, Depends(require("registry_clerk", "tenant_admin", "auditor"))],
    day: Annotated[date | None, Query(description="a day in Japan; today when left out")] = None,
) -> DayAccount:
    chosen = day or today()
    lines = [
        DayLine(**asdict(one), kind_name=model.KINDS[one.kind], requester_name=model.REQUESTERS.get(one.requester, ""))
        for one in service.day_account(tx, chosen)
    ]
    sums = {name: sum(getattr(one, name) for one in lines) for name in ("certificates", "copies", "fee_yen")}
    return DayAccount(day=chosen, lines=lines, **sums)


@router.get(
    "/reports/certificates/pdf",
    summary="The day's account as a page",
    response_class=Response,
    responses=problems(403, 422) | {200: {"content": {"application/pdf": {}}}},
)
def day_account_pdf(
    tx: Transaction,
    actor: Annotated[Actor, Depends(require("registry_clerk", "tenant_admin", "auditor"))],
    office: Office,
    day: Annotated[date | None, Query(description="a day in Japan; today when left out")] = None,
) -> Response:
    return Response(service.day_account_pdf(tx, office, day or today()), media_type="application/pdf")


@router.post(
    "/residents/{resident_id}/third-party-notice",
    status_code=201,
    summary="Register a resident for the notice of issues to others (本人通知制度)",
    responses=problems(403, 404, 409, 428),
)
def register_notice(tx: Transaction, actor: Clerk, purpose: Purpose, office: Office, resident_id: UUID) -> Registration:
    return Registration(**asdict(third_party_notices.register(tx, office, resident_id, today())))


@router.delete(
    "/residents/{resident_id}/third-party-notice",
    summary="End the registration at the person's wish",
    responses=problems(403, 404, 428),
)
def end_notice(tx: Transaction, actor: Clerk, purpose: Purpose, resident_id: UUID) -> Registration:
    return Registration(**asdict(third_party_notices.end(tx, resident_id)))
