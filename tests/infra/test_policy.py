"""Each rule finds its mutant: a graph made wrong in one place."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from infra import escalations, policy, sites
from infra.policy import Manifest
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


def of_tenant(change: Callable[[Manifest], None]) -> Change:
    """On the first role in a tenant's namespace."""
    return lambda graph: change(first([e for e in graph if e["metadata"].get("namespace", "").startswith("t-")], "Role"))


def dropped(kind: str) -> Change:
    return lambda graph: graph.remove(first(graph, kind))


def allowing(peer: dict[str, Any]) -> Change:
    rule = {"from": [peer], "ports": [{"port": 80}]}
    return on("NetworkPolicy", lambda each: each["spec"].update(policyTypes=["Ingress"], ingress=[rule]))


def rule(groups: list[str], resources: list[str], verbs: list[str]) -> Change:
    return of_tenant(lambda each: each["rules"].append({"apiGroups": groups, "resources": resources, "verbs": verbs}))


def added(each: Manifest) -> Change:
    return lambda graph: graph.append(each)


CLUSTER_ROLE = {
    "kind": "ClusterRole",
    "metadata": {"name": "all-secrets"},
    "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}],
}
ENFORCE = "pod-security.kubernetes.io/enforce"
SNIPPET = {"nginx.ingress.kubernetes.io/server-snippet": "x"}
WORLD = {"ipBlock": {"cidr": "0.0.0.0/0"}}
MUTANTS: list[tuple[Callable[..., list[str]], Change]] = [
    (policy.images_are_digests, in_pod(lambda spec: spec["containers"][0].update(image="mcloud:latest"))),
    (policy.images_are_digests, in_pod(lambda spec: spec["initContainers"][0].update(image="mcloud:1"))),
    (policy.quota_present, dropped("ResourceQuota")),
    (policy.quota_present, dropped("LimitRange")),
    (policy.default_deny_present, on("NetworkPolicy", lambda each: each["spec"].update(policyTypes=["Ingress"]))),
    (policy.default_deny_present, on("NetworkPolicy", lambda each: each["spec"].update(podSelector={"matchLabels": {"a": "b"}}))),
    (policy.walls_name_their_neighbours, allowing({"namespaceSelector": {}})),
    (policy.walls_name_their_neighbours, allowing({"namespaceSelector": {"matchLabels": {"mcloud/zone": "lgwan"}}})),
    (policy.walls_name_their_neighbours, allowing({"podSelector": {"matchLabels": {"app": "x"}}})),
    (policy.walls_name_their_neighbours, allowing(WORLD)),
    (policy.walls_name_their_neighbours, on("NetworkPolicy", lambda each: each["spec"].update(ingress=[{}]))),
    (policy.namespaces_are_restricted, on("Namespace", lambda each: each["metadata"]["labels"].update({ENFORCE: "baseline"}))),
    (policy.pods_are_restricted, in_pod(lambda spec: spec.update(hostNetwork=True))),
    (policy.pods_are_restricted, in_pod(lambda spec: spec.update(hostPID=True))),
    (policy.pods_are_restricted, in_pod(lambda spec: spec["securityContext"].update(runAsUser=0))),
    (policy.pods_are_restricted, in_pod(lambda spec: spec["securityContext"].pop("seccompProfile"))),
    (policy.pods_are_restricted, in_pod(lambda spec: spec.pop("automountServiceAccountToken"))),
    (policy.pods_are_restricted, in_pod(lambda spec: spec["volumes"].append({"name": "x", "hostPath": {"path": "/"}}))),
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
    (policy.containers_say_what_they_need, in_pod(lambda spec: spec["containers"][0]["resources"].pop("limits"))),
    (policy.disruption_is_bounded, dropped("PodDisruptionBudget")),
    (policy.disruption_is_bounded, on("PodDisruptionBudget", lambda each: each["spec"].update(maxUnavailable=0))),
    (policy.no_secret_in_charts, added({"kind": "Secret", "metadata": {"name": "x", "namespace": "y"}})),
    (policy.services_stay_inside, on("Service", lambda each: each["spec"].update(type="NodePort"))),
    (policy.services_stay_inside, on("Ingress", lambda each: each["metadata"].update(annotations=SNIPPET))),
    (policy.rights_do_not_escalate, rule(["*"], ["pods"], ["get"])),
    (policy.rights_do_not_escalate, added(CLUSTER_ROLE)),
    (policy.rights_stay_inside, added(CLUSTER_ROLE)),
    (policy.rights_stay_inside, on("RoleBinding", lambda each: each["subjects"][0].update(namespace="t-045811-lgwan"))),
    (
        policy.rights_stay_inside,
        on("RoleBinding", lambda each: each["subjects"].append({"kind": "Group", "name": "system:authenticated"})),
    ),
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
    (policy.labels_are_there, of_tenant(lambda each: each["metadata"]["labels"].pop("mcloud/tenant"))),
]


def test_the_land_as_defined_breaks_no_rule() -> None:
    assert policy.faults(GOOD) == []


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


def test_there_are_fifteen() -> None:
    assert len(escalations.ESCALATIONS) == 15
