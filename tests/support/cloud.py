"""A whole cloud for the run: PostgreSQL, Keycloak, backup servers, the platform API, and three tenants, on ports of its own."""

import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from infra.targets.services import listening
from platform_api import runner
from platform_api.sdk import Client
from tenants.catalog import catalog, index
from tenants.home import PREFECTURE, ZONES, Home, Ports
from tests.support.postgres import free_port
from tools.__main__ import ensure
from tools.demo.counter import token

ONAGAWA, MINAMISANRIKU = "045811", "046060"
#: tenant -> 1/n of the census
TENANTS: dict[str, int | None] = {PREFECTURE: None, ONAGAWA: 10, MINAMISANRIKU: 20}

#: seconds for which a token is used; it lives for 300
FRESH = 200


@dataclass
class Cloud:
    """The running instance; tokens are fetched once for each member of staff and client."""

    home: Home

    def __post_init__(self) -> None:
        self._tokens: dict[tuple[str, str, str], tuple[float, str]] = {}
        self.onboarded: dict[str, dict[str, Any]] = {}

    @cached_property
    def api(self) -> Client:
        return Client.of(self.home)

    def token(self, code: str, username: str, client: str = "mynumber") -> str:
        key, now = (code, username, client), time.monotonic()
        if key not in self._tokens or now - self._tokens[key][0] > FRESH:
            self._tokens[key] = now, token(self.home, code, username, client)
        return self._tokens[key][1]

    def towns(self) -> list[str]:
        """Tenants of the run that keep a register."""
        return [code for code in TENANTS if code != PREFECTURE]

    def registry_url(self, code: str) -> str:
        return f"http://127.0.0.1:{self.home.tenant_port(index(code), 'mynumber')}/resident-registry"

    def registry(self, code: str, username: str = "registry-clerk", purpose: str = "inquiry") -> httpx2.Client:
        headers = {"Authorization": f"Bearer {self.token(code, username)}", "X-Purpose": purpose}
        return httpx2.Client(base_url=self.registry_url(code), headers=headers, timeout=30)

    def platform(self, code: str, username: str) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {self.token(code, username, 'platform')}"}
        return httpx2.Client(base_url=f"{self.home.platform_api_url}/v1", headers=headers, timeout=60)

    def run(self, module: str, *arguments: str) -> dict[str, Any]:
        return runner.run(self.home, module, arguments)


def free_ports() -> Ports:
    """Ports nobody uses now, with a block for the tenants above them."""
    taken = {name: free_port() for name in Ports.model_fields if name != "tenants_from"}
    return Ports(**taken, tenants_from=free_block())


def free_block() -> int:
    """First port of a block for all tenants in which nobody listens, so that two runs on one machine do not meet."""
    for first in random.sample(range(20000, 30000, 200), 50):
        if not any(listening(port) for port in range(first, first + len(catalog()) * len(ZONES))):
            return first
    raise RuntimeError("no free block of ports between 20000 and 30000")


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The instance, raised once for the run and thrown away at its end."""
    assert ensure() == 0
    folder: Path = tmp_path_factory.mktemp("cloud")
    (folder / "config.yaml").write_text(yaml.safe_dump({"ports": free_ports().model_dump()}))
    made = Cloud(Home(folder))
    try:
        runner.run(made.home, "infra.run", ["up"])
        asked = {code: made.api.onboard(code, synthetic_scale=scale) for code, scale in TENANTS.items()}
        made.onboarded |= {code: made.api.wait(number) for code, number in asked.items()}
        yield made
    finally:
        runner.run(made.home, "infra.run", ["down"])
        shutil.rmtree(folder, ignore_errors=True)
