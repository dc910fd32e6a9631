"""Each rule finds its mutant: a graph made wrong in one place."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from infra import escalations, landing, policy, sites
from infra.manifests import Manifest
from tenants.home import SiteName
from tests.support import land

GOOD = [*sites.graph("primary", land.SITE), *land.graph_of(land.split())]
Change = Callable[[list[Manifest]], None]


def first(graph: list[Manifest], kind: str) -> Manifest:
    return next(each for each in graph if each["kind"] == kind)


def in_pod(change: Callable[[dict[str, Any]], None]) -> Change:
    def act(graph: list[Manifest]) -> None:
        spec = policy.pod_spec(first(graph, "Deployment"))
        assert spec
        change(spec)

    return act


def on(kind: str, change: Callable[[Manifest], None]) -> Change:
    return lambda graph: change(first(graph, kind))


def in_tenant(kind: str, change: Callable[[Manifest], None]) -> Change:
    """On the first of its kind in a tenant's namespace."""
    return lambda graph: change(first([e for e in graph if e["metadata"].get("namespace", "").startswith("t-")], kind))


def in_container(which: str, **context: Any) -> Change:
    """Its own security context says otherwise than the pod's."""
    closed = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}

    def change(spec: dict[str, Any]) -> None:
        there = spec.setdefault(which, [{"name": "debug", "image": spec["containers"][0]["image"]}])
        there[0]["securityContext"] = closed | context

    return in_pod(change)


def template(graph: list[Manifest], kind: str) -> Manifest:
    """The pods of the first workload of that kind in a tenant's namespace."""
    each = first([e for e in graph if e["metadata"].get("namespace", "").startswith("t-")], kind)
    spec = each["spec"]["jobTemplate"]["spec"] if kind == "CronJob" else each["spec"]
    return dict(spec["template"])


def dropped(kind: str) -> Change:
    return lambda graph: graph.remove(first(graph, kind))


def allowing(*peers: dict[str, Any], port: dict[str, Any] | None = None) -> Change:
    rule = {"from": list(peers), "ports": [port or {"port": 80}]}
    return on("NetworkPolicy", lambda each: each["spec"].update(policyTypes=["Ingress"], ingress=[rule]))


def rule(groups: list[str], resources: list[str], verbs: list[str]) -> Change:
    return in_tenant("Role", lambda each: each["rules"].append({"apiGroups": groups, "resources": resources, "verbs": verbs}))


def added(each: Manifest) -> Change:
    return lambda graph: graph.append(each)


CLUSTER_ROLE = {
    "kind": "ClusterRole",
    "metadata": {"name": "all-secrets"},
    "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}],
}
ENFORCE = "pod-security.kubernetes.io/enforce"
SNIPPET = {"nginx.ingress.kubernetes.io/server-snippet": "x"}
OLD_CLASS = {"kubernetes.io/ingress.class": "other"}
SEEN_BY_ALL = {"kind": "Group", "name": "system:serviceaccounts"}
CLUSTER_ADMIN = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
#: what every tenant's quota bounds
PLAN = (
    *("requests.cpu", "requests.memory", "limits.memory", "pods", "count/jobs.batch"),
    *("requests.storage", "persistentvolumeclaims", "limits.ephemeral-storage"),
)
UNCONFINED = {"type": "Unconfined"}


def block(cidr: str) -> dict[str, Any]:
    return {"ipBlock": {"cidr": cidr}}


def other_zone(graph: list[Manifest]) -> None:
    """The gateway of one zone serves another one too."""
    copy = deepcopy(first(graph, "Ingress"))
    copy["metadata"]["namespace"] = "t-042021-lgwan"
    copy["metadata"]["labels"]["mcloud/zone"] = "lgwan"
    graph.append(copy)


