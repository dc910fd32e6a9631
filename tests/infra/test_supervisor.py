"""Tenants are landed side by side: each process describes its own programs and has the supervisor take up what is new."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.targets.supervisor import Supervisor

#: programs, as many as landed at once
PROGRAMS = [f"tenant-{number}" for number in range(24)]


@pytest.fixture
def boss(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path)
    made.ensure_running()
    try:
        yield made
    finally:
        made.shut_down()


def test_programs_that_are_described_at_once_are_all_taken_up(boss: Supervisor) -> None:
    # mutant (seen failing): no lock in `refresh`: both read the same programs as new, the second is told ALREADY_ADDED
    def land(name: str) -> bool:
        other = Supervisor(boss.run)
        is_new = other.put(name, ["sleep", "60"], {})
        other.refresh()
        return is_new and other.start(name)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(land, PROGRAMS)) == [True] * len(PROGRAMS)
    assert {each["name"]: each["statename"] for each in boss.all_states()} == dict.fromkeys(PROGRAMS, "RUNNING")
