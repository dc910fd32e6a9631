"""A town's process in the cluster: on the platform's own PostgreSQL, behind its walls, upgraded while people work."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from infra import drift, keyring_secrets, landing, operations, rollout
from infra.cluster import path
from infra.config import Images, TenantConfig
from infra.targets.services import listening, wait_until
from infra.zones import API, RELEASES, namespace
from kit.errors import CallerError, Unavailable
from tenants import catalog, onboard
from tenants.home import ZONES, Home
from tests.cluster.test_walls import image, inside, logs, pod, until
from tests.support.cluster import ONAGAWA, Site, describe, refusal
from tests.support.postgres import free_port
from tools.cluster import kubectl

STACK = f"tenant-{ONAGAWA}"
PLACE = namespace(ONAGAWA, "mynumber")
#: asks for health until the time is over, and tells every answer that is not 200; its own walls open a moment after it starts
ASK = (
    "import http.client,socket,sys,time\nopen_by=time.time()+30\n"
    "while time.time()<open_by:\n"
    " try: socket.create_connection((sys.argv[1],8080),1).close();break\n"
    " except OSError: time.sleep(0.05)\n"
    "end=time.time()+float(sys.argv[2]);n=0;bad=[]\n"
    "while time.time()<end:\n"
    " try:\n"
    "  c=http.client.HTTPConnection(sys.argv[1],8080,timeout=10);c.request('GET','/health');s=c.getresponse().status;c.close()\n"
    " except OSError as e: s=type(e).__name__\n"
    " n+=1\n"
    " if s!=200: bad.append(s)\n"
    " time.sleep(0.05)\n"
    "print(n,bad)\n"
)


@dataclass
class Town:
    """女川町 with its database in the cluster."""

    site: Site
    home: Home

    def define(self, **change: Any) -> None:
        body = catalog.tenant(ONAGAWA).model_dump(mode="json")
        catalog.apply(self.home, catalog.check(body | change, "test"))

    def apply(self) -> dict[str, Any]:
        return self.site.run("apply", "--tenant", ONAGAWA)

    def copies(self) -> list[dict[str, Any]]:
        """Its running pods, without those that are on their way out."""
        pods = self.site.admin.list("Pod", PLACE)
        return [each for each in pods if each["status"]["phase"] == "Running" and "deletionTimestamp" not in each["metadata"]]

    def ask(self, name: str, seconds: int) -> None:
        """Somebody who may knock goes on asking."""
        host = f"shared.{PLACE}.svc.cluster.local"
        self.site.admin.create(pod(self.site, API, name, ASK, host, str(seconds)))
        until(self.site, API.namespace, name, "Running", "Succeeded")

    def answers(self, name: str) -> tuple[int, str]:
        """How many answers there were, and those that were not 200."""
        until(self.site, API.namespace, name, "Succeeded", seconds=400)
        count, bad = logs(self.site, API.namespace, name).strip().split(" ", 1)
        self.site.admin.delete("Pod", API.namespace, name)
        return int(count), bad


def founded(home: Home, *names: str) -> None:
    """Those steps of onboarding."""
    for step in onboard.steps(home, ONAGAWA, synthetic_scale=None, run=lambda *_: {"changed": False}):
        if step.name in names:
            step.ensure()


@pytest.fixture(scope="module")
def town(site: Site) -> Iterator[Town]:
    """PostgreSQL as the platform's chart has it, the town's database founded through it, its processes landed."""
    name, port = image(site), free_port()
    images = {"cloud": name, "keycloak": name}
    describe(site.home.path, site.kubeconfig, **{"mcloud:images": images})
    (site.home.path / "config.yaml").write_text(yaml.safe_dump({"ports": {"postgres_primary": port}}))
    home = Home(site.home.path)
    facts = {"of": "postgres", "site": "primary", "home": str(home.path)}
    described = {"metadata": {"name": "postgres", "namespace": "mcloud-platform"}, "facts": facts}
    site.admin.apply(keyring_secrets.manifest_of(described), manager="test")
    whole = site.config.model_copy(update={"bundled": True, "storage_gib": 5})
    server = [
        each
        for each in landing.site_release("primary", whole).objects()
        if each["metadata"]["name"] == "postgres" or ("postgres" in each["metadata"]["name"] and each["kind"] == "NetworkPolicy")
    ]
    for each in server:
        site.admin.apply(each, manager="test")
    rollout.wait(site.admin, server)
    command = [str(kubectl()), f"--kubeconfig={site.kubeconfig}", "port-forward", "--namespace=mcloud-platform"]
    forward = subprocess.Popen([*command, "pod/postgres-0", f"{port}:5432"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listening(port), "the way to PostgreSQL", 30)
        founded(home, "database", "migrations")
        made = Town(site, home)
        made.define(scale={"resident_registry": {"replicas": 2}})
        made.apply()
        yield made
    finally:
        forward.kill()
        forward.wait()


def test_a_towns_process_answers_behind_its_walls(town: Town) -> None:
    town.ask("ask-once", 3)
    count, bad = town.answers("ask-once")
    assert count > 5
    assert bad == "[]"
    pods = town.copies()
    assert len(pods) == 2
    walls = [logs(town.site, PLACE, each["metadata"]["name"], "wall") for each in pods]
    assert all("stands after" in text for text in walls)


def test_a_rolling_upgrade_loses_no_request(town: Town) -> None:
    before = {each["metadata"]["uid"] for each in town.site.admin.list("Pod", PLACE)}
    town.ask("ask-upgrade", 100)
    town.define(scale={"resident_registry": {"replicas": 2, "memory_mib": 448}})
    started = time.monotonic()
    assert town.apply()["changes"]["update"] == 1
    seconds = time.monotonic() - started
    count, bad = town.answers("ask-upgrade")
    after = {each["metadata"]["uid"] for each in town.copies()}
    print(f"rolling upgrade: {count} requests during {seconds:.0f} s, not answered: {bad}")
    assert seconds < 100
    assert not before & after
    assert count > 100
    assert bad == "[]"


def test_a_changed_secret_reaches_the_pods(town: Town) -> None:
    file = town.home.secrets / f"tenant-{ONAGAWA}.json"
    town.apply()
    before = {each["metadata"]["uid"] for each in town.site.admin.list("Pod", PLACE)}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"mynumber_password": "only-for-this-run"}))
    founded(town.home, "database")  # the server first: pods that cannot sign in there would not become ready
    assert town.apply()["changed"] is True
    fresh = [each for each in town.copies() if each["metadata"]["uid"] not in before]
    assert len(fresh) == 2
    told = inside(town.site, PLACE, fresh[0]["metadata"]["name"], "printenv", "MCLOUD_DATABASE_PASSWORD")
    assert told.strip() == "only-for-this-run"


def test_one_copy_at_a_time_may_be_taken_away(town: Town) -> None:
    names = [each["metadata"]["name"] for each in town.copies()]
    assert len(names) == 2

    def evict(name: str) -> CallerError | None:
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": PLACE}}
        return refusal(lambda: town.site.admin.call("POST", path("Pod", PLACE, name) + "/eviction", body))

    assert evict(names[0]) is None
    told = evict(names[1])
    assert told is not None
    assert "disruption budget" in told.detail


def test_an_image_that_is_missing_is_named_and_the_old_copies_go_on(town: Town) -> None:
    name = image(town.site)
    missing = "localhost/mcloud@sha256:" + "0" * 64
    describe(town.home.path, town.site.kubeconfig, **{"mcloud:images": {"cloud": missing, "keycloak": name}})
    town.ask("ask-missing", 30)
    try:
        with pytest.raises(Unavailable, match=f"image {missing}: .* carry it in"):
            town.apply()
    finally:
        describe(town.home.path, town.site.kubeconfig, **{"mcloud:images": {"cloud": name, "keycloak": name}})
    count, bad = town.answers("ask-missing")
    assert count > 20
    assert bad == "[]"
    assert town.apply()["changed"] is True


def _left(town: Town) -> dict[str, list[str]]:
    """What of the town's processes is there: deployments, their secrets, releases."""
    names = {each.name for each in operations.Land.open(town.home, STACK).releases}
    secrets = {each["metadata"]["name"] for each in keyring_secrets.tenant_secrets(town.home, ONAGAWA, ["mynumber", "internet"])}
    inside = [each["metadata"]["name"] for zone in ZONES for each in town.site.admin.list("Secret", namespace(ONAGAWA, zone))]
    records = town.site.admin.list("Secret", RELEASES, labelSelector="owner=helm")
    return {
        "deployments": [each["metadata"]["name"] for each in town.site.admin.list("Deployment", PLACE)],
        "secrets": sorted(secrets & set(inside)),
        "releases": sorted(names & {each["metadata"]["labels"]["name"] for each in records}),
    }


