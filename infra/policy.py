"""What the land must satisfy, as pure functions over the resource graph: run before anything is applied, and as tests.

A rule returns what is wrong, in words; nothing is changed.
"""

from collections.abc import Callable, Iterator
from typing import Any

from infra import pod_security
from infra.escalations import held
from infra.labels import TENANTS, label_faults
from infra.manifests import Graph, Manifest, name
from infra.networks import network_faults
from infra.zones import PLATFORM

Rule = Callable[[Graph], list[str]]

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod")


def _template(each: Manifest) -> Manifest | None:
    """Metadata and spec of the pods that a workload makes; None for anything else."""
    if each["kind"] not in WORKLOADS or each["kind"] == "Pod":
        return each if each["kind"] == "Pod" else None
    spec: dict[str, Any] = each["spec"]["jobTemplate"]["spec"] if each["kind"] == "CronJob" else each["spec"]
    template: Manifest = spec["template"]
    return template


def pod_spec(each: Manifest) -> dict[str, Any] | None:
    """The pod that a workload makes; None for anything else."""
    template = _template(each)
    return None if template is None else template["spec"]


def pods(graph: Graph) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in graph:
        spec = pod_spec(each)
        if spec is not None:
            yield name(each), spec


def containers(graph: Graph) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, spec in pods(graph):
        for each in pod_security.containers(spec):
            yield f"{where} container {each['name']}", each


def _of(graph: Graph, *kinds: str) -> Iterator[Manifest]:
    return (each for each in graph if each["kind"] in kinds)


def _by_namespace(graph: Graph, kind: str, holds: Callable[[Manifest], bool]) -> set[str]:
    return {each["metadata"]["namespace"] for each in _of(graph, kind) if holds(each)}


def images_are_digests(graph: Graph) -> list[str]:
    """A tag can be moved after it was examined."""
    return [
        f"{where}: image {c['image']} is not named by digest" for where, c in containers(graph) if "@sha256:" not in c["image"]
    ]


#: what a tenant was promised in each zone, and no more (charts/tenant)
PLAN: tuple[str, ...] = ("requests.cpu", "requests.memory", "limits.memory", "limits.ephemeral-storage", "pods")
PLAN += ("count/jobs.batch", "requests.storage", "persistentvolumeclaims")


def quota_present(graph: Graph) -> list[str]:
    """One tenant never takes what others were promised. A quota with scopes binds some pods only: it does not count."""
    bounded: dict[str, set[str]] = {}
    for each in _of(graph, "ResourceQuota"):
        if not each["spec"].get("scopes") and not each["spec"].get("scopeSelector"):
            bounded.setdefault(each["metadata"]["namespace"], set()).update(each["spec"]["hard"])
    limited = _by_namespace(graph, "LimitRange", lambda each: bool(each["spec"]["limits"]))
    found = []
    for each in _of(graph, "Namespace"):
        place = each["metadata"]["name"]
        wanted = PLAN if place.startswith(TENANTS) else ("pods",)
        found += [f"{name(each)} has no quota of {what}" for what in wanted if what not in bounded.get(place, ())]
        if place not in limited:
            found.append(f"{name(each)} has no limit range")
    return found


def default_deny_present(graph: Graph) -> list[str]:
    """Every namespace refuses everything, both ways, before anything is allowed."""

    def denies(each: Manifest) -> bool:
        spec = each["spec"]
        closed = not spec.get("podSelector") and not spec.get("ingress") and not spec.get("egress")
        return closed and {"Ingress", "Egress"} <= set(spec["policyTypes"])

    closed = _by_namespace(graph, "NetworkPolicy", denies)
    return [f"{name(each)} has no default deny" for each in _of(graph, "Namespace") if each["metadata"]["name"] not in closed]


