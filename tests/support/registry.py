"""A register on a real database, and the people that tests put on it."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from infra.targets.services import Postgres
from kit import clock
from kit.db import Tx, connect
from kit.migrate import migrate
from systems.resident_registry import service as rooms
from systems.resident_registry.model.people import NewResident, Office, Place, Resident
from systems.resident_registry.service import movements as service
from systems.resident_registry.store import people as store
from tests.support.journaled import journaled

MIGRATIONS = Path(rooms.__file__).parents[1] / "migrations"
ONAGAWA = "045811"
OFFICE = Office(ONAGAWA, "女川町", b"1" * 32, b"2" * 32)
NAME = "䶒藤\U000e0103 太朗\U000e0105"
PLACE = Place("9862261", "宮城県牡鹿郡女川町女川1番地1", ONAGAWA)
TODAY = clock.today()


@pytest.fixture(scope="module")
def register(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    j = journaled(postgres, tmp_path_factory.mktemp("segments"))
    migrate(j.superuser, "resident_registry", MIGRATIONS)
    return j.superuser


@pytest.fixture
def tx(register: str) -> Iterator[Tx]:
    """A transaction that is rolled back: each test begins with an empty register."""
    with connect(register, autocommit=True, actor="clerk") as one:
        one.execute("BEGIN")
        yield one
        one.execute("ROLLBACK")


def person(name: str = NAME, relation: str = "世帯主", **changes: Any) -> NewResident:
    facts: dict[str, Any] = {"name": name, "kana": "ゴトウ タロウ", "sex": "male", "born_on": date(1950, 1, 2)}
    return NewResident(**facts | {"relation": relation} | changes)


def move_in(tx: Tx, *new: NewResident, event_on: date = TODAY, filed_on: date = TODAY) -> list[Resident]:
    filed = service.register_move_in(
        tx, OFFICE, new or [person()], place=PLACE, previous="東京都", event_on=event_on, filed_on=filed_on, filer="self"
    )
    return [store.resident(tx, number, TODAY) for number in filed.residents]


def household_of(tx: Tx, size: int) -> list[Resident]:
    children = [person(f"䶒藤 子{n}", "子", born_on=date(1990 + n, 1, 1)) for n in range(size - 1)]
    return move_in(tx, person(), *children)


def die(tx: Tx, one: Resident, relations: dict[UUID, str] | None = None, version: int | None = None) -> None:
    service.register_death(
        tx, (one.id, version or one.version), event_on=TODAY, filed_on=TODAY, filer="head", relations=relations or {}
    )
