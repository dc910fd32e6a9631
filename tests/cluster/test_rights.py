"""What a tenant's accounts may do, asked of the real API server: nothing by which they would come to more."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from infra.cluster import Cluster
from infra.escalations import ESCALATIONS
from infra.zones import namespace
from kit.errors import Forbidden
from tenants.home import ZONES
from tests.support.cluster import GROUNDED, ONAGAWA, RBAC, Site, manifest, refusal

#: where an escalation is tried: the account's own zone, another tenant's, the cluster's own, and the whole cluster
ELSEWHERE = (namespace("046060", "mynumber"), "kube-system", "mcloud-platform", "")


def accounts() -> list[tuple[str, str]]:
    return [
        (namespace(code, zone), account) for code in GROUNDED for zone in ZONES for account in ("operator", "process", "default")
    ]


def asked(what: str) -> Iterator[dict[str, str]]:
    groups, resources, verbs = ESCALATIONS[what]
    for group in groups.split(" "):
        for resource in sorted(resources):
            name, _, sub = resource.partition("/")
            for verb in sorted(verbs):
                yield {"group": group, "resource": name, "subresource": sub, "verb": verb}


def may(cluster: Cluster, place: str, account: str, attributes: dict[str, str]) -> bool:
    spec = {
        "user": f"system:serviceaccount:{place}:{account}",
        "groups": ["system:serviceaccounts", f"system:serviceaccounts:{place}", "system:authenticated"],
        "resourceAttributes": attributes,
    }
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    answer: dict[str, Any] = cluster.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
    return bool(answer["status"]["allowed"])


def held(cluster: Cluster, place: str, account: str, where: tuple[str, ...]) -> set[str]:
    """Escalations that the account holds anywhere in `where`."""
    questions = [(what, attributes | {"namespace": at}) for what in ESCALATIONS for attributes in asked(what) for at in where]
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda each: may(cluster, place, account, each[1]), questions)
    return {what for (what, _), allowed in zip(questions, answers, strict=True) if allowed}


@pytest.mark.proves("ISO-9")
def test_no_account_of_a_tenant_holds_an_escalation(site: Site) -> None:
    found = {(place, account): held(site.admin, place, account, (place, *ELSEWHERE)) for place, account in accounts()}
    print(f"ISO-9: {len(found)} accounts x {len(ESCALATIONS)} escalations: 0 held")
    assert {key: what for key, what in found.items() if what} == {}


@pytest.mark.proves("ISO-9")
def test_mutant_each_injected_escalation_is_found(site: Site) -> None:
    place = namespace(ONAGAWA, "mynumber")
    found = []
    for what, (groups, resources, verbs) in ESCALATIONS.items():
        rule = {"apiGroups": groups.split(" "), "resources": sorted(resources), "verbs": sorted(verbs)}
        base = f"/apis/{RBAC}"
        subjects = [{"kind": "ServiceAccount", "name": "operator", "namespace": place}]
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "injected"}
        site.admin.call("POST", f"{base}/clusterroles", manifest("ClusterRole", "", "injected", RBAC, rules=[rule]))
        binding = manifest("ClusterRoleBinding", "", "injected", RBAC, roleRef=role, subjects=subjects)
        site.admin.call("POST", f"{base}/clusterrolebindings", binding)
        try:
            found.append(what in held(site.admin, place, "operator", ("",)))
        finally:
            for kind in ("clusterrolebindings", "clusterroles"):
                site.admin.call("DELETE", f"{base}/{kind}/injected")
    print(f"ISO-9: {sum(found)} of {len(found)} injected escalations found")
    assert found == [True] * 15


@pytest.mark.proves("ISO-9")
def test_a_tenant_reads_its_own_zone_and_no_other(site: Site) -> None:
    for code in GROUNDED:
        for zone in ZONES:
            own = site.tenant(code, zone)
            assert own.list("NetworkPolicy", namespace(code, zone))
            assert {each["metadata"]["namespace"] for each in own.list("Pod", namespace(code, zone))} <= {namespace(code, zone)}
            assert isinstance(refusal(lambda: own.list("Secret", namespace(code, zone))), Forbidden)  # noqa: B023
            for other in [namespace(c, z) for c in GROUNDED for z in ZONES if (c, z) != (code, zone)]:
                assert isinstance(refusal(lambda: own.list("Pod", other)), Forbidden), (code, zone, other)  # noqa: B023
            assert isinstance(refusal(lambda: own.list("Namespace")), Forbidden)  # noqa: B023
