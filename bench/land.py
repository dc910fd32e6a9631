"""P1, P2, P6: the ground of every municipality on two real one-node clusters, raised for it and taken down again.

The ground is a tenant without its processes: namespaces, quotas, limits, walls, rights and the backup's schedule. Processes wait
for databases, realms and their own start, which P4 measures. `python -m bench.land [COUNT]` lands COUNT tenants (36) as stacks
of their own at site primary, then as one big stack at site recovery, where a few were applied raw before: the floor. Needs root
and `make tools-cluster`.
"""

import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from bench.memory import pss_mib
from bench.report import Line, show
from infra import drift, engine, foreign, landing, lease, operations
from infra.cluster import KINDS, Cluster
from infra.config import TenantConfig, read_site, stack_of_tenant
from infra.manifests import Manifest, place
from infra.providers import release
from infra.testbed import sites
from infra.testbed.place import SITES, Testbed
from platform_api import runner
from tenants import catalog
from tenants.home import Home, SiteName
from tenants.model import Tenant

COUNT, RAW = 36, 5
IMAGE = "localhost/none@sha256:" + "0" * 64  # the ground runs nothing
GROUND = TenantConfig(onboarded=False)


def seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def describe(home: Home, site: SiteName, kubeconfig: Path) -> None:
    """A site without servers of its own, landed."""
    told = {"kubeconfig": str(kubeconfig), "images": {"cloud": IMAGE, "keycloak": IMAGE}, "bundled": False}
    file = home.path / "stacks" / f"Pulumi.site-{site}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump({"config": {f"mcloud:{key}": value for key, value in told.items()}}))
    runner.run(home, "infra.run", ["apply", "--site", site])


def land(home: Home, body: Tenant) -> float:
    """One apply of a tenant's ground, as its own process."""
    return seconds(lambda: runner.run(home, "infra.run", ["apply", "--tenant", body.code, "--ground"]))


def raw(cluster: Cluster, graph: list[Manifest]) -> float:
    """The floor: the same objects made by server-side apply over one pool of connections, namespaces first."""
    spaces = [each for each in graph if each["kind"] == "Namespace"]
    inside = [each for each in graph if each["kind"] != "Namespace"]
    with ThreadPoolExecutor(drift.THREADS) as pool:
        return sum(
            seconds(lambda some=some: list(pool.map(lambda each: cluster.apply(each, manager="bench"), some)))  # type: ignore[misc]
            for some in (spaces, inside)
        )


def clear(cluster: Cluster, graph: list[Manifest]) -> None:
    """Take raw objects away and wait for their namespaces to be gone."""
    for each in reversed(graph):
        cluster.delete(*place(each))
    for each in graph:
        while each["kind"] == "Namespace" and cluster.get("Namespace", "", each["metadata"]["name"]):
            time.sleep(0.5)


def stack_beside(home: Home, name: str, program: Callable[[], None]) -> Callable[[], object]:
    """What brings up a stack that is none of ours, at site recovery."""
    from pulumi import automation

    config = read_site(home, "recovery")
    backend = automation.ProjectBackend(engine.backend(home))
    settings = automation.ProjectSettings(engine.PROJECT, "python", backend=backend)
    held = lease.acquire(Cluster(config.kubeconfig, config.context), name)
    os.environ.update(variables := engine.environment(home) | {lease.VARIABLE: str(held)})
    options = automation.LocalWorkspaceOptions(project_settings=settings, env_vars=variables)
    stack = automation.create_or_select_stack(name, engine.PROJECT, program=program, opts=options)
    return lambda: stack.up(refresh=True)


def big_stack(home: Home, bodies: list[Tenant]) -> float:
    """The peer: every ground in one stack of Pulumi's."""
    config = read_site(home, "recovery")

    def program() -> None:
        for body in bodies:
            release.HelmRelease(body.code, release.inputs(landing.ground(body, config), config.kubeconfig, config.context))

    return seconds(stack_beside(home, "together", program))


def empty_run(home: Home) -> float:
    """The floor of an apply that changes nothing: the engine with a program that declares nothing."""
    up = stack_beside(home, "empty", lambda: None)
    up()
    return statistics.median(seconds(up) for _ in range(RAW))


def asked(cluster: Cluster, kinds: set[str]) -> int:
    """Requests about objects of these kinds that the API server has counted; not watches, nor statuses that controllers write."""
    plurals = {KINDS[kind].rpartition("/")[2] for kind in kinds}
    counted = re.findall(
        r'^apiserver_request_total\{.*resource="(\w+)".*subresource="".*verb="(\w+)"[^}]*\} (\S+)',
        cluster.text("/metrics"),
        re.MULTILINE,
    )
    return sum(int(float(number)) for resource, verb, number in counted if resource in plurals and verb != "WATCH")


