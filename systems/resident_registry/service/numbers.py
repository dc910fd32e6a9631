"""Individual numbers on paper: sealed where the certificate's content is stored, revealed only while its page is made."""

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from systems.resident_registry.model.errors import NotAsIssued
from systems.resident_registry.model.people import Office

#: table that is named in the access records of numbers
TABLE = "resident_registry.individual_number"
NONCE = 12


def open_number(office: Office, resident_id: UUID, sealed: bytes) -> str:
    """The individual number of this resident; the caller records the look."""
    return AESGCM(office.data_key).decrypt(sealed[:NONCE], sealed[NONCE:], resident_id.bytes).decode()


def seal_for_paper(office: Office, resident_id: UUID, sealed: bytes, serial: str) -> str:
    """The number, sealed anew for the paper of that serial, in hexadecimal: it opens on no other."""
    nonce = secrets.token_bytes(NONCE)
    number = open_number(office, resident_id, sealed).encode()
    return (nonce + AESGCM(office.data_key).encrypt(nonce, number, serial.encode())).hex()


def holds_numbers(content: Mapping[str, Any]) -> bool:
    """Whether the paper shows an individual number."""
    return any("sealed" in cell for cell in _cells(content))


def reveal(office: Office, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The content with its numbers readable, for the page that is being made.

    Raises
    ------
    NotAsIssued
        A seal was altered, or belongs to another paper or key.
    """
    if content["template"] == "certificate_1" or not holds_numbers(content):
        return content
    units = [
        unit | {"rows": [[_open(office, cell, content["serial"]) for cell in row] for row in unit["rows"]]}
        if "rows" in unit
        else unit
        for unit in content["units"]
    ]
    return {**content, "units": units}


def _open(office: Office, cell: dict[str, Any], serial: str) -> dict[str, Any]:
    if "sealed" not in cell:
        return cell
    raw = bytes.fromhex(cell["sealed"])
    try:
        number = AESGCM(office.data_key).decrypt(raw[:NONCE], raw[NONCE:], serial.encode()).decode()
    except InvalidTag:
        raise NotAsIssued("an individual number in the certificate does not open") from None
    return {name: value for name, value in cell.items() if name != "sealed"} | {"value": number}


def _cells(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [cell for unit in content.get("units", ()) for row in unit.get("rows", ()) for cell in row]
