"""A site is taken away from around its servers: its walls and guards stand, and the next apply takes everything up again."""

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from infra import operations
from infra.cluster import names
from infra.manifests import Place, place
from infra.testbed.place import Testbed
from infra.zones import DR, PLATFORM, POSTGRES_PORT, RELEASES, REST_PORT, Party, namespace
from kit.errors import Conflict
from tenants.home import Home
from tests.cluster.test_walls import LISTEN, knock
from tests.support.cluster import ONAGAWA, Site, bound, describe, manifest, places, refusal, with_images
from tests.support.pods import image, pod, until

pytestmark = pytest.mark.timeout(1500)  # images, a site with its servers, a tenant: on a busy machine
CURIOUS = Party("stranger", "curious")
OURS = (PLATFORM, DR, RELEASES)
WALLS = ("NetworkPolicy", "ResourceQuota", "LimitRange")
GUARDS = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")


@pytest.fixture(scope="module")
def lone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with its database and backup server, a tenant's ground, and a pod of somebody else. The plan that was read is
    what is applied."""
    if os.environ.get("MCLOUD_TEST_KUBECONFIG"):
        pytest.skip("takes a site away: only one of the testbed's")
    testbed: Testbed = request.getfixturevalue("testbed")
    made = Site(Home(tmp_path_factory.mktemp("lone")), with_images(testbed, "recovery"))
    more: dict[str, Any] = {"mcloud:images": {"cloud": image(made), "keycloak": image(made)}, "mcloud:storage_gib": 1}
    more |= {"mcloud:keycloak": {"host": "keycloak.example.jp", "port": 8080, "cidrs": ["10.1.0.0/16"]}}  # at the site that leads
    describe(made.home.path, made.kubeconfig, **more, **{"mcloud:bundled": True, "mcloud:leads": False})
    made.run("apply", "--site", "primary", "--digest", made.run("plan", "--site", "primary")["digest"])
    made.run("apply", "--tenant", ONAGAWA, "--ground")
    for each in (
        manifest("Namespace", "", CURIOUS.namespace),
        bound("ClusterRoleBinding", "", "curious", "cluster-admin", "default", of=CURIOUS.namespace),
        pod(made, CURIOUS, f"knock-{CURIOUS.app}", LISTEN, "[]"),
    ):
        made.admin.apply(each, manager="test")
    until(made, CURIOUS.namespace, f"knock-{CURIOUS.app}", "Running")
    yield made
    made.admin.delete("ClusterRoleBinding", "", "curious")
    made.admin.delete("Namespace", "", CURIOUS.namespace)


def walls(site: Site) -> dict[Place, str]:
    """What shuts the platform's namespaces, and the guards; each by its own number, which one made anew would not have."""
    found = [each for kind in WALLS for inside in OURS for each in site.admin.list(kind, inside)]
    found = [each for each in found if each["metadata"]["name"] in ("deny-all", "plan")]
    found += [each for kind in GUARDS for each in site.admin.list(kind) if each["metadata"]["name"].startswith("mcloud-")]
    return {place(each): each["metadata"]["uid"] for each in found}


def servers(site: Site) -> dict[str, str]:
    """The pods that write volumes, by number, and their addresses."""
    found = [each for inside in (PLATFORM, DR) for each in site.admin.list("Pod", inside)]
    return {each["metadata"]["uid"]: each["status"]["podIP"] for each in found}


def reached(site: Site) -> list[bool]:
    """Whether somebody's pod reaches a port of the servers; at last the API server, which is there for all."""
    targets = [(address, port, "TCP") for address in servers(site).values() for port in (REST_PORT, POSTGRES_PORT)]
    return knock(site, CURIOUS, [*targets, (site.admin.address.removeprefix("https://").rsplit(":", 1)[0], 6443, "TCP")])


def refused(site: Site) -> list[str]:
    """What the guards say to somebody who may do everything, but does not land."""
    somebody = site.subject(CURIOUS.namespace, "default")
    tagged = pod(site, Party(DR, "more"), "more", "pass")
    tagged["spec"]["containers"][0]["image"] = "localhost/mcloud:latest"
    acts = (
        lambda: somebody.create(manifest("Namespace", "", namespace(ONAGAWA, "lgwan"))),
        lambda: somebody.delete("NetworkPolicy", DR, "deny-all"),
        lambda: somebody.create(tagged),
    )
    return [told.detail if (told := refusal(act)) else "let through" for act in acts]


def test_a_site_is_not_taken_from_under_its_tenants(lone: Site) -> None:
    """Mutant: nobody looks for their namespaces."""
    with pytest.raises(Conflict, match=f"tenants {ONAGAWA} stand at this site: destroy their stacks, then delete"):
        lone.run("destroy", "--site", "primary")
    assert operations.diff(lone.home, "site-primary")["words"] == []


def test_walls_and_guards_outlive_the_site_and_the_next_apply_takes_it_up_again(lone: Site) -> None:
    """Mutant: walls and guards go with their release; seen failing: none stood."""
    lone.run("destroy", "--tenant", ONAGAWA)
    for each in places((ONAGAWA,)):
        lone.admin.delete("Namespace", "", each)
    while set(places((ONAGAWA,))) & set(names(lone.admin.list("Namespace"))):
        time.sleep(1)
    before, running = walls(lone), servers(lone)
    assert len(before) == 3 * len(OURS) + 3 * len(GUARDS)
    assert len(running) == 2
    assert lone.run("destroy", "--site", "primary")["changed"] is True
    assert [each for inside in OURS for each in names(lone.admin.list("Service", inside))] == []
    assert walls(lone) == before
    assert servers(lone) == running
    assert reached(lone) == [False] * 4 + [True]
    for word, said in zip(
        ("only the landing identity may", "walls of the municipal cloud", "by digest"), refused(lone), strict=True
    ):
        assert word in said
    assert lone.run("apply", "--site", "primary")["changed"] is True
    assert operations.diff(lone.home, "site-primary")["words"] == []
    assert walls(lone) == before
    assert servers(lone) == running
