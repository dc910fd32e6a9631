"""個人番号 on the screen: read one by one, by the role for it, with an access entry of its own."""

import hmac
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit import journal
from kit.db import Tx
from kit.errors import NotFound
from systems.resident_registry.model.people import Office
from systems.resident_registry.store import search as store

TABLE = "resident_registry.individual_number"
_NONCE = 12


def blind_index(office: Office, number: str) -> bytes:
    """Keyed hash (HMAC-SHA-256) by which a number is found unread."""
    return hmac.digest(office.blind_index_key, number.encode(), "sha256")


def view(tx: Tx, office: Office, resident_id: UUID) -> str:
    """The resident's individual number in use; the look is recorded before it is opened.

    Raises
    ------
    NotFound
        The resident has none in use here, or there is no such resident.
    """
    sealed = store.sealed_number(tx, resident_id)
    if sealed is None:
        raise NotFound("no individual number is in use for this resident")
    journal.record(tx, "access", table=TABLE, key={"id": str(resident_id)}, detail={"act": "individual_number"})
    return AESGCM(office.data_key).decrypt(sealed[:_NONCE], sealed[_NONCE:], resident_id.bytes).decode()
