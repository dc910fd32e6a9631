"""Nouns of the check."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Issued:
    """What the public may know of a certificate: its kind, its day, the SHA-256 of its PDF in hexadecimal."""

    kind: str
    issued_on: date
    pdf_sha256: str


@dataclass(frozen=True)
class Answer:
    """The same shape for every question: without kind and day when no such certificate was issued here.

    `hash_match` is None when no hash was given to compare.
    """

    tenant: str
    kind: str | None
    issued_on: date | None
    hash_match: bool | None