MUTANTS: list[tuple[Callable[..., list[str]], Change]] = [
    (policy.images_are_digests, in_pod(lambda spec: spec["containers"][0].update(image="mcloud:latest"))),
    (policy.images_are_digests, in_pod(lambda spec: spec["initContainers"][0].update(image="mcloud:1"))),
    (policy.quota_present, dropped("ResourceQuota")),
    (policy.quota_present, dropped("LimitRange")),
    *((policy.quota_present, in_tenant("ResourceQuota", lambda each, key=key: each["spec"]["hard"].pop(key))) for key in PLAN),
    (policy.quota_present, in_tenant("ResourceQuota", lambda each: each["spec"].update(scopes=["BestEffort"]))),
    (policy.default_deny_present, on("NetworkPolicy", lambda each: each["spec"].update(policyTypes=["Ingress"]))),
    (policy.default_deny_present, on("NetworkPolicy", lambda each: each["spec"].update(podSelector={"matchLabels": {"a": "b"}}))),
    (policy.walls_name_their_neighbours, allowing({"namespaceSelector": {}})),
    (policy.walls_name_their_neighbours, allowing({"namespaceSelector": {"matchLabels": {"mcloud/zone": "lgwan"}}})),
    (policy.walls_name_their_neighbours, allowing({"podSelector": {"matchLabels": {"app": "x"}}})),
    (policy.walls_name_their_neighbours, allowing(block("0.0.0.0/0"))),
    (policy.walls_name_their_neighbours, allowing(block("0.0.0.0/1"), block("128.0.0.0/1"))),
    (policy.walls_name_their_neighbours, allowing(*(block(f"{octet}.0.0.0/8") for octet in range(256)))),
    (policy.walls_name_their_neighbours, allowing(block("2000::/3"))),
    (policy.walls_name_their_neighbours, allowing(block("everywhere"))),
    (policy.walls_name_their_neighbours, allowing(block("10.80.0.2/32"), port={"protocol": "TCP"})),
    (policy.walls_name_their_neighbours, allowing(block("10.80.0.2/32"), port={"port": 1, "endPort": 65535})),
    (policy.walls_name_their_neighbours, on("NetworkPolicy", lambda each: each["spec"].update(ingress=[{}]))),
    (policy.namespaces_are_restricted, on("Namespace", lambda each: each["metadata"]["labels"].update({ENFORCE: "baseline"}))),
    (policy.pods_are_restricted, in_pod(lambda spec: spec.update(hostNetwork=True))),
    (policy.pods_are_restricted, in_pod(lambda spec: spec.update(hostPID=True))),
    (policy.pods_are_restricted, in_pod(lambda spec: spec["securityContext"].update(runAsUser=0))),
    (policy.pods_are_restricted, in_pod(lambda spec: spec["securityContext"].pop("seccompProfile"))),
    (policy.pods_are_restricted, in_pod(lambda spec: spec.pop("automountServiceAccountToken"))),
    (policy.pods_are_restricted, in_pod(lambda spec: spec["volumes"].append({"name": "x", "hostPath": {"path": "/"}}))),
    (policy.pods_are_restricted, in_pod(lambda spec: spec.update(priorityClassName="system-node-critical"))),
    (policy.containers_are_restricted, in_pod(lambda spec: spec["containers"][0]["securityContext"].update(privileged=True))),
    (
        policy.containers_are_restricted,
        in_pod(lambda spec: spec["containers"][0]["securityContext"].update(readOnlyRootFilesystem=False)),
    ),
    (
        policy.containers_are_restricted,
        in_pod(lambda spec: spec["containers"][0]["securityContext"]["capabilities"].update(add=["NET_ADMIN"])),
    ),
    (policy.containers_are_restricted, in_pod(lambda spec: spec["containers"][0]["ports"][0].update(hostPort=80))),
    *(
        (policy.containers_are_restricted, in_container(which, **context))
        for which in ("containers", "initContainers", "ephemeralContainers")
        for context in ({"runAsUser": 0}, {"runAsNonRoot": False}, {"seccompProfile": UNCONFINED})
    ),
    (policy.containers_say_what_they_need, in_pod(lambda spec: spec["containers"][0]["resources"].pop("limits"))),
    (policy.disruption_is_bounded, dropped("PodDisruptionBudget")),
    (policy.disruption_is_bounded, on("PodDisruptionBudget", lambda each: each["spec"].update(maxUnavailable=0))),
    (policy.no_secret_in_charts, added({"kind": "Secret", "metadata": {"name": "x", "namespace": "y"}})),
    (policy.services_stay_inside, on("Service", lambda each: each["spec"].update(type="NodePort"))),
    (policy.services_stay_inside, on("Service", lambda each: each["spec"].update(type="LoadBalancer"))),
    (policy.services_stay_inside, on("Service", lambda each: each["spec"].update(externalIPs=["203.0.113.9"]))),
    (policy.services_stay_inside, on("Ingress", lambda each: each["metadata"].update(annotations=SNIPPET))),
    (policy.services_stay_inside, on("Ingress", lambda each: each["metadata"].update(annotations=OLD_CLASS))),
    (policy.services_stay_inside, on("Ingress", lambda each: each["spec"].pop("ingressClassName"))),
    (policy.services_stay_inside, other_zone),
    (policy.rights_do_not_escalate, rule(["*"], ["pods"], ["get"])),
    (policy.rights_do_not_escalate, rule([""], ["pods/*"], ["create"])),
    (policy.rights_do_not_escalate, rule([""], ["*/exec"], ["create"])),
    (policy.rights_do_not_escalate, rule([""], ["*/scale"], ["get"])),
    (policy.rights_do_not_escalate, added(CLUSTER_ROLE)),
    (policy.rights_stay_inside, added(CLUSTER_ROLE)),
    (policy.rights_stay_inside, on("RoleBinding", lambda each: each["subjects"][0].update(namespace="t-045811-lgwan"))),
    (
        policy.rights_stay_inside,
        on("RoleBinding", lambda each: each["subjects"].append({"kind": "Group", "name": "system:authenticated"})),
    ),
    (policy.rights_stay_inside, on("RoleBinding", lambda each: each["subjects"].append(SEEN_BY_ALL))),
    (policy.rights_stay_inside, on("RoleBinding", lambda each: each.update(roleRef=CLUSTER_ADMIN))),
    (policy.guards_fail_closed, dropped("ValidatingAdmissionPolicyBinding")),
    (
        policy.guards_fail_closed,
        on("ValidatingAdmissionPolicyBinding", lambda each: each["spec"].update(validationActions=["Warn"])),
    ),
    (policy.guards_fail_closed, on("ValidatingAdmissionPolicy", lambda each: each["spec"].update(failurePolicy="Ignore"))),
    (policy.data_is_kept, on("Namespace", lambda each: each["metadata"].pop("annotations"))),
    (policy.data_is_kept, on("PersistentVolumeClaim", lambda each: each["metadata"].pop("annotations"))),
    (
        policy.data_is_kept,
        on("StatefulSet", lambda each: each["spec"].update(persistentVolumeClaimRetentionPolicy={"whenDeleted": "Delete"})),
    ),
    *(
        (policy.labels_are_there, in_tenant(kind, lambda each, key=key: each["metadata"]["labels"].pop(key)))
        for kind in ("Role", "NetworkPolicy", "Deployment", "CronJob", "Job")
        for key in ("mcloud/tenant", "mcloud/zone", "app.kubernetes.io/part-of")
    ),
    *(
        (policy.labels_are_there, lambda graph, kind=kind, key=key: template(graph, kind)["metadata"]["labels"].pop(key))
        for kind in ("Deployment", "CronJob", "Job")
        for key in ("mcloud/tenant", "mcloud/zone", "mcloud/system-resident-registry")
    ),
    (policy.labels_are_there, in_tenant("Job", lambda each: each["metadata"]["labels"].pop("mcloud/system-resident-registry"))),
    (policy.labels_are_there, in_tenant("CronJob", lambda each: each["spec"]["jobTemplate"].pop("metadata"))),
    (policy.labels_are_there, in_tenant("Role", lambda each: each["metadata"]["labels"].update({"mcloud/tenant": "045811"}))),
    (policy.labels_are_there, in_tenant("Role", lambda each: each["metadata"]["labels"].update({"mcloud/zone": "platform"}))),
    (policy.labels_are_there, on("CronJob", lambda each: each["metadata"]["labels"].pop("mcloud/tenant"))),
    (policy.labels_are_there, on("Namespace", lambda each: each["metadata"]["labels"].pop("mcloud/zone"))),
]


