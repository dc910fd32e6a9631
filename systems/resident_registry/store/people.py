"""Residents and households: the rows that are believed now, and their numbers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date
from operator import attrgetter
from typing import Any
from uuid import UUID

from kit.civic.names import bigrams, fold, kana_key
from kit.db import Tx, json
from kit.errors import Conflict, NotFound, Stale
from systems.resident_registry.model.movements import Change
from systems.resident_registry.model.people import Household, Place, Resident
from systems.resident_registry.store import history

PLACE_PARTS = tuple(f.name for f in fields(Place))
_JOINED = {"household_no", *PLACE_PARTS, "restricted"}
#: columns of the table that a `Resident` carries
ITEMS = tuple(f.name for f in fields(Resident) if f.name not in _JOINED)
COLUMNS = (*ITEMS, "name_bigrams", "name_key", "kana_key", "other_kana_key")
HOUSEHOLD_ITEMS = tuple(f.name for f in fields(Household))
_items = attrgetter(*ITEMS)
#: columns that are never empty on entry or may be brought along; the others keep their defaults in a bulk import
IMPORTED = tuple(c for c in COLUMNS if not c.startswith(("removed_", "out_", "in_notice", "known_from", "movement_id")))

#: a removed record keeps the address it was removed with
_PLACE = ", ".join(
    f"CASE WHEN r.removed_place IS NULL THEN h.{part} ELSE coalesce(r.removed_place ->> '{part}', '') END AS {part}"
    if part not in ("authority_code", "town_code")
    else f"CASE WHEN r.removed_place IS NULL THEN h.{part} ELSE r.removed_place ->> '{part}' END AS {part}"
    for part in PLACE_PARTS
)
SELECT = f"""
SELECT {", ".join("r." + item for item in ITEMS)}, h.household_no, {_PLACE},
    EXISTS (SELECT FROM resident_registry.protected d WHERE d.resident_id = r.id) AS restricted
FROM resident_registry.resident r JOIN resident_registry.household h ON h.id = r.household_id
"""


def resident(tx: Tx, number: UUID, today: date) -> Resident:
    """The resident of that id; `NotFound` when there is none."""
    found = tx.row(SELECT + "WHERE r.id = %(id)s", {"id": number, "today": today}, into=Resident)
    if found is None:
        raise NotFound("there is no such resident")
    return found


def members(tx: Tx, household_id: UUID, today: date) -> list[Resident]:
    """Present members, head first, then by their order and birth; locked until the transaction ends."""
    tx.execute("SELECT FROM resident_registry.household WHERE id = %s FOR UPDATE", (household_id,))
    where = "WHERE r.household_id = %(id)s AND r.removed_on IS NULL"
    order = " ORDER BY r.relation <> '世帯主', r.position, r.born_on, r.id"
    found = tx.rows(SELECT + where + order, {"id": household_id, "today": today}, into=Resident)
    if not found:
        raise NotFound("there is no such household")
    return found


def household(tx: Tx, number: UUID) -> Household:
    """The household of that id; `NotFound` when there is none."""
    sql = f"SELECT {', '.join(HOUSEHOLD_ITEMS)} FROM resident_registry.household WHERE id = %s"
    found = tx.row(sql, (number,), into=Household)
    if found is None:
        raise NotFound("there is no such household")
    return found


def count(tx: Tx) -> int:
    """Number of present residents."""
    found: int = tx.value("SELECT count(*) FROM resident_registry.resident WHERE removed_on IS NULL")
    return found


def has_any(tx: Tx) -> bool:
    """Whether anybody was ever entered, removed or not."""
    found: bool = tx.value("SELECT EXISTS (SELECT FROM resident_registry.resident)")
    return found


def draw(tx: Tx, name: str, count: int = 1) -> int:
    """The first of `count` consecutive numbers that were never given before; others wait until the transaction ends.

    Raises
    ------
    Conflict
        The fifteen digits are used up.
    """
    table = {"atena_no": "resident", "household_no": "household"}.get(name)
    known = f"(SELECT coalesce(max({name}), '0')::bigint FROM resident_registry.{table})" if table else "0"
    tx.execute("INSERT INTO resident_registry.counter VALUES (%s, 0) ON CONFLICT DO NOTHING", (name,))
    last: int = tx.value(
        f"UPDATE resident_registry.counter SET last = greatest(last, {known}) + %s WHERE name = %s RETURNING last", (count, name)
    )
    if last >= 10**15:
        raise Conflict(f"no number of fifteen digits is left for {name}")
    return last - count + 1


def fifteen(number: int) -> str:
    """A drawn number as it is written."""
    return f"{number:015d}"


def add_household(tx: Tx, one: Household) -> None:
    marks = ", ".join(["%s"] * (len(HOUSEHOLD_ITEMS) + 2))
    tx.execute(f"INSERT INTO resident_registry.household ({_HOUSEHOLD}) VALUES ({marks})", household_values(one))


_HOUSEHOLD = ", ".join((*HOUSEHOLD_ITEMS, "address_bigrams", "address_key"))


def household_values(one: Household) -> list[object]:
    return [*(getattr(one, item) for item in HOUSEHOLD_ITEMS), bigrams(one.address), fold(one.address)]


def set_place(tx: Tx, number: UUID, place: Place, change: Change) -> None:
    """Give the household its new address from the change's day on; what was believed before goes into the history."""
    history.change(
        tx,
        "household",
        number,
        None,
        asdict(place) | {"address_bigrams": bigrams(place.address), "address_key": fold(place.address)},
        change,
    )


