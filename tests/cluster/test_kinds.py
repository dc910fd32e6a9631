"""Kinds of policy under the real network plugin: nine pods, a port for each kind, so that all of them stand at once."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, product

import pytest

from infra.zones import Party
from tests.cluster.test_walls import KNOCK, LISTEN, PROTOCOLS
from tests.support import kinds
from tests.support.cluster import Site, manifest
from tests.support.kinds import ANYBODY, Choice, Opening, Wall
from tests.support.pods import inside, pod, until

FIRST = 9000


def place(space: str) -> str:
    return f"kinds-{space}"


def at(number: int) -> Choice:
    return Choice(str(number), [{"port": number}], frozenset({(number, "TCP")}))


def numbers(first: int) -> dict[str, Choice]:
    """Kinds of ports, each on numbers of its own."""

    def choice(*spec: dict[str, object], holds: set[tuple[int, str]]) -> Choice:
        return Choice("", list(spec), frozenset(holds))

    udp = {"protocol": "UDP"}
    return {
        "number": choice({"port": first}, holds={(first, "TCP")}),
        "number UDP": choice({"port": first} | udp, holds={(first, "UDP")}),
        "range": choice({"port": first, "endPort": first + 1}, holds={(first, "TCP"), (first + 1, "TCP")}),
        "range UDP": choice({"port": first, "endPort": first + 1} | udp, holds={(first, "UDP"), (first + 1, "UDP")}),
        "two": choice({"port": first}, {"port": first + 1} | udp, holds={(first, "TCP"), (first + 1, "UDP")}),
        "name": choice({"port": f"t{first}"}, holds={(first, "TCP")}),
        "name UDP": choice({"port": f"u{first}"} | udp, holds={(first, "UDP")}),
        "name of TCP, asked for UDP": choice({"port": f"t{first}"} | udp, holds=set()),
    }


@dataclass
class Standing:
    """Kinds that stand at the same time, each with ports of its own: a port's kind, and the protocols by which it is tried."""

    walls: list[Wall]
    kinds: dict[int, tuple[str, str]]
    tried: list[tuple[int, str]]

    def add(self, way: str, name: str, wall: Wall, *tried: tuple[int, str]) -> None:
        self.walls.append(wall)
        self.kinds |= {port: (way, name) for port, _ in tried}
        self.tried += tried

    def flows(self, source: str) -> list[tuple[str, int, str]]:
        """What a pod tries: connections of which the end that a kind binds, or one beside it, lies where the policies are."""
        found = [(other, *to) for other, to in product(kinds.PODS, self.tried) if other != source]
        return [flow for flow in found if (flow[0] if self.kinds[flow[1]][0] == "ingress" else source).startswith("x/")]

    def differ(self, answers: Mapping[tuple[str, str, int, str], bool], walls: Sequence[Wall]) -> set[str]:
        """Kinds of which a connection was not as those policies say."""
        return {": ".join(self.kinds[flow[2]]) for flow, is_open in answers.items() if is_open != kinds.opens(walls, *flow)}


def of_peers_and_ports(address: Mapping[str, str]) -> Standing:
    """Every kind of peer and of port, both ways: connections to x/b, and from x/c."""
    made, free = Standing([], {}, []), count(FIRST, 2)
    for way, letter in (("ingress", "b"), ("egress", "c")):
        target = Choice(letter, {"matchLabels": {"pod": letter}}, frozenset({f"x/{letter}"}))
        for peer in (*kinds.selected(), *kinds.blocks(address), ANYBODY):
            port = next(free)
            made.add(way, peer.name, Wall(target, (way,), (Opening((peer,), at(port)),)), (port, "TCP"))
        for what in numbers(0):
            first = next(free)
            wall = Wall(target, (way,), (Opening((ANYBODY,), numbers(first)[what]),))
            made.add(way, what, wall, *product((first, first + 1), PROTOCOLS))
    return made


def of_targets() -> Standing:
    """Every kind of target, for connections that come."""
    made, free = Standing([], {}, []), count(FIRST, 2)
    for target in kinds.targets():
        port = next(free)
        made.add("ingress", target.name, Wall(target, ("ingress",), (Opening((ANYBODY,), at(port)),)), (port, "TCP"))
    return made


@pytest.fixture
def pods(site: Site) -> Iterator[dict[str, str]]:
    """The nine pods; their addresses, and those of nobody outside."""
    outside = {"near": "192.0.2.7", "far": "198.51.100.8"}
    most = of_peers_and_ports(dict.fromkeys(kinds.PODS, "10.0.0.1") | outside)
    named = [(port, by) for port, by in most.tried if "name" in most.kinds[port][1] and port % 2 == FIRST % 2]
    listed = [{"name": f"{by[0].lower()}{port}", "containerPort": port, "protocol": by} for port, by in named]
    found = dict(outside)
    try:
        for space in kinds.SPACES:
            ground = manifest("Namespace", "", place(space))
            ground["metadata"]["labels"] = {"ns": space}
            site.admin.apply(ground, manager="test")
        for space, letter in product(kinds.SPACES, kinds.LETTERS):
            made = pod(site, Party(place(space), letter), letter, LISTEN, json.dumps(sorted(most.kinds)))
            made["metadata"]["labels"] = {"pod": letter}
            made["spec"]["containers"][0]["ports"] = listed
            site.admin.create(made)
        for space, letter in product(kinds.SPACES, kinds.LETTERS):
            found[f"{space}/{letter}"] = until(site, place(space), letter, "Running")["status"]["podIP"]
        yield found
    finally:
        for space in kinds.SPACES:
            site.admin.delete("Namespace", "", place(space))


def answers(site: Site, standing: Standing, pods: Mapping[str, str]) -> dict[tuple[str, str, int, str], bool]:
    """Source, destination, port and protocol of every connection that was tried while the policies stood: did it open."""
    for number, wall in enumerate(standing.walls):
        site.admin.create(wall.manifest(place("x"), f"kind-{number}"))
    time.sleep(8)  # kube-router writes what it was told every few seconds

    def tries(source: str) -> dict[tuple[str, str, int, str], bool]:
        flows, (space, letter) = standing.flows(source), source.split("/")
        asked = json.dumps([[pods[other], port, by] for other, port, by in flows])
        told = json.loads(inside(site, place(space), letter, "python3", "-c", KNOCK, asked))
        return {(source, *flow): is_open for flow, is_open in zip(flows, told, strict=True)}

    with ThreadPoolExecutor(5) as pool:
        found = {flow: is_open for each in pool.map(tries, kinds.PODS) for flow, is_open in each.items()}
    for number in range(len(standing.walls)):
        site.admin.delete("NetworkPolicy", place("x"), f"kind-{number}")
    return found


@pytest.mark.proves("ISO-16")
def test_kinds_of_policy_are_enforced_as_the_documentation_says(site: Site, pods: dict[str, str]) -> None:
    standing, differ, tried = [of_peers_and_ports(pods), of_targets()], set(), 0
    for each in standing:
        told = answers(site, each, pods)
        tried += len(told)
        differ |= each.differ(told, each.walls)
        opening = [
            wall for wall in each.walls if wall.openings[0].peers[0].holds and wall.openings[0].ports.holds and wall.target.holds
        ]
        for missing in opening[::20]:  # mutant: a kind of which the truth does not know is found
            assert each.differ(told, [wall for wall in each.walls if wall is not missing]) - differ
    print(f"ISO-16: {sum(len(each.walls) for each in standing)} kinds as real policies, {tried} real connects and datagrams, "
          f"{len(differ)} kinds differ: {sorted(differ)}")  # fmt: skip
    assert differ == set()
