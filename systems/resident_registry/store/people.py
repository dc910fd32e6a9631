"""Residents and households: the rows that are believed now, and their numbers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date
from operator import attrgetter
from typing import Any, Literal
from uuid import UUID

from kit.civic.names import bigrams, fold, pairs
from kit.db import Tx, json
from kit.errors import Conflict, Invalid, NotFound
from systems.resident_registry.model.errors import NewerVersion, NewHeadNeeded, TwoHeads
from systems.resident_registry.model.movements import Change
from systems.resident_registry.model.people import Household, Place, Resident
from systems.resident_registry.store import history

PLACE_PARTS = tuple(f.name for f in fields(Place))
_JOINED = {"household_no", *PLACE_PARTS, "restricted", "restricted_items"}
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
#: what a record says of where somebody lived before: with a protected person, it may be
EARLIER = ("before_move_address", "previous_address")
_TELLS = ", ".join(
    f"CASE WHEN r.{item} IS NOT NULL AND resident_registry.is_protected_address(r.{item}) THEN '{item}' END" for item in EARLIER
)


def _select(items: str) -> str:
    return f"""
SELECT {items}, h.household_no, {_PLACE},
    resident_registry.is_protected(r.id) AS restricted
FROM resident_registry.resident r JOIN resident_registry.household h ON h.id = r.household_id
"""


#: for lists of residents: earlier addresses are left out, as asking of each whether it may be shown takes a while
SELECT = _select(", ".join(f"NULL AS {item}" if item in EARLIER else f"r.{item}" for item in ITEMS))
_RECORD = _select(f"{', '.join('r.' + item for item in ITEMS)}, array_remove(ARRAY[{_TELLS}], NULL) AS restricted_items")


def resident(tx: Tx, number: UUID, today: date) -> Resident:
    """The resident of that id; `NotFound` when there is none."""
    found = tx.row(_RECORD + "WHERE r.id = %(id)s", {"id": number, "today": today}, into=Resident)
    if found is None:
        raise NotFound("there is no such resident")
    return found


def residents(tx: Tx, numbers: Iterable[UUID], today: date) -> dict[UUID, Resident]:
    """The residents of those ids, by id."""
    found = tx.rows(_RECORD + "WHERE r.id = ANY (%(ids)s)", {"ids": list(numbers), "today": today}, into=Resident)
    return {each.id: each for each in found}


def numbered(tx: Tx, atena_no: str) -> UUID:
    """Id of the resident with that 宛名番号; zeros in front may be missing.

    Raises
    ------
    Invalid
        Nobody has it.
    """
    found: UUID | None = tx.value("SELECT id FROM resident_registry.resident WHERE atena_no = %s", (atena_no.zfill(15),))
    if found is None:
        raise Invalid("この宛名番号の住民はいません。")
    return found


def named(tx: Tx, number: UUID, version: int, today: date) -> Resident:
    """The resident of that id as the caller saw it; `NewerVersion` when it has changed since."""
    found = resident(tx, number, today)
    if found.version != version:
        raise NewerVersion("the record changed in the meantime: read it again", current_version=found.version)
    return found


def members(tx: Tx, household_id: UUID, today: date) -> list[Resident]:
    """Present members, head first, then by their order and birth; locked until the transaction ends."""
    tx.execute("SELECT FROM resident_registry.household WHERE id = %s FOR UPDATE", (household_id,))
    found = present(tx, household_id, today)
    if not found:
        raise NotFound("there is no such household")
    return found


def present(tx: Tx, household_id: UUID, today: date) -> list[Resident]:
    """Present members, head first, then by their order and birth; none when there are none."""
    where = "WHERE r.household_id = %(id)s AND r.removed_on IS NULL"
    order = " ORDER BY r.relation <> '世帯主', r.position, r.born_on, r.id"
    return tx.rows(_RECORD + where + order, {"id": household_id, "today": today}, into=Resident)


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


def note_drawn(tx: Tx, name: str, number: int) -> None:
    """Numbers up to this one are given, even when the record that bore it is disposed of."""
    tx.execute(
        "INSERT INTO resident_registry.counter AS c VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET last = greatest(c.last, %s)",
        (name, number, number),
    )


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
    history.change(tx, "household", number, None, asdict(place), change, _place_keys)


def _place_keys(values: Mapping[str, Any]) -> dict[str, object]:
    return {"address_bigrams": bigrams(values["address"]), "address_key": fold(values["address"])}


def values_of(one: Resident) -> dict[str, object]:
    """Values by column name."""
    values = dict(zip(ITEMS, _items(one), strict=True))
    values["qualifications"], values["districts"] = json(one.qualifications), json(one.districts)
    values["removed_place"] = None if one.removed_place is None else json(one.removed_place)
    return values | keys_of(values)


#: items from which keys for searching are made
_NAMES = ("name", "kanji_name", "former_surname", "alias", "roman_name")
_READINGS = ("kana", "alias_kana", "former_surname_kana")


#: what `keys_of` needs
NAMED = (*_NAMES, *_READINGS)


def keys_of(values: Mapping[str, Any], fold: Callable[[str], str] = fold) -> dict[str, Any]:
    """Keys for searching, over every name the person has; derived, never shown. `fold` may know what it is asked already."""
    names = [folded for item in _NAMES if values.get(item) and (folded := fold(values[item]))]
    other = values.get("alias_kana") or values.get("former_surname_kana")
    return {
        "name_key": " ".join(names),
        "name_bigrams": list(dict.fromkeys(pair for name in names for pair in pairs(name))),
        "kana_key": fold(values["kana"]),
        "other_kana_key": fold(other) if other else None,
    }


def add_resident(tx: Tx, one: Resident) -> None:
    values = values_of(one)
    marks = ", ".join(["%s"] * len(values))
    tx.execute(f"INSERT INTO resident_registry.resident ({', '.join(values)}) VALUES ({marks})", list(values.values()))


def change(tx: Tx, one: Resident, because: Change, **changes: Any) -> None:
    """Set columns of the resident from the change's day on; what was believed before goes into the history.

    Raises
    ------
    NewerVersion
        Somebody changed the resident since it was read.
    """
    if not history.change(tx, "resident", one.id, one.version, changes, because, keys_of):
        current = tx.value("SELECT version FROM resident_registry.resident WHERE id = %s", (one.id,))
        raise NewerVersion("the record changed in the meantime: read it again", current_version=current)


def undo(tx: Tx, table: Literal["resident", "household"], number: UUID, movement: UUID, because: Change) -> bool:
    """Believe again what was believed before the movement; False when the row has changed since."""
    return history.undo(tx, table, number, movement, because, keys_of if table == "resident" else _place_keys)


def check_heads(tx: Tx, touched: Sequence[UUID]) -> None:
    """Every household of these residents, and every one they left, has exactly one head or nobody (R1).

    Raises
    ------
    TwoHeads, NewHeadNeeded
        It has more, or people and none.
    """
    rows = tx.rows(
        """SELECT r.household_id, count(*) FILTER (WHERE r.relation = '世帯主') AS heads FROM resident_registry.resident r
           WHERE r.removed_on IS NULL AND r.household_id IN (
               SELECT household_id FROM resident_registry.resident WHERE id = ANY (%(ids)s)
               UNION SELECT (facts ->> 'household_id')::uuid FROM resident_registry.resident_history
                     WHERE resident_id = ANY (%(ids)s) AND known_to IS NULL)
           GROUP BY r.household_id HAVING count(*) FILTER (WHERE r.relation = '世帯主') <> 1""",
        {"ids": list(touched)},
    )
    if any(row["heads"] > 1 for row in rows):
        raise TwoHeads("a household has exactly one head (世帯主)")
    if rows:
        raise NewHeadNeeded("a household would be left without a head (世帯主)")


#: an address without its 方書, in the words of the index (migration 0018)
_BEFORE_BUILDING = r"""CASE WHEN right(address, length(building)) = building
    THEN rtrim(left(address, length(address) - length(building)), U&' \3000') ELSE address END"""


def in_building(tx: Tx, address: str, but: UUID) -> bool:
    """Whether another household with present members has that address and after it a 方書."""
    found: bool = tx.value(
        f"""SELECT EXISTS (SELECT FROM resident_registry.household h
           WHERE {_BEFORE_BUILDING} = %s AND building <> '' AND id <> %s
           AND EXISTS (SELECT FROM resident_registry.resident r WHERE r.household_id = h.id AND r.removed_on IS NULL))""",
        (address, but),
    )
    return found


def same_person(tx: Tx, name: str, born_on: date, but: UUID) -> bool:
    """Whether another present resident has that name and birth."""
    found: bool = tx.value(
        """SELECT EXISTS (SELECT FROM resident_registry.resident
           WHERE born_on = %s AND name = %s AND removed_on IS NULL AND id <> %s)""",
        (born_on, name, but),
    )
    return found


def copy_households(tx: Tx, rows: Iterable[Household]) -> int:
    return tx.copy_in(f"resident_registry.household ({_HOUSEHOLD})", (household_values(each) for each in rows))


def copy_residents(tx: Tx, rows: Iterable[Resident]) -> int:
    found = (values_of(each) for each in rows)
    return tx.copy_in(f"resident_registry.resident ({', '.join(IMPORTED)})", ([v[c] for c in IMPORTED] for v in found))


def copy_numbers(tx: Tx, rows: Iterable[Sequence[object]]) -> int:
    return tx.copy_in("resident_registry.individual_number (resident_id, sealed, blind_index)", rows)
