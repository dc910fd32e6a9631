"""Imports: jobs, pieces of uploaded files, checked rows, faults, and what private-use characters stand for."""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from kit.db import Tx
from kit.errors import NotFound
from systems.resident_registry.model.imports import PRESENT, ImportJob, JobState, Unidentified, Wrong

_JOB = ", ".join(f.name for f in fields(ImportJob))
#: states in which a file is on its way
OPEN = ("uploaded", "checked", "chosen", "loading", "loaded")
#: columns of `import_row` in the order in which rows are written
ROW_COLUMNS = (
    "check_id", "row_no", "id", "household_id", "atena_no", "kind", "state", "name", "kana", "roman_name", "kanji_name",
    "former_surname", "former_surname_kana", "alias", "alias_kana", "sex", "sex_text", "born_on", "born_unknown", "relation",
    "relation_codes", "position", "became_resident_on", "became_resident_unknown", "became_resident_reason", "address_since",
    "filed_on", "previous_address", "previous_authority", "previous_country", "previous_head", "before_move_address",
    "registered_domicile", "family_register_head", "resident_code", "nationality", "residence_status", "residence_period",
    "residence_until", "residence_card_no", "foreign_class", "foreign_since", "qualifications", "districts",
    "removed_on", "removed_unknown", "removed_filed_on",
    "removed_reason", "removed_place", "out_planned_on", "out_planned_to", "out_planned_authority", "out_fixed_on",
    "out_fixed_to", "out_fixed_authority", "in_notice_on", "valid_from", "name_bigrams", "name_key", "kana_key",
    "other_kana_key", "household_no",
    "place_hash", "is_head", "postal_code", "authority_code", "town_code", "address", "town", "lot", "building",
    "address_bigrams", "address_key", "household_from", "sealed", "blind_index",
    "case_id", "opponent_name", "protected_from", "protected_until",
)  # fmt: skip
ROW_TARGET = f"resident_registry.import_row ({', '.join(ROW_COLUMNS)})"
FAULT_TARGET = 'resident_registry.import_fault (check_id, row_no, "column", rule, household_no)'
CHARACTER_TARGET = 'resident_registry.import_character (check_id, code_point, row_no, "column")'


def add_job(tx: Tx, number: UUID, *, sha256: str, size: int, at: datetime) -> None:
    tx.execute(
        "INSERT INTO resident_registry.import_job (id, state, file_sha256, size, uploaded_by, uploaded_at) "
        "VALUES (%s, 'uploaded', %s, %s, %s, %s)",
        (number, sha256, size, tx.actor, at),
    )


def job(tx: Tx, number: UUID, *, lock: bool = False) -> ImportJob:
    """The job of that id; `NotFound` when there is none."""
    sql = f"SELECT {_JOB} FROM resident_registry.import_job WHERE id = %s" + (" FOR UPDATE" if lock else "")
    found = tx.row(sql, (number,), into=ImportJob)
    if found is None:
        raise NotFound("there is no such import")
    return found


def open_job(tx: Tx) -> ImportJob | None:
    """The one that is on its way, or None: there is one at a time."""
    sql = f"SELECT {_JOB} FROM resident_registry.import_job WHERE state = ANY (%s)"
    return tx.row(sql, (list(OPEN),), into=ImportJob)


def last_with_file(tx: Tx, sha256: str) -> ImportJob | None:
    """The last job of a file with these bytes that was loaded or is on its way."""
    sql = f"""SELECT {_JOB} FROM resident_registry.import_job
        WHERE file_sha256 = %s AND state NOT IN ('refused', 'withdrawn') ORDER BY uploaded_at DESC LIMIT 1"""
    return tx.row(sql, (sha256,), into=ImportJob)


def recent(tx: Tx, limit: int) -> list[ImportJob]:
    sql = f"SELECT {_JOB} FROM resident_registry.import_job ORDER BY uploaded_at DESC LIMIT %s"
    return tx.rows(sql, (limit,), into=ImportJob)


def set_state(tx: Tx, number: UUID, state: JobState, **changes: Any) -> None:
    sets = ", ".join(f"{name} = %s" for name in ("state", *changes))
    tx.execute(f"UPDATE resident_registry.import_job SET {sets} WHERE id = %s", (state, *changes.values(), number))


def add_piece(tx: Tx, number: UUID, place: int, sealed: bytes) -> None:
    tx.execute("INSERT INTO resident_registry.import_piece VALUES (%s, %s, %s)", (number, place, sealed))


