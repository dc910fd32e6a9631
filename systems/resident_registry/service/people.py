"""Persons and households: looking one up, entering one, keeping numbers."""

import hmac
import secrets
from dataclasses import asdict
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit import journal
from kit.civic.codes import resident_code_check_digit
from kit.clock import today
from kit.db import Tx
from systems.resident_registry.model.errors import NumberTakenSince, NumberUsed
from systems.resident_registry.model.movements import Change
from systems.resident_registry.model.people import RESIDENT, Arrival, Household, NewResident, Office, Place, Resident
from systems.resident_registry.rules import people as rules
from systems.resident_registry.service import measures
from systems.resident_registry.store import numbers
from systems.resident_registry.store import people as store


def find(tx: Tx, number: UUID) -> Resident:
    """The resident of that id; the look is recorded before it is answered."""
    measures.hold(tx)
    found = store.resident(tx, number, today())
    journal.record_access(tx, RESIDENT, [found.id], {"act": "find"})
    return found


def found_household(tx: Tx, place: Place, because: Change) -> Household:
    """A new household at the place, with a number of its own."""
    household_no = store.fifteen(store.draw(tx, "household_no"))
    founded = household_of(uuid4(), household_no, place, because)
    store.add_household(tx, founded)
    return founded


def household_of(number: UUID, household_no: str, place: Place, because: Change) -> Household:
    """The first version of a household."""
    return Household(
        id=number,
        household_no=household_no,
        valid_from=because.valid_from,
        known_from=because.known_from,
        movement_id=because.movement_id,
        version=1,
        **asdict(place),
    )


def enter(tx: Tx, office: Office, new: NewResident, household: Household, arrival: Arrival, because: Change) -> Resident:
    """Enter a person with the household; draws the 宛名番号, and a resident code when none is brought along."""
    rules.check_new_resident(new, arrival.event_on)
    check_not_taken(tx, office, new.resident_code, new.individual_number)
    atena_no = store.fifteen(store.draw(tx, "atena_no"))
    entered = resident_of(new, uuid4(), atena_no, household, arrival, because)
    store.add_resident(tx, entered)
    if new.individual_number:
        numbers.add(tx, entered.id, *seal_number(office, entered.id, new.individual_number))
    return entered


def resident_of(
    new: NewResident, number: UUID, atena_no: str, household: Household, arrival: Arrival, because: Change
) -> Resident:
    """The first version of a person's record."""
    described = asdict(new)
    del described["individual_number"]
    described["resident_code"] = new.resident_code or draw_resident_code()
    return Resident(
        id=number,
        household_id=household.id,
        atena_no=atena_no,
        state="current",
        relation_codes=rules.relation_codes(new.relation),
        became_resident_on=arrival.event_on,
        became_resident_reason=arrival.reason,
        foreign_since=arrival.event_on if new.kind == "foreign" else None,
        address_since=None,
        filed_on=arrival.filed_on,
        previous_address=arrival.previous_address,
        previous_authority=arrival.previous_authority,
        previous_country=arrival.previous_country,
        previous_head=arrival.previous_head,
        valid_from=because.valid_from,
        known_from=because.known_from,
        movement_id=because.movement_id,
        version=1,
        household_no=household.household_no,
        **described,
        **asdict(household.place),
    )


def check_not_taken(tx: Tx, office: Office, resident_code: str | None, individual_number: str | None) -> None:
    """Numbers brought along are nobody else's and were never changed for another (R2)."""
    taken = False
    if resident_code is not None:
        taken = numbers.code_in_use(tx, resident_code) or numbers.is_taken(tx, "resident_code", blind(office, resident_code))
    if individual_number is not None:
        taken = taken or numbers.is_taken(tx, "individual_number", blind(office, individual_number))
    if taken:
        raise NumberUsed("a number that was brought along is in use, or was changed for another")


def check_still_free(tx: Tx, one: Resident) -> None:
    """The numbers of a removed record that comes back are nobody else's by now (R2); `NumberTakenSince` names whose they are."""
    known = numbers.number(tx, one.id)
    holder = numbers.holder(tx, one.resident_code, known[1] if known else None)
    if holder:
        kind, atena_no = holder
        told = f"the {kind} of the record {one.atena_no} is in use by the record {atena_no}"
        raise NumberTakenSince(f"{told}: reverse that record's entry, or change its number, first")
    if known and numbers.is_taken(tx, "individual_number", known[1]):
        raise NumberUsed("the 個人番号 of this record was changed for another: it is never given again")


def draw_resident_code() -> str:
    """Eleven digits drawn by lot, the last a check digit (住民基本台帳法施行規則 art. 1)."""
    ten = f"{secrets.randbelow(10**10):010d}"
    return f"{ten}{resident_code_check_digit(ten)}"


def seal_number(office: Office, resident_id: UUID, number: str) -> tuple[bytes, bytes]:
    """An individual number encrypted for this resident (AES-256-GCM), and its keyed hash (HMAC-SHA-256)."""
    nonce = secrets.token_bytes(12)
    sealed = nonce + AESGCM(office.data_key).encrypt(nonce, number.encode(), resident_id.bytes)
    return sealed, blind(office, number)


def blind(office: Office, number: str) -> bytes:
    """Keyed hash by which a number is found unread."""
    return hmac.digest(office.blind_index_key, number.encode(), "sha256")
