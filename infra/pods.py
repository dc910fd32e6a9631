"""`python -m infra.pods postgres|rest-server`: what the bundled servers' pods run. Becomes the server itself."""

import os
import shutil
import sys
from pathlib import Path

from infra.targets.services import Postgres, rest_server_command
from infra.zones import POSTGRES_PORT, REST_PORT
from kit.errors import CallerError, Invalid
from kit.settings import secret

DATA = Path("/data")
#: the Secret with every tenant's account, as the kubelet lays it out
ACCOUNTS = Path("/etc/rest-server/accounts")
ANYWHERE = "0.0.0.0"  # noqa: S104  # the pod's own address; its walls decide who reaches it


def postgres() -> list[str]:
    """PostgreSQL on the pod's volume, founded when it is new. Walls decide who reaches it, then role and database."""
    server = Postgres(DATA / "postgres", POSTGRES_PORT, secret("MCLOUD_POSTGRES_PASSWORD"), ANYWHERE, "0.0.0.0/0")
    server.ensure_initialised()
    return server.command()


def rest_server() -> list[str]:
    """The append-only backup server; accounts are read anew at each start."""
    if not ACCOUNTS.exists():
        raise Invalid(f"{ACCOUNTS} is missing: the Secret rest-server is not mounted")
    folder = DATA / "restic"
    folder.mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(ACCOUNTS, folder / ".htpasswd")
    return [part.replace("127.0.0.1", ANYWHERE) for part in rest_server_command(folder, REST_PORT)]


SERVERS = {"postgres": postgres, "rest-server": rest_server}


def main() -> int:  # noqa: RET503
    if sys.argv[1:2] == [] or sys.argv[1] not in SERVERS:
        sys.stderr.write(f"usage: python -m infra.pods {'|'.join(SERVERS)}\n")
        return 1
    try:
        command = SERVERS[sys.argv[1]]()
    except CallerError as wrong:
        sys.stderr.write(f"{sys.argv[1]}: {wrong.detail}\n")
        return 1
    os.execv(command[0], command)  # noqa: S606  # the server itself gets the signals of its pod


if __name__ == "__main__":
    sys.exit(main())
