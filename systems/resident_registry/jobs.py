"""Filling the register from a file: a job of the bulk role, never of the counter."""

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from kit import journal
from kit.civic.names import bigrams
from kit.db import Tx
from kit.errors import Conflict, Invalid
from systems.resident_registry import rules, service, store
from systems.resident_registry.model import NewResident, Office, Place, Resident

#: households that are parsed before they are written
CHUNK = 20_000


def import_file(tx: Tx, office: Office, path: Path) -> int:
    """Fill an empty register from a file, one household a line; number of residents.

    The transaction belongs to the role of bulk imports, whose rows the journal does not capture: one entry names the file's
    hash and the number of rows, and a new base must follow.

    Raises
    ------
    Conflict
        The register is not empty.
    Invalid
        A line does not fit; names its number. Nothing is written.
    """
    if store.count(tx):
        raise Conflict("the register is not empty: a bulk import fills an empty one")
    sha256, residents, chunk = hashlib.sha256(), 0, []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            sha256.update(line)
            try:
                chunk.append(_parsed(json.loads(line)))
            except (Invalid, ValueError, KeyError, TypeError) as wrong:
                raise Invalid(f"line {number} of the import file does not fit ({type(wrong).__name__})") from None
            if len(chunk) == CHUNK:
                residents += _write_chunk(tx, office, chunk)
                chunk = []
    residents += _write_chunk(tx, office, chunk)
    journal.record(tx, "import", table=service.TABLE, detail={"file_sha256": sha256.hexdigest(), "rows": residents})
    return residents


Household = tuple[UUID, Place, list[tuple[Resident, str, dict[str, str] | None]]]


def _parsed(line: dict[str, Any]) -> Household:
    household, place = UUID(line["id"]), (line["postal_code"], line["address"])
    rules.check_one_head([each["relation"] for each in line["members"]])
    members = []
    for each in line["members"]:
        since, number, restriction = date.fromisoformat(each.pop("since")), UUID(each.pop("id")), each.pop("restriction", None)
        previous = each.pop("previous_address", None)
        new = NewResident(**each | {"born_on": date.fromisoformat(each["born_on"])})
        rules.check_new_resident(new, since)
        one = service.resident_of(new, number, household, place, event_on=since, filed_on=since, previous=previous)
        members.append((one, new.individual_number or "", restriction))
    return household, place, members


def _write_chunk(tx: Tx, office: Office, chunk: list[Household]) -> int:
    store.copy_households(tx, ((number, *place, bigrams(place[1])) for number, place, _ in chunk))
    people = [member for _, _, members in chunk for member in members]
    written = store.copy_residents(tx, (store.columns_of(one) for one, _, _ in people))
    store.copy_numbers(tx, ((one.id, *service.seal_number(office, one.id, number)) for one, number, _ in people if number))
    store.copy_restrictions(
        tx,
        ((m["id"], one.id, m["opponent_name"], m["starts_on"], m["ends_on"]) for one, _, m in people if m),
    )
    return written
