"""The policies of CIS's benchmark for clusters: each looked at in what the charts render and at the real API server, or named.

A bad land, where nothing is as it should be, is found wrong by every policy that is looked at.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from infra import policy, sites
from infra.cluster import Cluster
from infra.manifests import Manifest
from kit.errors import Forbidden, Invalid
from tests.cluster.test_admission import good_pod, told
from tests.cluster.test_rights import may
from tests.support import land
from tests.support.cluster import ONAGAWA, RBAC, Site, manifest, places
from tests.support.pods import image, until

#: CIS Kubernetes Benchmark 1.12, chapter 5: section -> how many policies it has
SECTIONS = {"5.1": 13, "5.2": 12, "5.3": 2, "5.4": 2, "5.5": 1, "5.6": 4}
ENFORCE = "pod-security.kubernetes.io/enforce"
#: ends well when the API server, which no pod of ours may reach, does not answer it
WALLED = (
    "import os,sys\nfrom infra import wall\n"
    "to=os.environ['KUBERNETES_SERVICE_HOST'],int(os.environ['KUBERNETES_SERVICE_PORT'])\n"
    "sys.exit(wall.wait(*to,patience=8) is None)\n"
)


@dataclass
class Looked:
    """What is looked at: namespaces at a real API server, and what the charts render."""

    site: Site
    places: list[str]
    graph: list[Manifest]

    @property
    def cluster(self) -> Cluster:
        return self.site.admin

    @cached_property
    def accounts(self) -> list[tuple[str, str]]:
        found = [(place, each) for place in self.places for each in self.cluster.list("ServiceAccount", place)]
        return [(place, each["metadata"]["name"]) for place, each in found]

    @cached_property
    def bindings(self) -> list[Manifest]:
        """All that give somebody in our namespaces something, by name or as one of everybody."""
        found = self.cluster.list("ClusterRoleBinding") + self.cluster.list("RoleBinding")
        return [each for each in found if any(self._is_ours(subject) for subject in each.get("subjects") or [])]

    def _is_ours(self, subject: dict[str, Any]) -> bool:
        everybody = ("system:authenticated", "system:serviceaccounts")
        groups = [*everybody, *(f"system:serviceaccounts:{place}" for place in self.places)]
        users = tuple(f"system:serviceaccount:{place}:" for place in self.places)
        named = subject["name"] in groups or subject["name"].startswith(users)
        return named if subject["kind"] in ("Group", "User") else subject.get("namespace") in self.places

    def rules(self, each: Manifest) -> list[dict[str, Any]]:
        """What a binding gives."""
        of, base = each["roleRef"], f"/apis/{RBAC}"
        where = f"/namespaces/{each['metadata']['namespace']}/roles" if of["kind"] == "Role" else "/clusterroles"
        return self.cluster.call("GET", f"{base}{where}/{of['name']}").get("rules") or []


Check = Callable[[Looked], list[str]]


def nobody_may(group: str, resources: str, verbs: str) -> Check:
    """No account in the namespaces holds one of the rights, there or in the whole cluster."""

    def check(at: Looked) -> list[str]:
        asked = [
            (place, account, {"group": group, "resource": name, "subresource": sub, "verb": verb, "namespace": where})
            for place, account in at.accounts
            for name, _, sub in (each.partition("/") for each in resources.split())
            for verb in verbs.split()
            for where in (place, "")
        ]
        with ThreadPoolExecutor(8) as pool:
            held = list(pool.map(lambda each: may(at.cluster, *each), asked))
        return [f"{place}/{account} may {what}" for (place, account, what), is_so in zip(asked, held, strict=True) if is_so]

    return check


def no_pod_may(change: Callable[[Manifest], Any]) -> Check:
    """Every namespace refuses the pod that is made so, and takes the one that is not."""

    def check(at: Looked) -> list[str]:
        found = []
        for place in at.places:
            pod = good_pod(place)
            if (shut := told(at.cluster, pod)) is not None:
                found.append(f"{place} refuses every pod: {shut.detail}")
            change(pod)
            if not isinstance(told(at.cluster, pod), Forbidden | Invalid):
                found.append(f"{place} lets it in")
        return found

    return check


def in_context(**context: Any) -> Callable[[Manifest], Any]:
    """The container's security context says so."""
    return lambda pod: pod["spec"]["containers"][0]["securityContext"].update(context)


