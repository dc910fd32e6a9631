"""アクセスログ点検表: looks counted by account as the journal has them, to the audit alone, and nobody who was looked at."""

import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pypdf import PdfReader

from infra.targets.services import Postgres
from kit.civic.dates import is_closed
from kit.clock import JAPAN
from kit.db import connect
from systems.resident_registry.rules import access_log as rules
from systems.resident_registry.service import access_log as service
from tests.support.desk import Desk, desk
from tests.support.machine_readable import broken_rules_of_csv, broken_rules_of_workbook
from tests.support.registry import OFFICE, TODAY, move_in, person
from tests.systems.test_registry_disclosure import Protected, founded, moved_in, protect

LOOKS, DAYS, MOST, PROTECTED, LATE, NUMBERS = range(3, 9)


@pytest.fixture(scope="module")
def town(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(founded(postgres, tmp_path_factory.mktemp("segments")).app) as found:
        yield found


@pytest.fixture(scope="module")
def looked_at(town: Desk) -> tuple[Protected, Protected]:
    """Two people whom several officers have looked at, of whom the second was protected in the middle of it."""
    one, two = moved_in(town, town.behind), moved_in(town, town.behind)
    for who in ("clerk", "clerk", "other-clerk"):
        for each in (one, two):
            town.done(who, "GET", f"/residents/{each.one.id}")
    protect(town, two.one.id, [])
    town.done("other-clerk", "GET", f"/residents/{two.one.id}")
    with connect(town.behind, actor="clerk") as tx:
        [numbered] = move_in(tx, person("架空\u3000番号", individual_number="379474484458"))
    town.done("number-officer", "GET", f"/residents/{numbered.id}/individual-number")
    return one, two


def inspected(town: Desk, **params: str) -> list[list[Any]]:
    found: list[list[Any]] = town.done("auditor", "GET", "/access-log", params=params)["rows"]
    return found


def counted(town: Desk, protected: set[str]) -> dict[str, dict[int, int]]:
    """By account, what the journal holds of today's looks: counted entry by entry."""
    with connect(town.behind) as tx:
        entries = tx.rows("SELECT actor, at, \"table\" AS about, key ->> 'id' AS id FROM journal.entry WHERE kind = 'access'")
    found: dict[str, dict[int, int]] = {}
    for each in entries:
        if not each["about"].startswith("resident_registry."):
            continue
        of, at = found.setdefault(each["actor"], Counter()), each["at"].astimezone(JAPAN)
        of[LOOKS] += 1
        of[PROTECTED] += each["id"] in protected
        of[LATE] += is_closed(at.date()) or not (8, 30) <= (at.hour, at.minute) < (17, 15)
        of[NUMBERS] += each["about"].endswith("individual_number")
    return found


def test_every_look_is_counted_by_account(town: Desk, looked_at: tuple[Protected, Protected]) -> None:
    """Mutants: `looks` at residents alone; nobody protected; both seen failing."""
    _, two = looked_at
    rows = {row[2]: row for row in inspected(town)}
    expected = counted(town, {str(two.one.id), str(two.mate.id)})
    assert set(rows) == set(expected)
    for actor, of in expected.items():
        assert {n: rows[actor][n] for n in (LOOKS, PROTECTED, LATE, NUMBERS)} == {
            n: of[n] for n in (LOOKS, PROTECTED, LATE, NUMBERS)
        }, actor
        assert [*rows[actor][:2], rows[actor][DAYS], rows[actor][MOST]] == [f"{TODAY:%Y-%m}", OFFICE.tenant, 1, of[LOOKS]]
    assert (rows["other-clerk"][PROTECTED] >= 2, rows["number-officer"][NUMBERS]) == (True, 1)
    assert inspected(town, month=str(TODAY - timedelta(days=200))) == []


def test_a_town_has_its_own_hours(town: Desk, looked_at: tuple[Protected, Protected], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "value", lambda *_: {"from": "00:00", "until": "00:00"})
    assert all(row[LATE] == row[LOOKS] for row in inspected(town))
    monkeypatch.setattr(service, "value", lambda *_: {"from": "00:00", "until": "24:00"})
    closed = is_closed(datetime.now(UTC).astimezone(JAPAN).date())
    assert all(row[LATE] == (row[LOOKS] if closed else 0) for row in inspected(town))


def test_a_closed_day_is_out_of_hours_whole() -> None:
    """Mutant: the calendar is not asked; seen failing."""
    monday, sunday = date(2026, 11, 30), date(2026, 11, 29)
    of = {"actor": "甲", "protected": 1, "numbers": 0}
    days = [of | {"day": sunday, "looks": 5, "late": 0}, of | {"day": monday, "looks": 7, "late": 2}]
    assert rules.rows("2026-11", "045811", days) == [("2026-11", "045811", "甲", 12, 2, 7, 2, 7, 0)]


def test_it_goes_to_the_audit_alone_and_names_nobody(town: Desk, looked_at: tuple[Protected, Protected]) -> None:
    for who in ("clerk", "supervisor", "dv-officer"):
        assert town.ask(who, "GET", "/access-log").status_code == 403
        assert town.look(who, "/access-log").status_code == 403
    assert town.ask("auditor", "GET", "/access-log", params={"month": str(TODAY + timedelta(days=40))}).status_code == 422
    told = town.look("auditor", "/access-log").text + town.ask("auditor", "GET", "/access-log").text
    assert "親族" in told
    for each in looked_at:
        for secret in (each.name, str(each.one.id), each.one.atena_no, each.canary):
            assert secret not in told
    assert town.look("auditor", "/access-log", month="x").status_code == 422
    assert town.look("auditor", "/access-log/odt").status_code == 404


def test_it_is_a_file_for_machines_and_paper_for_people(town: Desk, looked_at: tuple[Protected, Protected]) -> None:
    assert broken_rules_of_csv(town.look("auditor", "/access-log/csv").content) == []
    assert broken_rules_of_workbook(town.look("auditor", "/access-log/xlsx").content) == []
    page = PdfReader(io.BytesIO(town.look("auditor", "/access-log/pdf").content)).pages[0]
    text = "".join(page.extract_text().split())
    assert "アクセスログ点検表" in text
    assert "親族の閲覧は数えられません" in text
    assert sorted(float(side) for side in page.mediabox[2:]) == pytest.approx([595, 842], abs=1)
