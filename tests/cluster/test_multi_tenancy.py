"""The behaviours of the multi-tenancy working group's benchmark, tried at the real API server with a tenant's own credentials.

References
----------
Kubernetes Multi-Tenancy Working Group, Multi-Tenancy Benchmarks: profile levels 1 and 2, and what its tool tries besides.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from infra.cluster import Cluster, names, path
from infra.manifests import Manifest
from infra.zones import namespace
from kit.errors import CallerError
from tests.cluster.test_admission import good_pod
from tests.cluster.test_cis import in_context
from tests.support.cluster import MINAMISANRIKU, ONAGAWA, RBAC, Site, manifest, refusal, slip

Act = Callable[[Cluster, str], Any]


def pod_with(change: Callable[[Manifest], Any]) -> Act:
    def act(cluster: Cluster, place: str) -> Any:
        pod = good_pod(place)
        change(pod)
        return cluster.create(pod, dry_run=True)

    return act


def reads(where: str) -> Act:
    return lambda cluster, _: cluster.call("GET", where)


def makes(kind: str, version: str = "v1", **body: Any) -> Act:
    return lambda cluster, place: cluster.create(manifest(kind, place, "own", version, **body), dry_run=True)


def changes(method: str, kind: str, named: str, body: Any = None) -> Act:
    """Something of the land's in the own namespace, as a dry run."""

    def act(cluster: Cluster, place: str) -> Any:
        where = path(kind, "" if kind == "Namespace" else place, place if kind == "Namespace" else named)
        return cluster.call(method, where, body, content="application/merge-patch+json", dryRun="All")

    return act


