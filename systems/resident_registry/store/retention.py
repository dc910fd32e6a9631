"""Disposals, legal holds, and the traces that disposed records leave."""

from dataclasses import fields
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from kit.db import Tx, json
from kit.errors import NotFound
from systems.resident_registry.model.errors import NewerVersion
from systems.resident_registry.model.retention import Disposal, DueRecord

ITEMS = tuple(f.name for f in fields(Disposal))
#: rows that hang on a resident's record; other subjects' rows that still point at it keep it from being disposed of
_HANGING = (
    "resident_history",
    "individual_number",
    "retired_number",
    "movement_resident",
    "notice",
    "legal_hold",
    "support_protected",
    "suppression",
    "third_party_notice_registration",
)


def add(tx: Tx, one: Disposal) -> None:
    values = [getattr(one, name) for name in ITEMS if name != "certificate"]
    names = ", ".join(name for name in ITEMS if name != "certificate")
    tx.execute(f"INSERT INTO resident_registry.disposal ({names}) VALUES ({', '.join(['%s'] * len(values))})", values)


def disposal(tx: Tx, number: UUID) -> Disposal:
    """The disposal of that id, locked; `NotFound` when there is none."""
    sql = f"SELECT {', '.join(ITEMS)} FROM resident_registry.disposal WHERE id = %s FOR UPDATE"
    found = tx.row(sql, (number,), into=Disposal)
    if found is None:
        raise NotFound("there is no such disposal")
    return found


def recent(tx: Tx, limit: int) -> list[Disposal]:
    """Disposals, the newest first."""
    sql = f"SELECT {', '.join(ITEMS)} FROM resident_registry.disposal ORDER BY proposed_at DESC LIMIT %s"
    return tx.rows(sql, (limit,), into=Disposal)


def update(tx: Tx, one: Disposal, **changes: Any) -> None:
    """Set columns of the disposal; `NewerVersion` when it has changed."""
    values = [json(value) if isinstance(value, dict) else value for value in changes.values()]
    sets = ", ".join(f"{name} = %s" for name in changes)
    sql = f"UPDATE resident_registry.disposal SET {sets}, version = version + 1 WHERE id = %s AND version = %s"
    if not tx.execute(sql, (*values, one.id, one.version)):
        raise NewerVersion("the disposal changed in the meantime: read it again")


def removed(tx: Tx, residents: list[UUID]) -> list[dict[str, Any]]:
    """Id, 宛名番号, name, birth and day of removal (None: in use) of these records."""
    return tx.rows(
        "SELECT id, atena_no, name, born_on, removed_on FROM resident_registry.resident WHERE id = ANY (%s) ORDER BY id",
        (residents,),
    )


def removal_days(tx: Tx) -> list[date]:
    """Every day on which a record was removed, the oldest first."""
    rows = tx.rows("SELECT DISTINCT removed_on FROM resident_registry.resident WHERE removed_on IS NOT NULL ORDER BY 1")
    return [row["removed_on"] for row in rows]


def removed_on(tx: Tx, days: list[date], limit: int) -> list[DueRecord]:
    """Records removed on these days, the oldest first."""
    return tx.rows(
        """SELECT r.id, r.atena_no::text, r.name, r.removed_on,
           EXISTS (SELECT FROM resident_registry.legal_hold l WHERE l.resident_id = r.id AND l.until IS NULL) AS held,
           EXISTS (SELECT FROM resident_registry.disposal d WHERE d.state IN ('proposed', 'approved')
               AND r.id = ANY (d.residents)) AS proposed,
           (SELECT max(c.issued_on) FROM resident_registry.certificate c WHERE c.residents @> ARRAY[r.id]) AS certified_on
           FROM resident_registry.resident r WHERE r.removed_on = ANY (%s) ORDER BY r.removed_on, r.atena_no LIMIT %s""",
        (days, limit),
        into=DueRecord,
    )


