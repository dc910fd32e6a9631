"""The only door to restic: arguments in, JSON out, every exit code looked at."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from kit.errors import Unavailable
from kit.trust import authorities
from tenants.home import Home, SiteName
from tenants.keyring import TenantKeys
from tools import programs

#: restic's exit codes -> what they mean and the way out
MEANING = {
    1: "failed",
    2: "crashed",
    3: "could not read all files: the backup is not complete",
    10: "finds no repository: `dr init` founds it",
    11: "finds the repository locked by another run: wait for it",
    12: "was given the wrong repository password",
    130: "was interrupted",
}

#: after 0, 0.5, 1, 2 and 4 seconds
CONNECT_AGAIN = 5


@dataclass(frozen=True)
class Repository:
    """A tenant's repository at one site."""

    url: str
    user: str
    http_password: str = field(repr=False)
    password: str = field(repr=False)


def repository(home: Home, site: SiteName, code: str, keys: TenantKeys) -> Repository:
    """The tenant's repository at that site."""
    url = f"{home.restic_url(site)}/{code}/"
    http_password = keys.primary_http_password if site == "primary" else keys.recovery_http_password
    return Repository(url, code, http_password, keys.restic_password)


def client(at: Repository) -> httpx2.Client:
    """A client of the repository's server. A connection refused is tried again, seven seconds in all.

    A new pod's network plugin opens what may cross to one server before it opens what may cross to the next.
    """
    transport = httpx2.HTTPTransport(verify=authorities(), retries=CONNECT_AGAIN)
    return httpx2.Client(base_url=at.url, auth=(at.user, at.http_password), timeout=60, transport=transport)


def _run(at: Repository, arguments: Sequence[str]) -> str:
    secrets = {"RESTIC_REPOSITORY": f"rest:{at.url}", "RESTIC_PASSWORD": at.password}
    secrets |= {"RESTIC_REST_USERNAME": at.user, "RESTIC_REST_PASSWORD": at.http_password, "GOMAXPROCS": "2"}
    command = [str(programs.restic()), "--json", "--no-cache", "--retry-lock", "20s", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.defpath, "HOME": "/nonexistent"} | secrets)
    if done.returncode:
        why = MEANING.get(done.returncode, "ended with an unknown code")
        raise Unavailable(f"restic {arguments[0]} {why} (exit {done.returncode}): {_last_message(done.stderr)}")
    return done.stdout


def _last_message(text: str) -> str:
    for line in reversed(text.strip().splitlines()):
        try:
            told = json.loads(line)
        except ValueError:
            return line[-300:]
        message = told.get("message") or (told.get("error") or {}).get("message")
        if message:
            return str(message)[-300:]
    return "it says nothing"


def init(at: Repository) -> bool:
    """Found the repository; False when it stands."""
    try:
        with client(at) as asked:
            status = asked.head("config").status_code
    except httpx2.HTTPError:
        raise Unavailable(f"the backup server at {at.url} does not answer") from None
    if status == 200:
        return False
    _run(at, ["init", "--repository-version", "2"])
    return True


def backup(at: Repository, folders: Sequence[Path], *, tags: Sequence[str], host: str) -> dict[str, Any]:
    """Back up the folders; restic's summary (`snapshot_id`, `data_added_packed`, `total_files_processed` …)."""
    tag_arguments = [part for tag in tags for part in ("--tag", tag)]
    out = _run(at, ["backup", *map(str, folders), "--host", host, "--read-concurrency", "2", *tag_arguments])
    summary = [json.loads(line) for line in out.splitlines() if line.startswith("{") and '"summary"' in line]
    if not summary or "snapshot_id" not in summary[-1]:
        raise Unavailable("restic backup ended well but names no snapshot")
    found: dict[str, Any] = summary[-1]
    return found


def snapshots(at: Repository) -> list[str]:
    """Ids of all snapshots."""
    out = _run(at, ["snapshots", "--no-lock"])
    return [each["id"] for each in json.loads(out)]


def restore(at: Repository, snapshot: str, folder: Path, target: Path) -> None:
    """Lay the content of `folder`, as it was in the snapshot, into `target`; every file is verified."""
    _run(at, ["restore", f"{snapshot}:{folder}", "--target", str(target), "--verify", "--no-lock"])


def check(at: Repository, *, read_data: bool) -> None:
    """Check the repository's structure, and with `read_data` every pack.

    Raises
    ------
    Unavailable
        Something is missing or damaged.
    """
    _run(at, ["check", "--no-lock", *(["--read-data"] if read_data else [])])
