"""A register with the roles of a tenant, and files on their way into it."""

import io
from dataclasses import dataclass
from pathlib import Path

from infra.targets.services import Postgres
from kit import journal
from kit.db import connect, identifier
from kit.migrate import migrate
from systems.resident_registry.jobs import imports
from systems.resident_registry.model.imports import Choice, ImportJob
from systems.resident_registry.model.people import Office
from systems.resident_registry.service import imports as service
from tenants import databases, synthetic_residents
from tenants.catalog import tenant
from tests.support.postgres import as_role, fresh_database, role
from tests.support.registry import MIGRATIONS, OFFICE

ROLES = ("x_owner", "x_mynumber", "x_backup", "x_bulk")


@dataclass(frozen=True)
class Register:
    """Connections of a register's roles."""

    superuser: str
    doors: imports.Doors
    office: Office = OFFICE

    def wipe(self) -> None:
        """Make the register empty again."""
        with connect(self.superuser) as tx:
            for table in (
                "individual_number", "support_opponent", "support_protected", "support_case", "resident",
                "household", "import_job", "identified_character",
                "import_piece", "import_row", "import_fault", "import_character", "export_job", "export_piece",
            ):  # fmt: skip
                tx.execute(f"DELETE FROM resident_registry.{table}")

    def receive(self, data: bytes) -> tuple[ImportJob, bool]:
        with connect(self.doors.zone, actor="operator") as tx:
            return service.receive(tx, self.office, io.BytesIO(data))

    def work(self) -> ImportJob:
        job = imports.work(self.doors, self.office)
        assert job is not None
        return job

    def check(self, data: bytes) -> ImportJob:
        self.receive(data)
        return self.work()

    def take(self, data: bytes, choice: Choice = "all") -> ImportJob:
        job = self.check(data)
        with connect(self.doors.zone, actor="operator") as tx:
            service.choose(tx, job.id, choice)
        return self.work()

    def count(self, table: str) -> int:
        with connect(self.superuser) as tx:
            found: int = tx.value(f"SELECT count(*) FROM resident_registry.{identifier(table)}")
        return found


def empty_register(server: Postgres) -> Register:
    """A new, empty register with its journal, owned and granted as onboarding does it."""
    for name in ROLES:
        role(server, name)
    url = fresh_database(server, owner="x_owner", members=ROLES)
    owner = as_role(url, "x_owner")
    databases.close_public_schema(owner)
    journal.install(owner)
    migrate(owner, "resident_registry", MIGRATIONS)
    databases.admit_zone(owner, "resident_registry", "x_mynumber", "x_backup", "x_bulk")
    with connect(owner) as tx:
        journal.admit(tx, writers=["x_mynumber", "x_bulk"], sealer="x_backup")
    return Register(url, imports.Doors(*(as_role(url, name) for name in ("x_mynumber", "x_bulk", "x_backup"))))


def synthetic(folder: Path, number: int) -> bytes:
    """A file of that many residents of 女川町."""
    synthetic_residents.write(tenant(OFFICE.tenant), number, folder / "residents.csv")
    return (folder / "residents.csv").read_bytes()
