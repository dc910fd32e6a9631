"""A database with a journal, the roles of a tenant, and one watched table."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.targets.services import Postgres
from kit import journal
from kit.db import connect, identifier
from tests.support.postgres import as_role, fresh_database, role

SIGNER = Ed25519PrivateKey.from_private_bytes(b"7" * 32)
TENANT = "045811"


@dataclass(frozen=True)
class Journaled:
    """Connection URLs of its roles, and where its segments lie."""

    superuser: str
    owner: str
    app: str
    bulk: str
    sealer: str
    segments: Path

    def seal(self) -> journal.Segment | None:
        return journal.seal(self.sealer, self.segments, tenant=TENANT, signer=SIGNER)

    def verify(self, *, files_only: bool = False) -> journal.Verdict:
        url = None if files_only else self.sealer
        return journal.verify(url, self.segments, tenant=TENANT, public_key=SIGNER.public_key())


def journaled(server: Postgres, segments: Path, ddl: str = "id int PRIMARY KEY, note text") -> Journaled:
    """A new database with table `office.thing`."""
    roles = ("j_owner", "j_app", "j_bulk", "j_sealer")
    for name in roles:
        role(server, name)
    url = fresh_database(server, owner="j_owner", members=roles)
    owner = as_role(url, "j_owner")
    journal.install(owner)
    with connect(owner) as tx:
        tx.execute(f"CREATE SCHEMA office; CREATE TABLE office.thing ({ddl}); SELECT journal.watch('office.thing'::regclass)")
        journal.admit(tx, writers=["j_app", "j_bulk"], sealer="j_sealer")
        for name in ("j_app", "j_bulk"):
            tx.execute(f"GRANT USAGE ON SCHEMA office TO {identifier(name)}")
            tx.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON office.thing TO {identifier(name)}")
    app, bulk, sealer = (as_role(url, name) for name in ("j_app", "j_bulk", "j_sealer"))
    return Journaled(url, owner, app, bulk, sealer, segments)
