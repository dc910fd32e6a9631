"""Protective measures: cases, lifts, suppressions, forwardings, and the lock that orders them against every way out."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from kit.db import Tx, identifier, json
from kit.errors import NotFound, Stale
from systems.resident_registry.model.measures import Forwarding, Lift, Opponent, Protection, SupportCase, Suppression

T = TypeVar("T")
_KEY = "hashtext('resident_registry measures')"
#: a measure waits this long for those who are reading; new readers queue behind it meanwhile
_PATIENCE = "60s"


def hold(tx: Tx) -> None:
    """Until the transaction ends no measure begins: what is read from now on is what holds when it is handed out."""
    tx.execute(f"SELECT pg_advisory_xact_lock_shared({_KEY})")


def begin(tx: Tx) -> None:
    """Wait until nobody hands anything out any more, and keep others waiting until the measure is there."""
    tx.execute("SELECT set_config('lock_timeout', %s, true)", (_PATIENCE,))
    tx.execute(f"SELECT pg_advisory_xact_lock({_KEY})")


def _insert(tx: Tx, table: str, row: Any, **more: object) -> None:
    values = {f.name: getattr(row, f.name) for f in fields(row)} | more
    columns, marks = ", ".join(map(identifier, values)), ", ".join(["%s"] * len(values))
    tx.execute(f"INSERT INTO resident_registry.{table} ({columns}) VALUES ({marks})", list(values.values()))


def _columns(model: type[Any], alias: str = "") -> str:
    return ", ".join(alias + identifier(f.name) for f in fields(model))


def add_case(tx: Tx, case: SupportCase, opponent: Opponent, applicant: UUID, together: Sequence[UUID]) -> None:
    _insert(tx, "support_case", case)
    tx.execute(
        "INSERT INTO resident_registry.support_opponent (case_id, name, born_on, address) VALUES (%s, %s, %s, %s)",
        (case.id, opponent.name, opponent.born_on, opponent.address),
    )
    for resident, role in ((applicant, "applicant"), *((each, "together") for each in together)):
        tx.execute("INSERT INTO resident_registry.support_protected VALUES (%s, %s, %s)", (case.id, resident, role))


def case(tx: Tx, number: UUID) -> SupportCase:
    """The case of that id; `NotFound` when there is none."""
    found = known_case(tx, number)
    if found is None:
        raise NotFound("there is no such case")
    return found


def known_case(tx: Tx, number: UUID) -> SupportCase | None:
    """The case of that id, or None."""
    sql = f"SELECT {_columns(SupportCase)} FROM resident_registry.support_case WHERE id = %s"
    return tx.row(sql, (number,), into=SupportCase)


def by_resident_codes(tx: Tx, codes: Sequence[str]) -> list[UUID]:
    """The newest record, present or removed, of each of these codes, in their order; codes that are unknown are left out."""
    rows = tx.rows(
        """SELECT DISTINCT ON (c.n) r.id FROM unnest(%s::text[]) WITH ORDINALITY AS c(code, n)
           JOIN resident_registry.resident r ON r.resident_code = c.code
           ORDER BY c.n, r.removed_on DESC NULLS FIRST, r.id""",
        (list(codes),),
    )
    return [row["id"] for row in rows]


def change_case(tx: Tx, case: SupportCase, version: int, **changes: object) -> None:
    """Set columns of the case; `Stale` when somebody changed it since `version` was read."""
    sets = "".join(f"{identifier(name)} = %s, " for name in changes)
    sql = f"UPDATE resident_registry.support_case SET {sets}version = version + 1 WHERE id = %s AND version = %s"
    if not tx.execute(sql, (*changes.values(), case.id, version)):
        raise Stale("the case changed in the meantime: read it again")


def opponent(tx: Tx, case_id: UUID) -> Opponent:
    sql = "SELECT name, born_on, address, resident_id FROM resident_registry.support_opponent WHERE case_id = %s"
    found = tx.row(sql, (case_id,), into=Opponent)
    if found is None:
        raise NotFound("there is no such case")
    return found


def identify_opponent(tx: Tx, case_id: UUID, resident_id: UUID, decided_by: str) -> None:
    sql = "UPDATE resident_registry.support_opponent SET resident_id = %s, decided_by = %s WHERE case_id = %s"
    tx.execute(sql, (resident_id, decided_by, case_id))


def protected_by(tx: Tx, case_id: UUID) -> list[UUID]:
    """Residents whom the case names, the applicant first."""
    rows = tx.rows(
        "SELECT resident_id FROM resident_registry.support_protected WHERE case_id = %s ORDER BY role, resident_id", (case_id,)
    )
    return [row["resident_id"] for row in rows]


def protections(tx: Tx, residents: Sequence[UUID]) -> list[Protection]:
    """Every case that protects any of the residents, or the address they live at."""
    rows = tx.rows(
        """SELECT DISTINCT v.case_id, v.resident_id, c.state, c.scope, o.name, o.born_on, o.address, o.resident_id AS opponent,
               ARRAY(SELECT m.id FROM resident_registry.resident x JOIN resident_registry.resident m
                     ON m.household_id = x.household_id AND m.removed_on IS NULL
                     WHERE x.id = o.resident_id AND x.removed_on IS NULL AND NOT EXISTS (
                         SELECT FROM resident_registry.support_protected s WHERE s.case_id = c.id AND s.resident_id = m.id)
                    ) AS household
           FROM resident_registry.protected v JOIN resident_registry.support_case c ON c.id = v.case_id
           JOIN resident_registry.support_opponent o ON o.case_id = c.id
           WHERE v.resident_id = ANY (%s) ORDER BY v.case_id, v.resident_id""",
        (list(residents),),
    )
    return [_protection(row) for row in rows]


def _protection(row: dict[str, Any]) -> Protection:
    other = Opponent(row["name"], row["born_on"], row["address"], row["opponent"])
    return Protection(row["case_id"], row["resident_id"], row["state"], row["scope"], other, frozenset(row["household"]))


def cases_of(tx: Tx, resident_id: UUID) -> list[SupportCase]:
    """All cases that name the resident, the newest first."""
    sql = f"""SELECT {_columns(SupportCase, "c.")} FROM resident_registry.support_case c
              JOIN resident_registry.support_protected p ON p.case_id = c.id
              WHERE p.resident_id = %s ORDER BY c.applied_on DESC, c.id"""
    return tx.rows(sql, (resident_id,), into=SupportCase)


def ending(tx: Tx, until: date) -> list[SupportCase]:
    """Cases in force, or expired and not ended, whose period ends on or before the day; the most urgent first."""
    sql = f"""SELECT {_columns(SupportCase)} FROM resident_registry.support_case
              WHERE state IN ('active', 'extended') AND ends_on <= %s ORDER BY ends_on, id"""
    return tx.rows(sql, (until,), into=SupportCase)


def undecided(tx: Tx) -> list[SupportCase]:
    """Applications on which nobody has decided yet, the oldest first."""
    sql = f"""SELECT {_columns(SupportCase)} FROM resident_registry.support_case
              WHERE state IN ('applied', 'confirmed') ORDER BY applied_on, id"""
    return tx.rows(sql, into=SupportCase)


def moved(tx: Tx) -> list[SupportCase]:
    """Cases whose applicant has left the address the measure is for since the application: another address is another one.

    Not those that another authority forwarded, nor of who had left before the application: they are here by it for good.
    """
    sql = f"""SELECT {_columns(SupportCase, "c.")} FROM resident_registry.support_case c
              JOIN resident_registry.support_protected p ON p.case_id = c.id AND p.role = 'applicant'
              JOIN resident_registry.resident r ON r.id = p.resident_id
              JOIN resident_registry.household h ON h.id = r.household_id
              WHERE c.state IN ('applied', 'confirmed', 'active', 'extended') AND c.origin <> 'forwarded'
                AND (greatest(r.removed_on, r.removed_filed_on) >= c.applied_on
                    OR r.removed_on IS NULL AND h.address <> c.protected_address)
              ORDER BY c.applied_on, c.id"""
    return tx.rows(sql, into=SupportCase)


def leads_to_protected(tx: Tx, residents: Sequence[UUID], destination: str) -> bool:
    """Whether these residents, leaving for there, would leave for where somebody left for whom a case protects."""
    found: bool = tx.value("SELECT resident_registry.leads_to_protected(%s, %s)", (list(residents), destination))
    return found


def protected_addresses(tx: Tx, texts: Iterable[str | None]) -> set[str]:
    """Those of the texts that are the address of somebody protected, or where one left for."""
    sql = "SELECT DISTINCT said FROM unnest(%s::text[]) said WHERE resident_registry.is_protected_address(said)"
    return {row["said"] for row in tx.rows(sql, ([each for each in texts if each],))}


def tells_protected(tx: Tx, document: Any) -> bool:
    """Whether a form, a notice or a page says such an address anywhere."""
    found: bool = tx.value("SELECT resident_registry.tells_protected(%s)", (json(document),))
    return found


def add_lift(tx: Tx, lift: Lift) -> None:
    _insert(tx, "measure_lift", lift)


def open_lifts(tx: Tx, actor: str, now: datetime) -> list[Lift]:
    """Unused lifts for this clerk whose time has not come, the oldest first; locked, so that one issue uses one lift."""
    sql = f"""SELECT {_columns(Lift)} FROM resident_registry.measure_lift
              WHERE for_actor = %s AND used_at IS NULL AND closes_at > %s ORDER BY opened_at, id FOR UPDATE"""
    return tx.rows(sql, (actor, now), into=Lift)


def lift(tx: Tx, number: UUID) -> Lift | None:
    sql = f"SELECT {_columns(Lift)} FROM resident_registry.measure_lift WHERE id = %s"
    return tx.row(sql, (number,), into=Lift)


def use_lift(tx: Tx, number: UUID, now: datetime) -> None:
    tx.execute("UPDATE resident_registry.measure_lift SET used_at = %s WHERE id = %s", (now, number))


def lifts_of(tx: Tx, residents: Sequence[UUID]) -> list[tuple[Lift, str | None]]:
    """Approvals that name one of the residents, the newest first, each with the serial of the paper it served."""
    sql = f"""SELECT {_columns(Lift, "l.")}, c.serial FROM resident_registry.measure_lift l
              LEFT JOIN resident_registry.certificate c ON c.lift_id = l.id
              WHERE l.residents && %s::uuid[] ORDER BY l.opened_at DESC, l.id LIMIT 100"""
    rows = tx.rows(sql, (list(residents),))
    return [(Lift(**{name: value for name, value in row.items() if name != "serial"}), row["serial"]) for row in rows]


def add_suppression(tx: Tx, one: Suppression) -> None:
    _insert(tx, "suppression", one)


def suppressions(tx: Tx, residents: Sequence[UUID]) -> list[Suppression]:
    """Suppressions of the residents that nobody has ended."""
    sql = f"""SELECT {_columns(Suppression)} FROM resident_registry.suppression
              WHERE resident_id = ANY (%s) AND ended_by IS NULL ORDER BY starts_on, id"""
    return tx.rows(sql, (list(residents),), into=Suppression)


def end_suppression(tx: Tx, number: UUID, ended_by: str) -> None:
    """End it; `NotFound` when there is none that goes on."""
    sql = "UPDATE resident_registry.suppression SET ended_by = %s WHERE id = %s AND ended_by IS NULL"
    if not tx.execute(sql, (ended_by, number)):
        raise NotFound("there is no such suppression in force")


def add_forwardings(tx: Tx, rows: Iterable[Forwarding]) -> None:
    """Each authority once a step of the case, however often it is asked for."""
    for each in rows:
        tx.execute(
            f"INSERT INTO resident_registry.support_forwarding ({_columns(Forwarding)}) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (case_id, case_version, addressee, holds) DO NOTHING",
            astuple(each),
        )


def open_forwardings(tx: Tx) -> list[Forwarding]:
    """Forwardings that nobody has acknowledged, the oldest first."""
    sql = f"""SELECT {_columns(Forwarding)} FROM resident_registry.support_forwarding
              WHERE acknowledged_at IS NULL ORDER BY created_at, id"""
    return tx.rows(sql, into=Forwarding)


def mark_forwarding(tx: Tx, number: UUID, *, sent_at: datetime | None = None, acknowledged_at: datetime | None = None) -> None:
    """Sent or acknowledged; the first time counts. `NotFound` when there is no such forwarding."""
    sql = """UPDATE resident_registry.support_forwarding SET sent_at = coalesce(sent_at, %s, %s),
             acknowledged_at = coalesce(acknowledged_at, %s) WHERE id = %s"""
    if not tx.execute(sql, (sent_at, acknowledged_at, acknowledged_at, number)):
        raise NotFound("there is no such forwarding")


def is_confirmed_copy(tx: Tx) -> bool:
    """Whether the measures of this very database were confirmed; not so in a copy made from it."""
    sql = "SELECT EXISTS (SELECT FROM resident_registry.copy_confirmed WHERE copy = resident_registry.this_copy())"
    found: bool = tx.value(sql)
    return found


def astray(tx: Tx) -> int:
    """Number of measures that are not what the journal last said; one more when the register is newer than the journal."""
    found: int = tx.value("SELECT resident_registry.measures_astray()")
    return found


def confirm_copy(tx: Tx, actor: str, now: datetime) -> None:
    tx.execute(
        "INSERT INTO resident_registry.copy_confirmed VALUES (resident_registry.this_copy(), %s, %s) ON CONFLICT DO NOTHING",
        (actor, now),
    )
