"""Residents, households and the places where they live."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

State = Literal["current", "leaving", "moved_out", "dead", "removed", "ended"]
Sex = Literal["male", "female"]
Kind = Literal["japanese", "foreign"]
HEAD = "世帯主"
#: table whose rows are named in access records
RESIDENT = "resident_registry.resident"


@dataclass(frozen=True)
class Office:
    """The municipality whose register this is, and the keys (32 bytes each) of its individual numbers."""

    tenant: str
    tenant_name: str
    data_key: bytes = field(repr=False)
    blind_index_key: bytes = field(repr=False)
    #: where the public reaches this municipality's zone internet
    public_url: str = "https://verify.invalid"
    #: dated values of its own, before the ones that hold for everybody: name -> first day -> value
    parameters: Mapping[str, Mapping[date, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Where a household lives. `address` is the whole as printed; the parts repeat it for lists and codes.

    `postal_code` has seven digits; `authority_code` six, the ward's in a designated city.
    """

    postal_code: str
    address: str
    authority_code: str | None = None
    town_code: str | None = None
    town: str = ""
    lot: str = ""
    building: str = ""


@dataclass(frozen=True)
class Household:
    """A household's number and place, as one version of it."""

    id: UUID
    household_no: str
    postal_code: str
    address: str
    authority_code: str | None
    town_code: str | None
    town: str
    lot: str
    building: str
    valid_from: date
    known_from: datetime
    movement_id: UUID | None
    version: int

    @property
    def place(self) -> Place:
        return Place(self.postal_code, self.address, self.authority_code, self.town_code, self.town, self.lot, self.building)


@dataclass(frozen=True, kw_only=True)
class Resident:
    """A person's record, together with the address (a removed record's is the last one) and whether disclosure is restricted.

    `restricted_items` are items of it that tell an address of somebody else who is protected now.

    `…_unknown` is the text printed for a day that is not known; the date beside it is then the earliest possible one.
    """

    id: UUID
    household_id: UUID
    atena_no: str
    kind: Kind = "japanese"
    state: State
    name: str
    kana: str
    roman_name: str | None = None
    kanji_name: str | None = None
    former_surname: str | None = None
    former_surname_kana: str | None = None
    alias: str | None = None
    alias_kana: str | None = None
    sex: Sex
    sex_text: str | None = None
    born_on: date
    born_unknown: str | None = None
    relation: str
    relation_codes: list[str] = field(default_factory=list)
    position: int = 0
    became_resident_on: date
    became_resident_unknown: str | None = None
    became_resident_reason: str | None = None
    address_since: date | None
    filed_on: date
    previous_address: str | None
    previous_authority: str | None = None
    previous_country: str | None = None
    previous_head: str | None = None
    before_move_address: str | None = None
    registered_domicile: str | None
    family_register_head: str | None
    resident_code: str
    nationality: str | None = None
    residence_status: str | None = None
    residence_period: str | None = None
    residence_until: date | None = None
    residence_card_no: str | None = None
    foreign_class: str | None = None
    foreign_since: date | None = None
    qualifications: dict[str, Any] = field(default_factory=dict)
    districts: dict[str, str] = field(default_factory=dict)
    removed_on: date | None = None
    removed_unknown: str | None = None
    removed_filed_on: date | None = None
    removed_reason: str | None = None
    removed_place: dict[str, Any] | None = None
    out_planned_on: date | None = None
    out_planned_to: str | None = None
    out_planned_authority: str | None = None
    out_fixed_on: date | None = None
    out_fixed_to: str | None = None
    out_fixed_authority: str | None = None
    in_notice_on: date | None = None
    valid_from: date
    known_from: datetime
    movement_id: UUID | None = None
    version: int
    # joined
    household_no: str
    postal_code: str
    address: str
    authority_code: str | None = None
    town_code: str | None = None
    town: str = ""
    lot: str = ""
    building: str = ""
    restricted: bool = False
    restricted_items: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class NewResident:
    """A person as a filing describes one; numbers are checked by `rules`."""

    name: str
    kana: str
    sex: Sex
    born_on: date
    relation: str
    kind: Kind = "japanese"
    born_unknown: str | None = None
    roman_name: str | None = None
    kanji_name: str | None = None
    former_surname: str | None = None
    former_surname_kana: str | None = None
    alias: str | None = None
    alias_kana: str | None = None
    resident_code: str | None = None
    individual_number: str | None = None
    registered_domicile: str | None = None
    family_register_head: str | None = None
    nationality: str | None = None
    residence_status: str | None = None
    residence_period: str | None = None
    residence_until: date | None = None
    residence_card_no: str | None = None
    foreign_class: str | None = None


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """How somebody came onto the register: days, reason and the address before."""

    event_on: date
    filed_on: date
    reason: str
    previous_address: str | None = None
    previous_authority: str | None = None
    previous_country: str | None = None
    previous_head: str | None = None
