"""What a search goes by."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Criteria:
    """At least one is given."""

    name: str | None = None
    kana: str | None = None
    born_on: date | None = None
    address: str | None = None
