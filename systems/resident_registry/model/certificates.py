"""Certificates and who asks for them."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

Requester = Literal["self", "household_member", "representative", "public_body", "third_party"]
Form = Literal["individual", "household"]


@dataclass(frozen=True)
class Request:
    """Who asks for a certificate and which items they ask for beside the basic ones."""

    requester: Requester
    form: Form = "individual"
    copies: int = 1
    name: str | None = None
    ground: str | None = None
    with_head_and_relation: bool = False
    with_registered_domicile: bool = False
    with_resident_code: bool = False


@dataclass(frozen=True)
class Certificate:
    """An issued certificate; `content` is all that its PDF is made of."""

    serial: str
    form: str
    requester: str
    residents: list[UUID]
    content: dict[str, Any]
    copies: int
    fee_yen: int
    issued_on: date
    pdf_sha256: str
