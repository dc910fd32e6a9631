"""Issued certificates, what is needed to print them, and the board outside."""

from dataclasses import fields
from datetime import date
from uuid import UUID

from kit.db import Tx, json
from kit.errors import NotFound
from systems.resident_registry.model.certificates import Certificate, DayLine, NoticeRegistration, Version
from systems.resident_registry.model.people import Resident
from systems.resident_registry.store import people

ITEMS = tuple(f.name for f in fields(Certificate))


def add_certificate(tx: Tx, c: Certificate) -> None:
    values = [json(v) if name in ("content", "asked") else v for name in ITEMS for v in (getattr(c, name),)]
    marks = ", ".join(["%s"] * len(ITEMS))
    tx.execute(f"INSERT INTO resident_registry.certificate ({', '.join(ITEMS)}) VALUES ({marks})", values)


def hang_out(tx: Tx, code_sha256: bytes, kind: str, issued_on: date, pdf_sha256: str) -> None:
    """Put on the board outside what the public may check; in the transaction that issues."""
    tx.execute("INSERT INTO certificate_check.issued VALUES (%s, %s, %s, %s)", (code_sha256, kind, issued_on, pdf_sha256))


def certificate(tx: Tx, serial: str) -> Certificate:
    """The certificate of that serial; `NotFound` when there is none."""
    sql = f"SELECT {', '.join(ITEMS)} FROM resident_registry.certificate WHERE serial = %s"
    found = tx.row(sql, (serial,), into=Certificate)
    if found is None:
        raise NotFound("there is no such certificate")
    return found


def is_issued_for(tx: Tx, movement_id: UUID) -> bool:
    """Whether a 転出証明書 was issued for that departure."""
    sql = """SELECT EXISTS (SELECT FROM resident_registry.certificate
             WHERE kind = 'move_out' AND asked ->> 'movement_id' = %s::text)"""
    found: bool = tx.value(sql, (movement_id,))
    return found


def sealed_number(tx: Tx, resident_id: UUID) -> bytes | None:
    """The individual number as it lies, encrypted; None when there is none."""
    found: bytes | None = tx.value(
        "SELECT sealed FROM resident_registry.individual_number WHERE resident_id = %s", (resident_id,)
    )
    return found


def were_members(tx: Tx, household_id: UUID, today: date) -> list[Resident]:
    """Everybody alive who is, or ever was as it is believed now, in the household."""
    rows = tx.rows(
        """SELECT id FROM resident_registry.resident WHERE household_id = %(id)s
           UNION SELECT resident_id FROM resident_registry.resident_history
               WHERE facts ->> 'household_id' = %(id)s::text AND known_to IS NULL""",
        {"id": household_id},
    )
    found = people.residents(tx, [each["id"] for each in rows], today)
    return [each for each in found.values() if each.state != "dead"]


def head_on(tx: Tx, household_id: UUID, day: date) -> str | None:
    """Name of the household's head on that day, as it is believed now."""
    sql = """
        SELECT name FROM (
            SELECT r.name, r.valid_from, coalesce(r.removed_on, 'infinity') AS until FROM resident_registry.resident r
            WHERE r.household_id = %(id)s AND r.relation = '世帯主'
            UNION ALL
            SELECT h.facts ->> 'name', h.valid_from, coalesce(h.valid_to, 'infinity') FROM resident_registry.resident_history h
            WHERE h.facts ->> 'household_id' = %(id)s::text AND h.facts ->> 'relation' = '世帯主' AND h.known_to IS NULL
              AND h.facts ->> 'removed_on' IS NULL
        ) head WHERE valid_from <= %(day)s AND until > %(day)s ORDER BY valid_from DESC LIMIT 1"""
    found: str | None = tx.value(sql, {"id": household_id, "day": day})
    return found


def versions(tx: Tx, resident_id: UUID) -> list[Version]:
    """The person's record from day to day as it is believed now, oldest first."""
    sql = """
        SELECT v.valid_from, m.reason, m.filed_on, v.facts FROM (
            SELECT valid_from, version, movement_id, facts FROM resident_registry.resident_history
            WHERE resident_id = %(id)s AND known_to IS NULL
            UNION ALL
            SELECT valid_from, version, movement_id, to_jsonb(r) - '{name_bigrams,kana_key}'::text[]
            FROM resident_registry.resident r WHERE id = %(id)s
        ) v LEFT JOIN resident_registry.movement m ON m.id = v.movement_id ORDER BY v.valid_from, v.version"""
    return tx.rows(sql, {"id": resident_id}, into=Version)


def day_lines(tx: Tx, day: date) -> list[DayLine]:
    """The day's certificates by kind and class of requester."""
    sql = """
        SELECT kind, requester, count(*) AS certificates, sum(copies) AS copies, sum(fee_yen) AS fee_yen
        FROM resident_registry.certificate WHERE issued_on = %s GROUP BY kind, requester ORDER BY kind, requester"""
    return tx.rows(sql, (day,), into=DayLine)


def add_registration(tx: Tx, one: NoticeRegistration) -> None:
    tx.execute(
        "INSERT INTO resident_registry.third_party_notice_registration VALUES (%s, %s, %s, %s, %s)",
        (one.id, one.resident_id, one.registered_on, one.ends_on, one.ended_on),
    )


def registrations(tx: Tx, resident_id: UUID) -> list[NoticeRegistration]:
    """Every registration for the notice to this person, newest first; locked until the transaction ends."""
    sql = """
        SELECT id, resident_id, registered_on, ends_on, ended_on FROM resident_registry.third_party_notice_registration
        WHERE resident_id = %s ORDER BY registered_on DESC, id FOR UPDATE"""
    return tx.rows(sql, (resident_id,), into=NoticeRegistration)


def end_registration(tx: Tx, number: UUID, ended_on: date) -> None:
    tx.execute(
        "UPDATE resident_registry.third_party_notice_registration SET ended_on = %s WHERE id = %s AND ended_on IS NULL",
        (ended_on, number),
    )
