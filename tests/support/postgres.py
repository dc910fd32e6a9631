"""A real PostgreSQL for the run: raised in a folder of its own, thrown away at the end."""

import itertools
import signal
from collections.abc import Iterator, Sequence

import pytest

from infra.targets.services import Postgres
from kit.db import connect, identifier

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One server for the run; its superuser is `postgres`."""
    server = Postgres(tmp_path_factory.mktemp("postgres") / "data", free_port(), "only-for-this-run")
    server.ensure_initialised()
    process = server.popen()
    try:
        server.wait()
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # does not wait for those still connected
        process.wait(30)


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fresh_database(server: Postgres, *, owner: str | None = None, members: Sequence[str] = ()) -> str:
    """Connection URL of a new, empty database that `members` may enter, as a tenant's roles do."""
    name = f"test_{next(_numbers)}"
    with connect(server.url("postgres"), autocommit=True) as tx:
        tx.execute(f"CREATE ROLE {identifier(name)}")
        for member in members:
            tx.execute(f"GRANT {identifier(name)} TO {identifier(member)}")
        tx.execute(f"CREATE DATABASE {identifier(name)}" + (f" OWNER {identifier(owner)}" if owner else ""))
    return server.url(name)


def role(server: Postgres, name: str) -> None:
    """A login role with its own name as password."""
    with connect(server.url("postgres"), autocommit=True) as tx:
        if not tx.value("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)):
            tx.execute(f"CREATE ROLE {identifier(name)} LOGIN PASSWORD '{name}'")


def as_role(url: str, name: str) -> str:
    """The same database for another role."""
    return url.replace(url.split("//")[1].split("@")[0], f"{name}:{name}")