def pods_say(holds: Callable[[dict[str, Any]], bool]) -> Check:
    """Every pod that the charts render is so."""
    return lambda at: [where for where, spec in policy.pods(at.graph) if not holds(spec)]


def both(*checks: Check) -> Check:
    return lambda at: [fault for check in checks for fault in check(at)]


def cluster_admin(at: Looked) -> list[str]:
    return [policy.name(each) for each in at.bindings if each["roleRef"]["name"] == "cluster-admin"]


def wildcards(at: Looked) -> list[str]:
    given = [(policy.name(each), at.rules(each)) for each in at.bindings]
    given += [(policy.name(each), each["rules"]) for each in at.graph if each["kind"] in ("Role", "ClusterRole")]
    keys = ("apiGroups", "resources", "verbs")
    return [where for where, rules in given for rule in rules if any("*" in rule.get(key, ()) for key in keys)]


def default_accounts(at: Looked) -> list[str]:
    subjects = [(policy.name(each), subject) for each in at.bindings for subject in each["subjects"]]
    return [where for where, subject in subjects if subject["kind"] == "ServiceAccount" and subject["name"] == "default"]


def restricted(at: Looked) -> list[str]:
    spaces = {place: at.cluster.get("Namespace", "", place) or {} for place in at.places}
    return [place for place, each in spaces.items() if each["metadata"]["labels"].get(ENFORCE) != "restricted"]