def walls_name_their_neighbours(graph: Graph) -> list[str]:
    """No policy opens to everybody or at every port, and no namespace is known by a label that somebody can write."""
    found = []
    for each in _of(graph, "NetworkPolicy"):
        spec, blocks = each["spec"], []
        rules = [(rule, "from") for rule in spec.get("ingress", [])] + [(rule, "to") for rule in spec.get("egress", [])]
        for rule, side in rules:
            if not rule.get(side) or not rule.get("ports"):
                found.append(f"{name(each)}: a rule without {side if not rule.get(side) else 'ports'} opens to everybody")
            if any("port" not in port or "endPort" in port for port in rule.get("ports", [])):
                found.append(f"{name(each)}: a rule opens more than one port at once")
            peers = rule.get(side, [])
            blocks += [peer["ipBlock"]["cidr"] for peer in peers if "ipBlock" in peer]
            found += [f"{name(each)}: {why}" for peer in peers if "ipBlock" not in peer and (why := _loose(peer))]
        found += [f"{name(each)}: {fault}" for fault in network_faults(blocks)]
    return found


def _loose(peer: dict[str, Any]) -> str | None:
    selector = peer.get("namespaceSelector")
    if selector is None:
        return "a peer without a namespace is every pod of that label"
    if list(selector.get("matchLabels", {})) != ["kubernetes.io/metadata.name"] or "matchExpressions" in selector:
        return "a namespace is known by a label that can be written"
    return None


def namespaces_are_restricted(graph: Graph) -> list[str]:
    """The API server refuses pods that ask for more than the restricted level."""
    label = "pod-security.kubernetes.io/enforce"
    return [
        f"{name(each)} does not enforce the restricted level"
        for each in _of(graph, "Namespace")
        if each["metadata"].get("labels", {}).get(label) != "restricted"
    ]


def pods_are_restricted(graph: Graph) -> list[str]:
    """Non-root, RuntimeDefault seccomp, no token of the cluster, nothing of the node."""
    return [f"{where} {fault}" for where, spec in pods(graph) for fault in pod_security.pod_faults(spec)]


def containers_are_restricted(graph: Graph) -> list[str]:
    """No privileges, no capabilities, nothing written beside its volumes, nothing taken back of what binds the pod."""
    return [f"{where} {fault}" for where, each in containers(graph) for fault in pod_security.container_faults(each)]


def containers_say_what_they_need(graph: Graph) -> list[str]:
    """Requests of processor and memory, and a limit of memory."""
    found = []
    for where, each in containers(graph):
        resources = each.get("resources", {})
        if not {"cpu", "memory"} <= set(resources.get("requests", {})) or "memory" not in resources.get("limits", {}):
            found.append(f"{where} does not say what it needs")
    return found


def disruption_is_bounded(graph: Graph) -> list[str]:
    """Every deployment has a budget, and none that would stop a node from being emptied for ever."""
    budgets = {(b["metadata"]["namespace"], b["metadata"]["name"]): b["spec"] for b in _of(graph, "PodDisruptionBudget")}
    found = []
    for each in _of(graph, "Deployment"):
        budget = budgets.get((each["metadata"]["namespace"], each["metadata"]["name"]))
        if budget is None or budget.get("maxUnavailable") in (0, "0%") or "minAvailable" in budget:
            found.append(f"{name(each)} has no disruption budget that lets one copy go")
    return found


def no_secret_in_charts(graph: Graph) -> list[str]:
    """Passwords come from the keyring to the cluster, never through a release's stored values."""
    return [f"{name(each)} would store a secret in a release" for each in _of(graph, "Secret")]


def services_stay_inside(graph: Graph) -> list[str]:
    """Only the zone's own gateway lets anybody in."""
    found = []
    for each in _of(graph, "Service"):
        if (kind := each["spec"].get("type", "ClusterIP")) != "ClusterIP":
            found.append(f"{name(each)} is a {kind}")
        if taken := each["spec"].get("externalIPs"):
            found.append(f"{name(each)} takes what is sent to {', '.join(taken)} (externalIPs), past the gateway")
    zones: dict[str, set[str]] = {}
    for each in _of(graph, "Ingress"):
        loud = [
            key for key in each["metadata"].get("annotations", {}) if "snippet" in key or key == "kubernetes.io/ingress.class"
        ]
        found += [f"{name(each)} injects configuration by {key}" for key in loud]
        if not (gateway := each["spec"].get("ingressClassName")):
            found.append(f"{name(each)} has no class: whichever gateway is the cluster's default would take it")
        elif each["metadata"]["namespace"] != PLATFORM:  # its pages for staff are reached from each of their zones
            zones.setdefault(gateway, set()).add(each["metadata"]["namespace"].rpartition("-")[2])
    return found + [f"ingress class {gateway} serves {' and '.join(sorted(of))}" for gateway, of in zones.items() if len(of) > 1]


