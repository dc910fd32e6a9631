"""`python -m infra.pods postgres|rest-server|counter`: what runs in the platform's own pods.

Walls are the cluster's (infra/zones.py): inside them the servers listen on every address of their pod.
"""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from infra.targets.services import Postgres, answers, rest_server_command, wait_until
from infra.zones import KEYCLOAK_SERVICE, POSTGRES_PORT, REST_PORT
from kit.db import connect
from kit.errors import CallerError, Unavailable
from kit.settings import secret
from tenants import databases
from tenants.home import PREFECTURE, Home, home
from tenants.keyring import database_secret, postgres_url

DATA = Path("/data")
ACCOUNTS = Path("/etc/rest-server/accounts")
#: files of the instance's folder that come with the site: settings and the secrets that both sites share
KEYRING = Path("/etc/mcloud/keyring")
EVERYWHERE = "0.0.0.0"  # noqa: S104  # of the pod
PLATFORM_DATABASES = ("platform", "platform_dbos", "keycloak")


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def postgres() -> Sequence[str]:
    """The site's database server on its volume, founded when it is empty."""
    password = secret("MCLOUD_POSTGRES_PASSWORD")
    server = Postgres(DATA / "postgres", POSTGRES_PORT, password, EVERYWHERE, f"{EVERYWHERE}/0")
    server.ensure_initialised()
    return server.command()


def rest_server() -> Sequence[str]:
    """The site's append-only backup server."""
    (DATA / "restic").mkdir(mode=0o700, exist_ok=True)
    return rest_server_command(DATA / "restic", REST_PORT, listen=EVERYWHERE, accounts=ACCOUNTS)


def seed(here: Home, keyring: Path) -> list[str]:
    """Lay what came with the site into the instance's folder; a secret that is there is never overwritten."""
    here.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in (here.run, here.path / "stacks"):
        folder.mkdir(mode=0o700, exist_ok=True)
    laid = []
    for file in sorted(each for each in keyring.iterdir() if each.is_file()):
        is_secret = file.suffix == ".json"
        target = (
            here.secrets if is_secret else here.path / "stacks" if file.name.startswith("Pulumi.") else here.path
        ) / file.name
        if is_secret and target.exists():
            continue
        draft = target.with_name(f".{file.name}")
        draft.touch(mode=0o600)
        draft.write_bytes(file.read_bytes())
        draft.replace(target)
        laid.append(file.name)
    return laid


def _database_answers(here: Home) -> bool:
    try:
        with connect(postgres_url(here, "recovery")) as tx:
            return bool(tx.value("SELECT 1"))
    except Unavailable:
        return False


def counter() -> Sequence[str]:
    """The platform API of the site that leads: its folder, databases and the prefecture's realm come first."""
    from tenants.realm import ensure_prefecture, renew

    here = home()
    say(f"counter: laid {', '.join(seed(here, KEYRING)) or 'nothing new'}")
    wait_until(partial(_database_answers, here), "PostgreSQL", 300)
    own_keycloak = here.hosts.keycloak != KEYCLOAK_SERVICE  # which keeps its tables elsewhere
    for name in PLATFORM_DATABASES[: 2 if own_keycloak else None]:
        databases.ensure_database(postgres_url(here, "recovery"), name, {"owner": database_secret(here, name)})
    say("counter: the platform's databases stand")
    wait_until(partial(answers, f"{here.keycloak_url}/realms/master"), "Keycloak", 600)
    say(f"counter: realm {PREFECTURE} {'founded' if ensure_prefecture(here) else 'stands'}")
    say(f"counter: realms given ways back to gateways or roles: {', '.join(renew(here)) or 'none'}")
    return [sys.executable, "-m", "platform_api"]


PARTS: dict[str, Callable[[], Sequence[str]]] = {"postgres": postgres, "rest-server": rest_server, "counter": counter}


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in PARTS:
        say(f"usage: python -m infra.pods {'|'.join(PARTS)}")
        return 1
    try:
        command = list(PARTS[sys.argv[1]]())
    except CallerError as wrong:
        say(f"{sys.argv[1]}: {wrong.detail}")
        return 6
    return os.execv(command[0], command)  # noqa: S606  # the pod's process becomes the server


if __name__ == "__main__":
    sys.exit(main())
