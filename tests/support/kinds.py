"""Every kind of NetworkPolicy, put together of choices that each say in plain sets what they mean.

Nine pods, `a`, `b` and `c` in each of the namespaces `x`, `y` and `z`; all policies lie in `x`. A choice is a piece of a policy
beside the pods, or the ports, that it stands for by the Kubernetes documentation: nothing here reads a selector. `opens` is what
policies mean, in terms of those sets.

References
----------
Cyclonus (its axes: target, direction, peers, ports and protocols, rules, conflicts), and the documentation of NetworkPolicy.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from itertools import combinations
from typing import Any

SPACES, LETTERS = "xyz", "abc"
PODS = tuple(f"{space}/{letter}" for space in SPACES for letter in LETTERS)
OUTSIDE = ("near", "far")
PROTOCOLS = ("TCP", "UDP", "SCTP")
PORTS = (80, 81, 82)
#: named ports of every pod
NAMED = {("web", "TCP"): 80, ("talk", "UDP"): 81}
EVERYWHERE = frozenset(PODS + OUTSIDE)
EVERY_PORT = frozenset((port, protocol) for port in PORTS for protocol in PROTOCOLS)
WAYS = ("ingress", "egress")


@dataclass(frozen=True)
class Choice:
    """A piece of a policy, and what it stands for. Left out where `spec` is None."""

    name: str
    spec: Any = field(hash=False)
    holds: frozenset[Any]
    #: of ports, those that it calls by a name, which an address outside does not know
    by_name: frozenset[Any] = frozenset()

    def means(self, destination: str) -> frozenset[Any]:
        """The ports that it stands for at that destination."""
        return self.holds - self.by_name if destination in OUTSIDE else self.holds


@dataclass(frozen=True)
class Opening:
    """A rule: whoever is one of the peers, at the ports."""

    peers: tuple[Choice, ...]
    ports: Choice


@dataclass(frozen=True)
class Wall:
    """A policy."""

    target: Choice
    ways: tuple[str, ...]
    openings: tuple[Opening, ...] = ()
    says_types: bool = True

    def manifest(self, place: str, name: str) -> dict[str, Any]:
        spec: dict[str, Any] = {"podSelector": self.target.spec}
        if self.says_types:
            spec["policyTypes"] = [way.capitalize() for way in self.ways]
        for way in self.ways:
            spec[way] = [_rule(each, "from" if way == "ingress" else "to") for each in self.openings]
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"namespace": place, "name": name},
            "spec": spec,
        }


def _rule(opening: Opening, side: str) -> dict[str, Any]:
    found = {} if opening.ports.spec is None else {"ports": opening.ports.spec}
    listed = [each.spec for each in opening.peers]
    return found if None in listed else found | {side: listed}


def opens(walls: Sequence[Wall], source: str, destination: str, port: int, protocol: str) -> bool:
    """What the documentation says of a connection: both ends let it pass; an end that no policy binds lets everything."""
    for way, own, other in (("egress", source, destination), ("ingress", destination, source)):
        binding = [wall for wall in walls if way in wall.ways and own in wall.target.holds]
        rules = [rule for wall in binding for rule in wall.openings]
        if binding and not any(
            (port, protocol) in rule.ports.means(destination) and any(other in peer.holds for peer in rule.peers)
            for rule in rules
        ):
            return False
    return True


def selectors(key: str, letters: str) -> list[tuple[str, dict[str, Any], str]]:
    """Every form of a selector on that key: its name, its text, and the letters that it selects."""
    one, two, rest = letters[1], letters[:2], letters[0] + letters[2]

    def by(operator: str, **values: Any) -> dict[str, Any]:
        return {"matchExpressions": [{"key": key, "operator": operator, **values}]}

    return [
        ("all", {}, letters),
        ("label", {"matchLabels": {key: one}}, one),
        ("In", by("In", values=list(two)), two),
        ("NotIn", by("NotIn", values=[one]), rest),
        ("Exists", by("Exists"), letters),
        ("DoesNotExist", by("DoesNotExist"), ""),
    ]


def targets() -> list[Choice]:
    forms = selectors("pod", LETTERS)
    return [Choice(f"target {name}", spec, frozenset(f"x/{each}" for each in chosen)) for name, spec, chosen in forms]


def selected() -> list[Choice]:
    """Peers by selectors of pods, of namespaces, and of both; without one of namespaces the policy's own is meant."""
    found = []
    for pods in [None, *selectors("pod", LETTERS)]:
        for spaces in [None, *selectors("ns", SPACES)]:
            if pods is None and spaces is None:
                continue
            spec: dict[str, Any] = {} if pods is None else {"podSelector": pods[1]}
            if spaces is not None:
                spec["namespaceSelector"] = spaces[1]
            letters, places = pods[2] if pods else LETTERS, spaces[2] if spaces else "x"
            name = f"pods {pods[0] if pods else 'unsaid'}, namespaces {spaces[0] if spaces else 'unsaid'}"
            found.append(Choice(name, spec, frozenset(f"{place}/{letter}" for place in places for letter in letters)))
    return found


