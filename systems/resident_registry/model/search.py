"""What a search goes by."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

#: numbers that are looked for whole and unread: 個人番号, 住民票コード
NumberKind = Literal["individual_number", "resident_code"]


@dataclass(frozen=True)
class Criteria:
    """At least one is given."""

    name: str | None = None
    kana: str | None = None
    born_on: date | None = None
    address: str | None = None
    #: 宛名番号, fifteen digits
    atena_no: str | None = None
    #: removed records (除票) too; they are not found by `address`
    removed: bool = False