def pieces(tx: Tx, number: UUID) -> Iterator[tuple[int, bytes]]:
    """Number and sealed bytes of each piece of the file, in order."""
    place = 0
    while True:
        sealed = tx.value("SELECT sealed FROM resident_registry.import_piece WHERE job_id = %s AND number = %s", (number, place))
        if sealed is None:
            return
        yield place, bytes(sealed)
        place += 1


def sweep_pieces(tx: Tx, number: UUID) -> None:
    tx.execute("DELETE FROM resident_registry.import_piece WHERE job_id = %s", (number,))


def sweep_checks(tx: Tx, keep: UUID | None) -> None:
    """Throw away what checks left, except that one."""
    for table in ("import_row", "import_fault", "import_character"):
        tx.execute(f"DELETE FROM resident_registry.{table} WHERE check_id IS DISTINCT FROM %s", (keep,))


def copy_rows(tx: Tx, lines: bytes) -> None:
    tx.copy_text(ROW_TARGET, lines)


def copy_faults(tx: Tx, check: UUID, wrong: Iterable[tuple[Wrong, str | None]]) -> int:
    return tx.copy_in(FAULT_TARGET, ((check, each.row, each.column, each.rule, household) for each, household in wrong))


def copy_characters(tx: Tx, check: UUID, found: Iterable[tuple[int, str, str]]) -> int:
    return tx.copy_in(CHARACTER_TARGET, ((check, code_point, row, column) for row, column, code_point in found))


_PRESENT = ", ".join(f"'{state}'" for state in PRESENT)
_FAULT = 'INSERT INTO resident_registry.import_fault (check_id, row_no, "column", rule, household_no) SELECT %(check)s,'
_ROWS = "FROM resident_registry.import_row r WHERE r.check_id = %(check)s"
_TWICE = """{fault} row_no, '{column}', '{rule}', household_no
    FROM (SELECT row_no, household_no, count(*) OVER (PARTITION BY {item}) AS n
          FROM resident_registry.import_row r WHERE r.check_id = %(check)s{where}) d WHERE n > 1"""
_DUPLICATE = """SELECT EXISTS (SELECT FROM resident_registry.import_row r WHERE r.check_id = %(check)s{where}
    GROUP BY {item} HAVING count(*) > 1)"""
_PRESENT_ROW = " AND r.removed_on IS NULL"
_UNIQUE = (
    ("宛名番号", "twice_atena", "atena_no", ""),
    ("住民票コード", "twice_code", "resident_code", _PRESENT_ROW),
    ("個人番号", "twice_number", "blind_index", f"{_PRESENT_ROW} AND r.blind_index IS NOT NULL"),
)
_KNOWN = (
    ("宛名番号", "known_atena", "SELECT FROM resident_registry.resident k WHERE k.atena_no = r.atena_no"),
    ("世帯番号", "known_household", "SELECT FROM resident_registry.household k WHERE k.household_no = r.household_no"),
    ("住民票コード", "known_code", "SELECT FROM resident_registry.resident k WHERE k.resident_code = r.resident_code "
        "AND k.removed_on IS NULL AND r.removed_on IS NULL"),
    ("個人番号", "known_number", "SELECT FROM resident_registry.individual_number k WHERE k.blind_index = r.blind_index "
        "AND k.in_use AND r.removed_on IS NULL"),
)  # fmt: skip


def find_between_rows(tx: Tx, check: UUID, *, is_empty: bool) -> None:
    """Write down what is wrong between rows: the same number twice, no or two heads, two places of one household, known numbers.

    A household of which one row is wrong is wrong as a whole: half a household would have no head, or wrong relations.
    """
    about: dict[str, object] = {"check": check}
    # nobody has counted these rows yet: left to guess, the planner compares each with each
    tx.execute("SELECT set_config('enable_nestloop', 'off', true), set_config('work_mem', '128MB', true)")
    for column, rule, item, where in _UNIQUE:
        if tx.value(_DUPLICATE.format(item=item, where=where), about):
            tx.execute(_TWICE.format(fault=_FAULT, column=column, rule=rule, item=item, where=where), about)
    for column, rule, known in () if is_empty else _KNOWN:
        tx.execute(f"{_FAULT} row_no, '{column}', '{rule}', household_no {_ROWS} AND EXISTS ({known})", about)
    households = f"""SELECT household_id FROM resident_registry.import_row r WHERE r.check_id = %(check)s{_PRESENT_ROW}
        GROUP BY household_id HAVING """
    for column, rule, broken in (
        ("続柄", "heads", "count(*) FILTER (WHERE is_head) <> 1"),
        ("住所", "place", "min(place_hash) <> max(place_hash)"),
    ):
        tx.execute(
            f"{_FAULT} row_no, '{column}', '{rule}', household_no {_ROWS}{_PRESENT_ROW} "
            f"AND household_id IN ({households}{broken})",
            about,
        )
    tx.execute(
        f"""{_FAULT} r.row_no, NULL, 'household', r.household_no {_ROWS}
        AND r.household_no IN (SELECT household_no FROM resident_registry.import_fault WHERE check_id = %(check)s)
        AND NOT EXISTS (SELECT FROM resident_registry.import_fault f WHERE f.check_id = %(check)s AND f.row_no = r.row_no)""",
        about,
    )


