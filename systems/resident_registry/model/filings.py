"""What is written on the form of each movement, as entered: kept with the movement and read again when it is decided.

Days are dates in Japan. A resident named here carries the version the clerk saw.
"""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from systems.resident_registry.model.forms import Code, Elsewhere, Form, Named, Person, Place, Relations, Text
from systems.resident_registry.model.people import Kind


class Joining(Form):
    """People who come: into a new household at `place`, or into the household they join."""

    place: Place | None = None
    household_id: UUID | None = None
    people: list[Person] = Field(min_length=1, max_length=20)


class MoveIn(Joining):
    """転入 (住基法22条)"""

    reason: Literal["move_in"]
    previous: Elsewhere
    certificate: Literal["paper", "data", "none"] | None = Field(
        None, description="needed: 転出証明書 was shown, or its data (特例転入), or neither; null only in forms of earlier years"
    )
    out_planned_on: date | None = Field(None, description="転出予定日; needed with the data")


class MoveInAbroad(Joining):
    """国外からの転入"""

    reason: Literal["move_in_abroad"]
    previous: Elsewhere
    passport: bool = Field(description="passport or 戸籍の附票 was seen")


class AddressSetting(Joining):
    """住所設定: an unfiled move-in, so that there is no 転出証明書"""

    reason: Literal["address_setting"]
    previous: Elsewhere | None = None


class OfficeEntry(Joining):
    """職権記載 (施行令12条)"""

    reason: Literal["office_entry"]
    previous: Elsewhere | None = None


class Birth(Form):
    """出生; the event is the day of birth"""

    reason: Literal["birth"]
    household_id: UUID
    child: Person
    parents: list[UUID] = Field(default_factory=list, max_length=2)


class MoveWithin(Form):
    """転居 (住基法23条) of a whole household or of some of it, to a new household or into another"""

    reason: Literal["move_within"]
    residents: list[Named] = Field(min_length=1, max_length=20)
    place: Place | None = None
    household_id: UUID | None = Field(None, description="the household they join")
    relations: Relations = Field(default_factory=dict, description="of those who move, where they form or join a household")
    relations_left: Relations = Field(default_factory=dict)


class MoveOut(Form):
    """転出 (住基法24条); the event is the planned day"""

    reason: Literal["move_out", "move_out_abroad"]
    residents: list[Named] = Field(min_length=1, max_length=20)
    destination: Elsewhere
    certificate: Literal["paper", "data"] = Field("paper", description="転出証明書, or with the card its data (特例転出)")
    relations: Relations = Field(default_factory=dict)


class MoveOutCancel(Form):
    """転出取消"""

    reason: Literal["move_out_cancel"]
    residents: list[Named] = Field(min_length=1, max_length=20)


class InNotice(Form):
    """転入通知の受理 (住基法9条): the new municipality says that they arrived; the event is the day of the move"""

    reason: Literal["in_notice"]
    residents: list[Named] = Field(min_length=1, max_length=20)
    destination: Elsewhere
    received_on: date


class Removal(Form):
    """死亡, 国籍喪失, 失踪宣告, 職権消除"""

    reason: Literal["death", "nationality_loss", "disappearance", "office_removal"]
    residents: list[Named] = Field(min_length=1, max_length=20)
    unknown_day: str | None = Field(None, max_length=100, description="text to print when the day is not known")
    relations: Relations = Field(default_factory=dict)


class Restoration(Form):
    """職権回復 of somebody removed by the office, or after a 失踪宣告 that was revoked (民法 art. 32)"""

    reason: Literal["office_restoration"]
    resident: Named
    relation: Text
    household_id: UUID | None = Field(None, description="the household they come back to; a new one when left out")
    place: Place | None = None


class HeadChange(Form):
    """世帯主変更"""

    reason: Literal["head_change"]
    household_id: UUID
    new_head: Named
    relations: Relations = Field(default_factory=dict)


class Split(Form):
    """世帯分離: one household becomes two at the same address"""

    reason: Literal["household_split"]
    residents: list[Named] = Field(min_length=1, max_length=20)
    relations: Relations = Field(default_factory=dict, description="of those in the new household")
    relations_left: Relations = Field(default_factory=dict)


class Regroup(Form):
    """世帯合併 (all of a household) or 世帯構成変更 (some of it) into another household at the same address"""

    reason: Literal["household_merge", "household_change"]
    residents: list[Named] = Field(min_length=1, max_length=20)
    household_id: UUID
    relations: Relations = Field(default_factory=dict)
    relations_left: Relations = Field(default_factory=dict)


