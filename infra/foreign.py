"""What stands beside ours: walls that no release of ours has, and rights that somebody gave to accounts of ours."""

import re
from collections.abc import Iterable, Sequence

from infra import drift, helm
from infra.cluster import Cluster
from infra.drift import Difference
from infra.manifests import Manifest, name, place
from kit.errors import NotFound

#: kinds that are walls: what lies in a tenant's namespace beside ours opens them
WALLS = ("NetworkPolicy", "Role", "RoleBinding", "ResourceQuota", "LimitRange", "Ingress")
#: namespaces of the municipal cloud, as the guards know them too
OURS = re.compile(r"(t|mcloud)-")
#: releases of tenants: their grounds and processes have doors in the platform's namespaces
_OF_A_TENANT = re.compile(r"t-\d{6}(-|$)")
#: how the API server names an account, and all accounts of a namespace
_ACCOUNTS = re.compile(r"system:serviceaccounts?:(t|mcloud)-")
_BINDINGS = ("ClusterRoleBinding", "RoleBinding")


def all_walls(cluster: Cluster, namespaces: Iterable[str]) -> list[Manifest]:
    """All walls that stand in the namespaces, whatever labels they bear: a LIST for each kind and namespace."""
    found: list[Manifest] = []
    for inside in namespaces:
        for kind in WALLS:
            try:
                found += cluster.list(kind, inside)
            except NotFound:
                continue
    return found


def walls(cluster: Cluster, namespaces: Iterable[str], wanted: Sequence[Manifest]) -> list[Difference]:
    """Walls in the namespaces that are neither wanted nor part of a tenant's release as it was last applied.

    A mark of Helm alone proves nothing, anybody can copy it: the release must have the object.
    """
    known = {place(each) for each in wanted}
    found = [each for each in all_walls(cluster, namespaces) if place(each) not in known]
    said = {each["metadata"].get("annotations", {}).get("meta.helm.sh/release-name", "") for each in found}
    for release in sorted(each for each in said if _OF_A_TENANT.match(each)):
        known |= {place(each) for each in helm.manifest(cluster, release) or []}
    return [Difference(told, "foreign") for told in sorted(name(each) for each in found if place(each) not in known)]


def rights(cluster: Cluster) -> list[Difference]:
    """Bindings of the whole cluster, or of namespaces that are not ours, that give something to accounts of ours.

    We make none. What the cluster gives to all accounts alike is not ours to judge.
    """
    there = cluster.list("ClusterRoleBinding")
    there += [each for each in cluster.list("RoleBinding") if not OURS.match(each["metadata"]["namespace"])]
    return [Difference(name(each), "foreign", lines) for each in there if (lines := _given(each))]


def _given(binding: Manifest) -> tuple[str, ...]:
    """What a binding gives to accounts of ours, in words."""
    role = f"{binding['roleRef']['kind']} {binding['roleRef']['name']}"
    return tuple(f"gives {role} to {_who(each)}" for each in binding.get("subjects") or [] if _is_ours(each))


def _who(subject: Manifest) -> str:
    if subject["kind"] == "ServiceAccount":
        return f"system:serviceaccount:{subject.get('namespace', '')}:{subject['name']}"
    return str(subject["name"])


def _is_ours(subject: Manifest) -> bool:
    return _ACCOUNTS.match(_who(subject)) is not None


def take_away(cluster: Cluster, found: Difference) -> None:
    """Delete what is foreign. A binding that serves others too stays for them: only our accounts are struck out."""
    kind, _, where = found.object.partition(" ")
    namespace, _, object_name = where.rpartition("/")
    if kind in _BINDINGS and not OURS.match(namespace):
        binding = cluster.get(kind, namespace, object_name)
        others = [each for each in (binding or {}).get("subjects") or [] if not _is_ours(each)]
        if binding and others:
            cluster.replace(binding | {"subjects": others}, manager=drift.MANAGER)
            return
    cluster.delete(kind, namespace, object_name)
