"""The zone model: who may talk to whom, each with its reason; compiled to NetworkPolicy and to the truth table of the tests.

Everything that is not listed is refused, both ways. A tenant's zone is a namespace of its own, known by the label
`kubernetes.io/metadata.name` that the API server writes itself and nobody can change; pods are told apart by their labels
only in namespaces where the platform alone creates pods.

References
----------
三層の対策 (Ministry of Internal Affairs, guideline on municipal information security, 2024-10): マイナンバー利用事務系,
LGWAN接続系 and インターネット接続系 do not reach one another; exceptions are 特定通信, listed one by one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.config import SiteConfig
from tenants.home import STAFF_ZONES, ZONES, Zone

PLATFORM, DR, RELEASES = "mcloud-platform", "mcloud-dr", "mcloud-tenants"
POSTGRES_SERVICE, KEYCLOAK_SERVICE = f"postgres.{PLATFORM}.svc", f"keycloak.{PLATFORM}.svc"
#: the label that the API server keeps
NAMESPACE = "kubernetes.io/metadata.name"
APP = "app.kubernetes.io/name"

Policy = dict[str, Any]
PROCESS_PORT, POSTGRES_PORT, KEYCLOAK_PORT, REST_PORT, API_PORT, DNS_PORT = 8080, 5432, 8080, 8000, 8100, 53


def namespace(code: str, zone: Zone) -> str:
    """The namespace that is the tenant's zone."""
    return f"t-{code}-{zone}"


@dataclass(frozen=True, order=True)
class Party:
    """Pods of one app in a namespace, all pods of a namespace (`app` empty), or addresses outside the cluster."""

    namespace: str = ""
    app: str = ""
    cidrs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "/".join(filter(None, [self.namespace, self.app])) or ",".join(self.cidrs)

    def holds(self, other: "Party") -> bool:
        """Whether the other party is part of this one."""
        if self.cidrs or other.cidrs:
            return bool(self.cidrs) and bool(other.cidrs) and set(other.cidrs) <= set(self.cidrs)
        return self.namespace == other.namespace and self.app in ("", other.app)


@dataclass(frozen=True, order=True)
class Crossing:
    """Something that may cross, and why."""

    source: Party
    destination: Party
    port: int
    reason: str = field(compare=False)
    protocol: str = "TCP"


POSTGRES, KEYCLOAK, API = Party(PLATFORM, "postgres"), Party(PLATFORM, "keycloak"), Party(PLATFORM, "platform-api")
REST, BACKUP, LANDING = Party(DR, "rest-server"), Party(PLATFORM, "backup"), Party(PLATFORM, "landing")


def parties(site: SiteConfig) -> dict[str, Party]:
    """The servers that may stand inside or outside the cluster, by name: outside when their addresses are told."""
    return {
        "postgres": Party(cidrs=site.postgres.cidrs) if site.postgres.host else POSTGRES,
        "keycloak": Party(cidrs=site.keycloak.cidrs) if site.keycloak.host else KEYCLOAK,
        "dns": Party(cidrs=site.dns.cidrs) if site.dns.cidrs else Party("kube-system"),
    }


def tenant_crossings(code: str, site: SiteConfig) -> list[Crossing]:
    """What every pod in the tenant's zones may do, jobs too."""
    found = []
    for zone in ZONES:
        own, postgres = Party(namespace(code, zone)), parties(site)["postgres"]
        found.append(Crossing(own, postgres, site.postgres.port or POSTGRES_PORT, "the zone's role in the tenant's database"))
        found += _names(own, site)
    return found + named_traffic(code)


def process_crossings(code: str, zone: Zone, process: str, site: SiteConfig) -> list[Crossing]:
    """What a process that answers requests may do besides, and who may call it."""
    own, keycloak = Party(namespace(code, zone), process), parties(site)["keycloak"]
    found = [
        Crossing(API, own, PROCESS_PORT, "smoke test of onboarding, upgrade and drill"),
    ]
    if zone in STAFF_ZONES:
        port = site.keycloak.port or KEYCLOAK_PORT
        found.append(Crossing(own, keycloak, port, "the realm's keys, to verify tokens, and tokens for a sign-in's code"))
    if site.peer.cidrs and not site.leads:
        found.append(Crossing(Party(cidrs=site.peer.cidrs), own, PROCESS_PORT, "smoke test by the counter at the other site"))
    if zone in site.gateway.namespaces:
        gateway = Party(site.gateway.namespaces[zone])
        found.append(Crossing(gateway, own, PROCESS_PORT, f"people's browsers, through the gateway of zone {zone} alone"))
    return found


def named_traffic(code: str) -> list[Crossing]:
    """特定通信: what may pass between two zones. Each line needs a reason and stands in the register of permitted traffic.

    There is none yet: no system that is built sends from one zone to another.
    """
    del code
    return []


