"""A town's processes in the cluster: behind their walls, upgraded while a clerk works, together and apart."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import drift, keyring_secrets, landing, operations, policy, rollout
from infra.cluster import KINDS, path
from infra.config import TenantConfig
from infra.targets import identity
from infra.targets.services import listening, wait_until
from infra.testbed.images import ensure_platform
from infra.testbed.place import Place, Testbed
from infra.zones import KEYCLOAK_PORT, PLATFORM, POSTGRES_PORT, PROCESS_PORT, RELEASES, namespace
from kit.db import connect
from kit.errors import CallerError, Unavailable
from tenants import catalog, databases, onboard
from tenants.home import ZONES, Home
from tenants.home import home as instance
from tenants.keyring import database_secret, postgres_url, tenant_url
from tests.support import asking, release
from tests.support.cluster import ONAGAWA, Site, describe, refusal
from tests.support.pods import image, inside, logs
from tests.support.postgres import free_port
from tools.cluster import kubectl
from tools.demo.counter import token

STACK = f"tenant-{ONAGAWA}"
PLACE = namespace(ONAGAWA, "mynumber")
HEALTH = f"shared.{PLACE}:{PROCESS_PORT}/health"


@dataclass
class Town:
    """女川町 with its database and its realm in the cluster."""

    site: Site
    home: Home
    images: dict[str, str]

    def define(self, **change: Any) -> None:
        body = catalog.tenant(ONAGAWA).model_dump(mode="json")
        catalog.apply(self.home, catalog.check(body | change, "test"))

    def describe(self, **images: str) -> None:
        """The site's description with these images."""
        more = {"mcloud:images": self.images | images, "mcloud:issuer": self.home.keycloak_url}
        describe(self.home.path, self.site.kubeconfig, **more)

    def apply(self) -> dict[str, Any]:
        return self.site.run("apply", "--tenant", ONAGAWA)

    def copies(self) -> list[dict[str, Any]]:
        """Its running pods, without those that are on their way out."""
        pods = self.site.admin.list("Pod", PLACE)
        return [each for each in pods if each["status"]["phase"] == "Running" and "deletionTimestamp" not in each["metadata"]]

    def server(self, name: str) -> list[dict[str, Any]]:
        """One of the platform's servers as its chart has it, with its secret; its walls stand with the site."""
        facts = {"of": name, "site": "primary", "home": str(self.home.path)}
        described = {"metadata": {"name": name, "namespace": PLATFORM}, "facts": facts}
        self.site.admin.apply(keyring_secrets.manifest_of(described), manager="test")
        whole = self.site.config.model_copy(update={"bundled": True, "storage_gib": 5})
        found = [each for each in landing.site_release("primary", whole).objects() if each["metadata"]["name"] == name]
        for each in found:
            self.site.admin.apply(each, manager="test")
        return found


def founded(home: Home, *names: str) -> None:
    """Those steps of onboarding."""
    for step in onboard.steps(home, ONAGAWA, synthetic_scale=None, run=lambda *_: {"changed": False}):
        if step.name in names:
            step.ensure()


@contextmanager
def way_to(site: Site, pod: str, port: int, target: int) -> Iterator[None]:
    """A port of this machine that leads to a server of the platform."""
    command = [str(kubectl()), f"--kubeconfig={site.kubeconfig}", "port-forward", f"--namespace={PLATFORM}"]
    quiet = subprocess.DEVNULL
    forward = subprocess.Popen([*command, f"pod/{pod}", f"{port}:{target}"], stdout=quiet, stderr=quiet)
    try:
        wait_until(lambda: listening(port), f"the way to {pod}", 30)
        yield
    finally:
        forward.kill()
        forward.wait()


