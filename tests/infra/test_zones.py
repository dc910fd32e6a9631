"""The zone model against an evaluator of NetworkPolicy that knows nothing of it: every flow of the whole prefecture."""

from copy import deepcopy
from itertools import product

import pytest

from infra import zones
from infra.zones import APP, Crossing, Party
from tenants.catalog import catalog
from tenants.home import ZONES
from tenants.processes import processes
from tests.support import land
from tests.support.netpol import Evaluator, Pod

PORTS = (5432, 8000, 8080, 8100)


def crossings() -> list[Crossing]:
    """All that may cross at a site with every tenant."""
    found = zones.site_crossings(land.SITE)
    for code, body in catalog().items():
        found += zones.tenant_crossings(code, land.SITE)
        for each in processes(body):
            found += zones.process_crossings(code, each.zone, each.name, land.SITE)
    return found


def endpoints() -> dict[str, tuple[Party, Pod]]:
    """Every zone of every tenant, with its process where it has one, each server, each gateway, and the world outside."""
    found: dict[str, tuple[Party, Pod]] = {}

    def add(party: Party) -> None:
        labels = {APP: party.app} if party.app else {}
        found[str(party)] = party, Pod(party.namespace, labels)

    for code, body in catalog().items():
        own = {each.zone: each.name for each in processes(body)}
        for zone in ZONES:
            add(Party(zones.namespace(code, zone), own.get(zone, "job")))
    for party in (zones.POSTGRES, zones.KEYCLOAK, zones.API, zones.REST, zones.BACKUP):
        add(party)
    for name in land.SITE.gateway.namespaces.values():
        add(Party(name, "controller"))
    for name, address in {"world": "203.0.113.9", "peer": "10.81.0.2"}.items():
        found[name] = Party(cidrs=(f"{address}/32",)), Pod("", address=address)
    return found


@pytest.mark.proves("ISO-11")
def test_every_flow_is_as_the_truth_table_says() -> None:
    evaluator, allowed, there = Evaluator(land.whole()), crossings(), endpoints()
    by_end: dict[tuple[str, int], list[Crossing]] = {}
    for each in allowed:
        by_end.setdefault((each.destination.namespace, each.port), []).append(each)
    walled = {"t-", "mcloud-"}
    flows = opens = 0
    for (a, (source, source_pod)), (b, (destination, destination_pod)) in product(there.items(), there.items()):
        if a == b or not any(str(end.namespace).startswith(p) for end in (source, destination) for p in walled):
            continue
        for port in PORTS:
            flows += 1
            truth = zones.is_open(by_end.get((destination.namespace, port), []), source, destination, port)
            opens += truth
            assert evaluator.passes(source_pod, destination_pod, port) == truth, (a, b, port)
    print(f"ISO-11: {len(there)} endpoints, {flows} flows, {opens} open, 0 differences")
    assert flows > 47_000
    assert 0 < opens < flows / 20


@pytest.mark.proves("ISO-11")
def test_mutant_one_rule_too_wide_is_found() -> None:
    graph = deepcopy(land.graph_of(land.split()))
    policy = next(
        e
        for e in graph
        if e["kind"] == "NetworkPolicy"
        and e["metadata"]["name"].endswith("-ingress")
        and e["metadata"]["namespace"].startswith("t-")
    )
    policy["spec"]["ingress"].append({"from": [{"namespaceSelector": {}}], "ports": [{"port": 8080, "protocol": "TCP"}]})
    place = policy["metadata"]["namespace"]
    own = Pod(place, policy["spec"]["podSelector"].get("matchLabels", {}))
    stranger = Pod("somewhere", {})
    assert Evaluator(graph).passes(stranger, own, 8080)
    assert not Evaluator(land.graph_of(land.split())).passes(stranger, own, 8080)


def test_no_zone_reaches_another_zone_of_any_tenant() -> None:
    cross = [
        each for each in crossings() if each.source.namespace.startswith("t-") and each.destination.namespace.startswith("t-")
    ]
    assert cross == [each for code in catalog() for each in zones.named_traffic(code)]


def test_the_my_number_zone_reaches_nothing_outside() -> None:
    outside = [
        c for c in crossings() if c.source.namespace.endswith("-mynumber") and c.destination.cidrs and c.port != zones.DNS_PORT
    ]
    assert outside == []


def test_everything_that_may_cross_has_a_reason() -> None:
    assert [each for each in crossings() if len(each.reason) < 10] == []


def test_nobody_is_known_by_a_label_that_a_tenant_could_write() -> None:
    """Pods are told apart by labels only where the platform alone creates pods, or inside one zone of one tenant."""
    for each in land.whole():
        if each["kind"] != "NetworkPolicy":
            continue
        for rule in each["spec"].get("ingress", []) + each["spec"].get("egress", []):
            for peer in rule.get("from", []) + rule.get("to", []):
                selector = peer.get("namespaceSelector", {}).get("matchLabels", {})
                assert "ipBlock" in peer or list(selector) == [zones.NAMESPACE]
