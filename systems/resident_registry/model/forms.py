"""Parts of the forms of movements: who, where, what a person brings along."""

import unicodedata
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from systems.resident_registry.model import people

Text = Annotated[str, Field(min_length=1, max_length=200)]
Code = Annotated[str, Field(pattern=r"^\d{6}$")]
Relations = Annotated[dict[UUID, Text], Field(description="relation to the head, by resident; the new head's is 世帯主")]


def printable(value: Any) -> Any:
    """The value itself; refused when a text in it holds control or private-use characters, or half a surrogate pair."""
    if isinstance(value, str) and any(unicodedata.category(c) in ("Cc", "Co", "Cs") for c in value):
        raise ValueError("control characters and private-use characters (外字) cannot be entered")
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        printable(each)
    return value


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    _printable = model_validator(mode="before")(printable)


class Named(Form):
    """A resident as the clerk saw one."""

    id: UUID
    version: int = Field(ge=1)


class Place(Form):
    """An address here; in 仙台市 the ward is read from the address when its code is left out."""

    postal_code: str = Field(pattern=r"^\d{7}$")
    address: Text
    authority_code: Code | None = None
    town_code: str | None = Field(None, max_length=20)
    town: str = Field("", max_length=200)
    lot: str = Field("", max_length=200)
    building: str = Field("", max_length=200)

    def place(self) -> people.Place:
        return people.Place(**self.model_dump())


class Elsewhere(Form):
    """An address outside: the whole text, and what is known beside it."""

    address: Text
    authority_code: Code | None = None
    country: str | None = Field(None, max_length=100, description="of an address abroad")
    head: str | None = Field(None, max_length=200, description="head of the household there")


class Person(Form):
    """A person to be entered. Numbers are left out when none was ever given."""

    name: Text
    kana: Text
    sex: Literal["male", "female"]
    born_on: date
    relation: Text
    kind: people.Kind = "japanese"
    born_unknown: str | None = Field(None, max_length=100)
    roman_name: str | None = Field(None, max_length=200)
    kanji_name: str | None = Field(None, max_length=200)
    former_surname: str | None = Field(None, max_length=100)
    former_surname_kana: str | None = Field(None, max_length=100)
    alias: str | None = Field(None, max_length=200)
    alias_kana: str | None = Field(None, max_length=200)
    resident_code: str | None = Field(None, max_length=40)
    individual_number: str | None = Field(None, max_length=40)
    registered_domicile: str | None = Field(None, max_length=200)
    family_register_head: str | None = Field(None, max_length=200)
    nationality: str | None = Field(None, max_length=100)
    residence_status: str | None = Field(None, max_length=100)
    residence_period: str | None = Field(None, max_length=100)
    residence_until: date | None = None
    residence_card_no: str | None = Field(None, max_length=20)
    foreign_class: str | None = Field(None, max_length=100)

    def new(self) -> people.NewResident:
        return people.NewResident(**self.model_dump())
