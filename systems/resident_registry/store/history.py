"""Versions of residents and households: written when a row changes, read for any day and any moment."""

from datetime import datetime
from typing import Any
from uuid import UUID

from kit.db import Tx, identifier
from systems.resident_registry.model.movements import Change

#: columns that only serve searching, which a version does not carry
_KEYS = "'{name_bigrams,name_key,kana_key,other_kana_key,address_bigrams,address_key}'::text[]"


def change(tx: Tx, table: str, number: UUID, version: int | None, changes: dict[str, Any], because: Change) -> bool:
    """Set columns of a row and keep what it was; False when the row is not at `version` any more (None: at any).

    The version that was believed is kept as believed until now; of the days before the change it goes on being believed.
    """
    condition = "id = %(id)s" + ("" if version is None else " AND version = %(version)s")
    params: dict[str, object] = {"id": number, "version": version, "day": because.valid_from, "moment": because.known_from}
    params["movement"] = because.movement_id
    source = f"FROM resident_registry.{table} r WHERE {condition}"
    if not tx.value(f"SELECT 1 {source} FOR UPDATE", params):
        return False
    columns = f"(id, {table}_id, version, valid_from, valid_to, known_from, known_to, movement_id, facts)"
    into = f"INSERT INTO resident_registry.{table}_history {columns} SELECT gen_random_uuid(), r.id, r.version, r.valid_from"
    facts = f"r.movement_id, to_jsonb(r) - {_KEYS}"
    before = f"{source} AND r.known_from < %(moment)s"  # a movement that touches a row twice makes one version of it
    tx.execute(f"{into}, NULL, r.known_from, %(moment)s, {facts} {before}", params)
    tx.execute(f"{into}, %(day)s, %(moment)s, NULL, {facts} {before} AND r.valid_from < %(day)s", params)
    sets = "".join(f"{identifier(name)} = %(c_{name})s, " for name in changes)
    params |= {f"c_{name}": value for name, value in changes.items()}
    own = "valid_from = greatest(valid_from, %(day)s), known_from = %(moment)s, movement_id = %(movement)s, version = version + 1"
    tx.execute(f"UPDATE resident_registry.{table} r SET {sets}{own} WHERE {condition}", params)
    return True


def moment(tx: Tx) -> datetime:
    """This instant on the database's clock, which orders those who waited for each other."""
    found: datetime = tx.value("SELECT clock_timestamp()")
    return found
