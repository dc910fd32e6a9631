"""Filling the register from a file: a job of the bulk role, never of the counter."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from kit import journal
from kit.db import Tx
from kit.errors import Conflict, Invalid
from systems.resident_registry.model.measures import DOCUMENTS, Opponent, SupportCase
from systems.resident_registry.model.movements import Change
from systems.resident_registry.model.people import RESIDENT, Arrival, Household, NewResident, Office, Place, Resident
from systems.resident_registry.rules import people as rules
from systems.resident_registry.service import people as service
from systems.resident_registry.store import history, measures, people

#: households that are parsed before they are written
CHUNK = 20_000
#: keys of a line that make its place
PLACE = ("postal_code", "address", "authority_code", "town_code", "town", "lot", "building")


@dataclass
class Numbers:
    """宛名番号 and 世帯番号 of an empty register, in the order of the file."""

    atena: Iterator[int]
    household: Iterator[int]
    moment: datetime


Member = tuple[Resident, str, dict[str, str] | None]
Entered = tuple[Household, list[Member]]


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
    if people.has_any(tx):
        raise Conflict("the register is not empty: a bulk import fills an empty one")
    numbers = Numbers(count(1), count(1), history.moment(tx))
    sha256, residents, chunk = hashlib.sha256(), 0, []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            sha256.update(line)
            try:
                chunk.append(_parsed(json.loads(line), numbers))
            except (Invalid, ValueError, KeyError, TypeError) as wrong:
                raise Invalid(f"line {number} of the import file does not fit ({type(wrong).__name__})") from None
            if len(chunk) == CHUNK:
                residents += _write_chunk(tx, office, chunk)
                chunk = []
    residents += _write_chunk(tx, office, chunk)
    journal.record(tx, "import", table=RESIDENT, detail={"file_sha256": sha256.hexdigest(), "rows": residents})
    return residents


def _parsed(line: dict[str, Any], numbers: Numbers) -> Entered:
    place = Place(**{part: line[part] for part in PLACE if part in line})
    rules.check_one_head([each["relation"] for each in line["members"]])
    days = [date.fromisoformat(each["since"]) for each in line["members"]]
    because = Change(None, min(days), numbers.moment)
    household = service.household_of(UUID(line["id"]), people.fifteen(next(numbers.household)), place, because)
    return household, [_member(each, household, numbers, since) for each, since in zip(line["members"], days, strict=True)]


def _member(each: dict[str, Any], household: Household, numbers: Numbers, since: date) -> Member:
    del each["since"]
    number, restriction, previous = UUID(each.pop("id")), each.pop("restriction", None), each.pop("previous_address", None)
    new = NewResident(**each | {"born_on": date.fromisoformat(each["born_on"])})
    rules.check_new_resident(new, since)
    arrival = Arrival(event_on=since, filed_on=since, reason="import", previous_address=previous)
    atena_no = people.fifteen(next(numbers.atena))
    one = service.resident_of(new, number, atena_no, household, arrival, Change(None, since, numbers.moment))
    return one, new.individual_number or "", restriction


def _write_chunk(tx: Tx, office: Office, chunk: list[Entered]) -> int:
    people.copy_households(tx, (household for household, _ in chunk))
    members = [member for _, each in chunk for member in each]
    written = people.copy_residents(tx, (one for one, _, _ in members))
    people.copy_numbers(tx, ((one.id, *service.seal_number(office, one.id, number)) for one, number, _ in members if number))
    measures.copy_restrictions(
        tx,
        ((_measure(one, m), one.id, Opponent(m["opponent_name"])) for one, _, m in members if m),
    )
    return written


def _measure(one: Resident, m: dict[str, str]) -> SupportCase:
    """A measure in force that comes along with the register; of its kind nothing is known."""
    starts_on, ends_on = date.fromisoformat(m["starts_on"]), date.fromisoformat(m["ends_on"])
    return SupportCase(
        id=UUID(m["id"]),
        kind=None,
        state="active",
        applicant_name=one.name,
        protected_address=one.address,
        scope=list(DOCUMENTS),
        applied_on=starts_on,
        starts_on=starts_on,
        ends_on=ends_on,
        origin="before",
        entered_by="import",
        decided_by="import",
    )
