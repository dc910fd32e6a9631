"""What the real API server refuses: bad pods, relabelled walls, more than the plan; with a tenant's own credentials."""

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.cluster import Cluster, path
from infra.landing import ground
from infra.manifests import Manifest
from infra.zones import namespace
from kit.errors import CallerError, Conflict, Forbidden, Invalid
from tenants.catalog import tenant
from tenants.home import ZONES
from tests.support import land
from tests.support.cluster import GROUNDED, MINAMISANRIKU, ONAGAWA, RBAC, Site, bound, manifest, places, refusal, slip
from tools.cluster import KUBERNETES
from tools.programs import HERE

IMAGE = f"localhost/mcloud@{land.DIGEST}"
PLACE = namespace(ONAGAWA, "mynumber")


def good_pod(place: str = PLACE, name: str = "probe") -> Manifest:
    container = {
        "name": "c",
        "image": IMAGE,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True},
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "16Mi"}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    return manifest("Pod", place, name, spec={"securityContext": security, "containers": [container]})


def fixtures(kind: str) -> list[Path]:
    """Pod Security's own fixtures of the running version, from the module that the cluster was built of."""
    asked = ["go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission"]
    try:
        found = subprocess.run(asked, cwd=HERE / "go" / "kubernetes", capture_output=True, text=True, timeout=60)
    except OSError:
        return []
    version = "v" + KUBERNETES.rsplit(".", 1)[0]
    return sorted((Path(found.stdout.strip()) / "test" / "testdata" / "restricted" / version / kind).glob("*.yaml"))


def of_fixture(file: Path) -> Manifest:
    """The fixture's pod in a tenant's namespace; images by digest, so that only Pod Security speaks."""
    pod: Manifest = yaml.safe_load(file.read_text())
    pod["metadata"] |= {"namespace": PLACE, "name": pod["metadata"]["name"].replace("_", "-")}
    for key in ("containers", "initContainers"):
        for each in pod["spec"].get(key, []):
            each["image"] = IMAGE
            each["resources"] = {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"memory": "1Mi"}}
    return pod


def told(cluster: Cluster, each: Manifest) -> CallerError | None:
    """What a server dry run refuses the object with."""
    return refusal(lambda: cluster.create(each, dry_run=True))


@pytest.mark.proves("ISO-8")
def test_every_bad_pod_of_the_running_version_is_refused_and_every_good_one_accepted(site: Site) -> None:
    bad, good = fixtures("fail"), fixtures("pass")
    if not bad or not good:
        pytest.skip("the fixtures of Pod Security are not in Go's module cache")
    answers = {file.stem: told(site.admin, of_fixture(file)) for file in bad}
    let_in = [name for name, refused in answers.items() if refused is None]
    by_level = sum("PodSecurity" in refused.detail for refused in answers.values() if refused)
    shut_out = {file.stem: refused.detail for file in good if (refused := told(site.admin, of_fixture(file)))}
    print(f"ISO-8: {len(bad)} bad pods, {by_level} refused by their level; {len(good)} good ones; Kubernetes {KUBERNETES}")
    assert let_in == []
    assert shut_out == {}


@pytest.mark.proves("ISO-8")
def test_every_rendered_object_is_accepted_by_server_dry_run(site: Site) -> None:
    objects = [each for code in GROUNDED for each in ground(tenant(code), site.config).objects()]
    for each in objects:
        site.admin.apply(dict(each), manager="test", dry_run=True)
    print(f"ISO-8: {len(objects)} rendered objects accepted")
    assert len(objects) > 50


