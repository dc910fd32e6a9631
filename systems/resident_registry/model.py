"""Nouns of the register."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from uuid import UUID

State = Literal["current", "moved_out", "dead"]
Requester = Literal["self", "household_member", "representative", "public_body", "third_party"]
Form = Literal["individual", "household"]
HEAD = "世帯主"
#: postal code of seven digits, address
Place = tuple[str, str]


@dataclass(frozen=True)
class Office:
    """The municipality whose register this is, and the keys (32 bytes each) of its individual numbers."""

    tenant: str
    tenant_name: str
    data_key: bytes = field(repr=False)
    blind_index_key: bytes = field(repr=False)


@dataclass(frozen=True)
class Resident:
    """A person's record together with the household's address and whether disclosure is restricted today."""

    id: UUID
    household_id: UUID
    state: State
    name: str
    kana: str
    sex: Literal["male", "female"]
    born_on: date
    relation: str
    became_resident_on: date
    address_since: date | None
    filed_on: date
    previous_address: str | None
    registered_domicile: str | None
    family_register_head: str | None
    resident_code: str
    removed_on: date | None
    removed_to: str | None
    version: int
    postal_code: str
    address: str
    restricted: bool


@dataclass(frozen=True)
class NewResident:
    """A person as a notification describes one; numbers are checked by `rules`."""

    name: str
    kana: str
    sex: Literal["male", "female"]
    born_on: date
    relation: str
    resident_code: str | None = None
    individual_number: str | None = None
    registered_domicile: str | None = None
    family_register_head: str | None = None


@dataclass(frozen=True)
class Notification:
    """A filing: when it happened, when it was filed, when it was entered; `is_late` when the period had passed."""

    id: UUID
    kind: str
    event_on: date
    filed_on: date
    processed_on: date
    is_late: bool
    filer: str
    residents: list[UUID]


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


@dataclass(frozen=True)
class Criteria:
    """What a search goes by; at least one."""

    name: str | None = None
    kana: str | None = None
    born_on: date | None = None
    address: str | None = None