LABEL = {"metadata": {"labels": {"own": "yes"}}}
EDIT = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
ALL = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
THERE = namespace(MINAMISANRIKU, "lgwan")
#: what refuses an act also to whom a slip gave `admin` in his own namespace: rights, the level of pods, the plan, the guard
RIGHTS, LEVEL, PLAN, GUARD = "cannot ", "violates PodSecurity", "exceeded quota", "landing identity"
BEYOND = "permissions not currently held"
#: behaviour of the working group's list -> what is tried, and what refuses
BEHAVIOURS: dict[str, tuple[list[Act], str]] = {
    "block access to cluster resources": (
        [*(reads(f"/api/v1/{each}") for each in ("nodes", "namespaces", "persistentvolumes", "pods", "secrets")),
         reads(f"/apis/{RBAC}/clusterroles"), reads("/apis/storage.k8s.io/v1/storageclasses")],
        RIGHTS,
    ),
    "block access to other tenants' resources": (
        [*(reads(f"/api/v1/namespaces/{THERE}/{each}") for each in ("pods", "secrets", "configmaps", "services")),
         lambda cluster, _: cluster.create(good_pod(THERE), dry_run=True)],
        RIGHTS,
    ),
    "block multi-tenant resources": (
        [changes("DELETE", "NetworkPolicy", "deny-all"), changes("PATCH", "RoleBinding", "operator", LABEL)],
        GUARD,
    ),
    "block modification of resource quotas": (
        [changes(method, kind, "plan", LABEL) for method in ("PATCH", "DELETE") for kind in ("ResourceQuota", "LimitRange")],
        RIGHTS,
    ),
    "block privileged containers": ([pod_with(in_context(privileged=True, allowPrivilegeEscalation=True))], LEVEL),
    "block privilege escalation": ([pod_with(in_context(allowPrivilegeEscalation=True))], LEVEL),
    "block added capabilities": ([pod_with(in_context(capabilities={"add": ["SYS_ADMIN"], "drop": ["ALL"]}))], LEVEL),
    "require all capabilities dropped": ([pod_with(in_context(capabilities={}))], LEVEL),
    "require run as non-root": ([pod_with(lambda pod: pod["spec"]["securityContext"].update(runAsNonRoot=False))], LEVEL),
    "block host paths": ([pod_with(lambda pod: pod["spec"].update(volumes=[{"name": "v", "hostPath": {"path": "/"}}]))], LEVEL),
    "block host network and ports": (
        [pod_with(lambda pod: pod["spec"].update(hostNetwork=True)),
         pod_with(lambda pod: pod["spec"]["containers"][0].update(ports=[{"containerPort": 80, "hostPort": 80}]))],
        LEVEL,
    ),
    "block host PID": ([pod_with(lambda pod: pod["spec"].update(hostPID=True))], LEVEL),
    "block host IPC": ([pod_with(lambda pod: pod["spec"].update(hostIPC=True))], LEVEL),
    "block node ports": ([makes("Service", spec={"type": "NodePort", "ports": [{"port": 80}]})], PLAN),
    "block escalation by roles": ([makes("Role", RBAC, rules=ALL)], BEYOND),
    "create role bindings": ([makes("RoleBinding", RBAC, roleRef=EDIT, subjects=[])], GUARD),
    "create network policies": ([makes("NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {}})], GUARD),
    "create namespaces": ([lambda cluster, _: cluster.create(manifest("Namespace", "", "own"), dry_run=True)], RIGHTS),
}  # fmt: skip
RESOURCES = {"requests.cpu", "requests.memory", "limits.memory", "requests.storage", "limits.ephemeral-storage"}
OBJECTS = {"pods", "services", "services.nodeports", "services.loadbalancers"}
OBJECTS |= {"secrets", "configmaps", "persistentvolumeclaims", "count/jobs.batch", "count/cronjobs.batch"}
#: behaviour -> what the tenant himself reads of it in his namespace
CONFIGURED: dict[str, Callable[[Cluster, str], bool]] = {
    "configure resource quotas": lambda cluster, place: bounds(cluster, place) >= RESOURCES,
    "configure object quotas": lambda cluster, place: bounds(cluster, place) >= OBJECTS,
    "deny connections across tenants": lambda cluster, place: "deny-all" in names(cluster.list("NetworkPolicy", place)),
}
#: behaviour -> why nothing looks at it
NAMED = {
    "require image pull always": "guards a tenant's private images from others on its node; here all run one image, by digest",
    "require reclaim policy delete": "data outlives its claim until off-boarding, which destroys it with evidence",
}


def bounds(cluster: Cluster, place: str) -> set[str]:
    return {what for each in cluster.list("ResourceQuota", place) for what in each["spec"]["hard"]}


def tried(cluster: Cluster, place: str) -> list[tuple[str, str, CallerError | None]]:
    """Every act: of which behaviour, what refuses it also after a slip, and what it was refused with."""
    return [(what, second, refusal(partial(act, cluster, place))) for what, (acts, second) in BEHAVIOURS.items() for act in acts]


@pytest.mark.proves("ISO-8")
def test_every_behaviour_of_the_multi_tenancy_benchmark(site: Site) -> None:
    """With the tenant's own credentials everything is refused by rights; with a slip of the administrator's by a second wall."""
    place = namespace(ONAGAWA, "mynumber")
    own = site.tenant(ONAGAWA)
    unset = [what for what, holds in CONFIGURED.items() if not holds(own, place)]
    by_rights = tried(own, place)
    with slip(site, place):
        assert refusal(lambda: own.create(good_pod(place), dry_run=True)) is None  # the slip is real
        by_walls = tried(own, place)
    wrong = [f"{what}: {told and told.detail}" for what, _, told in by_rights if told is None or RIGHTS not in told.detail]
    wrong += [
        f"{what} after a slip: {told and told.detail}" for what, wall, told in by_walls if not told or wall not in told.detail
    ]
    looked = [*BEHAVIOURS, *CONFIGURED]
    kept = [what for what in looked if what not in unset and not any(each.startswith(what) for each in wrong)]
    print(f"ISO-8: multi-tenancy benchmark {len(kept) + len(NAMED)}/{len(looked) + len(NAMED)}: {len(kept)} hold, "
          f"{len(NAMED)} named; {len(by_rights)} acts tried by rights, {len(by_walls)} after a slip")  # fmt: skip
    assert (wrong, unset) == ([], [])
    assert len(kept) >= 19


@pytest.mark.proves("ISO-8")
def test_mutant_where_nobody_landed_what_rests_on_walls_is_let_through(site: Site, plain: str) -> None:
    free = {what for what, _, told in tried(site.subject(plain, "operator"), plain) if told is None}
    creates = {"create role bindings", "create network policies"}
    assert free == creates | {what for what, (_, wall) in BEHAVIOURS.items() if wall in (LEVEL, PLAN)}
    assert {what for what, holds in CONFIGURED.items() if holds(site.admin, plain)} == set()