BAD: dict[str, Callable[[Manifest], Any]] = {
    "privileged": lambda pod: pod["spec"]["containers"][0]["securityContext"].update(privileged=True),
    "root": lambda pod: pod["spec"]["securityContext"].update(runAsNonRoot=False),
    "host network": lambda pod: pod["spec"].update(hostNetwork=True),
    "host path": lambda pod: pod["spec"].update(volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
    "capability": lambda pod: pod["spec"]["containers"][0]["securityContext"].update(
        capabilities={"add": ["NET_ADMIN"], "drop": ["ALL"]}
    ),
    "no seccomp": lambda pod: pod["spec"]["securityContext"].pop("seccompProfile"),
    "a neighbour's place": lambda pod: pod["spec"].update(priorityClassName="system-cluster-critical"),
    "tag": lambda pod: pod["spec"]["containers"][0].update(image="mcloud:latest"),
    "tag in an init container": lambda pod: pod["spec"].update(
        initContainers=[pod["spec"]["containers"][0] | {"name": "i", "image": "mcloud:1"}]
    ),
}


@pytest.mark.proves("ISO-8")
@pytest.mark.parametrize("what", BAD)
def test_a_pod_that_asks_for_more_is_refused_in_every_zone(site: Site, what: str) -> None:
    for place in [*places(), "mcloud-platform", "mcloud-dr"]:
        pod = good_pod(place)
        assert told(site.admin, pod) is None
        BAD[what](pod)
        assert isinstance(told(site.admin, pod), Forbidden | Invalid), (place, what)


@pytest.mark.proves("ISO-8")
def test_an_image_by_tag_is_refused_also_where_it_comes_later(site: Site) -> None:
    """Mutant: the guard does not match `pods/ephemeralcontainers`; seen failing."""
    pod, merge = good_pod(name="debugged"), "application/strategic-merge-patch+json"
    where = path("Pod", PLACE, "debugged")

    def later(image: str) -> Any:
        added = {"name": "later", "image": image, "securityContext": pod["spec"]["containers"][0]["securityContext"]}
        body = {"spec": {"ephemeralContainers": [added]}}
        return site.admin.call("PATCH", f"{where}/ephemeralcontainers", body, content=merge, dryRun="All")

    def other(image: str) -> Any:
        body = {"spec": {"containers": [{"name": "c", "image": image}]}}
        return site.admin.call("PATCH", where, body, content=merge, dryRun="All")

    site.admin.create(pod)
    try:
        for change in (later, other):
            assert refusal(lambda: change(IMAGE)) is None  # noqa: B023
            for image in ("mcloud:1", "localhost/mcloud", f"{IMAGE[:-1]}"):
                refused = refusal(lambda: change(image))  # noqa: B023
                assert isinstance(refused, Invalid), (change, image)
                assert "images here are named by digest" in refused.detail
    finally:
        site.admin.delete("Pod", PLACE, "debugged")


def ways(cluster: Cluster, place: str) -> dict[str, Callable[[], Any]]:
    """Ways to change whose a namespace is: by its labels, or by an owner with whom it would go."""
    label = {"metadata": {"labels": {"mcloud/zone": "internet"}}}
    where = path("Namespace", "", place)

    def put(suffix: str = "") -> Any:
        there = cluster.call("GET", where)
        there["metadata"]["labels"]["mcloud/tenant"] = "999999"
        return cluster.call("PUT", where + suffix, there)

    def post() -> Any:
        return cluster.create(
            manifest("Namespace", "", "elsewhere", metadata={"name": "elsewhere", "labels": {"mcloud/tenant": "045811"}})
        )

    def patch(suffix: str = "") -> Any:
        return cluster.call("PATCH", where + suffix, label, content="application/merge-patch+json")

    def owned(method: str) -> Any:
        # dry runs: the collector would take away at once what an owner that never was owns
        there = {"name": place, "ownerReferences": [{"apiVersion": "v1", "kind": "Namespace", "name": "gone", "uid": "gone"}]}
        if method == "POST":
            another = manifest("Namespace", "", "t-999999-lgwan", metadata=there | {"name": "t-999999-lgwan"})
            return cluster.create(another, dry_run=True)
        if method == "PUT":
            whole = cluster.call("GET", where)
            return cluster.call("PUT", where, whole | {"metadata": whole["metadata"] | there}, dryRun="All")
        return cluster.call("PATCH", where, {"metadata": there}, content="application/merge-patch+json", dryRun="All")

    labelled = {
        "POST": post,
        "PATCH": patch,
        "PUT": put,
        "status": lambda: patch("/status"),
        "finalize": lambda: put("/finalize"),
    }
    return labelled | {f"owner by {method}": partial(owned, method) for method in ("POST", "PATCH", "PUT")}


def granted(site: Site, account: str, place: str) -> None:
    """A slip of the administrator: the tenant's operator may do everything with namespaces."""
    rule = {"apiGroups": [""], "resources": ["namespaces", "namespaces/status", "namespaces/finalize"], "verbs": ["*"]}
    site.admin.call("POST", f"/apis/{RBAC}/clusterroles", manifest("ClusterRole", "", "slip", RBAC, rules=[rule]))
    site.admin.create(bound("ClusterRoleBinding", "", "slip", "slip", account, of=place))


def withdrawn(site: Site) -> None:
    for kind in ("clusterrolebindings", "clusterroles"):
        refusal(lambda: site.admin.call("DELETE", f"/apis/{RBAC}/{kind}/slip"))  # noqa: B023


def labels_of(site: Site) -> dict[str, dict[str, str]]:
    return {place: (site.admin.get("Namespace", "", place) or {})["metadata"]["labels"] for place in places()}


@pytest.mark.proves("ISO-10")
def test_a_tenant_cannot_change_whose_a_namespace_is(site: Site) -> None:
    before, refused = labels_of(site), 0
    for code in GROUNDED:
        for zone in ZONES:
            for way, act in ways(site.tenant(code, zone), namespace(code, zone)).items():
                assert isinstance(refusal(act), Forbidden), way
                refused += 1
    print(f"ISO-10: {refused} changes refused by rights")
    assert labels_of(site) == before


@pytest.mark.proves("ISO-10")
def test_the_guard_refuses_even_whom_rights_let_through(site: Site) -> None:
    """Mutant: owners are not compared; seen failing."""
    before = labels_of(site)
    granted(site, "operator", PLACE)
    try:
        slipped = site.tenant(ONAGAWA)
        answers = {way: refusal(act) for way, act in ways(slipped, PLACE).items()}
        answers["DELETE"] = refusal(lambda: slipped.call("DELETE", path("Namespace", "", PLACE)))
        answers["another tenant's"] = refusal(ways(slipped, namespace(MINAMISANRIKU, "lgwan"))["PATCH"])
        allowed = refusal(lambda: slipped.create(manifest("Namespace", "", "harmless"), dry_run=True))
    finally:
        withdrawn(site)
    assert allowed is None  # the slip was real: what is not ours was let through
    assert {way: "landing identity" in (each.detail if each else "") for way, each in answers.items()} == dict.fromkeys(
        answers, True
    )
    assert labels_of(site) == before


@pytest.mark.proves("ISO-10")
def test_mutant_without_the_binding_the_slip_goes_through_and_drift_finds_and_mends_it(site: Site) -> None:
    kind, guard = "ValidatingAdmissionPolicyBinding", "mcloud-namespaces"
    # the guard gone and no slip: rights still refuse
    kept = site.admin.get(kind, "", guard)
    assert kept
    site.admin.delete(kind, "", guard)
    try:
        assert isinstance(refusal(ways(site.tenant(ONAGAWA), PLACE)["PATCH"]), Forbidden)
        granted(site, "operator", PLACE)
        changed = _until_let_through(ways(site.tenant(ONAGAWA), PLACE)["PATCH"])
        assert changed, "the binding was not what refused"
        # even then no wall opens: no policy knows a namespace by that label
        assert "mcloud/zone" not in yaml.safe_dump(site.admin.list("NetworkPolicy", PLACE)[0]["spec"])
        assert site.run("drift", "--tenant", ONAGAWA)["words"] == [f"Namespace {PLACE} differs"]
    finally:
        withdrawn(site)
        mended = site.run("drift", "--site", "primary", "--mend")["mended"]
    assert f"{kind} {guard}" in mended
    assert site.run("drift", "--tenant", ONAGAWA, "--mend")["mended"] == [f"Namespace {PLACE}"]
    assert labels_of(site)[PLACE]["mcloud/zone"] == "mynumber"


def _until_let_through(act: Callable[[], Any]) -> bool:
    """The API server takes a moment to forget a guard."""
    import time

    for _ in range(50):
        if refusal(act) is None:
            return True
        time.sleep(0.2)
    return False


def one_more(place: str, number: int) -> dict[str, Manifest]:
    """One object of each kind that the plan counts."""
    name = f"more-{number}"
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    return {
        "secrets": manifest("Secret", place, name),
        "services": manifest("Service", place, name, spec={"ports": [{"port": 80}]}),
        "configmaps": manifest("ConfigMap", place, name),
        "persistentvolumeclaims": manifest("PersistentVolumeClaim", place, name, spec=claim),
        "pods": good_pod(place, name),
    }


@pytest.mark.proves("ISO-15")
def test_one_more_than_the_plan_is_refused_and_the_neighbour_is_not(site: Site) -> None:
    place, neighbour, counts = namespace(ONAGAWA, "internet"), namespace(ONAGAWA, "lgwan"), {}
    hard = (site.admin.get("ResourceQuota", place, "plan") or {})["spec"]["hard"]
    made: list[Manifest] = []
    try:
        for what, limit in {key: int(hard[key]) for key in one_more(place, 0)}.items():
            refused = None
            for number in range(limit + 1):
                each = one_more(place, number)[what]
                refused = refusal(lambda: site.admin.create(each))  # noqa: B023
                if refused:
                    break
                made.append(each)
                counts[what] = number + 1
            assert isinstance(refused, Forbidden), what
            assert "exceeded quota" in refused.detail
            assert told(site.admin, one_more(neighbour, 0)[what]) is None
    finally:
        for each in made:
            site.admin.delete(each["kind"], place, each["metadata"]["name"])
    print(f"ISO-15: refused after {counts}")


@pytest.mark.proves("ISO-15")
def test_processor_memory_storage_and_doors_beyond_the_plan_are_refused(site: Site) -> None:
    place = namespace(ONAGAWA, "internet")
    hungry, wide = good_pod(place, "hungry"), one_more(place, 0)["persistentvolumeclaims"]
    hungry["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "100"
    wide["spec"]["resources"]["requests"]["storage"] = "1Ti"
    node_port = manifest("Service", place, "door", spec={"type": "NodePort", "ports": [{"port": 80}]})
    balancer = manifest("Service", place, "door", spec={"type": "LoadBalancer", "ports": [{"port": 80}]})
    for each in (hungry, wide, node_port, balancer):
        assert isinstance(told(site.admin, each), Forbidden | Conflict), each["metadata"]["name"]


@pytest.mark.proves("ISO-15")
def test_one_container_has_a_limit_of_its_own(site: Site) -> None:
    """Mutant: no `max` in the chart's LimitRange; seen failing."""
    place = namespace(MINAMISANRIKU, "internet")  # the other town's is full of the test above
    hard = (site.admin.get("ResourceQuota", place, "plan") or {})["spec"]["hard"]
    fat, plain = good_pod(place, "fat"), good_pod(place, "plain")
    # more than one container may have, less than the zone has left: the quota would let it through
    fat["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"memory": "3Gi"}}
    assert hard["limits.memory"] == "4Gi"
    refused = told(site.admin, fat)
    assert isinstance(refused, Forbidden)
    assert "maximum memory usage per Container is 2Gi" in refused.detail
    assert "quota" not in refused.detail
    fat["spec"]["containers"][0]["resources"]["limits"]["memory"] = "2Gi"
    assert told(site.admin, fat) is None
    # who says nothing gets something, which the quota then counts
    plain["spec"]["containers"][0].pop("resources")
    given = site.admin.create(plain, dry_run=True)["spec"]["containers"][0]["resources"]
    disk = {"ephemeral-storage": "128Mi"}
    assert given == {"requests": {"cpu": "50m", "memory": "64Mi"} | disk, "limits": {"memory": "128Mi"} | disk}


@pytest.mark.proves("ISO-10")
def test_walls_are_built_by_the_landing_identity_alone(site: Site) -> None:
    """A tenant who was given `edit` in his own namespace by mistake still opens no wall."""
    wide = manifest("NetworkPolicy", PLACE, "wide", "networking.k8s.io/v1", spec={"podSelector": {}, "ingress": [{}]})
    with slip(site, PLACE):
        slipped = site.tenant(ONAGAWA)
        for act in (
            lambda: slipped.create(wide),
            lambda: slipped.call("DELETE", path("NetworkPolicy", PLACE, "deny-all")),
            lambda: slipped.create(bound("RoleBinding", PLACE, "more", "admin", "operator")),
            lambda: slipped.call("DELETE", path("ResourceQuota", PLACE, "plan")),
        ):
            assert isinstance(refusal(act), Forbidden)
        assert refusal(lambda: slipped.create(manifest("ConfigMap", PLACE, "own"), dry_run=True)) is None
    assert site.run("drift", "--tenant", ONAGAWA)["differs"] is False
