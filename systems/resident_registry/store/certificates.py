"""Issued certificates."""

from kit.db import Tx, json
from kit.errors import NotFound
from systems.resident_registry.model.certificates import Certificate


def next_serial(tx: Tx, prefix: str) -> str:
    """The next serial that begins with `prefix`; one counter at a time until the transaction ends."""
    tx.execute("SELECT pg_advisory_xact_lock(hashtext('certificate serial'))")
    last = tx.value(
        "SELECT max(serial) FROM resident_registry.certificate WHERE serial LIKE %s AND length(serial) = %s",
        (prefix + "%", len(prefix) + 6),
    )
    return f"{prefix}{int(last[-6:]) + 1 if last else 1:06d}"


def add_certificate(tx: Tx, c: Certificate) -> None:
    tx.execute(
        "INSERT INTO resident_registry.certificate VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (c.serial, c.form, c.requester, c.residents, json(c.content), c.copies, c.fee_yen, c.issued_on, c.pdf_sha256),
    )


def certificate(tx: Tx, serial: str) -> Certificate:
    """The certificate of that serial; `NotFound` when there is none."""
    found = tx.row("SELECT * FROM resident_registry.certificate WHERE serial = %s", (serial,), into=Certificate)
    if found is None:
        raise NotFound("there is no such certificate")
    return found
