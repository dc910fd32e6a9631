"""The evaluator that judges our walls, against every kind of policy: what it says is what the documentation says."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from tests.support import kinds, netpol
from tests.support.netpol import Evaluator, Pod

ADDRESS = {name: f"10.1.0.{number}" for number, name in enumerate(kinds.PODS, 10)} | {"near": "192.0.2.7", "far": "198.51.100.8"}


def pods() -> dict[str, Pod]:
    found = {name: Pod("", address=ADDRESS[name]) for name in kinds.OUTSIDE}
    for name in kinds.PODS:
        space, letter = name.split("/")
        found[name] = Pod(space, {"pod": letter}, ADDRESS[name], {"ns": space}, kinds.NAMED)
    return found


#: every connection of which one end lies where the policies are
ENDS = [(a, b) for a, b in product(ADDRESS, ADDRESS) if a != b and "x" in (a[0], b[0])]
FLOWS = [(a, b, port, protocol) for a, b in ENDS for port in kinds.PORTS for protocol in kinds.PROTOCOLS]


def differences() -> Iterator[str]:
    """The kinds of which the evaluator says otherwise of some flow."""
    there = pods()
    for name, walls in kinds.kinds(ADDRESS):
        evaluator = Evaluator([each.manifest("x", f"p{n}") for n, each in enumerate(walls)])
        if any(evaluator.passes(there[a], there[b], *at) != kinds.opens(walls, a, b, *at) for a, b, *at in FLOWS):
            yield name


@pytest.mark.proves("ISO-11")
def test_the_evaluator_judges_every_kind_of_policy_as_the_documentation_does() -> None:
    names = [name for name, _ in kinds.kinds(ADDRESS)]
    wrong = list(differences())
    print(f"ISO-11: {len(names) - len(wrong)}/{len(names)} kinds of policy, {len(FLOWS)} flows each")
    assert wrong == []
    assert len(names) == len(set(names))
    assert len(names) >= 230


def blind_to(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluator that does not read a part of a policy."""
    before_peer, before_ports = netpol.peer_matches, netpol.port_matches

    def without(each: dict[str, Any]) -> dict[str, Any]:
        return {key: without(value) if isinstance(value, dict) else value for key, value in each.items() if key != part}

    monkeypatch.setattr(netpol, "peer_matches", lambda peer, *rest: before_peer(without(peer), *rest))
    monkeypatch.setattr(netpol, "port_matches", lambda ports, *rest: before_ports([without(each) for each in ports], *rest))


@pytest.mark.proves("ISO-11")
@pytest.mark.parametrize(
    "part", ["podSelector", "namespaceSelector", "matchExpressions", "except", "protocol", "endPort", "port"]
)
def test_mutant_an_evaluator_that_does_not_read_a_part_is_found(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    blind_to(part, monkeypatch)
    assert next(differences(), None)
