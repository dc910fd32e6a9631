"""Packs: jobs, sealed pieces, and the rows that go into them."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from kit.db import Tx, identifier, json
from kit.errors import NotFound
from systems.resident_registry.model.exports import ExportJob, ExportState
from systems.resident_registry.model.imports import LAYOUT, PLACE_ITEMS, QUALIFIED, STATES
from systems.resident_registry.store.people import EARLIER

_JOB = ", ".join(f.name for f in fields(ExportJob))
_STATES = {stored: written for written, stored in STATES}


@dataclass(frozen=True)
class Exported:
    """A table that goes into every pack as it is. `but` keeps rows away from a pack without protected residents; `left` are
    columns that only serve searching, or that would tell of a measure."""

    name: str
    order: str
    but: str
    left: tuple[str, ...] = ()


_OF = "{column} NOT IN (SELECT resident_id FROM resident_registry.protected)"
_HOUSEHOLD = (
    "{column} NOT IN (SELECT r.household_id FROM resident_registry.protected p "
    "JOIN resident_registry.resident r ON r.id = p.resident_id)"
)
_AMONG = "NOT EXISTS (SELECT FROM resident_registry.protected p WHERE p.resident_id = ANY (t.residents))"
#: a plan that was given up or that nobody has decided yet may name the place that a protected person left for
_TELLS = "({destination} IS NULL OR NOT resident_registry.leads_to_protected({residents}, {destination}))"
_FORM = _TELLS.format(residents="t.residents", destination="t.details #>> '{destination,address}'")
_PLANNED = _TELLS.format(residents="ARRAY[t.resident_id]", destination="t.facts ->> 'out_planned_to'")
_TOLD = _TELLS.format(residents="ARRAY[t.resident_id]", destination="t.content ->> 'destination'")
#: an address that is a protected person's today, or where one left for, in the record of whoever lived there once
_KEPT = "IN (SELECT key FROM resident_registry.protected_place)"
_PLACE = f"coalesce(resident_registry.place_key({{column}}) NOT {_KEPT}, true)"
_SAID = f"NOT EXISTS (SELECT FROM resident_registry.places_said({{column}}) said WHERE resident_registry.place_key(said) {_KEPT})"
_PAST = " AND ".join(
    _PLACE.format(column=each)
    for each in (*(f"t.facts ->> '{item}'" for item in EARLIER), "t.facts #>> '{removed_place,address}'")
)
_MOVEMENT = (
    "t.movement_id NOT IN (SELECT m.id FROM resident_registry.movement m JOIN resident_registry.protected p "
    "ON p.resident_id = ANY (m.residents))"
)
NEVER = "false"

KEYS = ("name_bigrams", "name_key", "kana_key", "other_kana_key", "address_bigrams", "address_key")
EXPORTED = (
    Exported("resident", "atena_no", " AND ".join(
        [_OF.format(column="t.id"), *(_PLACE.format(column=f"t.{item}") for item in EARLIER)]
    ), KEYS),
    Exported(
        "household", "household_no", f"{_HOUSEHOLD.format(column='t.id')} AND {_PLACE.format(column='t.address')}", KEYS
    ),
    Exported("resident_history", "resident_id, version, id", f"{_OF.format(column='t.resident_id')} AND {_PLANNED} AND {_PAST}"),
    Exported(
        "household_history", "household_id, version, id",
        f"{_HOUSEHOLD.format(column='t.household_id')} AND " + _PLACE.format(column="t.facts ->> 'address'"),
    ),
    Exported("kinship", "from_id, to_id, kind", f"{_OF.format(column='t.from_id')} AND {_OF.format(column='t.to_id')}"),
    Exported("movement", "number", f"{_AMONG} AND {_FORM} AND {_SAID.format(column='t.details')}"),
    Exported("movement_resident", "movement_id, resident_id", f"{_OF.format(column='t.resident_id')} AND {_MOVEMENT}"),
    Exported(
        "notice", "drafted_at, id",
        f"(t.resident_id IS NULL OR {_OF.format(column='t.resident_id')} AND {_TOLD})"
        f" AND (t.movement_id IS NULL OR {_MOVEMENT}) AND {_SAID.format(column='t.content')}",
    ),
    Exported("certificate", "serial", f"{_AMONG} AND {_SAID.format(column='t.content')}", ("lift_id",)),
    Exported("third_party_notice_registration", "id", _OF.format(column="t.resident_id")),
    Exported("legal_hold", "id", _OF.format(column="t.resident_id")),
    Exported("disposal", "proposed_at, id", _AMONG),
    Exported("disposed_record", "atena_no", "true", ("blind_index",)),
    Exported("suppression", "id", _OF.format(column="t.resident_id")),
    Exported("browsing_application", "number", "true"),
    Exported("support_case", "id", NEVER),
    Exported("support_protected", "case_id, resident_id", NEVER),
    Exported("support_opponent", "case_id", NEVER),
    Exported("support_forwarding", "created_at, id", NEVER),
    Exported("measure_lift", "opened_at, id", NEVER),
    Exported("identified_character", "code_point", "true"),
    Exported("import_job", "uploaded_at, id", "true"),
    Exported("export_job", "requested_at, id", "true"),
)  # fmt: skip
#: table -> why no pack has it
LEFT_OUT = {
    "individual_number": "leaves only as a column of residents.csv, on request and in the zone mynumber (R10)",
    "retired_number": "leaves only as retired_numbers.csv, on request and in the zone mynumber (R10)",
    "counter": "the next number to be drawn here: it means nothing elsewhere",
    "copy_confirmed": "says which database this is",
}


def add_job(tx: Tx, number: UUID, *, ground: str, encoding: str, with_numbers: bool, at: datetime) -> None:
    tx.execute(
        "INSERT INTO resident_registry.export_job (id, state, ground, encoding, with_numbers, requested_by, requested_at) "
        "VALUES (%s, 'requested', %s, %s, %s, %s, %s)",
        (number, ground, encoding, with_numbers, tx.actor, at),
    )


def job(tx: Tx, number: UUID, *, lock: bool = False) -> ExportJob:
    """The job of that id; `NotFound` when there is none."""
    sql = f"SELECT {_JOB} FROM resident_registry.export_job WHERE id = %s" + (" FOR UPDATE" if lock else "")
    found = tx.row(sql, (number,), into=ExportJob)
    if found is None:
        raise NotFound("there is no such export")
    return found


def in_state(tx: Tx, state: ExportState) -> list[ExportJob]:
    sql = f"SELECT {_JOB} FROM resident_registry.export_job WHERE state = %s ORDER BY requested_at"
    return tx.rows(sql, (state,), into=ExportJob)


def recent(tx: Tx, limit: int) -> list[ExportJob]:
    sql = f"SELECT {_JOB} FROM resident_registry.export_job ORDER BY requested_at DESC LIMIT %s"
    return tx.rows(sql, (limit,), into=ExportJob)


def set_state(tx: Tx, number: UUID, state: ExportState, **changes: Any) -> None:
    if "manifest" in changes:
        changes["manifest"] = json(changes["manifest"])
    sets = ", ".join(f"{name} = %s" for name in ("state", *changes))
    tx.execute(f"UPDATE resident_registry.export_job SET {sets} WHERE id = %s", (state, *changes.values(), number))


def add_piece(tx: Tx, number: UUID, place: int, sealed: bytes) -> None:
    tx.execute("INSERT INTO resident_registry.export_piece VALUES (%s, %s, %s)", (number, place, sealed))


def piece(tx: Tx, number: UUID, place: int) -> bytes | None:
    """The sealed piece at that place, or None behind the last one."""
    sealed = tx.value("SELECT sealed FROM resident_registry.export_piece WHERE job_id = %s AND number = %s", (number, place))
    return None if sealed is None else bytes(sealed)


def sweep(tx: Tx, number: UUID) -> None:
    tx.execute("DELETE FROM resident_registry.export_piece WHERE job_id = %s", (number,))


def _cell(item: str) -> str:
    """SQL of a cell of the layout that a row of `resident` r with its household h gives."""
    if item in PLACE_ITEMS:
        place = f"CASE WHEN r.removed_place IS NULL THEN h.{item} ELSE coalesce(r.removed_place ->> '{item}', '') END"
        return f"CASE WHEN %(protected)s OR p.resident_id IS NULL THEN {place} ELSE '' END"
    if item in _OF_PROTECTED:
        free = f"p.resident_id IS NULL AND {_PLACE.format(column=f'r.{item}')}" if item in EARLIER else "p.resident_id IS NULL"
        return f"CASE WHEN %(protected)s OR {free} THEN r.{item}::text END"
    if item in _MEASURE:
        return f"CASE WHEN %(protected)s THEN m.{_MEASURE[item]}::text END"
    return _SPECIAL.get(item, f"r.{item}::text")


#: what tells where a protected resident is, or was
_OF_PROTECTED = (
    "previous_address", "previous_authority", "before_move_address", "registered_domicile", "out_planned_to",
    "out_planned_authority", "out_fixed_to", "out_fixed_authority",
)  # fmt: skip
#: «name: value» of each member of a JSON object, with semicolons between (and none within); of an object within, its text
_PAIRS = """CASE WHEN {column} <> '{{}}' THEN (SELECT string_agg(translate(e.key || ': ' || nullif(CASE jsonb_typeof(e.value)
    WHEN 'object' THEN e.value ->> 'text' ELSE e.value #>> '{{}}' END, ''), ';；', '、、'), '; ' ORDER BY e.key)
    FROM jsonb_each({column}) e) END"""
_MEASURE = {"opponent_name": "name", "protected_from": "starts_on", "protected_until": "ends_on"}
_SPECIAL = {
    "household_no": "h.household_no",
    "household_from": "h.valid_from::text",
    "individual_number": "CASE WHEN %(numbers)s THEN encode(n.sealed, 'hex') END",
    "qualifications": _PAIRS.format(column="r.qualifications"),
    "districts": f"CASE WHEN %(protected)s OR p.resident_id IS NULL THEN {_PAIRS.format(column='r.districts')} END",
    "sex": "CASE r.sex WHEN 'male' THEN '男' ELSE '女' END",
    **{f"{name}_{key}": f"r.qualifications #>> '{{{name},{key}}}'" for name in QUALIFIED for key in ("since", "until")},
    "kind": "CASE r.kind WHEN 'japanese' THEN '日本人' ELSE '外国人' END",
    "state": "CASE r.state " + " ".join(f"WHEN '{a}' THEN '{b}'" for a, b in _STATES.items()) + " END",
}
_LAYOUT = ", ".join(_cell(column.item) for column in LAYOUT)
_RESIDENTS = f"""
SELECT {_LAYOUT} FROM resident_registry.resident r JOIN resident_registry.household h ON h.id = r.household_id
LEFT JOIN (SELECT DISTINCT resident_id FROM resident_registry.protected) p ON p.resident_id = r.id
LEFT JOIN resident_registry.individual_number n ON n.resident_id = r.id
LEFT JOIN (SELECT DISTINCT ON (s.resident_id) s.resident_id, o.name, c.starts_on, c.ends_on
    FROM resident_registry.support_protected s JOIN resident_registry.support_case c ON c.id = s.case_id
    JOIN resident_registry.support_opponent o ON o.case_id = c.id
    WHERE c.state IN ('active', 'extended') AND s.role = 'applicant' ORDER BY s.resident_id, c.ends_on DESC) m
    ON m.resident_id = r.id
ORDER BY h.household_no, r.removed_on IS NOT NULL, r.relation <> '世帯主', r.position, r.atena_no"""


def make_room(tx: Tx) -> None:
    """For the rest of the transaction: rows are put in order in memory as far as they go into it."""
    tx.execute("SELECT set_config('work_mem', '128MB', true)")


def residents(tx: Tx, *, with_protected: bool, with_numbers: bool) -> Iterator[tuple[str | None, ...]]:
    """Rows of the import layout; individual numbers sealed, in hexadecimal. Masked rows keep no place."""
    return tx.stream(_RESIDENTS, {"protected": with_protected, "numbers": with_numbers})


def retired_numbers(tx: Tx) -> Iterator[tuple[str | None, ...]]:
    """Numbers that were changed for others, with whose they were: sealed, in hexadecimal; never to be given again (R2)."""
    return tx.stream(
        """SELECT n.resident_id::text, r.atena_no::text, n.kind, encode(n.sealed, 'hex'), n.retired_on::text
           FROM resident_registry.retired_number n JOIN resident_registry.resident r ON r.id = n.resident_id
           ORDER BY r.atena_no, n.retired_on, n.id"""
    )


def columns(tx: Tx, table: Exported) -> list[str]:
    """Columns of a table, in their order, without those that only serve searching."""
    rows = tx.rows(
        """SELECT attname::text AS name FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
           ORDER BY attnum""",
        (f"resident_registry.{table.name}",),
    )
    return [row["name"] for row in rows if row["name"] not in table.left]


def table_rows(tx: Tx, table: Exported, named: list[str], *, with_protected: bool) -> Iterator[tuple[str | None, ...]]:
    """Each row as texts."""
    cells = ", ".join(f"o.{identifier(name)}::text" for name in named)
    return tx.stream(f"SELECT {cells} FROM ({_rows(table, named, with_protected=with_protected)}) o")


def table_objects(tx: Tx, table: Exported, named: list[str], *, with_protected: bool) -> Iterator[tuple[str | None, ...]]:
    """Each row as one JSON object."""
    return tx.stream(f"SELECT row_to_json(o) FROM ({_rows(table, named, with_protected=with_protected)}) o")


def _rows(table: Exported, named: list[str], *, with_protected: bool) -> str:
    """SQL of the table's rows, in its order; both forms are made of it."""
    cells = ", ".join(f"t.{identifier(name)}" for name in named)
    where = "" if with_protected else f" WHERE {table.but}"
    return f"SELECT {cells} FROM resident_registry.{identifier(table.name)} t{where} ORDER BY {table.order}"
