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


def kept(details: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The form with the numbers of the one before, as readable there, in place of masks.

    Only where the same person stands: by name, or by day of birth under a name that was nobody else's on the form before. A mask
    that is left is no number and is refused as such.
    """
    names = {each["name"] for each in _people(before)}

    def stays(now: Mapping[str, Any], then: Mapping[str, Any]) -> bool:
        if now.get(ITEM) != MASK or not then.get(ITEM):
            return False
        same_day = now.get("born_on") == then.get("born_on") and now.get("name") not in names
        return now.get("name") == then.get("name") or same_day

    def one(now: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
        return {**now, ITEM: then[ITEM]} if stays(now, then) else dict(now)

    found = one(details, before)
    if "child" in found:
        found["child"] = one(found["child"], before.get("child", {}))
    if "people" in found:
        then = before.get("people", [])
        found["people"] = [one(each, then[n] if n < len(then) else {}) for n, each in enumerate(found["people"])]
    return found


def _people(details: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*details.get("people", []), *([details["child"]] if "child" in details else [])]


def _each(value: Mapping[str, Any], make: Callable[[str], str]) -> dict[str, Any]:
    def walk(here: Any, name: str = "") -> Any:
        if isinstance(here, Mapping):
            return {key: walk(inner, key) for key, inner in here.items()}
        if isinstance(here, list):
            return [walk(inner) for inner in here]
        return make(here) if name == ITEM and isinstance(here, str) else here

    result: dict[str, Any] = walk(value)
    return result
