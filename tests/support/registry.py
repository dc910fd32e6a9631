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
from systems.resident_registry.model.certificates import Request, Requester
from systems.resident_registry.model.filings import Filing, Ground
from systems.resident_registry.model.movements import Movement
from systems.resident_registry.model.people import NewResident, Office, Place, Resident
from systems.resident_registry.rules.certificates import WITH_GROUND
from systems.resident_registry.service import movements as service
from systems.resident_registry.store import people as store
from tests.support.journaled import journaled

MIGRATIONS = Path(rooms.__file__).parents[1] / "migrations"
ONAGAWA = "045811"
OFFICE = Office(ONAGAWA, "女川町", b"1" * 32, b"2" * 32)
NAME = "䶒藤\U000e0103 太朗\U000e0105"
PLACE = Place("9862261", "宮城県牡鹿郡女川町女川1番地1", ONAGAWA)
TODAY = clock.today()
CLERK, SUPERVISOR = "clerk", "supervisor"
#: alerts that a test is not about
USUAL = (
    "record-as-foreign",
    "late-filing",
    "same-person",
    "relation-worked-out",
    "old-departure",
    "resident-code-drawn",
    "address-not-compared",
)


@pytest.fixture(scope="module")
def register(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    j = journaled(postgres, tmp_path_factory.mktemp("segments"))
    migrate(j.superuser, "resident_registry", MIGRATIONS)
    return j.superuser


@pytest.fixture
def tx(register: str) -> Iterator[Tx]:
    """A transaction that is rolled back: each test begins with an empty register."""
    with connect(register, autocommit=True, actor=CLERK) as one:
        one.actor = CLERK
        one.execute("BEGIN")
        yield one
        one.execute("ROLLBACK")


def person(name: str = NAME, relation: str = "世帯主", **changes: Any) -> NewResident:
    facts: dict[str, Any] = {"name": name, "kana": "ゴトウ タロウ", "sex": "male", "born_on": date(1950, 1, 2)}
    return NewResident(**facts | {"relation": relation} | changes)


def entered(
    tx: Tx,
    reason: str,
    details: dict[str, Any],
    *,
    event_on: date = TODAY,
    filed_on: date | None = None,
    office: Office = OFFICE,
    **more: Any,
) -> Movement:
    """A draft."""
    body = {"event_on": event_on, "filed_on": filed_on, "details": {"reason": reason} | details} | more
    return service.draft(tx, office, Filing.model_validate(body))


def submitted(tx: Tx, one: Movement, confirmed: tuple[str, ...] = USUAL, office: Office = OFFICE) -> Movement:
    return service.submit(tx, office, one.id, one.version, confirmed)


def decided(tx: Tx, one: Movement, *, by: str = SUPERVISOR, office: Office = OFFICE) -> Movement:
    """The movement, decided by somebody else than who entered it."""
    before, tx.actor = tx.actor, by
    try:
        return service.approve(tx, office, one.id, one.version, is_supervisor=by == SUPERVISOR)
    finally:
        tx.actor = before


def moved(
    tx: Tx,
    reason: str,
    details: dict[str, Any],
    office: Office = OFFICE,
    confirmed: tuple[str, ...] = USUAL,
    **filing: Any,
) -> Movement:
    """A movement from its draft to its decision."""
    one = entered(tx, reason, details, office=office, **filing)
    return decided(tx, submitted(tx, one, confirmed, office=office), office=office)


def undone(tx: Tx, one: Movement) -> Movement:
    """The reversal of a decided movement, decided."""
    ground = Ground(kind="error", text="入力誤り", on=TODAY)
    return decided(tx, service.cancel(tx, OFFICE, one.id, one.version, ground))


def move_in(
    tx: Tx,
    *new: NewResident,
    event_on: date = TODAY,
    filed_on: date = TODAY,
    place: Place = PLACE,
    previous: str = "東京都",
    office: Office = OFFICE,
    confirmed: tuple[str, ...] = USUAL,
) -> list[Resident]:
    people = [vars(each) for each in new or [person()]]
    details = {"place": vars(place), "previous": {"address": previous}, "certificate": "paper", "people": people}
    one = moved(tx, "move_in", details, event_on=event_on, filed_on=filed_on, office=office, confirmed=confirmed)
    entered_ = [store.resident(tx, number, TODAY) for number in one.residents]
    assert len(entered_) == len(people)
    return entered_


def asked(requester: Requester = "self", **more: Any) -> Request:
    """A complete request of that class: who asks, why, and with which documents."""
    facts: dict[str, Any] = {"name": "架空 請求者", "address": "宮城県架空市1番地", "documents": ("my_number_card",)}
    if requester in WITH_GROUND:
        facts["ground"] = "架空の理由"
    if requester == "representative":
        facts["documents"] = ("my_number_card", "mandate")
    return Request(requester, **facts | more)


def household_of(tx: Tx, size: int) -> list[Resident]:
    children = [person(f"䶒藤 子{n}", "子", born_on=date(1990 + n, 1, 1)) for n in range(size - 1)]
    return move_in(tx, person(), *children)


def named(*people: Resident) -> list[dict[str, Any]]:
    return [{"id": each.id, "version": each.version} for each in people]


def die(tx: Tx, one: Resident, relations: dict[UUID, str] | None = None, version: int | None = None) -> Movement:
    return moved(tx, "death", {"residents": [{"id": one.id, "version": version or one.version}], "relations": relations or {}})


def move_within(tx: Tx, one: Resident, place: Place, event_on: date = TODAY) -> None:
    """The whole household of its head `one` moves inside the municipality."""
    everybody = store.members(tx, one.household_id, TODAY)
    moved(tx, "move_within", {"residents": named(*everybody), "place": vars(place)}, event_on=event_on)


def move_out(tx: Tx, one: Resident, to: str, on: date = TODAY) -> None:
    """One resident moves away, and the day has come: the record is removed."""
    now = store.resident(tx, one.id, TODAY)
    moved(tx, "move_out", {"residents": named(now), "destination": {"address": to}}, event_on=on)
    now = store.resident(tx, one.id, TODAY)
    if now.removed_on is None:
        notice = {"residents": named(now), "destination": {"address": to}, "received_on": TODAY}
        moved(tx, "in_notice", notice, event_on=on)


def bear(tx: Tx, household_id: UUID, child: NewResident) -> Resident:
    """A child is born into the household."""
    details = {"household_id": household_id, "child": vars(child)}
    filed = moved(tx, "birth", details, event_on=child.born_on, filed_on=child.born_on)
    return store.resident(tx, filed.residents[0], TODAY)