def blocks(address: Mapping[str, str]) -> list[Choice]:
    """Peers by address."""
    one, other, near = (f"{address[who]}/32" for who in ("y/b", "x/c", "near"))
    network = str(ip_network(f"{address['x/a']}/24", strict=False))

    def block(cidr: str, *but: str) -> dict[str, Any]:
        return {"ipBlock": {"cidr": cidr} | ({"except": list(but)} if but else {})}

    return [
        Choice("block of one", block(one), frozenset({"y/b"})),
        Choice("block of one outside", block(near), frozenset({"near"})),
        Choice("block of the pods", block(network), frozenset(PODS)),
        Choice("block of the pods but one", block(network, one), frozenset(PODS) - {"y/b"}),
        Choice("block of everything", block("0.0.0.0/0"), EVERYWHERE),
        Choice("block of everything but two", block("0.0.0.0/0", one, other), EVERYWHERE - {"y/b", "x/c"}),
        Choice("block of everything but the pods", block("0.0.0.0/0", network), frozenset(OUTSIDE)),
    ]


ANYBODY = Choice("anybody", None, EVERYWHERE)
ANY_PORT = Choice("any port", None, EVERY_PORT)


def ports() -> list[Choice]:
    def at(name: str, *spec: dict[str, Any], holds: set[tuple[int, str]]) -> Choice:
        by_name = {(NAMED.get((each["port"], of)), of) for each in spec for of in PROTOCOLS if isinstance(each.get("port"), str)}
        return Choice(name, list(spec), frozenset(holds), frozenset(by_name))

    found = [
        ANY_PORT,
        Choice("no port listed", [], EVERY_PORT),
        at("number", {"port": 80}, holds={(80, "TCP")}),
        at("range", {"port": 80, "endPort": 81}, holds={(80, "TCP"), (81, "TCP")}),
        at("name", {"port": "web"}, holds={(80, "TCP")}),
        at("name nobody has", {"port": "none"}, holds=set()),
        at("two", {"port": 80}, {"port": 82, "protocol": "UDP"}, holds={(80, "TCP"), (82, "UDP")}),
        at("number and name", {"port": 82}, {"port": "talk", "protocol": "UDP"}, holds={(82, "TCP"), (81, "UDP")}),
    ]
    for protocol in PROTOCOLS:
        named = {(port, protocol) for (name, of), port in NAMED.items() if name == "talk" and of == protocol}
        found += [
            at(f"{protocol} alone", {"protocol": protocol}, holds={(port, protocol) for port in PORTS}),
            at(f"number {protocol}", {"port": 81, "protocol": protocol}, holds={(81, protocol)}),
            at(f"range {protocol}", {"port": 81, "endPort": 82, "protocol": protocol}, holds={(81, protocol), (82, protocol)}),
            at(f"name {protocol}", {"port": "talk", "protocol": protocol}, holds=named),
        ]
    return found


def kinds(address: Mapping[str, str]) -> Iterator[tuple[str, list[Wall]]]:
    """Name and policies of every kind."""
    target = targets()[1]
    peers, numbers = [*selected(), *blocks(address), ANYBODY], ports()
    some = peers[:: len(peers) // 6]
    few = [each for each in numbers if each.name in ("number", "range", "name", "two", "UDP alone")]
    for way in WAYS:
        for each in targets():
            yield f"{way}: {each.name}, shut", [Wall(each, (way,))]
            yield f"{way}: {each.name}, open", [Wall(each, (way,), (Opening((ANYBODY,), ANY_PORT),))]
        for each in peers:
            yield f"{way}: {each.name}", [Wall(target, (way,), (Opening((each,), ANY_PORT),))]
        for each in numbers:
            yield f"{way}: {each.name}", [Wall(target, (way,), (Opening((ANYBODY,), each),))]
        for peer in some:
            for port in few:
                yield f"{way}: {peer.name}; {port.name}", [Wall(target, (way,), (Opening((peer,), port),))]
        for one, two in combinations(some, 2):
            name = f"{way}: {one.name} and {two.name}"
            first, second = Opening((one,), few[0]), Opening((two,), few[1])
            yield f"{name} in a rule", [Wall(target, (way,), (Opening((one, two), few[0]),))]
            yield f"{name} in two rules", [Wall(target, (way,), (first, second))]
            yield f"{name} in two policies", [Wall(target, (way,), (first,)), Wall(targets()[2], (way,), (second,))]
        for peer in some:
            rule = (Opening((peer,), few[0]),)
            yield f"{way}: {peer.name} against deny all", [Wall(targets()[0], WAYS), Wall(target, (way,), rule)]
            yield f"{way}: {peer.name} with types unsaid", [Wall(target, _unsaid(way), rule, says_types=False)]
    for peer in some:
        yield f"both ways: {peer.name}", [Wall(target, WAYS, (Opening((peer,), few[0]),))]


def _unsaid(way: str) -> tuple[str, ...]:
    """Ways that a policy binds when it does not say which: ingress always."""
    return ("ingress",) if way == "ingress" else WAYS