@pytest.fixture(scope="module")
def town(site: Site) -> Iterator[Town]:
    """PostgreSQL and Keycloak as the platform's chart has them, the town founded through them, its processes landed."""
    ports = {"postgres_primary": free_port(), "keycloak": free_port()}
    (site.home.path / "config.yaml").write_text(yaml.safe_dump({"ports": ports}))
    home = Home(site.home.path)
    made = Town(site, home, {"cloud": image(site), "keycloak": image(site, "mcloud-keycloak")})
    made.describe()
    rollout.wait(site.admin, made.server("postgres"))
    with way_to(site, "postgres-0", home.ports.postgres_primary, POSTGRES_PORT):
        owner = database_secret(home, "keycloak")
        databases.ensure_database(postgres_url(home, "primary"), "keycloak", {"owner": owner})
        identity.lay(f"postgresql://keycloak_owner:{owner}@{home.postgres_address('primary')}/keycloak", identity.kept())
        keycloak = made.server("keycloak")
        founded(home, "database", "migrations")
        made.define(scale={"resident_registry": {"replicas": 2}})
        made.apply()
        rollout.wait(site.admin, keycloak)
        with way_to(site, "keycloak-0", home.ports.keycloak, KEYCLOAK_PORT):
            founded(home, "realm")
            yield made
    site.admin.delete("StatefulSet", PLATFORM, "keycloak")


@pytest.fixture
def place(site: Site, request: pytest.FixtureRequest) -> Place:
    """Where images are carried in: the run's own testbed, or the one that stands in `MCLOUD_HOME`."""
    if not os.environ.get("MCLOUD_TEST_KUBECONFIG"):
        own: Place = request.getfixturevalue("testbed").place("primary")
        return own
    found = Testbed(instance()).place("primary")
    if found.kubeconfig != site.kubeconfig:
        pytest.skip("no image can be carried into a cluster that is only named")
    return found


def test_a_towns_process_answers_behind_its_walls(town: Town) -> None:
    asking.begin(town.site, "ask-once", [HEALTH])
    time.sleep(3)
    told = asking.end(town.site, "ask-once")[HEALTH]
    assert set(told) == {200}
    assert told[200] > 5
    pods = town.copies()
    assert len(pods) == 2
    walls = [logs(town.site, PLACE, each["metadata"]["name"], "wall") for each in pods]
    assert all("stands after" in text for text in walls)


#: of a release that is to come: the table that the asked routes read gets a column
MIGRATION = "0999_upgrade.sql"
COLUMN = "ALTER TABLE resident_registry.resident ADD COLUMN upgraded boolean;\n"


def _images(town: Town) -> set[str]:
    """Images that anything of the town runs, or would start by the clock, at the whole site."""
    listed = partial(town.site.admin.list, labelSelector=f"mcloud/tenant={ONAGAWA}")
    specs = [each["spec"] for each in listed("Pod") if "deletionTimestamp" not in each["metadata"]]
    specs += [each["spec"]["jobTemplate"]["spec"]["template"]["spec"] for each in listed("CronJob")]
    return {each["image"] for spec in specs for each in (*spec.get("initContainers", ()), *spec["containers"])}


# mutant, seen failing: a copy that was started counts as ready (charts/system without its probes)
def test_an_upgrade_with_a_migration_loses_no_request(town: Town, place: Place, tmp_path: Path) -> None:
    """As docs/runbooks/upgrade.md has it: the image carried in, its digest written, the town applied; a clerk works on."""
    whole, migrations = place.testbed.home.path / "images" / "mcloud.tar", "app/systems/resident_registry/migrations"
    made = release.with_file(whole, f"{migrations}/{MIGRATION}", COLUMN, tmp_path / "next.tar")
    ensure_platform(place, made.name, made.reference, made.archive)
    old, before = town.images["cloud"], {each["metadata"]["uid"] for each in town.copies()}
    town.images["cloud"] = made.reference
    town.describe()
    paths = ("health", "resident-registry/register", "resident-registry/residents/search")
    urls = [f"shared.{PLACE}:{PROCESS_PORT}/{each}" for each in paths]
    clerk = {"Authorization": f"Bearer {token(town.home, ONAGAWA, 'registry-clerk')}", "X-Purpose": "certificate"}
    asking.begin(town.site, "ask-upgrade", urls, clerk, {urls[-1]: {"born_on": "2011-03-11"}})
    started = time.monotonic()
    assert _images(town) == {old}
    town.apply()
    seconds = time.monotonic() - started
    told = asking.end(town.site, "ask-upgrade")
    print(f"rolling upgrade: {seconds:.0f} s, answers {[dict(told[url]) for url in urls]}")
    assert [set(told[url]) for url in urls] == [{200}, {200}, {200}]
    assert min(told[url][200] for url in urls) > 100
    after = {each["metadata"]["uid"] for each in town.copies()}
    assert len(after) == 2
    assert not before & after
    assert _images(town) == {made.reference}
    with connect(tenant_url(town.home, ONAGAWA, "owner")) as tx:
        assert tx.value("SELECT count(*) FROM migrations.applied WHERE name = %s", (MIGRATION,)) == 1
        assert tx.value("SELECT count(upgraded) FROM resident_registry.resident") == 0


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