def values_of(one: Resident) -> dict[str, object]:
    """Values by column name."""
    values = dict(zip(ITEMS, _items(one), strict=True))
    values["qualifications"], values["districts"] = json(one.qualifications), json(one.districts)
    values["removed_place"] = None if one.removed_place is None else json(one.removed_place)
    return values | _keys(values)


#: items from which keys for searching are made
_NAMES = ("name", "kanji_name", "former_surname", "alias", "roman_name")
_READINGS = ("kana", "alias_kana", "former_surname_kana")


def _keys(values: Mapping[str, Any]) -> dict[str, object]:
    """Keys for searching, over every name the person has; derived, never shown."""
    names = [fold(values[item]) for item in _NAMES if values[item] and fold(values[item])]
    other = values["alias_kana"] or values["former_surname_kana"]
    return {
        "name_key": " ".join(names),
        "name_bigrams": list(dict.fromkeys(pair for name in names for pair in bigrams(name))),
        "kana_key": kana_key(values["kana"]),
        "other_kana_key": kana_key(other) if other else None,
    }


def add_resident(tx: Tx, one: Resident) -> None:
    values = values_of(one)
    marks = ", ".join(["%s"] * len(values))
    tx.execute(f"INSERT INTO resident_registry.resident ({', '.join(values)}) VALUES ({marks})", list(values.values()))


def change(tx: Tx, one: Resident, because: Change, **changes: Any) -> None:
    """Set columns of the resident from the change's day on; what was believed before goes into the history.

    Raises
    ------
    Stale
        Somebody changed the resident since it was read.
    """
    if changes.keys() & {*_NAMES, *_READINGS}:
        changes |= _keys({item: getattr(one, item) for item in (*_NAMES, *_READINGS)} | changes)
    for name in ("qualifications", "districts", "removed_place"):
        if changes.get(name) is not None:
            changes[name] = json(changes[name])
    if not history.change(tx, "resident", one.id, one.version, changes, because):
        raise Stale("the record changed in the meantime: read it again")


def add_number(tx: Tx, resident_id: UUID, sealed: bytes, blind_index: bytes) -> None:
    tx.execute(
        "INSERT INTO resident_registry.individual_number (resident_id, sealed, blind_index) VALUES (%s, %s, %s)",
        (resident_id, sealed, blind_index),
    )


def retire_numbers(tx: Tx, resident_id: UUID) -> None:
    """A removed person's number is no longer in use here; the person may come back with it."""
    tx.execute("UPDATE resident_registry.individual_number SET in_use = false WHERE resident_id = %s", (resident_id,))


def copy_households(tx: Tx, rows: Iterable[Household]) -> int:
    return tx.copy_in(f"resident_registry.household ({_HOUSEHOLD})", (household_values(each) for each in rows))


def copy_residents(tx: Tx, rows: Iterable[Resident]) -> int:
    found = (values_of(each) for each in rows)
    return tx.copy_in(f"resident_registry.resident ({', '.join(IMPORTED)})", ([v[c] for c in IMPORTED] for v in found))


def copy_numbers(tx: Tx, rows: Iterable[Sequence[object]]) -> int:
    return tx.copy_in("resident_registry.individual_number (resident_id, sealed, blind_index)", rows)
