"""Onboarding, base and drill of one coastal town at census size, in a cloud of its own."""

import shutil
import socket
import statistics
import time
from pathlib import Path
from typing import Any

import yaml

from bench.report import Line
from dr import sources
from platform_api import runner
from platform_api.sdk import Client
from tenants.home import PREFECTURE, Home, Ports
from tenants.keyring import cli_secret, tenant_url

TOWNS = ("046060", "045811")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def measure(folder: Path) -> list[Line]:
    """Raise the cloud, take two towns in, back one up, lose the primary, drill both."""
    ports = {name: free_port() for name in Ports.model_fields if name != "tenants_from"} | {"tenants_from": 21000}
    (folder / "config.yaml").write_text(yaml.safe_dump({"ports": ports}))
    home = Home(folder)
    try:
        began = time.perf_counter()
        runner.run(home, "infra.run", ["up"])
        started = time.perf_counter() - began
        return [Line("F1 up: PostgreSQL, Keycloak, restic, API", None, "-", started, "s"), *_towns(home)]
    finally:
        runner.run(home, "infra.run", ["down"])


def _towns(home: Home) -> list[Line]:
    issuer = home.issuer(PREFECTURE)
    api = Client(home.platform_api_url, issuer=issuer, client_id="mcloud-cli", client_secret=cli_secret(home))
    seconds, slowest = [], []
    for code in TOWNS:
        began = time.perf_counter()
        done = api.wait(api.onboard(code, synthetic_scale=1))
        seconds.append(time.perf_counter() - began)
        slowest.append(max(step["seconds"] for step in done["steps"]))
    median = statistics.median(seconds)
    lines = [Line("P4 tenant onboarded / its slowest step", median / statistics.median(slowest), "≤ 8 s", median, "s")]
    lines.append(_base(home))
    runner.run(home, "infra.run", ["lose-site"])
    began = time.perf_counter()
    drilled = api.wait(api.drill(list(TOWNS)))["result"]["drill"]
    lines.append(Line("D1 drill of two towns", None, "≤ 30 s", time.perf_counter() - began, "s"))
    lines += [Line(f"D1 RTO {each['name']}", None, "-", each["rto_seconds"], "s") for each in drilled["tenants"]]
    runner.run(home, "infra.run", ["return-site"])
    return lines


def _base(home: Home) -> Line:
    began = time.perf_counter()
    told: dict[str, Any] = runner.run(home, "dr", ["backup", "--tenant", TOWNS[0], "--base"])
    seconds = time.perf_counter() - began
    plain = home.path / "plain"
    began = time.perf_counter()
    sources.schema(tenant_url(home, TOWNS[0], "backup"))  # the same program, started the same way
    shutil.copytree(home.site("primary") / "staging" / TOWNS[0] / "base", plain)
    shutil.copytree(plain, home.path / "plain-2")
    floor = time.perf_counter() - began
    return Line(
        f"K2 {told['kind']} of 12,000 and both repositories / dump and two copies", seconds / floor, "≤ 10 s", seconds, "s"
    )
