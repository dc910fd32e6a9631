"""What is due without anybody asking: by the calendar once a day, files and packs as they come."""

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit import clock
from kit.db import connect
from kit.errors import Invalid
from platform_api import schedule
from tenants import ledger
from tenants.home import Home
from tenants.keyring import platform_url
from tests.support.cloud import MINAMISANRIKU, ONAGAWA, Cloud
from tests.systems.test_imports import as_csv, head

NIGHT = "resident_registry.night"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=clock.JAPAN)


def test_a_job_is_due_once_a_day_from_its_time_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: the minute in the id, and the night would run again and again."""
    monkeypatch.setattr(schedule.work, "has_waiting", lambda home, code: False)
    moments = ("2026-11-25T00:09", "2026-11-25T00:10", "2026-11-25T09:00", "2026-11-26T00:10")
    found = [list(schedule.due(Home(tmp_path), ONAGAWA, at(each), {})) for each in moments]
    assert found == [
        [],
        [(f"{ONAGAWA}/{NIGHT}/2026-11-25", NIGHT)],
        [(f"{ONAGAWA}/{NIGHT}/2026-11-25", NIGHT)],  # the same id: it starts once
        [(f"{ONAGAWA}/{NIGHT}/2026-11-26", NIGHT)],
    ]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"target": "kubernetes"}))
    assert list(schedule.due(Home(tmp_path), ONAGAWA, at(moments[1]), {})) == []  # there it is a CronJob of the release


def test_what_failed_is_tried_again_an_hour_later_on_the_same_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: `attempt` that returns its first id: nothing is tried again; seen failing."""
    monkeypatch.setattr(schedule.work, "has_waiting", lambda home, code: False)
    first = f"{ONAGAWA}/{NIGHT}/2026-11-25"
    failed = {first: at("2026-11-25T00:12"), f"{first}/2": at("2026-11-25T01:14")}

    def number(moment: str) -> str:
        return next(schedule.due(Home(tmp_path), ONAGAWA, at(moment), failed))[0]

    assert number("2026-11-25T01:11") == first  # the engine does not start it anew
    assert number("2026-11-25T01:13") == f"{first}/2"
    assert number("2026-11-25T02:14") == f"{first}/3"
    assert number("2026-11-26T00:10") == f"{ONAGAWA}/{NIGHT}/2026-11-26"


def test_what_waits_is_worked_on_once_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: `_busy` left out, and a second process would knock at the first one's lock."""
    monkeypatch.setattr(schedule.work, "has_waiting", lambda home, code: True)
    monkeypatch.setattr(schedule, "_busy", set())
    looks = [dict(schedule.due(Home(tmp_path), ONAGAWA, at("2026-11-25T00:01") + timedelta(minutes=n), {})) for n in (0, 1)]
    assert [list(each.values()) for each in looks] == [["exchange"], []]


def test_what_comes_in_the_same_minute_is_work_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: the minute alone in the id; the engine would not start it anew, and nobody would end `_busy`."""
    monkeypatch.setattr(schedule.work, "has_waiting", lambda home, code: True)
    found = []
    for moment in ("2026-11-25T00:01:05", "2026-11-25T00:01:25"):
        monkeypatch.setattr(schedule, "_busy", set())  # the one before has ended
        found += [number for number, _ in schedule.due(Home(tmp_path), ONAGAWA, at(moment), {})]
    assert len(set(found)) == 2


def worked(cloud: Cloud, code: str, what: str) -> list[ledger.Event]:
    with connect(platform_url(cloud.home, "platform")) as tx:
        return [each for each in ledger.events(tx, code) if each.kind == "worked" and each.detail["work"] == what]


def wait_for(found: Any, seconds: int = 150) -> Any:
    until = time.monotonic() + seconds
    while not (told := found()) and time.monotonic() < until:
        time.sleep(2)
    return told


def test_the_ledger_tells_what_failed_and_when(cloud: Cloud) -> None:
    with connect(platform_url(cloud.home, "platform")) as tx:
        tx.execute("SAVEPOINT before")
        ledger.append(tx, ONAGAWA, "worked", "failed work", {"work": NIGHT, "failed": "Unavailable"})
        ledger.append(tx, ONAGAWA, "worked", "good work", {"work": NIGHT})
        written = {each.operation: each.at for each in ledger.events(tx, ONAGAWA)}
        found = ledger.failed_work(tx)
        tx.execute("ROLLBACK TO SAVEPOINT before")
    assert found["failed work"] == written["failed work"]
    assert "good work" not in found


def test_the_counter_runs_the_night_of_each_town_once_a_day(cloud: Cloud) -> None:
    days = {str(clock.today()), str(clock.today() - timedelta(days=1))}
    for code in (ONAGAWA, MINAMISANRIKU):
        events = wait_for(lambda code=code: worked(cloud, code, NIGHT))
        assert len({each.operation for each in events}) == len(events) >= 1
        assert {each.operation.rpartition("/")[2] for each in events} <= days
        assert all(each.detail["failed_households"] == 0 for each in events)
    again = cloud.run("tenants", "--tenant", ONAGAWA, "--job", NIGHT)  # safe to repeat
    assert (again["departed"], again["failed_households"]) == (0, 0)
    with pytest.raises(Invalid, match=r"has no job resident_registry\.nite; it has resident_registry\.night"):
        cloud.run("tenants", "--tenant", ONAGAWA, "--job", "resident_registry.nite")


def test_an_uploaded_file_is_checked_without_anybody_calling_for_it(cloud: Cloud) -> None:
    with cloud.registry(ONAGAWA, "registry-operator") as operator:
        asked = operator.post("/imports", files={"file": ("residents.csv", as_csv(head(9_999)))})
        assert asked.status_code == 202, asked.text
        path = f"/imports/{asked.json()['id']}"
        state = wait_for(lambda: (now := operator.get(path).json()["state"]) != "uploaded" and now)
        assert state in ("checked", "refused")
        if state == "checked":
            assert operator.post(f"{path}:withdraw").status_code == 200
    assert wait_for(lambda: worked(cloud, ONAGAWA, "exchange"))
