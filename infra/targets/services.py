"""The outside programs of the `local` target: how each is prepared, started and asked whether it is well."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from kit.db import connect
from kit.errors import Unavailable
from tools import programs

USER = "mcloud"


def as_user(command: list[str]) -> list[str]:
    """The command under the system user when we are root: PostgreSQL refuses to run as root, the others need not be.

    The one capability lets the user reach its folders inside a checkout that only root may enter.
    """
    if os.geteuid() != 0:
        return command
    caps = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *caps, *command]


def give(path: Path) -> None:
    """Make the folder, mode 0700, owned by the user the programs run as."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        user = pwd.getpwnam(USER)
        os.chown(path, user.pw_uid, user.pw_gid)


def wait_until(well: Callable[[], bool], what: str, seconds: float) -> None:
    """Return when `well` holds.

    Raises
    ------
    Unavailable
        It does not within the time; names what was waited for.
    """
    end = time.monotonic() + seconds
    while not well():
        if time.monotonic() > end:
            raise Unavailable(f"{what} did not come up within {seconds:.0f} s: see the logs under run/")
        time.sleep(0.05)


def listening(port: int) -> bool:
    """Whether anybody listens on the port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers(url: str) -> bool:
    """Whether the address answers 200."""
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310  # plain HTTP of this machine: a client with TLS takes 0.1 s to prepare
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


@dataclass(frozen=True)
class Postgres:
    """One PostgreSQL server: its data folder, port, superuser's password, where it listens and for whom."""

    data: Path
    port: int
    password: str
    listen: str = "127.0.0.1"
    clients: str = "127.0.0.1/32"

    def ensure_initialised(self) -> bool:
        """Found the cluster; False when it was there. Complete or not at all: made beside and renamed."""
        if (self.data / "PG_VERSION").exists():
            return False
        self.data.parent.mkdir(parents=True, exist_ok=True)
        draft = self.data.with_name(self.data.name + ".draft")
        shutil.rmtree(draft, ignore_errors=True)
        give(draft)
        with tempfile.NamedTemporaryFile("w", suffix=".pw", dir=self.data.parent) as secret:
            secret.write(self.password)
            secret.flush()
            initdb = [str(programs.postgres_bin() / "initdb"), "-D", str(draft), "-U", "postgres", "--pwfile", secret.name]
            initdb += ["--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
            done = subprocess.run(as_user(initdb), capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(f"initdb failed: {done.stderr.strip().splitlines()[-1]}")
        # A tenant's roles are members of the role named like its database, and reach nothing else.
        (draft / "pg_hba.conf").write_text(
            f"host all postgres {self.clients} scram-sha-256\nhost samerole all {self.clients} scram-sha-256\n"
        )
        draft.rename(self.data)
        return True

    def command(self) -> list[str]:
        """What starts the server in the foreground."""
        settings = {
            "port": self.port,
            "listen_addresses": self.listen,
            "unix_socket_directories": "",
            "max_connections": 1000,  # each tenant has a limit of its own: tenants.processes.sessions_at_most
            "shared_buffers": "256MB",
            "random_page_cost": 1.1,  # no disk turns any more: a few rows by an index, wherever they lie
            "wal_level": "logical",
            "max_wal_size": "4GB",
            "log_statement": "none",
            "log_min_error_statement": "panic",  # statements carry personal data
            "log_parameter_max_length": 0,
            "password_encryption": "scram-sha-256",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return as_user([str(programs.postgres_bin() / "postgres"), "-D", str(self.data), *options])

    def popen(self) -> "subprocess.Popen[bytes]":
        """Start the server as a child of this process (tests)."""
        return subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def url(self, database: str) -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def wait(self) -> None:
        wait_until(self.is_well, f"PostgreSQL on port {self.port}", 30)

    def is_well(self) -> bool:
        if not listening(self.port):
            return False
        try:
            with connect(self.url("postgres")) as tx:
                return bool(tx.value("SELECT 1"))
        except Unavailable:
            return False


def rest_server_command(folder: Path, port: int, *, listen: str = "127.0.0.1", accounts: Path | None = None) -> list[str]:
    """Append-only, one private repository per account; `accounts` lies in the folder when it is not named."""
    server = [str(programs.rest_server()), "--path", str(folder), "--listen", f"{listen}:{port}"]
    return as_user([*server, "--append-only", "--private-repos", "--htpasswd-file", str(accounts or folder / ".htpasswd")])


def keycloak_command(url: str, port: int, management: int, database_port: int) -> list[str]:
    """Keycloak in production mode; passwords come by environment."""
    options = {
        "http-enabled": "true",
        "http-host": "127.0.0.1",
        "http-port": port,
        "http-management-port": management,
        "hostname": url,
        "db-url": f"jdbc:postgresql://127.0.0.1:{database_port}/keycloak",
        "db-username": "keycloak_owner",
        "cache": "local",
        "log-level": "warn",
    }
    script = str(programs.keycloak() / "bin" / "kc.sh")
    return as_user([script, "start", "--optimized", *(f"--{name}={value}" for name, value in options.items())])