def drop_faulty_rows(tx: Tx, check: UUID) -> None:
    """Leave the rows without fault: those are what «valid rows only» loads."""
    tx.execute("SELECT set_config('enable_nestloop', 'off', true)")
    tx.execute(
        "DELETE FROM resident_registry.import_row r WHERE r.check_id = %(check)s AND r.row_no IN "
        "(SELECT row_no FROM resident_registry.import_fault WHERE check_id = %(check)s)",
        {"check": check},
    )


def counted(tx: Tx, check: UUID) -> tuple[int, int]:
    """Number of checked rows that are left, and of faults."""
    rows = tx.value("SELECT count(*) FROM resident_registry.import_row WHERE check_id = %s", (check,))
    return rows, tx.value("SELECT count(*) FROM resident_registry.import_fault WHERE check_id = %s", (check,))


def faults(tx: Tx, check: UUID, *, after: int, limit: int) -> list[Wrong]:
    """Faults of rows behind `after`, in order of rows; whole rows, so at least `limit` when there are as many."""
    sql = """SELECT row_no AS row, "column", rule FROM resident_registry.import_fault
        WHERE check_id = %s AND row_no > %s ORDER BY row_no, "column" NULLS LAST, rule FETCH FIRST %s ROWS ONLY"""
    found = tx.rows(sql, (check, after, limit), into=Wrong)
    if len(found) == limit:
        rest = 'SELECT row_no AS row, "column", rule FROM resident_registry.import_fault WHERE check_id = %s AND row_no = %s'
        last = found[-1].row
        found = [each for each in found if each.row != last] + tx.rows(rest, (check, last), into=Wrong)
    return found


def characters(tx: Tx, check: UUID) -> list[Unidentified]:
    """Private-use characters of the import, the most frequent first."""
    sql = """
        SELECT c.code_point, count(DISTINCT c.row_no)::int AS rows, min(c.row_no) AS first_row,
            (array_agg(c."column" ORDER BY c.row_no))[1] AS first_column,
            coalesce(array_remove(array_agg(DISTINCT i.character), NULL), '{}') AS candidates, max(i.character) AS identified,
            max(i.identified_at)::date AS identified_on
        FROM resident_registry.import_character c
        LEFT JOIN resident_registry.identified_character i ON i.code_point = c.code_point
        WHERE c.check_id = %s GROUP BY c.code_point ORDER BY 2 DESC, 1"""
    return tx.rows(sql, (check,), into=Unidentified)


def identified(tx: Tx) -> dict[str, str]:
    """Private-use character to what it was identified as."""
    rows = tx.rows("SELECT code_point, character FROM resident_registry.identified_character")
    return {chr(int(row["code_point"][2:], 16)): row["character"] for row in rows}


def identify(tx: Tx, code_point: str, character: str, at: datetime) -> None:
    tx.execute(
        """INSERT INTO resident_registry.identified_character VALUES (%s, %s, %s, %s) ON CONFLICT (code_point) DO UPDATE
        SET character = excluded.character, identified_by = excluded.identified_by, identified_at = excluded.identified_at""",
        (code_point, character, tx.actor, at),
    )


def load(tx: Tx, check: UUID) -> int:
    """Put the checked rows into the register; number of residents. For the role of bulk imports alone."""
    loaded: int = tx.value("SELECT resident_registry.load_import(%s)", (check,))
    return loaded


def recorded_load(tx: Tx, number: UUID) -> dict[str, Any] | None:
    """Rows and instant of the journal's entry of a job that was loaded; for a role that reads the journal."""
    sql = """SELECT (detail ->> 'rows')::int AS rows, at FROM journal.entry
        WHERE kind = 'import' AND detail ->> 'job' = %s"""
    return tx.row(sql, (str(number),))


def mark_based(tx: Tx, before: datetime, at: datetime) -> list[UUID]:
    """Jobs that were loaded before that instant are based now; which."""
    sql = """UPDATE resident_registry.import_job SET state = 'based', based_at = %s
        WHERE state = 'loaded' AND loaded_at < %s RETURNING id"""
    return [row["id"] for row in tx.rows(sql, (at, before))]
