"""What NetworkPolicies mean, by the Kubernetes documentation alone: an evaluator that knows nothing of our zone model."""

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

Labels = dict[str, str]


@dataclass(frozen=True)
class Pod:
    """A pod with its labels and named ports, or an address outside (`namespace` empty)."""

    namespace: str
    labels: Labels = field(default_factory=dict, hash=False)
    address: str = ""
    around: Labels = field(default_factory=dict, hash=False)
    ports: dict[tuple[str, str], int] = field(default_factory=dict, hash=False)

    @property
    def namespace_labels(self) -> Labels:
        return {"kubernetes.io/metadata.name": self.namespace} | self.around


def matches(selector: dict[str, Any], labels: Labels) -> bool:
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for each in selector.get("matchExpressions", []):
        value, there = labels.get(each["key"]), each["key"] in labels
        holds = {
            "In": there and value in each.get("values", []),
            "NotIn": not there or value not in each.get("values", []),
            "Exists": there,
            "DoesNotExist": not there,
        }
        if not holds[each["operator"]]:
            return False
    return True


def peer_matches(peer: dict[str, Any], policy_namespace: str, other: Pod) -> bool:
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        if not other.address or ip_address(other.address) not in ip_network(block["cidr"]):
            return False
        return not any(ip_address(other.address) in ip_network(each) for each in block.get("except", []))
    if not other.namespace:
        return False
    if "namespaceSelector" in peer:
        if not matches(peer["namespaceSelector"], other.namespace_labels):
            return False
    elif other.namespace != policy_namespace:
        return False
    return matches(peer.get("podSelector", {}), other.labels)


def port_matches(ports: list[dict[str, Any]], destination: Pod, port: int, protocol: str) -> bool:
    if not ports:
        return True
    for each in ports:
        if each.get("protocol", "TCP") != protocol:
            continue
        first = each.get("port")
        if first is None:
            return True
        if isinstance(first, str):  # a name is what the pod that is called means by it
            first = destination.ports.get((first, protocol))
        if first is not None and first <= port <= each.get("endPort", first):
            return True
    return False


def types(spec: dict[str, Any]) -> list[str]:
    """The ways that a policy binds; as the API server fills in what is not said."""
    found: list[str] = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return found


def _side(policies: list[dict[str, Any]], own: Pod, other: Pod, port: int, protocol: str, way: str) -> bool:
    """Whether the policies that select `own` let the connection pass in that way."""
    if not own.namespace:
        return True
    peers, destination = ("from", own) if way == "ingress" else ("to", other)
    selecting = [
        each
        for each in policies
        if each["metadata"]["namespace"] == own.namespace
        and matches(each["spec"].get("podSelector", {}), own.labels)
        and way.capitalize() in types(each["spec"])
    ]
    if not selecting:
        return True
    for each in selecting:
        for rule in each["spec"].get(way, []):
            listed = rule.get(peers)
            if port_matches(rule.get("ports", []), destination, port, protocol) and (
                not listed or any(peer_matches(peer, own.namespace, other) for peer in listed)
            ):
                return True
    return False


class Evaluator:
    """Policies sorted by namespace, so that tens of thousands of flows take seconds."""

    def __init__(self, graph: list[dict[str, Any]]) -> None:
        self._policies: dict[str, list[dict[str, Any]]] = {}
        for each in graph:
            if each["kind"] == "NetworkPolicy":
                self._policies.setdefault(each["metadata"]["namespace"], []).append(each)

    def passes(self, source: Pod, destination: Pod, port: int, protocol: str = "TCP") -> bool:
        out = _side(self._policies.get(source.namespace, []), source, destination, port, protocol, "egress")
        return out and _side(self._policies.get(destination.namespace, []), destination, source, port, protocol, "ingress")