def _evict(town: Town, name: str) -> CallerError | None:
    """What the API server refused the eviction with, as whoever empties a node would be; None when it let it through."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": PLACE}}
    return refusal(lambda: town.site.admin.call("POST", path("Pod", PLACE, name) + "/eviction", body))


# mutant, seen failing: a disruption budget that lets two copies go at once
def test_a_system_stands_apart_in_two_copies_and_comes_back(town: Town) -> None:
    """The registry leaves the process its zone shares, and returns to it."""
    before, everything = _left(town), _objects(town)
    town.define(scale={"resident_registry": {"replicas": 2, "apart": True}})
    town.apply()
    assert _left(town)["deployments"] == ["resident-registry"]
    names = [each["metadata"]["name"] for each in town.copies()]
    assert len(names) == 2
    registry, public = f"resident-registry.{PLACE}:{PROCESS_PORT}", f"shared.{namespace(ONAGAWA, 'internet')}:{PROCESS_PORT}"
    own = {f"{registry}/health": 200, f"{registry}/resident-registry/register": 401, f"{public}/verify": 200}
    others = {f"{registry}/verify": 404, f"{public}/resident-registry/register": 404}
    asking.begin(town.site, "ask-apart", [*own, *others])
    time.sleep(3)
    told = asking.end(town.site, "ask-apart")
    assert {url: set(answers) for url, answers in told.items()} == {url: {each} for url, each in (own | others).items()}
    assert _evict(town, names[0]) is None
    refused = _evict(town, names[1])
    assert refused is not None
    assert "disruption budget" in refused.detail
    town.define(scale={"resident_registry": {"replicas": 2}})
    town.apply()
    assert _left(town) == before
    assert _objects(town) == everything
    assert len(town.copies()) == 2


def _objects(town: Town) -> list[str]:
    """Everything in the cluster that bears the town's mark and does not come and go by itself."""
    found = [town.site.admin.list(kind, labelSelector=f"mcloud/tenant={ONAGAWA}") for kind in KINDS if kind not in ("Pod", "Job")]
    return sorted(policy.name(each) for one in found for each in one)


def test_an_image_that_is_missing_is_named_and_the_old_copies_go_on(town: Town) -> None:
    missing = "localhost/mcloud@sha256:" + "0" * 64
    town.describe(cloud=missing)
    asking.begin(town.site, "ask-missing", [HEALTH])
    try:
        with pytest.raises(Unavailable, match=f"image {missing}: .* carry it in"):
            town.apply()
    finally:
        town.describe()
    told = asking.end(town.site, "ask-missing")[HEALTH]
    assert set(told) == {200}
    assert told[200] > 20
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
    town.describe(cloud="localhost/mcloud@sha256:" + "0" * 64)
    with pytest.raises(Unavailable, match="carry it in"):
        rollout.wait(town.site.admin, town.server("postgres"))
    town.describe()
    rollout.wait(town.site.admin, town.server("postgres"), patience=90)
