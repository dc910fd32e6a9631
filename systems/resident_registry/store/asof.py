"""The register as it stood on a day, as it was known at a moment."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from kit.db import Tx
from systems.resident_registry.store.history import FACTS


@dataclass(frozen=True)
class Version:
    """A version of a resident or household; `valid_to` and `known_to` are the first day and instant beyond it."""

    version: int
    valid_from: date
    valid_to: date | None
    known_from: datetime
    known_to: datetime | None
    movement_id: UUID | None
    facts: dict[str, Any]


def _all(table: str, where: str, in_history: str) -> str:
    return f"""SELECT version, valid_from, NULL::date AS valid_to, known_from, NULL::timestamptz AS known_to,
            movement_id, {FACTS} AS facts
        FROM resident_registry.{table} r WHERE {where}
        UNION ALL SELECT version, valid_from, valid_to, known_from, known_to, movement_id, facts
        FROM resident_registry.{table}_history r WHERE {in_history}"""


_AT = """valid_from <= %(day)s AND (valid_to IS NULL OR valid_to > %(day)s)
    AND known_from <= %(moment)s AND (known_to IS NULL OR known_to > %(moment)s)"""


def versions(tx: Tx, table: str, number: UUID) -> list[Version]:
    """Every version there ever was, in the order in which they became known."""
    sql = f"SELECT * FROM ({_all(table, 'id = %(id)s', f'{table}_id = %(id)s')}) v ORDER BY known_from, valid_from"
    return tx.rows(sql, {"id": number}, into=Version)


def version_at(tx: Tx, table: str, number: UUID, day: date, moment: datetime) -> Version | None:
    """The version that held on that day as it was known at that moment; None when there was none."""
    sql = f"SELECT * FROM ({_all(table, 'id = %(id)s', f'{table}_id = %(id)s')}) v WHERE {_AT}"
    return tx.row(sql, {"id": number, "day": day, "moment": moment}, into=Version)


def first_version(tx: Tx, table: str, number: UUID, moment: datetime) -> Version | None:
    """The version that holds first as known at that moment: where somebody lived who is corrected to have come earlier."""
    known = "known_from <= %(moment)s AND (known_to IS NULL OR known_to > %(moment)s)"
    sql = f"SELECT * FROM ({_all(table, 'id = %(id)s', f'{table}_id = %(id)s')}) v WHERE {known} ORDER BY valid_from LIMIT 1"
    return tx.row(sql, {"id": number, "moment": moment}, into=Version)


def members_at(tx: Tx, household_id: UUID, day: date, moment: datetime) -> list[Version]:
    """Versions of those who were present in the household on that day as known at that moment, head first."""
    inner = _all("resident", "household_id = %(id)s", "facts ->> 'household_id' = %(id)s::text")
    sql = f"""SELECT * FROM ({inner}) v WHERE {_AT} AND facts ->> 'removed_on' IS NULL
        ORDER BY facts ->> 'relation' <> '世帯主', (facts ->> 'position')::int, facts ->> 'born_on', facts ->> 'id'"""
    return tx.rows(sql, {"id": household_id, "day": day, "moment": moment}, into=Version)


def present_at(tx: Tx, day: date, moment: datetime) -> tuple[int, int]:
    """Number of residents present on that day as known at that moment, and of their households."""
    inner = _all("resident", "true", "true")
    row = tx.row(
        f"""SELECT count(*) AS residents, count(DISTINCT facts ->> 'household_id') AS households FROM ({inner}) v
            WHERE {_AT} AND facts ->> 'removed_on' IS NULL""",
        {"day": day, "moment": moment},
    )
    return (row["residents"], row["households"]) if row else (0, 0)
