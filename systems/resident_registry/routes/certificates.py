"""Certificates: issuing one, fetching its PDF."""

from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field

from kit.app import problems
from kit.idempotency import once
from kit.requests import Transaction
from systems.resident_registry.model import certificates as model
from systems.resident_registry.routes.desk import Clerk, IdempotencyKey, Office, Purpose, Strict, counter
from systems.resident_registry.service import certificates as service

router = counter()


class Asker(Strict):
    kind: model.Requester
    name: str | None = Field(None, max_length=200)
    ground: str | None = Field(None, max_length=1000, description="written ground; third parties and protected records")


class CertificateRequest(Strict):
    requester: Asker
    form: model.Form = "individual"
    copies: int = Field(1, ge=1, le=10)
    with_head_and_relation: bool = False
    with_registered_domicile: bool = False
    with_resident_code: bool = False

    def request(self) -> model.Request:
        asked = self.model_dump(exclude={"requester"})
        return model.Request(self.requester.kind, name=self.requester.name, ground=self.requester.ground, **asked)


class Issued(BaseModel):
    serial: str
    fee_yen: int
    copies: int
    pdf_sha256: str
    issued_on: date


@router.post(
    "/residents/{resident_id}/certificates",
    status_code=201,
    summary="Issue a 住民票の写し",
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
        supervisor = "registry_supervisor" in actor.roles
        issued = service.issue_certificate(tx, office, resident_id, body.request(), is_supervisor=supervisor)
        return Issued(**asdict(issued)).model_dump(mode="json")

    return Issued(**once(tx, idempotency_key, f"{resident_id}{body.model_dump_json()}".encode(), act))


@router.get(
    "/certificates/{serial}/pdf",
    summary="The certificate as issued, PDF",
    response_class=Response,
    responses=problems(403, 404, 409, 428) | {200: {"content": {"application/pdf": {}}}},
)
def certificate_pdf(tx: Transaction, actor: Clerk, purpose: Purpose, serial: str) -> Response:
    return Response(service.certificate_pdf(tx, serial), media_type="application/pdf")
