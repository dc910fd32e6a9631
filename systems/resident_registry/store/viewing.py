"""What pages look up beside the registers' own questions."""

from collections.abc import Sequence
from uuid import UUID

from kit.db import Tx
from systems.resident_registry.model.people import Household, Resident
from systems.resident_registry.store.people import HOUSEHOLD_ITEMS

_HOUSEHOLD = ", ".join("h." + item for item in HOUSEHOLD_ITEMS)
_LIVED_IN = "EXISTS (SELECT FROM resident_registry.resident r WHERE r.household_id = h.id AND r.removed_on IS NULL)"


def households_beside(tx: Tx, one: Resident) -> list[Household]:
    """Other households with present members at the resident's address."""
    sql = f"""SELECT {_HOUSEHOLD} FROM resident_registry.household h JOIN resident_registry.household own ON own.id = %s
              WHERE h.address_bigrams @> own.address_bigrams AND h.address = own.address AND h.id <> own.id AND {_LIVED_IN}
              ORDER BY h.household_no"""
    return tx.rows(sql, (one.household_id,), into=Household)


def present_in(tx: Tx, households: Sequence[UUID]) -> list[tuple[UUID, UUID, bool]]:
    """Present members of these households: household, resident, whether they are protected."""
    rows = tx.rows(
        """SELECT r.household_id, r.id, resident_registry.is_protected(r.id) AS restricted
           FROM resident_registry.resident r WHERE r.household_id = ANY (%s) AND r.removed_on IS NULL""",
        (list(households),),
    )
    return [(row["household_id"], row["id"], row["restricted"]) for row in rows]


def household_of_number(tx: Tx, household_no: str) -> UUID | None:
    """The household with that number and present members."""
    found: UUID | None = tx.value(
        f"SELECT id FROM resident_registry.household h WHERE household_no = %s AND {_LIVED_IN}", (household_no,)
    )
    return found


def names(tx: Tx, residents: Sequence[UUID]) -> dict[UUID, str]:
    rows = tx.rows("SELECT id, name FROM resident_registry.resident WHERE id = ANY (%s)", (list(residents),))
    return {row["id"]: row["name"] for row in rows}


def movements_open(tx: Tx) -> dict[str, int]:
    """Number of movements that wait, by state; no personal data."""
    waiting = "state IN ('draft', 'review', 'returned')"
    rows = tx.rows(f"SELECT state, count(*) AS n FROM resident_registry.movement WHERE {waiting} GROUP BY state")
    return {row["state"]: row["n"] for row in rows}
