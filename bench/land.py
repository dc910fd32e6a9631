"""P1, P2: landing tenants on a real cluster, against applying the same objects raw. Needs a landed site in MCLOUD_HOME.

`python -m bench.land CODE …` lands the ground of those municipalities, which must be new to the cluster, then changes nothing,
and prints ratios; the engine's fixed start is printed apart.
"""

import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bench.report import Line, show
from infra import drift, landing, operations
from infra.cluster import Cluster
from infra.config import TenantConfig, stack_of_tenant
from infra.policy import Manifest
from platform_api import runner
from tenants.catalog import tenant
from tenants.home import Home, home
from tenants.model import Tenant


def seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def land(here: Home, body: Tenant) -> float:
    """One apply of a tenant's ground, as its own process."""
    return seconds(lambda: runner.run(here, "infra.run", ["apply", "--tenant", body.code, "--ground"]))


def raw(cluster: Cluster, objects: list[Manifest]) -> float:
    """The floor: the same objects by server-side apply over one pool of connections, which changes nothing any more."""
    with ThreadPoolExecutor(drift.THREADS) as pool:
        return seconds(lambda: list(pool.map(lambda each: cluster.apply(each, manager="bench", dry_run=True), objects)))


def main() -> int:
    here = home()
    chosen = [tenant(code, here) for code in sys.argv[1:]]
    count = len(chosen)
    site = operations.Land.open(here, "site-primary")
    first = [land(here, body) for body in chosen]
    again = [land(here, body) for body in chosen]
    floors, objects = [], 0
    for body in chosen:
        graph = [dict(each) for each in landing.ground(body, site.config).objects()]
        objects += len(graph)
        floors.append(raw(site.cluster, graph))
    fixed, floor = statistics.median(again), statistics.median(floors)
    ratio = (statistics.median(first) - fixed) / floor
    show(
        [
            Line(f"P1 {count} tenants, {objects} objects: (apply - no change) / raw apply", ratio, "<= 1.3", sum(first), "s"),
            Line("P1 all of them / raw apply, engine's start counted", sum(first) / sum(floors), "-", sum(floors), "s raw"),
            Line("P1 no change, per tenant: engine's start and checks", None, "-", fixed, "s"),
            *p2(here, chosen[0]),
        ]
    )
    return 0


def p2(here: Home, body: Tenant) -> list[Line]:
    """Requests that it takes to find nothing, of those that the plan allows: one LIST per kind."""
    of_ground = TenantConfig(onboarded=False)
    there = operations.Land.open(here, stack_of_tenant(body.code), of_ground)
    wanted = there.wanted()
    kinds, before = len({each["kind"] for each in wanted}), there.cluster.requests
    took = seconds(lambda: (drift.compare(there.cluster, wanted), there.foreign()))
    sent = there.cluster.requests - before
    return [
        Line(f"P2 no change, {len(wanted)} objects: requests / kinds", sent / kinds, "<= 1", sent, "requests"),
        Line("P2 no change, without the engine", None, "-", took, "s"),
    ]


if __name__ == "__main__":
    sys.exit(main())
