"""Same key, same answer."""

import hashlib
from collections.abc import Callable
from typing import Any

from kit.db import Tx, json
from kit.errors import Invalid


def once(tx: Tx, key: str | None, body: bytes, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `act` answers, or what it answered when the same caller sent the same key before.

    The answer is stored in the transaction that acts: both are there or neither. Two calls at once wait for each other.

    Raises
    ------
    Invalid
        The key was used before with another body.
    """
    if key is None:
        return act()
    fingerprint = hashlib.sha256(body).hexdigest()
    tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"idempotency/{tx.actor}/{key}",))
    known = tx.row("SELECT fingerprint, answer FROM idempotency.answer WHERE actor=%s AND key=%s", (tx.actor, key))
    if known:
        if known["fingerprint"] != fingerprint:
            raise Invalid("this Idempotency-Key was used with another body: take a new key")
        stored: dict[str, Any] = known["answer"]
        return stored
    answer = act()
    tx.execute(
        "INSERT INTO idempotency.answer (actor, key, fingerprint, answer) VALUES (%s, %s, %s, %s)",
        (tx.actor, key, fingerprint, json(answer)),
    )
    return answer