def site_crossings(site: SiteConfig) -> list[Crossing]:
    """What the platform's own servers may do at a site."""
    there = parties(site)
    postgres, keycloak = site.postgres.port or POSTGRES_PORT, site.keycloak.port or KEYCLOAK_PORT
    found = [
        Crossing(API, there["postgres"], postgres, "the platform's databases; founds tenants' databases"),
        Crossing(API, there["keycloak"], keycloak, "realms of tenants"),
        Crossing(API, REST, REST_PORT, "prepares a tenant's repository"),
        Crossing(BACKUP, there["postgres"], postgres, "dumps and seals under the tenant's backup role"),
        Crossing(BACKUP, REST, REST_PORT, "snapshots into the site's append-only server"),
    ]
    for server in (site.api_server, site.peer_api):
        if server.cidrs:
            found.append(Crossing(LANDING, Party(cidrs=server.cidrs), server.port, "lands tenants at both sites"))
    if not site.keycloak.host:
        found.append(Crossing(KEYCLOAK, there["postgres"], postgres, "Keycloak's own database"))
    if site.api_server.cidrs:
        found.append(Crossing(API, Party(cidrs=site.api_server.cidrs), site.api_server.port, "starts jobs that land tenants"))
    found += _between_sites(site)
    for zone, name in sorted(site.gateway.namespaces.items()):
        if zone not in STAFF_ZONES:
            continue
        found.append(Crossing(Party(name), there["keycloak"], keycloak, f"staff of zone {zone} sign in"))
        found.append(Crossing(Party(name), API, API_PORT, f"the counter, for zone {zone}"))
    for own in (API, KEYCLOAK, BACKUP, LANDING):
        found += _names(own, site)
    return found


def _between_sites(site: SiteConfig) -> list[Crossing]:
    """What passes over the link: the site that leads founds, dumps and examines at the other."""
    if not site.peer.cidrs:
        return []
    peer, rest = Party(cidrs=site.peer.cidrs), site.peer.port or REST_PORT
    found = [
        Crossing(BACKUP, peer, rest, "the copy at the other site"),
        Crossing(peer, REST, REST_PORT, "the other site pulls and pushes its copy"),
    ]
    if not site.leads:
        if not site.postgres.host:
            found.append(Crossing(peer, POSTGRES, POSTGRES_PORT, "the counter at the other site founds, its jobs dump"))
        return found
    database = Party(cidrs=site.peer_postgres.cidrs) if site.peer_postgres.host else peer
    port = site.peer_postgres.port or POSTGRES_PORT
    found += [
        Crossing(API, database, port, "founds tenants' databases at the other site"),
        Crossing(BACKUP, database, port, "dumps and seals at the other site"),
        Crossing(API, peer, PROCESS_PORT, "smoke tests at the other site"),
        Crossing(API, peer, rest, "prepares a repository at the other site"),
    ]
    if not site.keycloak.host:
        found.append(Crossing(peer, KEYCLOAK, KEYCLOAK_PORT, "processes at the other site read their realm's keys"))
    return found


def _names(own: Party, site: SiteConfig) -> list[Crossing]:
    dns, port = parties(site)["dns"], site.dns.port or DNS_PORT
    return [Crossing(own, dns, port, "names of the servers above", protocol) for protocol in ("TCP", "UDP")]


def compile_policies(crossings: Iterable[Crossing], inside: Sequence[str], label: str) -> list[Policy]:
    """NetworkPolicies of both ends of every crossing whose end lies in a namespace of `inside`; sorted, without doubles.

    `label` makes their names unique among several lists of crossings that meet in one namespace.
    """
    rules: dict[tuple[str, str, str], set[tuple[Party, int, str]]] = {}
    for each in crossings:
        ends = ((each.source, each.destination, "egress"), (each.destination, each.source, "ingress"))
        for own, other, way in ends:
            if own.namespace in inside:
                rules.setdefault((own.namespace, own.app, way), set()).add((other, each.port, each.protocol))
    return [_policy(place, app, way, others, label) for (place, app, way), others in sorted(rules.items())]


def _policy(place: str, app: str, way: str, others: set[tuple[Party, int, str]], label: str) -> Policy:
    ports: dict[Party, list[dict[str, Any]]] = {}
    for other, port, protocol in sorted(others):
        ports.setdefault(other, []).append({"port": port, "protocol": protocol})
    peer = "to" if way == "egress" else "from"
    spec = {
        "podSelector": {"matchLabels": {APP: app}} if app else {},
        "policyTypes": [way.capitalize()],
        way: [{peer: _peers(other), "ports": numbers} for other, numbers in ports.items()],
    }
    return {"namespace": place, "name": f"{label}-{app or 'all'}-{way}", "spec": spec}


def _peers(other: Party) -> list[dict[str, Any]]:
    if other.cidrs:
        return [{"ipBlock": {"cidr": cidr}} for cidr in other.cidrs]
    peer: dict[str, Any] = {"namespaceSelector": {"matchLabels": {NAMESPACE: other.namespace}}}
    if other.app:
        peer["podSelector"] = {"matchLabels": {APP: other.app}}
    return [peer]


def is_open(crossings: Iterable[Crossing], source: Party, destination: Party, port: int, protocol: str = "TCP") -> bool:
    """The truth table: whether a connection may be made."""
    return any(
        (each.port, each.protocol) == (port, protocol) and each.source.holds(source) and each.destination.holds(destination)
        for each in crossings
    )