_NO_HOLD = """NOT EXISTS (SELECT FROM resident_registry.legal_hold l
    WHERE l.until IS NULL AND l.resident_id = ANY (movement.residents))"""


def filings_until(tx: Tx, day: date, limit: int) -> list[UUID]:
    """Decided or cancelled movements filed by that day whose papers are still kept, without those of residents under a hold."""
    rows = tx.rows(
        f"""SELECT id FROM resident_registry.movement WHERE filed_on <= %s AND papers_disposed_on IS NULL AND {_NO_HOLD}
           AND state IN ('decided', 'notified', 'completed', 'cancelled') ORDER BY filed_on, id LIMIT %s""",
        (day, limit),
    )
    return [row["id"] for row in rows]


def holds(tx: Tx, residents: list[UUID]) -> int:
    """How many of these residents are under a legal hold."""
    found: int = tx.value(
        "SELECT count(DISTINCT resident_id) FROM resident_registry.legal_hold WHERE resident_id = ANY (%s) AND until IS NULL",
        (residents,),
    )
    return found


def add_hold(tx: Tx, resident: UUID, reason: str, since: date) -> UUID:
    number = uuid4()
    tx.execute("INSERT INTO resident_registry.legal_hold VALUES (%s, %s, %s, %s)", (number, resident, reason, since))
    return number


def holds_of(tx: Tx, resident: UUID) -> list[dict[str, Any]]:
    """Id, reason and first day of the legal holds on a record that go on."""
    return tx.rows(
        "SELECT id, reason, since FROM resident_registry.legal_hold WHERE resident_id = %s AND until IS NULL ORDER BY since, id",
        (resident,),
    )


def end_hold(tx: Tx, number: UUID, until: date) -> None:
    if not tx.execute("UPDATE resident_registry.legal_hold SET until = %s WHERE id = %s AND until IS NULL", (until, number)):
        raise NotFound("there is no such legal hold")


def newest_certificate(tx: Tx, residents: list[UUID]) -> date | None:
    """Day of issue of the newest certificate about any of these residents."""
    found: date | None = tx.value(
        "SELECT max(issued_on) FROM resident_registry.certificate WHERE residents && %s::uuid[]", (residents,)
    )
    return found


def open_measures(tx: Tx, residents: list[UUID]) -> int:
    """How many of these residents a support case protects, or is to protect, that goes on."""
    found: int = tx.value(
        """SELECT count(DISTINCT p.resident_id) FROM resident_registry.support_protected p
           JOIN resident_registry.support_case c ON c.id = p.case_id
           WHERE p.resident_id = ANY (%s) AND c.state NOT IN ('ended', 'rejected')""",
        (residents,),
    )
    return found


def filings_about(tx: Tx, resident: UUID) -> list[dict[str, Any]]:
    """Id, form, filer and other residents still kept of the movements that touched or named this resident."""
    return tx.rows(
        """SELECT m.id, m.details, m.filer_name,
           EXISTS (SELECT FROM resident_registry.resident r WHERE r.id = ANY (m.residents) AND r.id <> %(id)s) AS of_others
           FROM resident_registry.movement m WHERE m.residents @> ARRAY[%(id)s::uuid]
           OR m.id IN (SELECT movement_id FROM resident_registry.movement_resident WHERE resident_id = %(id)s) ORDER BY m.id""",
        {"id": resident},
    )


def names_of(tx: Tx, resident: UUID) -> list[str]:
    """Every name that a resident bore on the register."""
    rows = tx.rows(
        """SELECT name FROM resident_registry.resident WHERE id = %(id)s
           UNION SELECT facts ->> 'name' FROM resident_registry.resident_history WHERE resident_id = %(id)s""",
        {"id": resident},
    )
    return [row["name"] for row in rows if row["name"]]