class Ties(Form):
    """What ended or began between the resident and others of this register, by notice of the family register."""

    ends_marriage: UUID | None = Field(None, description="the spouse from whom the resident is divorced; 未届 too")
    adopted_by: list[UUID] = Field(default_factory=list, max_length=2, description="who adopts the resident (養子縁組)")


class NewName(Ties):
    id: UUID
    version: int = Field(ge=1)
    name: Text
    kana: Text
    registered_domicile: str | None = Field(None, max_length=200)
    family_register_head: str | None = Field(None, max_length=200)
    relation: Text | None = Field(None, description="to the head, where the clerk chooses another than what follows")


class NameChange(Form):
    """婚姻・離婚等による氏の変更, by notice of the family register"""

    reason: Literal["name_change"]
    residents: list[NewName] = Field(min_length=1, max_length=20)


class OtherName(Form):
    """通称 or 旧氏: entered, or taken away when `name` is null"""

    reason: Literal["alias", "former_surname"]
    resident: Named
    name: str | None = Field(None, max_length=200)
    kana: str | None = Field(None, max_length=200)


class NumberChange(Form):
    """個人番号変更 (番号法7条2項)"""

    reason: Literal["number_change"]
    resident: Named
    individual_number: str = Field(max_length=40)


class CodeChange(Form):
    """住民票コード変更 (住基法30条の4); drawn by lot when left out"""

    reason: Literal["code_change"]
    resident: Named
    resident_code: str | None = Field(None, max_length=40)


class Items(Form):
    """Items of the record that the office may correct; those left out stay, those that are null become empty."""

    name: Text | None = None
    kana: Text | None = None
    roman_name: str | None = Field(None, max_length=200)
    kanji_name: str | None = Field(None, max_length=200)
    kind: Kind | None = None
    sex: Literal["male", "female"] | None = None
    sex_text: str | None = Field(None, max_length=20, description="in place of 男 or 女 on paper")
    born_on: date | None = None
    born_unknown: str | None = Field(None, max_length=100)
    relation: Text | None = None
    position: int | None = Field(None, ge=0, le=1000)
    became_resident_on: date | None = None
    became_resident_unknown: str | None = Field(None, max_length=100)
    address_since: date | None = None
    filed_on: date | None = None
    before_move_address: str | None = Field(None, max_length=200)
    previous_address: str | None = Field(None, max_length=200)
    previous_authority: Code | None = None
    previous_country: str | None = Field(None, max_length=100)
    previous_head: str | None = Field(None, max_length=200)
    registered_domicile: str | None = Field(None, max_length=200)
    family_register_head: str | None = Field(None, max_length=200)
    nationality: str | None = Field(None, max_length=200)
    residence_status: str | None = Field(None, max_length=200)
    residence_period: str | None = Field(None, max_length=200)
    residence_until: date | None = None
    residence_card_no: str | None = Field(None, max_length=200)
    foreign_class: str | None = Field(None, max_length=200)
    foreign_since: date | None = None
    qualifications: dict[str, Any] | None = None
    districts: dict[str, str] | None = None


class Correction(Ties):
    """職権修正: from the event's day on the items are these, and the address of the whole household is the place.

    Nobody moves: 住所を定めた年月日 and 異動前住所 stay as they are.
    """

    reason: Literal["office_correction"]
    resident: Named
    items: Items = Field(default_factory=Items)
    place: Place | None = None


class Reversal(Form):
    """異動取消: the movement never was"""

    reason: Literal["reversal"]
    movement_id: UUID


Details = Annotated[
    MoveIn
    | MoveInAbroad
    | AddressSetting
    | OfficeEntry
    | Birth
    | MoveWithin
    | MoveOut
    | MoveOutCancel
    | InNotice
    | Removal
    | Restoration
    | HeadChange
    | Split
    | Regroup
    | NameChange
    | OtherName
    | NumberChange
    | CodeChange
    | Correction
    | Reversal,
    Field(discriminator="reason"),
]
DETAILS: TypeAdapter[Any] = TypeAdapter(Details)


class Ground(Form):
    """What a movement of the office rests on."""

    kind: Literal["notice", "fact_check", "court", "application", "error"]
    text: str = Field(min_length=1, max_length=1000)
    on: date


class Filing(Form):
    """What every form carries; `filed_on` is today when left out."""

    event_on: date
    filed_on: date | None = None
    filer: Literal["self", "head", "representative", "office"] = "self"
    filer_name: str | None = Field(None, max_length=200)
    documents: list[Text] = Field(default_factory=list, max_length=10, description="本人確認書類")
    ground: Ground | None = None
    details: Details
