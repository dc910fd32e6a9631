"""Applications for browsing, and the residents an extract shows."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from typing import Any
from uuid import UUID

from kit.db import Tx, identifier
from kit.errors import NotFound
from systems.resident_registry.model.browsing import BrowsingApplication
from systems.resident_registry.model.people import Resident
from systems.resident_registry.store.people import SELECT

ITEMS = tuple(f.name for f in fields(BrowsingApplication))
_ITEMS = ", ".join(ITEMS)


def add(tx: Tx, one: BrowsingApplication) -> None:
    marks = ", ".join(["%s"] * len(ITEMS))
    tx.execute(
        f"INSERT INTO resident_registry.browsing_application ({_ITEMS}) VALUES ({marks})", [getattr(one, name) for name in ITEMS]
    )


def application(tx: Tx, number: UUID) -> BrowsingApplication:
    """The application of that id, locked; `NotFound` when there is none."""
    sql = f"SELECT {_ITEMS} FROM resident_registry.browsing_application WHERE id = %s FOR UPDATE"
    found = tx.row(sql, (number,), into=BrowsingApplication)
    if found is None:
        raise NotFound("there is no such application for browsing")
    return found


def update(tx: Tx, number: UUID, **changes: Any) -> None:
    sets = ", ".join(f"{identifier(name)} = %s" for name in changes)
    tx.execute(f"UPDATE resident_registry.browsing_application SET {sets} WHERE id = %s", (*changes.values(), number))


def recent(tx: Tx, limit: int) -> list[BrowsingApplication]:
    """Applications, the newest first."""
    sql = f"SELECT {_ITEMS} FROM resident_registry.browsing_application ORDER BY number DESC LIMIT %s"
    return tx.rows(sql, (limit,), into=BrowsingApplication)


def browsed(tx: Tx, first: date, after: date) -> list[BrowsingApplication]:
    """Applications by which somebody browsed from `first` on and before `after`."""
    sql = f"""SELECT {_ITEMS} FROM resident_registry.browsing_application
              WHERE browsed_on >= %s AND browsed_on < %s ORDER BY browsed_on, number"""
    return tx.rows(sql, (first, after), into=BrowsingApplication)


def towns(tx: Tx) -> list[str]:
    """Neighbourhoods in which somebody lives."""
    rows = tx.rows(
        """SELECT DISTINCT h.town FROM resident_registry.household h WHERE h.town <> '' AND EXISTS
           (SELECT FROM resident_registry.resident r WHERE r.household_id = h.id AND r.removed_on IS NULL) ORDER BY 1"""
    )
    return [row["town"] for row in rows]


def residents(tx: Tx, towns: Sequence[str], today: date) -> list[Resident]:
    """Present residents of these neighbourhoods whom no measure protects, by address."""
    where = """WHERE h.town = ANY (%(towns)s) AND r.removed_on IS NULL
        AND NOT EXISTS (SELECT FROM resident_registry.protected d WHERE d.resident_id = r.id)
        ORDER BY h.address, r.household_id, r.relation <> '世帯主', r.position, r.born_on, r.id"""
    return tx.rows(SELECT + where, {"towns": list(towns), "today": today}, into=Resident)
