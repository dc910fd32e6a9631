"""Rows to model and back: the only SQL of the register. No decisions."""

from collections.abc import Iterable, Sequence
from datetime import date
from operator import attrgetter
from uuid import UUID

from kit.civic.names import bigrams, kana_key
from kit.db import Tx, json
from kit.errors import NotFound, Stale
from systems.resident_registry.model import Certificate, Criteria, Notification, Resident

_ITEMS = (
    "id, household_id, state, name, kana, sex, born_on, relation, became_resident_on, address_since, filed_on, "
    "previous_address, registered_domicile, family_register_head, resident_code, removed_on, removed_to, version"
)
COLUMNS = f"{_ITEMS}, name_bigrams, kana_key"
_items = attrgetter(*(item.strip() for item in _ITEMS.split(",")))
_SELECT = f"""
SELECT {", ".join("r." + item.strip() for item in _ITEMS.split(","))}, h.postal_code, h.address,
    EXISTS (SELECT FROM resident_registry.disclosure_restriction d
            WHERE d.resident_id = r.id AND d.starts_on <= %(today)s AND d.ends_on > %(today)s) AS restricted
FROM resident_registry.resident r JOIN resident_registry.household h ON h.id = r.household_id
"""


def resident(tx: Tx, number: UUID, today: date) -> Resident:
    """The resident of that id; `NotFound` when there is none."""
    found = tx.row(_SELECT + "WHERE r.id = %(id)s", {"id": number, "today": today}, into=Resident)
    if found is None:
        raise NotFound("there is no such resident")
    return found


def members(tx: Tx, household_id: UUID, today: date) -> list[Resident]:
    """Current members, head first, then by birth; locked until the transaction ends."""
    tx.execute("SELECT FROM resident_registry.household WHERE id = %s FOR UPDATE", (household_id,))
    found = tx.rows(
        _SELECT + "WHERE r.household_id = %(id)s AND r.state = 'current' ORDER BY r.relation <> '世帯主', r.born_on, r.id",
        {"id": household_id, "today": today},
        into=Resident,
    )
    if not found:
        raise NotFound("there is no such household")
    return found


def search(tx: Tx, criteria: Criteria, today: date, limit: int) -> list[Resident]:
    """Current residents that fit all criteria, by reading; at most `limit`."""
    where = ["r.state = 'current'"]
    if criteria.name:
        where.append("r.name_bigrams @> %(name)s")
    if criteria.kana:
        where.append("r.kana_key LIKE %(kana)s")
    if criteria.born_on:
        where.append("r.born_on = %(born_on)s")
    if criteria.address:
        where.append("h.address_bigrams @> %(address)s")
    params: dict[str, object] = {
        "name": bigrams(criteria.name or ""),
        "kana": kana_key(criteria.kana or "").replace("\\", "").replace("%", "").replace("_", "") + "%",
        "born_on": criteria.born_on,
        "address": bigrams(criteria.address or ""),
        "today": today,
        "limit": limit,
    }
    sql = f"{_SELECT} WHERE {' AND '.join(where)} ORDER BY r.kana_key, r.id LIMIT %(limit)s"
    return tx.rows(sql, params, into=Resident)


def add_household(tx: Tx, number: UUID, postal_code: str, address: str) -> None:
    tx.execute(
        "INSERT INTO resident_registry.household (id, postal_code, address, address_bigrams) VALUES (%s, %s, %s, %s)",
        (number, postal_code, address, bigrams(address)),
    )


def set_address(tx: Tx, number: UUID, postal_code: str, address: str) -> None:
    tx.execute(
        "UPDATE resident_registry.household SET postal_code=%s, address=%s, address_bigrams=%s, version=version+1 WHERE id=%s",
        (postal_code, address, bigrams(address), number),
    )


def columns_of(one: Resident) -> list[object]:
    """Values for `COLUMNS`."""
    return [*_items(one), bigrams(one.name), kana_key(one.kana)]


def add_resident(tx: Tx, one: Resident) -> None:
    values = columns_of(one)
    marks = ", ".join(["%s"] * len(values))
    tx.execute(f"INSERT INTO resident_registry.resident ({COLUMNS}) VALUES ({marks})", values)


def change(tx: Tx, one: Resident, **changes: object) -> None:
    """Set columns of the resident; `Stale` when somebody changed it since it was read."""
    sets = ", ".join(f"{name} = %s" for name in changes)
    touched = tx.execute(
        f"UPDATE resident_registry.resident SET {sets}, version = version + 1 WHERE id = %s AND version = %s",
        (*changes.values(), one.id, one.version),
    )
    if not touched:
        raise Stale("the record changed in the meantime: read it again")


def add_number(tx: Tx, resident_id: UUID, sealed: bytes, blind_index: bytes) -> None:
    tx.execute("INSERT INTO resident_registry.individual_number VALUES (%s, %s, %s)", (resident_id, sealed, blind_index))


def add_notification(tx: Tx, n: Notification) -> None:
    tx.execute(
        "INSERT INTO resident_registry.notification VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (n.id, n.kind, n.event_on, n.filed_on, n.processed_on, n.is_late, n.filer, n.residents),
    )


def add_restriction(tx: Tx, number: UUID, resident_id: UUID, *, opponent_name: str, starts_on: date, ends_on: date) -> None:
    tx.execute(
        "INSERT INTO resident_registry.disclosure_restriction VALUES (%s, %s, %s, %s, %s)",
        (number, resident_id, opponent_name, starts_on, ends_on),
    )


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


def copy_households(tx: Tx, rows: Iterable[Sequence[object]]) -> int:
    return tx.copy_in("resident_registry.household (id, postal_code, address, address_bigrams)", rows)


def copy_residents(tx: Tx, rows: Iterable[Sequence[object]]) -> int:
    return tx.copy_in(f"resident_registry.resident ({COLUMNS})", rows)


def copy_numbers(tx: Tx, rows: Iterable[Sequence[object]]) -> int:
    return tx.copy_in("resident_registry.individual_number (resident_id, sealed, blind_index)", rows)


def copy_restrictions(tx: Tx, rows: Iterable[Sequence[object]]) -> int:
    target = "resident_registry.disclosure_restriction (id, resident_id, opponent_name, starts_on, ends_on)"
    return tx.copy_in(target, rows)


def count(tx: Tx) -> int:
    """Number of current residents."""
    found: int = tx.value("SELECT count(*) FROM resident_registry.resident WHERE state = 'current'")
    return found
