"""Counts over the register, and the residents of the lists. The only SQL of statistics."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from kit.db import Tx
from systems.resident_registry.model.movements import Movement
from systems.resident_registry.model.people import Resident
from systems.resident_registry.store import people
from systems.resident_registry.store.movements import ITEMS

_FIGURES = """count(*) AS total,
    count(*) FILTER (WHERE r.sex = 'male') AS male, count(*) FILTER (WHERE r.sex = 'female') AS female,
    count(*) FILTER (WHERE r.kind = 'japanese') AS japanese, count(*) FILTER (WHERE r.kind = 'foreign') AS foreigners"""
_PRESENT = """FROM resident_registry.resident r JOIN resident_registry.household h ON h.id = r.household_id
    WHERE r.removed_on IS NULL"""
#: who was present on a day as it is believed now, and where the household was: its version of that day, or its first one when
#: somebody is corrected to have come earlier (as `service.asof` has it for one resident)
_PRESENT_ON = """FROM (SELECT household_id, sex, kind, born_on, born_unknown, removed_on
        FROM resident_registry.resident WHERE valid_from <= %(day)s
        UNION ALL SELECT (facts ->> 'household_id')::uuid, facts ->> 'sex', facts ->> 'kind', (facts ->> 'born_on')::date,
            facts ->> 'born_unknown', (facts ->> 'removed_on')::date
        FROM resident_registry.resident_history WHERE known_to IS NULL AND valid_from <= %(day)s AND valid_to > %(day)s) r
    CROSS JOIN LATERAL (SELECT authority_code, town_code, town FROM (
            SELECT valid_from, authority_code, town_code, town FROM resident_registry.household WHERE id = r.household_id
            UNION ALL SELECT valid_from, facts ->> 'authority_code', facts ->> 'town_code', facts ->> 'town'
            FROM resident_registry.household_history WHERE household_id = r.household_id AND known_to IS NULL) v
        ORDER BY valid_from > %(day)s, abs(valid_from - %(day)s) LIMIT 1) h
    WHERE r.removed_on IS NULL"""
#: a row of a movement's resident or household as it stood on the event's day and was known when the movement was decided, or the
#: nearest to that. What is known later changes no report of a month that is over.
_DECIDED = """SELECT facts FROM (
        SELECT to_jsonb(r) AS facts, valid_from, known_from FROM resident_registry.{table} r WHERE id = {id}
        UNION ALL SELECT facts, valid_from, known_from FROM resident_registry.{table}_history
        WHERE {table}_id = {id} AND (known_to IS NULL OR known_to > m.decided_at)) v
    ORDER BY known_from > m.decided_at, valid_from > m.event_on, abs(valid_from - m.event_on) LIMIT 1"""
#: the same of a resident as it was known until the decision; none of somebody whom the movement entered
_BEFORE = """SELECT facts FROM resident_registry.resident_history
    WHERE resident_id = x.resident_id AND known_from < m.decided_at AND (known_to IS NULL OR known_to >= m.decided_at)
    ORDER BY valid_from > m.event_on, abs(valid_from - m.event_on) LIMIT 1"""
_HOME = "({0}.facts -> 'household_id', {0}.facts -> 'address_since', {0}.facts -> 'before_move_address')"
#: who was moved, with the place a removed record was removed with, or else the household's
_MOVED = f"""FROM (SELECT m.reason, a.facts ->> 'sex' AS sex, a.facts ->> 'kind' AS kind,
            coalesce(nullif(a.facts -> 'removed_place', 'null'), h.facts) AS place
        FROM resident_registry.movement m JOIN resident_registry.movement_resident x ON x.movement_id = m.id
        CROSS JOIN LATERAL ({_DECIDED.format(table="resident", id="x.resident_id")}) a
        CROSS JOIN LATERAL ({_DECIDED.format(table="household", id="(a.facts ->> 'household_id')::uuid")}) h
        LEFT JOIN LATERAL ({_BEFORE}) b ON true
        WHERE m.state IN ('decided', 'notified', 'completed') AND m.cancels IS NULL AND m.processed_on >= %(first)s
            AND m.processed_on < %(after)s AND m.reason <> ALL (%(but)s)
            AND (m.reason <> ALL (%(leaving)s) OR a.facts -> 'state' IS DISTINCT FROM b.facts -> 'state')
            AND (m.reason <> ALL (%(moving)s)
                OR {_HOME.format("a")} IS DISTINCT FROM {_HOME.format("b")})) r"""
#: age by law: a year is reached at the end of the day before the birthday (年齢計算ニ関スル法律); null: not known
_AGE = """CASE WHEN r.born_unknown IS NULL THEN greatest(0,
    date_part('year', %(eve)s::date) - date_part('year', r.born_on)
    - (to_char(%(eve)s::date, 'MMDD') < to_char(r.born_on, 'MMDD'))::int)::int END"""


def by_town(tx: Tx, day: date | None) -> list[dict[str, Any]]:
    """Residents present on that day (None: now) and their households, by neighbourhood."""
    return tx.rows(
        f"""SELECT h.authority_code AS authority, h.town_code, h.town, {_FIGURES}, count(DISTINCT r.household_id) AS households
            {_PRESENT_ON if day else _PRESENT} GROUP BY 1, 2, 3 ORDER BY 1 NULLS FIRST, 2 NULLS FIRST, 3""",
        {"day": day},
    )


def by_age(tx: Tx, eve: date, day: date | None) -> list[dict[str, Any]]:
    """Residents present on that day (None: now) by whole years of age; `eve` is the day after the one ages are counted for."""
    return tx.rows(
        f"""SELECT h.authority_code AS authority, {_AGE} AS age, {_FIGURES}
            {_PRESENT_ON if day else _PRESENT} GROUP BY 1, 2 ORDER BY 1 NULLS FIRST, 2 NULLS LAST""",
        {"eve": eve, "day": day},
    )


def last_loaded_at(tx: Tx) -> datetime | None:
    """When residents last came in by a file: of the days before, the register knows nothing of them. None: never."""
    found: datetime | None = tx.value("SELECT max(loaded_at) FROM resident_registry.import_job")
    return found


def movements(
    tx: Tx, first: date, after: date, *, but: Sequence[str], leaving: Sequence[str], moving: Sequence[str]
) -> list[dict[str, Any]]:
    """Persons moved by decided movements that were processed from `first` on and before `after`, where they lived at the event.

    `but` are reasons that are not counted. Of the reasons `leaving` those count whose state the movement changed, of `moving`
    those whose home it changed, not who stayed behind with another relation; of all others everybody whom it touched.
    """
    return tx.rows(
        f"""SELECT r.place ->> 'authority_code' AS authority, r.place ->> 'town_code' AS town_code,
                coalesce(r.place ->> 'town', '') AS town, r.reason, {_FIGURES}
            {_MOVED} GROUP BY 1, 2, 3, 4 ORDER BY 1 NULLS FIRST, 2 NULLS FIRST, 3, 4""",
        {"first": first, "after": after, "but": list(but), "leaving": list(leaving), "moving": list(moving)},
    )


def stays_ending(tx: Tx, until: date, today: date) -> list[Resident]:
    """Present foreign residents whose stay ends on or before the day, or has ended; the most urgent first."""
    where = "WHERE r.removed_on IS NULL AND r.residence_until <= %(until)s ORDER BY r.residence_until, r.atena_no"
    return tx.rows(people.SELECT + where, {"until": until, "today": today}, into=Resident)


def departures_overdue(tx: Tx, today: date) -> list[Resident]:
    """Residents whose planned day of departure has come and who are still on the register; the oldest first."""
    where = "WHERE r.state = 'leaving' AND r.out_planned_on <= %(today)s ORDER BY r.out_planned_on, r.atena_no"
    return tx.rows(people.SELECT + where, {"today": today}, into=Resident)


_UNMATCHED = "FROM resident_registry.movement WHERE reason = 'in_notice' AND state IN ('draft', 'returned')"


def in_notices_unmatched(tx: Tx) -> list[Movement]:
    """転入通知 that were entered and are not tied to a departure yet; the oldest first."""
    return tx.rows(f"SELECT {', '.join(ITEMS)} {_UNMATCHED} ORDER BY entered_at, number", into=Movement)


def departures_open(tx: Tx, today: date) -> dict[str, int]:
    """Number of residents on the one list and of 転入通知 on the other; no personal data."""
    overdue = "SELECT count(*) FROM resident_registry.resident WHERE state = 'leaving' AND out_planned_on <= %s"
    return {"departures_overdue": tx.value(overdue, (today,)), "in_notices_unmatched": tx.value(f"SELECT count(*) {_UNMATCHED}")}


def late_filings(tx: Tx, first: date, after: date) -> list[Movement]:
    """Movements filed after their period, processed from `first` on and before `after`."""
    sql = f"""SELECT {", ".join(ITEMS)} FROM resident_registry.movement
        WHERE is_late AND state IN ('decided', 'notified', 'completed') AND processed_on >= %s AND processed_on < %s
        ORDER BY processed_on, number"""
    return tx.rows(sql, (first, after), into=Movement)