def test_the_land_as_defined_breaks_no_rule() -> None:
    assert policy.faults(GOOD) == []


OUTSIDE = {"host": "server.example.jp", "cidrs": ("192.0.2.5/32",), "port": 5432}
VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "the other site leads": {"leads": False},
    "nothing bundled": {"bundled": False},
    "PostgreSQL outside": {"postgres": land.SITE.postgres.model_copy(update=OUTSIDE)},
    "Keycloak outside": {"keycloak": land.SITE.keycloak.model_copy(update=OUTSIDE)},
}
VARIANTS["all of it"] = {key: value for each in VARIANTS.values() for key, value in each.items()}


@pytest.mark.parametrize("site", ["primary", "recovery"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_no_way_to_describe_a_site_breaks_a_rule(site: SiteName, variant: str) -> None:
    config = land.SITE.model_copy(update=VARIANTS[variant])
    ground = landing.ground(land.split(), config).objects()
    for tenant in ((), ground, land.graph_of(land.split(), config)):
        assert policy.faults([*sites.graph(site, config), *tenant]) == []


@pytest.mark.parametrize("number", range(len(MUTANTS)))
def test_each_rule_finds_its_mutant(number: int) -> None:
    rule_, change = MUTANTS[number]
    graph = deepcopy(GOOD)
    assert rule_(graph) == []
    change(graph)
    assert rule_(graph), f"{rule_.__name__} found nothing"
    assert policy.faults(graph)


def test_every_rule_has_a_mutant() -> None:
    assert {rule_ for rule_, _ in MUTANTS} == set(policy.RULES)


@pytest.mark.parametrize("what", escalations.ESCALATIONS)
def test_each_of_the_fifteen_escalations_is_found_in_a_role(what: str) -> None:
    groups, resources, verbs = escalations.ESCALATIONS[what]
    for group in groups.split(" ") if groups else [""]:
        for resource in resources:
            for verb in verbs:
                graph = deepcopy(GOOD)
                rule([group], [resource], [verb])(graph)
                assert any(what in fault for fault in policy.rights_do_not_escalate(graph)), (group, resource, verb)


WILDCARDS = [
    ("pods/*", "create", {"holds the wildcard pods/*", "enters pods"}),
    ("*/exec", "create", {"holds the wildcard */exec", "enters pods"}),
    ("*/token", "create", {"holds the wildcard */token", "mints tokens"}),
    ("pods/*", "patch", {"holds the wildcard pods/*", "adds containers to pods"}),
    ("*/scale", "get", {"holds the wildcard */scale"}),
    ("*", "get", {"holds a wildcard"}),
]
#: ways round a wall that are easily forgotten
BESIDE = [
    ("pods/proxy", "get", {"enters pods"}),
    ("services/proxy", "create", {"enters pods"}),
    ("replicationcontrollers", "create", {"creates workloads"}),
]


@pytest.mark.parametrize(("resource", "verb", "found"), [*WILDCARDS, *BESIDE])
def test_a_rule_holds_what_it_says_and_all_that_a_wildcard_may_stand_for(resource: str, verb: str, found: set[str]) -> None:
    assert set(escalations.held({"apiGroups": [""], "resources": [resource], "verbs": [verb]})) == found


def test_there_are_fifteen() -> None:
    assert len(escalations.ESCALATIONS) == 15
