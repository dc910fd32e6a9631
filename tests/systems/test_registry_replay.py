"""A register whose movements are replayed over an older base is the register: every table, every version, every counter."""

import random
from pathlib import Path

import pytest

from dr import digest
from infra.targets.services import Postgres
from kit.db import connect
from kit.migrate import migrate
from tests.dr.test_replay import base, replayed
from tests.support.journaled import journaled
from tests.support.registry import CLERK, MIGRATIONS, household_of
from tests.systems.test_registry_movements import mixed


@pytest.mark.proves("JRN-4")
def test_movements_after_the_base_come_back_with_their_history(postgres: Postgres, tmp_path: Path) -> None:
    j = journaled(postgres, tmp_path / "segments")
    migrate(j.superuser, "resident_registry", MIGRATIONS)
    with connect(j.superuser, actor=CLERK) as tx:
        household_of(tx, 3)
    at = base(j, tmp_path / "base")
    with connect(j.superuser, actor=CLERK) as tx:
        for n in range(60):
            mixed(tx, random.Random(n), n)
    assert j.seal() is not None
    copy = replayed(postgres, j, tmp_path / "base", at)
    taken = []
    for url in (j.superuser, copy):
        with connect(url) as tx:
            taken.append(digest.take(tx, ""))
    compared, different, differs = digest.compare(*taken)
    assert (different, differs) == (0, [])
    assert taken[0].tables["resident_registry.resident_history"].rows > 20
    assert compared > 200
    with connect(copy) as tx:  # mutant: a version lost is found
        tx.execute("ALTER TABLE resident_registry.resident_history DISABLE TRIGGER USER")
        tx.execute(
            "DELETE FROM resident_registry.resident_history "
            "WHERE ctid = (SELECT min(ctid) FROM resident_registry.resident_history)"
        )
        assert digest.compare(taken[0], digest.take(tx, ""))[1] > 0