def blank_filing(tx: Tx, movement: UUID, resident: UUID, details: dict[str, Any], *, whole: bool, by_them: bool) -> None:
    """Take a resident off a movement: the form is what is left of it; `whole`: it concerns nobody else who is kept."""
    tx.execute(
        """UPDATE resident_registry.movement SET details = %(details)s, residents = array_remove(residents, %(resident)s),
           filer_name = CASE WHEN %(filer)s THEN NULL ELSE filer_name END,
           documents = CASE WHEN %(whole)s THEN '{}' ELSE documents END,
           ground = CASE WHEN %(whole)s AND ground IS NOT NULL THEN ground || '{"text": ""}' ELSE ground END,
           returned_for = CASE WHEN %(whole)s THEN NULL ELSE returned_for END WHERE id = %(id)s""",
        {"id": movement, "resident": resident, "details": json(details), "whole": whole, "filer": whole or by_them},
    )


def dispose_record(tx: Tx, one: dict[str, Any], blind_index: bytes, *, on: date, disposal_id: UUID) -> None:
    """Delete a record with what hangs on it, and empty the papers about it; that it existed stays."""
    _empty_papers(tx, one["id"], on)
    tx.execute(
        "INSERT INTO resident_registry.disposed_record VALUES (%s, %s, %s, %s, %s)",
        (one["atena_no"], blind_index, one["removed_on"], on, disposal_id),
    )
    for table in _HANGING:
        tx.execute(f"DELETE FROM resident_registry.{table} WHERE resident_id = %s", (one["id"],))
    tx.execute("DELETE FROM resident_registry.kinship WHERE %(id)s IN (from_id, to_id)", {"id": one["id"]})
    tx.execute("DELETE FROM resident_registry.resident WHERE id = %s", (one["id"],))


def _empty_papers(tx: Tx, resident: UUID, on: date) -> None:
    """Certificates keep serial, kind, day and hash; lifts who approved when; closed support cases of nobody else go."""
    tx.execute(
        """UPDATE resident_registry.certificate SET content = jsonb_build_object('disposed_on', %s::text), asked = '{}',
           residents = '{}' WHERE residents @> ARRAY[%s::uuid]""",
        (on, resident),
    )
    tx.execute(
        "UPDATE resident_registry.measure_lift SET requester_name = '', ground = '廃棄済み' WHERE %s = ANY (residents)",
        (resident,),
    )
    alone = "SELECT case_id FROM resident_registry.support_protected GROUP BY case_id HAVING bool_and(resident_id = %s)"
    cases = [row["case_id"] for row in tx.rows(alone, (resident,))]
    for table in ("support_forwarding", "support_opponent", "support_protected"):
        tx.execute(f"DELETE FROM resident_registry.{table} WHERE case_id = ANY (%s)", (cases,))
    tx.execute("DELETE FROM resident_registry.support_case WHERE id = ANY (%s)", (cases,))


def dispose_papers(tx: Tx, movements: list[UUID], on: date) -> int:
    """Empty the papers of these filings: the form, the documents that were shown, who filed. What the register says stays.

    Number of filings: a hold that came in between keeps its own.
    """
    return tx.execute(
        f"""UPDATE resident_registry.movement SET papers_disposed_on = %s, details = '{{}}', documents = '{{}}', filer_name = NULL
           WHERE id = ANY (%s) AND {_NO_HOLD}""",
        (on, movements),
    )


def disposed(tx: Tx, blind_index: bytes) -> list[dict[str, Any]]:
    """Disposed records of a person: day of removal, day of disposal, disposal."""
    return tx.rows(
        "SELECT removed_on, disposed_on, disposal_id FROM resident_registry.disposed_record WHERE blind_index = %s ORDER BY 1",
        (blind_index,),
    )


def still_here(tx: Tx, name: str, born_on: date) -> bool:
    """Whether a record of that name and birth is kept."""
    found: bool = tx.value(
        "SELECT EXISTS (SELECT FROM resident_registry.resident WHERE born_on = %s AND name = %s)", (born_on, name)
    )
    return found
