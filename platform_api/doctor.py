"""`mcloud doctor`: is everything there that is needed, and does what runs run well?"""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx2

from kit.clock import now
from kit.db import connect
from kit.errors import CallerError
from platform_api.sdk import Client
from tenants.home import Home
from tenants.keyring import postgres_url
from tools import programs

MINIMUM_FREE = 5 * 1024**3


def examine(home: Home) -> list[dict[str, Any]]:
    """One line a check: its name, whether it is well, and what to do if not."""
    checks: dict[str, Callable[[], str]] = {
        "restic": lambda: str(programs.restic()),
        "rest-server": lambda: str(programs.rest_server()),
        "keycloak program": lambda: str(programs.keycloak()),
        "java": lambda: programs.needed("java", "runs Keycloak"),
        "disk": lambda: _disk(home),
        "postgres primary": lambda: _postgres(home, "primary"),
        "postgres recovery": lambda: _postgres(home, "recovery"),
        "keycloak": lambda: _answers(f"http://127.0.0.1:{home.ports.keycloak_management}/health/ready"),
        "platform api": lambda: _answers(f"{home.platform_api_url}/health"),
        "recovery copies": lambda: _copies(home),
    }
    found = []
    for name, check in checks.items():
        try:
            found.append({"check": name, "ok": True, "detail": check()})
        except CallerError as wrong:
            found.append({"check": name, "ok": False, "detail": wrong.detail})
    return found


def _disk(home: Home) -> str:
    free = shutil.disk_usage(home.path if home.path.exists() else home.path.parent).free
    if free < MINIMUM_FREE:
        raise CallerError(f"only {free / 1024**3:.1f} GiB free where {home.path} lies: make room")
    return f"{free / 1024**3:.0f} GiB free"


def _postgres(home: Home, site: str) -> str:
    with connect(postgres_url(home, site)) as tx:  # type: ignore[arg-type]
        return f"PostgreSQL {tx.value('SHOW server_version')}"


def _answers(url: str) -> str:
    try:
        status = httpx2.get(url, timeout=3).status_code
    except httpx2.HTTPError:
        raise CallerError("does not answer: `mcloud up`") from None
    if status != 200:
        raise CallerError(f"answers {status}: see the logs under run/")
    return "answers"


def _copies(home: Home) -> str:
    """Every town that is active has a copy at the recovery site that is younger than its RPO, as the counter knows them."""
    client = Client.of(home)
    towns = [each["code"] for each in client.tenants() if each["state"] == "active"]
    late = [code for code in towns if not _has_fresh_copy(client, code)]
    if late:
        raise CallerError(f"no copy is as young as promised for {', '.join(late)}: `mcloud backup run --tenant CODE`")
    return f"{len(towns)} tenants within their RPO" if towns else "no tenant is active yet"


def _has_fresh_copy(client: Client, code: str) -> bool:
    promised = timedelta(minutes=client.tenant(code)["definition"]["plan"]["rpo_minutes"])
    return any(now() - datetime.fromisoformat(each["at"]) <= promised for each in client.backups(code))
