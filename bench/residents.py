"""A register of made-up residents to be measured: surnames and given names of two kanji, some common, most rare."""

import dataclasses
import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from kit import journal
from kit.civic.codes import my_number_check_digit, resident_code_check_digit
from kit.civic.names import variants
from kit.db import connect
from kit.migrate import migrate
from systems.resident_registry.model.people import Household, Office, Place, Resident
from systems.resident_registry.service import people as service
from systems.resident_registry.service.legal import HERE
from systems.resident_registry.store import history, people

#: residents that are looked for
SOUGHT = 1000
OFFICE = Office("041009", "仙台市", b"1" * 32, b"2" * 32)
#: as many characters as names really have, so that pairs of them are common and rare: JIS X 0208, first level
KANJI = "".join(bytes((row, cell)).decode("euc_jp") for row in range(0xB0, 0xCF) for cell in range(0xA1, 0xFF, 3))
SOUNDS = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワガギグゴザジズダデドバビブ"
TOWNS = [f"{a}{b}" for a in "青泉若太宮北南東西中" for b in "葉町林白城山沢田浜島"]


@dataclasses.dataclass
class Seen:
    """What one resident is looked for by."""

    id: UUID
    name: str
    kana: str
    born_on: date
    address: str
    atena_no: str
    number: str


def rows(count: int, moment: Any) -> Iterator[tuple[Household, Resident, str]]:
    """Residents, one a household; a name is as common as its rank is low."""
    rng = random.Random(20261125)
    surnames = [(a + b, f"{x}{y}{z}") for a, b, x, y, z in (_five(rng, KANJI) for _ in range(30_000))]
    given = [(a + b, f"{x}{y}{z}") for a, b, x, y, z in (_five(rng, KANJI) for _ in range(20_000))]
    other = {one: [c for c, to in variants().items() if to == one] for one in KANJI}
    today = date(2026, 11, 25)
    for n in range(count):
        family, own = surnames[int(30_000 * rng.random() ** 3)], given[int(20_000 * rng.random() ** 2)]
        name = "".join(rng.choice(other[c]) if other.get(c) and rng.random() < 0.05 else c for c in family[0])
        ten, eleven = f"{n:010d}", f"{n + 10**10:011d}"
        place = Place(
            "9800000", f"宮城県仙台市青葉区{rng.choice(TOWNS)}{rng.randrange(1, 90)}番地{rng.randrange(1, 40)}", "041017"
        )
        times = {"valid_from": today, "known_from": moment, "movement_id": None, "version": 1}
        house = Household(UUID(int=rng.getrandbits(128)), f"{n:015d}", **dataclasses.asdict(place), **times)
        one = Resident(
            id=UUID(int=rng.getrandbits(128)),
            household_id=house.id,
            atena_no=f"{n:015d}",
            state="current",
            name=f"{name}\u3000{own[0]}",
            kana=f"{family[1]}\u3000{own[1]}",
            sex="female",
            born_on=today - timedelta(days=int(36500 * rng.random())),
            relation="世帯主",
            became_resident_on=today,
            address_since=None,
            filed_on=today,
            previous_address=None,
            registered_domicile=None,
            family_register_head=None,
            resident_code=f"{ten}{resident_code_check_digit(ten)}",
            valid_from=today,
            known_from=moment,
            version=1,
            household_no=house.household_no,
            **dataclasses.asdict(place),
        )
        yield house, one, f"{eleven}{my_number_check_digit(eleven)}"


def _five(rng: random.Random, kanji: str) -> tuple[str, ...]:
    return (*rng.choices(kanji, k=2), *rng.choices(SOUNDS, k=3))


def fill(url: str, count: int) -> list[Seen]:
    """Found the register and fill it; a thousand residents to look for."""
    journal.install(url)
    migrate(url, "resident_registry", HERE / "migrations")
    every, seen = max(1, count // SOUGHT), []
    with connect(url) as tx:
        made = rows(count, history.moment(tx))
        while chunk := [each for _, each in zip(range(20_000), made, strict=False)]:
            people.copy_households(tx, (house for house, _, _ in chunk))
            people.copy_residents(tx, (one for _, one, _ in chunk))
            people.copy_numbers(tx, ((one.id, *service.seal_number(OFFICE, one.id, number)) for _, one, number in chunk))
            for _, one, number in chunk:
                if int(one.atena_no) % every == 0:
                    seen.append(Seen(one.id, one.name, one.kana, one.born_on, one.address, one.atena_no, number))
    with connect(url, autocommit=True) as tx:
        tx.execute("VACUUM (ANALYZE)")
    return seen
