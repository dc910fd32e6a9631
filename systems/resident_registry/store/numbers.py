"""Individual numbers and resident codes: the one in use, and those that were changed."""

from datetime import date
from uuid import UUID, uuid4

from kit.db import Tx


def add(tx: Tx, resident_id: UUID, sealed: bytes, blind_index: bytes) -> None:
    tx.execute(
        "INSERT INTO resident_registry.individual_number (resident_id, sealed, blind_index) VALUES (%s, %s, %s)",
        (resident_id, sealed, blind_index),
    )


def number(tx: Tx, resident_id: UUID) -> tuple[bytes, bytes] | None:
    """Sealed number and blind index of the resident."""
    row = tx.row("SELECT sealed, blind_index FROM resident_registry.individual_number WHERE resident_id = %s", (resident_id,))
    return (row["sealed"], row["blind_index"]) if row else None


def put(tx: Tx, resident_id: UUID, sealed: bytes, blind_index: bytes) -> None:
    """Give the resident another number."""
    tx.execute(
        "UPDATE resident_registry.individual_number SET sealed = %s, blind_index = %s, in_use = true WHERE resident_id = %s",
        (sealed, blind_index, resident_id),
    )


def set_in_use(tx: Tx, resident_id: UUID, *, in_use: bool) -> None:
    """A removed person's number is not in use here; the person may come back with it."""
    tx.execute("UPDATE resident_registry.individual_number SET in_use = %s WHERE resident_id = %s", (in_use, resident_id))


def retire(
    tx: Tx, resident_id: UUID, kind: str, sealed: bytes, blind_index: bytes, *, on: date, movement_id: UUID | None
) -> None:
    """Keep a number that was changed."""
    tx.execute(
        "INSERT INTO resident_registry.retired_number VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (uuid4(), resident_id, kind, sealed, blind_index, on, movement_id),
    )


def remove(tx: Tx, resident_id: UUID) -> None:
    """The resident has no number, as before the first was entered."""
    tx.execute("DELETE FROM resident_registry.individual_number WHERE resident_id = %s", (resident_id,))


def unretire(tx: Tx, movement_id: UUID) -> dict[UUID, tuple[bytes, bytes]]:
    """Take back that the movement retired numbers; resident -> sealed number and blind index."""
    rows = tx.rows("DELETE FROM resident_registry.retired_number WHERE movement_id = %s RETURNING *", (movement_id,))
    return {row["resident_id"]: (row["sealed"], row["blind_index"]) for row in rows}


def is_taken(tx: Tx, kind: str, blind_index: bytes) -> bool:
    """Whether the number is in use, or was in use and changed (R2: never given again)."""
    retired: bool = tx.value(
        "SELECT EXISTS (SELECT FROM resident_registry.retired_number WHERE blind_index = %s AND kind = %s)", (blind_index, kind)
    )
    if kind == "individual_number" and not retired:
        retired = tx.value(
            "SELECT EXISTS (SELECT FROM resident_registry.individual_number WHERE blind_index = %s AND in_use)", (blind_index,)
        )
    return retired


def code_in_use(tx: Tx, code: str) -> bool:
    """Whether a present resident has that 住民票コード."""
    found: bool = tx.value(
        "SELECT EXISTS (SELECT FROM resident_registry.resident WHERE resident_code = %s AND removed_on IS NULL)", (code,)
    )
    return found


def holder(tx: Tx, code: str, blind_index: bytes | None) -> tuple[str, str] | None:
    """Which of the two numbers a present resident has, and that resident's 宛名番号; None when nobody has either."""
    row = tx.row(
        """SELECT '住民票コード' AS kind, atena_no FROM resident_registry.resident WHERE resident_code = %s AND removed_on IS NULL
           UNION ALL SELECT '個人番号', r.atena_no FROM resident_registry.individual_number n
           JOIN resident_registry.resident r ON r.id = n.resident_id WHERE n.blind_index = %s AND n.in_use LIMIT 1""",
        (code, blind_index),
    )
    return (row["kind"], row["atena_no"]) if row else None