def walls_stand(at: Looked) -> list[str]:
    """A pod in the first and the last of the namespaces does not reach what it may not."""
    found = []
    for place in {at.places[0], at.places[-1]}:
        pod = good_pod(place, "walled")
        pod["spec"]["containers"][0] |= {"image": image(at.site), "command": ["python3", "-c", WALLED]}
        pod["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}
        at.cluster.create(pod | {"spec": pod["spec"] | {"restartPolicy": "Never"}})
        try:
            if until(at.site, place, "walled", "Succeeded", "Failed")["status"]["phase"] != "Succeeded":
                found.append(place)
        finally:
            at.cluster.delete("Pod", place, "walled")
    return found


def default_deny(at: Looked) -> list[str]:
    shut = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    return [place for place in at.places if shut not in [each["spec"] for each in at.cluster.list("NetworkPolicy", place)]]


def no_secret(at: Looked) -> list[str]:
    return [policy.name(each) for each in at.graph if each["kind"] == "Secret"]


def tenants_lie_apart(at: Looked) -> list[str]:
    """Something of a tenant lies in a namespace of its own, or is the platform's work for it."""
    found = []
    for each in at.graph:
        code, place = each["metadata"].get("labels", {}).get("mcloud/tenant"), each["metadata"].get("namespace", "")
        if code and each["kind"] != "Namespace" and place != "mcloud-platform" and not place.startswith(f"t-{code}-"):
            found.append(policy.name(each))
    return found


def default_namespace(at: Looked) -> list[str]:
    return [policy.name(each) for each in at.graph if each["metadata"].get("namespace") == "default"]


def with_context(spec: dict[str, Any]) -> bool:
    return bool(spec.get("securityContext")) and all(each.get("securityContext") for each in spec["containers"])


HOST_PROCESS = {"windowsOptions": {"hostProcess": True}}
#: policy -> how it is looked at
CIS: dict[str, Check] = {
    "5.1.1 cluster-admin where required alone": cluster_admin,
    "5.1.2 access to secrets": nobody_may("", "secrets", "get list watch"),
    "5.1.3 wildcards in roles": wildcards,
    "5.1.4 access to create pods": nobody_may("", "pods", "create"),
    "5.1.5 default accounts are not used": default_accounts,
    "5.1.6 tokens are mounted where necessary alone": pods_say(lambda spec: spec.get("automountServiceAccountToken") is False),
    "5.1.8 bind, impersonate, escalate": both(
        nobody_may("rbac.authorization.k8s.io", "roles clusterroles", "bind escalate"),
        nobody_may("", "users groups serviceaccounts", "impersonate"),
    ),
    "5.1.9 access to create volumes": nobody_may("", "persistentvolumes", "create"),
    "5.1.10 proxy of nodes": nobody_may("", "nodes/proxy", "get create"),
    "5.1.11 approval of certificates": nobody_may("certificates.k8s.io", "certificatesigningrequests/approval", "update patch"),
    "5.1.12 webhooks": nobody_may(
        "admissionregistration.k8s.io", "validatingwebhookconfigurations mutatingwebhookconfigurations", "create update patch"
    ),
    "5.1.13 creation of tokens": nobody_may("", "serviceaccounts/token", "create"),
    "5.2.1 a policy control is active": restricted,
    "5.2.2 privileged": no_pod_may(in_context(privileged=True, allowPrivilegeEscalation=True)),
    "5.2.3 the node's process numbers": no_pod_may(lambda pod: pod["spec"].update(hostPID=True)),
    "5.2.4 the node's IPC": no_pod_may(lambda pod: pod["spec"].update(hostIPC=True)),
    "5.2.5 the node's network": no_pod_may(lambda pod: pod["spec"].update(hostNetwork=True)),
    "5.2.6 escalation of privileges": no_pod_may(in_context(allowPrivilegeEscalation=True)),
    "5.2.7 root": no_pod_may(lambda pod: pod["spec"]["securityContext"].update(runAsNonRoot=False, runAsUser=0)),
    "5.2.8 NET_RAW": no_pod_may(in_context(capabilities={"add": ["NET_RAW"], "drop": ["ALL"]})),
    "5.2.9 capabilities": no_pod_may(in_context(capabilities={})),
    "5.2.10 host processes of Windows": no_pod_may(
        lambda pod: pod["spec"].update(hostNetwork=True, securityContext=pod["spec"]["securityContext"] | HOST_PROCESS)
    ),
    "5.2.11 paths of the node": no_pod_may(lambda pod: pod["spec"].update(volumes=[{"name": "v", "hostPath": {"path": "/"}}])),
    "5.2.12 ports of the node": no_pod_may(
        lambda pod: pod["spec"]["containers"][0].update(ports=[{"containerPort": 80, "hostPort": 80}])
    ),
    "5.3.1 the network plugin enforces policies": walls_stand,
    "5.3.2 every namespace has policies": default_deny,
    "5.4.2 secrets are kept outside": no_secret,
    "5.5.1 where images come from": no_pod_may(lambda pod: pod["spec"]["containers"][0].update(image="mcloud:latest")),
    "5.6.1 namespaces are the boundaries": tenants_lie_apart,
    "5.6.2 seccomp": both(
        no_pod_may(lambda pod: pod["spec"]["securityContext"].pop("seccompProfile")),
        pods_say(lambda spec: spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"),
    ),
    "5.6.3 security contexts": pods_say(with_context),
    "5.6.4 the default namespace is not used": default_namespace,
}
#: policy -> why nothing looks at it
NAMED = {
    "5.1.7 system:masters": "certificates of the cluster's engineer say who is in it, and no API lists them; ours gives none, "
    "and mcloud:landing takes any other user or group",
    "5.4.1 secrets as files": "not followed: processes read passwords from their environment once; nobody may enter a pod or "
    "read secrets (5.1.2, ISO-9), and no token of the cluster lies in one",
}


def number(each: str) -> str:
    return each.split()[0]


@pytest.mark.proves("ISO-8")
def test_every_policy_of_the_cis_benchmark(site: Site) -> None:
    graph = [*sites.graph("primary", land.SITE), *land.graph_of(land.split())]
    looked = Looked(site, [*places(), "mcloud-platform", "mcloud-dr"], graph)
    faults = {each: found for each, check in CIS.items() if (found := check(looked))}
    listed = {f"{section}.{n}" for section, count in SECTIONS.items() for n in range(1, count + 1)}
    kept = len(CIS) - len(faults)
    print(f"ISO-8: CIS {kept + len(NAMED)}/{len(listed)}: {kept} hold, {len(NAMED)} named: {', '.join(map(number, NAMED))}")
    assert faults == {}
    assert {number(each) for each in (*CIS, *NAMED)} == listed


def bad_graph() -> list[Manifest]:
    """Charts as they should not be."""
    spec = {"containers": [{"name": "c", "image": "x"}], "securityContext": {"seccompProfile": {"type": "Unconfined"}}}
    pod = manifest("Pod", "default", "stray", spec=spec)
    pod["metadata"]["labels"] = {"mcloud/tenant": ONAGAWA}
    return [pod, manifest("Secret", "default", "s")]


@pytest.mark.proves("ISO-8")
def test_mutant_in_a_bad_land_every_policy_is_found_broken(site: Site, plain: str) -> None:
    looked = Looked(site, [plain], bad_graph())
    assert [each for each, check in CIS.items() if not check(looked)] == []
