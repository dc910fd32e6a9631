"""Individual numbers on a form are sealed before the form is kept, and opened only to carry the movement out."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from systems.resident_registry.model.people import Office

ITEM = "individual_number"
#: what is shown instead
MASK = "************"


def sealed(office: Office, movement: UUID, details: Mapping[str, Any]) -> dict[str, Any]:
    """The form with its individual numbers encrypted for this movement (AES-256-GCM), in hexadecimal."""

    def seal(number: str) -> str:
        nonce = secrets.token_bytes(12)
        return (nonce + AESGCM(office.data_key).encrypt(nonce, number.encode(), movement.bytes)).hex()

    return _each(details, seal)


def opened(office: Office, movement: UUID, details: Mapping[str, Any]) -> dict[str, Any]:
    """The form with its individual numbers readable again."""

    def open_(text: str) -> str:
        whole = bytes.fromhex(text)
        return AESGCM(office.data_key).decrypt(whole[:12], whole[12:], movement.bytes).decode()

    return _each(details, open_)


def masked(details: Mapping[str, Any]) -> dict[str, Any]:
    """The form as it is shown."""
    return _each(details, lambda _: MASK)


def numbers_in(details: Mapping[str, Any]) -> list[str]:
    """The individual numbers on a form."""
    found: list[str] = []

    def note(number: str) -> str:
        found.append(number)
        return number

    _each(details, note)
    return found


def _each(value: Mapping[str, Any], make: Callable[[str], str]) -> dict[str, Any]:
    def walk(here: Any, name: str = "") -> Any:
        if isinstance(here, Mapping):
            return {key: walk(inner, key) for key, inner in here.items()}
        if isinstance(here, list):
            return [walk(inner) for inner in here]
        return make(here) if name == ITEM and isinstance(here, str) else here

    result: dict[str, Any] = walk(value)
    return result