def footprint(cluster: Cluster, folder: Path) -> tuple[float, float]:
    """MiB of memory of the site's own processes, and MiB of its store."""
    memory = 0.0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in (process / "cmdline").read_text():
                memory += pss_mib(int(process.name))
        except OSError:  # it ended meanwhile
            continue
    stored = re.search(r"^apiserver_storage_size_bytes\{.*\} (\S+)", cluster.text("/metrics"), re.MULTILINE)
    return memory, float(stored.group(1)) / 2**20 if stored else 0.0


def measure(testbed: Testbed, count: int) -> Iterator[Line]:
    home, bodies = testbed.home, list(catalog.catalog().values())[:count]
    sites.up(testbed, SITES, lambda *_: None)
    for site in SITES:
        describe(home, site, testbed.place(site).kubeconfig)
    config = read_site(home, "primary")
    here, there = (Cluster(testbed.place(site).kubeconfig) for site in SITES)
    floors = []
    for body in bodies[:RAW]:
        graph = list(landing.ground(body, config).objects())
        floors.append(raw(there, graph))
        clear(there, graph)
    floor = statistics.median(floors)
    folder = testbed.place("primary").folder
    empty = footprint(here, folder)
    first = [land(home, body) for body in bodies]
    full = footprint(here, folder)
    again = [land(home, body) for body in bodies[:RAW]]
    fixed, whole = statistics.median(again), sum(first)
    each, objects = statistics.median(first) - fixed, len(graph)
    yield Line(f"P1 a ground, {objects} objects, no process: (apply - no change) / raw", each / floor, "≤ 1.3", each, "s")
    yield Line("P1 the same raw", None, "floor", floor, "s")
    yield Line("P1 no change, per ground: engine's start and checks", None, "-", fixed, "s")
    yield Line(f"P1 {count} grounds one after the other / raw", whole / (floor * count), "-", whole, "s")
    together = big_stack(home, bodies)
    yield Line(f"P1 {count} grounds in stacks of their own / in one big stack", whole / together, "-", together, "s")
    yield from requests(home, here, bodies[0])
    grown = [(now - before) / count for now, before in zip(full, empty, strict=True)]
    yield Line(f"P6 memory of the control plane per tenant at {count}", None, "≤ 16 MiB", grown[0], "MiB")
    yield Line(f"P6 store of the control plane per tenant at {count}", None, "≤ 12 MB", grown[1], "MiB")


def requests(home: Home, cluster: Cluster, body: Tenant) -> Iterator[Line]:
    """P2: what an apply, and a diff without the engine, ask when nothing and when one thing changes."""
    wanted = operations.Land.open(home, stack_of_tenant(body.code), GROUND).wanted()
    kinds = {each["kind"] for each in wanted}
    counts, took, empty = [], [], empty_run(home)
    for more in (0, 1):
        quota = body.quota.model_copy(update={"pods": body.quota.pods + more})
        catalog.apply(home, body.model_copy(update={"quota": quota}))
        before = asked(cluster, kinds | set(foreign.WALLS))
        took.append(land(home, body))
        counts.append(asked(cluster, kinds | set(foreign.WALLS)) - before)
    each = counts[0] / len(kinds)
    yield Line(f"P2 apply, no change, {len(wanted)} objects: requests / kinds", each, "≤ 1", counts[0], "requests")
    yield Line("P2 the same: time / the engine's run of an empty program", took[0] / empty, "≤ 1.2", took[0], "s")
    yield Line("P2 apply, the quotas of 3 zones changed: requests more", None, "3", counts[1] - counts[0], "requests")
    yield Line("P2 apply, the quotas of 3 zones changed", None, "-", took[1], "s")
    there = operations.Land.open(home, stack_of_tenant(body.code), GROUND)
    before = there.cluster.requests
    alone = seconds(lambda: (drift.compare(there.cluster, there.wanted()), there.foreign()))
    sent = there.cluster.requests - before
    yield Line("P2 diff without the engine: requests / kinds", sent / len(kinds), "≤ 1", sent, "requests")
    yield Line("P2 diff without the engine", None, "-", alone, "s")


def main(count: int = COUNT) -> int:
    with tempfile.TemporaryDirectory(prefix="bench-land-") as name:
        testbed = Testbed(Home(Path(name)))
        try:
            show(measure(testbed, count))
        finally:
            sites.down(testbed)
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