def test_destroying_takes_the_processes_and_leaves_the_ground(town: Town) -> None:
    before = _left(town)
    assert before["deployments"]
    assert before["secrets"]
    assert f"t-{ONAGAWA}" in before["releases"]
    space = town.site.admin.get("Namespace", "", PLACE)
    assert space
    done = town.site.run("destroy", "--tenant", ONAGAWA)
    assert done["changed"] is True
    assert _left(town) == {"deployments": [], "secrets": [], "releases": [f"t-{ONAGAWA}"]}
    ground = operations.Land.open(town.home, STACK, TenantConfig(onboarded=False))
    assert {"Namespace", "ResourceQuota", "NetworkPolicy"} <= {each["kind"] for each in ground.wanted()}
    assert drift.compare(ground.cluster, ground.wanted()) == []
    assert (town.site.admin.get("Namespace", "", PLACE) or {})["metadata"]["uid"] == space["metadata"]["uid"]
    assert town.apply()["changed"] is True
    assert _left(town) == before
    assert len(town.copies()) == 2


# mutant: without `_replace_stuck` the set waits for a pod that can never start
def test_a_stateful_set_takes_the_corrected_image(town: Town) -> None:
    """The last of the module: the town's database is away meanwhile."""

    def server(name: str) -> list[Any]:
        images = Images(cloud=name, keycloak=name)
        whole = town.site.config.model_copy(update={"bundled": True, "storage_gib": 5, "images": images})
        objects = landing.site_release("primary", whole).objects()
        found = [each for each in objects if (each["kind"], each["metadata"]["name"]) == ("StatefulSet", "postgres")]
        for each in found:
            town.site.admin.apply(each, manager="test")
        return found

    with pytest.raises(Unavailable, match="carry it in"):
        rollout.wait(town.site.admin, server("localhost/mcloud@sha256:" + "0" * 64))
    rollout.wait(town.site.admin, server(image(town.site)), patience=90)