#: the one escalation that is given -> why. Its namespace holds the platform alone; no tenant's subject is in it.
GIVEN = {
    "Role mcloud-platform/platform-api creates workloads": "the counter starts the jobs that land tenants, beside itself alone"
}


def rights_do_not_escalate(graph: Graph) -> list[str]:
    """None of the 15 escalations, and no wildcard, in any role but what is given by name."""
    return [
        f"{name(each)} {what}"
        for each in _of(graph, "Role", "ClusterRole")
        for rule in each.get("rules") or []
        for what in held(rule)
        if f"{name(each)} {what}" not in GIVEN
    ]


def rights_stay_inside(graph: Graph) -> list[str]:
    """No right over the whole cluster or made by somebody else, nobody from another namespace, and nobody unnamed."""
    found = [f"{name(each)} is valid in the whole cluster" for each in _of(graph, "ClusterRoleBinding", "ClusterRole")]
    for each in _of(graph, "RoleBinding"):
        if each["roleRef"]["kind"] != "Role":
            found.append(f"{name(each)} gives {each['roleRef']['kind']} {each['roleRef']['name']}: name a Role beside it")
        for subject in each.get("subjects", []):
            if subject.get("namespace", each["metadata"]["namespace"]) != each["metadata"]["namespace"]:
                found.append(f"{name(each)} lets in {subject['name']} of {subject['namespace']}")
            if subject["name"].startswith("system:"):
                found.append(f"{name(each)} lets in {subject['name']}")
    return found


def guards_fail_closed(graph: Graph) -> list[str]:
    """A guard without a binding does nothing, and one that fails open is none."""
    bound = {
        b["spec"]["policyName"]
        for b in _of(graph, "ValidatingAdmissionPolicyBinding")
        if b["spec"]["validationActions"] == ["Deny"]
    }
    found = []
    for each in _of(graph, "ValidatingAdmissionPolicy"):
        if each["spec"].get("failurePolicy") != "Fail":
            found.append(f"{name(each)} fails open")
        if each["metadata"]["name"] not in bound:
            found.append(f"{name(each)} is not bound to refuse")
    return found


def data_is_kept(graph: Graph) -> list[str]:
    """Taking a release away takes no namespace, no claim and no volume of a server."""
    found = []
    for each in _of(graph, "Namespace", "PersistentVolumeClaim"):
        if each["metadata"].get("annotations", {}).get("helm.sh/resource-policy") != "keep":
            found.append(f"{name(each)} would go with its release")
    for each in _of(graph, "StatefulSet"):
        kept = each["spec"].get("persistentVolumeClaimRetentionPolicy", {"whenDeleted": "Retain"})
        if kept.get("whenDeleted") != "Retain":
            found.append(f"{name(each)} would take its volumes with it")
    return found


def labels_are_there(graph: Graph) -> list[str]:
    """Objects, and the jobs and pods that they make, say what they are part of and which zone; a tenant's also whose, truly."""
    found = []
    for each in graph:
        own = each["metadata"]
        place = own["name"] if each["kind"] == "Namespace" else own.get("namespace", "")
        template, works = _template(each), each["kind"] in WORKLOADS
        made = {name(each): own}
        if each["kind"] == "CronJob":
            made[f"{name(each)} (its jobs)"] = each["spec"]["jobTemplate"].get("metadata", {})
        if template is not None:
            made[f"{name(each)} (its pods)"] = template.get("metadata", {})
        for where, metadata in made.items():
            found += [f"{where} {fault}" for fault in label_faults(metadata.get("labels") or {}, place, works=works)]
    return found


RULES: tuple[Rule, ...] = (
    images_are_digests,
    quota_present,
    default_deny_present,
    walls_name_their_neighbours,
    namespaces_are_restricted,
    pods_are_restricted,
    containers_are_restricted,
    containers_say_what_they_need,
    disruption_is_bounded,
    no_secret_in_charts,
    services_stay_inside,
    rights_do_not_escalate,
    rights_stay_inside,
    guards_fail_closed,
    data_is_kept,
    labels_are_there,
)


def faults(graph: Graph) -> list[str]:
    """Everything wrong with the graph, by all rules."""
    return [fault for rule in RULES for fault in rule(graph)]
