"""Onboarding, base and drill of one coastal town at census size, in a cloud of its own."""

import shutil
import socket
import statistics
import time
from pathlib import Path
from typing import Any

import yaml

from bench.memory import pss_mib
from bench.report import Line
from dr import sources
from infra.targets.local import postgres
from kit.db import connect
from platform_api import runner
from platform_api.sdk import Client
from tenants.catalog import catalog
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
    ratio = statistics.median(whole / step for whole, step in zip(seconds, slowest, strict=True))
    lines = [
        Line("P4 tenant onboarded / its slowest step", ratio, "≤ 1.5", statistics.median(slowest), "s"),
        Line("P4 tenant onboarded", None, "≤ 8 s", statistics.median(seconds), "s"),
        *_base(home),
    ]
    runner.run(home, "infra.run", ["lose-site"])
    began = time.perf_counter()
    drilled = api.wait(api.drill(list(TOWNS)))["result"]["drill"]
    lines.append(Line("D1 drill of two towns", None, "≤ 30 s", time.perf_counter() - began, "s"))
    lines += [Line(f"D1 RTO {each['name']}", None, "-", each["rto_seconds"], "s") for each in drilled["tenants"]]
    runner.run(home, "infra.run", ["return-site"])
    return [*lines, *_prefecture(home, api, sum(seconds))]


def _prefecture(home: Home, api: Client, before: float) -> list[Line]:
    """All others, one after the other, with a hundredth of their residents: what each adds to the machine.

    `before`: seconds that the first ones took.
    """
    others = [code for code in catalog(home) if code not in TOWNS]
    began = time.perf_counter()
    for code in others:
        api.wait(api.onboard(code, synthetic_scale=100))
    took, bodies = before + time.perf_counter() - began, len(others) + len(TOWNS)
    resident = [
        pss_mib(each["pid"]) for each in runner.run(home, "infra.run", ["status"])["processes"] if "tenant-" in each["name"]
    ]
    with connect(postgres(home, "primary").url("postgres")) as tx:
        disk = tx.value("SELECT avg(pg_database_size(oid)) FROM pg_database WHERE datname LIKE 't\\_%'")
    return [
        Line(f"P4 {bodies} in a row, {len(others)} with a hundredth of residents", None, "≤ 4 min", took, "s"),
        Line(f"P6 database per tenant at {bodies}, a hundredth of residents", None, "≤ 12 MB", float(disk) / 1e6, "MB"),
        Line(f"P6 apart: memory of one of {len(resident)} processes", None, "-", statistics.median(resident), "MiB"),
    ]


def _base(home: Home) -> list[Line]:
    began = time.perf_counter()
    told: dict[str, Any] = runner.run(home, "dr", ["backup", "--tenant", TOWNS[0], "--base"])
    seconds = time.perf_counter() - began
    plain = home.path / "plain"
    began = time.perf_counter()
    sources.schema(tenant_url(home, TOWNS[0], "backup"))  # the same program, started the same way
    shutil.copytree(home.site("primary") / "staging" / TOWNS[0] / "base", plain)
    shutil.copytree(plain, home.path / "plain-2")
    floor = time.perf_counter() - began
    what = f"K2 {told['kind']} of 12,000 and both repositories"
    return [Line(f"{what} / dump and two copies", seconds / floor, "-", floor, "s"), Line(what, None, "≤ 10 s", seconds, "s")]
