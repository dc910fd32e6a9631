"""The register under the roles it runs with: what needs a right that only the superuser has is found here, not in a town."""

from pathlib import Path

import psycopg
import pytest

from infra.targets.services import Postgres
from kit.db import Database, connect
from kit.migrate import migrate
from systems.resident_registry.jobs import night
from systems.resident_registry.model.measures import Asker
from systems.resident_registry.service import measures
from tenants.databases import admit_zone, close_public_schema
from tests.support.journaled import Journaled, journaled
from tests.support.registry import CLERK, MIGRATIONS, OFFICE, household_of, moved, named, undone


@pytest.fixture
def town(postgres: Postgres, tmp_path: Path) -> Journaled:
    j = journaled(postgres, tmp_path)
    close_public_schema(j.owner)
    migrate(j.owner, "resident_registry", MIGRATIONS)
    return j


def test_the_zones_role_can_move_disclose_and_close_the_day(town: Journaled) -> None:
    admit_zone(town.owner, "resident_registry", "j_app", "j_sealer", "j_bulk")
    database = Database(town.app, max_size=2)
    try:
        with database.transaction(CLERK) as tx:
            head, child = household_of(tx, 2)
            changed = moved(tx, "name_change", {"residents": [named(child)[0] | {"name": "架空　改", "kana": "カクウ"}]})
            undone(tx, changed)
        with database.transaction(CLERK) as tx:
            measures.check_disclosure(tx, [head.id], Asker("self"))
        assert night.run(database, OFFICE)["failed_households"] == 0
    finally:
        database.close()


def test_mutant_without_the_right_to_its_functions_it_cannot(town: Journaled) -> None:
    admit_zone(town.owner, "resident_registry", "j_app", "j_sealer", "j_bulk")
    with connect(town.owner) as tx:
        tx.execute("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA resident_registry FROM j_app")
    with connect(town.app, actor=CLERK) as tx:
        head = household_of(tx, 1)[0]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            measures.check_disclosure(tx, [head.id], Asker("self"))
        tx.execute("ROLLBACK")
