"""What the cluster has against what a release says: differences in words and lines, and their mending.

An object that does not stand exactly as its manifest says is compared with what the API server itself would make of the
manifest (a dry run), so defaults are no differences. The dry run replaces: what somebody added by hand shows too.
"""

import difflib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Literal

import yaml

from infra.cluster import Cluster
from infra.manifests import Graph, Manifest, Place, name, place
from infra.zones import NAMESPACE
from kit.errors import Conflict, Forbidden, Invalid

#: kinds that cannot be replaced because the cluster fills in what may not change again
FILLED = ("PersistentVolumeClaim", "Job")
MANAGER = "mcloud"
#: what Helm calls itself when Pulumi's provider process runs it
PROGRAM = "python3"
THREADS = 8
TRIES = 5


@dataclass(frozen=True)
class Difference:
    """One object that is not as it should be. Of a Secret no line is told, only that it is missing or differs."""

    object: str
    what: Literal["missing", "changed", "foreign"]
    lines: tuple[str, ...] = ()

    def told(self) -> str:
        """In plain words."""
        words = {"missing": "is missing", "changed": "differs", "foreign": "was added by somebody else"}
        return f"{self.object} {words[self.what]}"


def lasting(graph: Graph) -> list[Manifest]:
    """Objects that stay; hooks come and go."""
    return [each for each in graph if "helm.sh/hook" not in each["metadata"].get("annotations", {})]


def owned(each: Manifest, release: str, namespace: str) -> Manifest:
    """The object with the marks that Helm puts on what is its own."""
    made = deepcopy(each)
    marks = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    made["metadata"]["annotations"] = made["metadata"].get("annotations", {}) | marks
    return made


def compare(cluster: Cluster, wanted: Sequence[Manifest]) -> list[Difference]:
    """What differs; nothing is changed."""
    return [found for found in _compared(cluster, wanted, standing(cluster, wanted)) if found]


def _compared(cluster: Cluster, wanted: Sequence[Manifest], there: Mapping[Place, Manifest]) -> list[Difference | None]:
    with ThreadPoolExecutor(THREADS) as pool:
        told = pool.map(lambda each: _compare(cluster, each, there.get(place(each))), wanted)
        found = zip(wanted, told, strict=True)
        return [replace(how, lines=()) if how and each["kind"] == "Secret" else how for each, how in found]


def standing(cluster: Cluster, wanted: Sequence[Manifest]) -> dict[Place, Manifest]:
    """What is there of these objects, by place: one LIST for each kind, of what bears the labels that its manifests share.

    What is in no list is asked for by name: somebody may have taken a label away.
    """
    kinds: dict[str, list[Manifest]] = {}
    for each in wanted:
        kinds.setdefault(each["kind"], []).append(each)
    with ThreadPoolExecutor(THREADS) as pool:
        found = {place(each): each for listed in pool.map(lambda some: _listed(cluster, some), kinds.values()) for each in listed}
        left = [place(each) for each in wanted if place(each) not in found]
        named = pool.map(lambda where: cluster.get(*where), left)
        return found | {where: live for where, live in zip(left, named, strict=True) if live}


def _listed(cluster: Cluster, some: Sequence[Manifest]) -> list[Manifest]:
    """Objects of one kind, by the labels that these share; none for a single one, or without such labels."""
    shared = set.intersection(*(set(each["metadata"].get("labels", {}).items()) for each in some))
    if len(some) == 1 or not shared:
        return []
    (kind, *_), namespaces = place(some[0]), {place(each)[1] for each in some}
    inside = namespaces.pop() if len(namespaces) == 1 else ""
    return cluster.list(kind, inside, labelSelector=",".join(f"{key}={value}" for key, value in sorted(shared)))


def _compare(cluster: Cluster, wanted: Manifest, live: Manifest | None) -> Difference | None:
    if live is None:
        return Difference(name(wanted), "missing", tuple(_text(plain(wanted))))
    if plain(live) == plain(wanted):  # the API server would make nothing else of it
        return None
    try:
        would = _would_be(cluster, wanted, live)
    except (Invalid, Forbidden) as refused:
        return Difference(name(wanted), "changed", (f"! {refused.detail}",))
    lines = _diff(plain(live), plain(would))
    return Difference(name(wanted), "changed", lines) if lines else None


def _would_be(cluster: Cluster, wanted: Manifest, live: Manifest) -> Manifest:
    if wanted["kind"] in FILLED:
        return cluster.apply(wanted, manager=MANAGER, dry_run=True)
    return _replaced(cluster, wanted, live, MANAGER, dry_run=True)


def _replaced(cluster: Cluster, wanted: Manifest, live: Manifest, manager: str, *, dry_run: bool) -> Manifest:
    """Put in place of the version that was read. Controllers count in an object's status meanwhile: read again, a few times."""
    for attempt in range(TRIES):
        try:
            return cluster.replace(_at(wanted, live), manager=manager, dry_run=dry_run)
        except Conflict:
            again = cluster.get(*place(wanted))
            if again is None or attempt == TRIES - 1:
                raise
            live = again
    raise AssertionError("unreachable")


def _at(wanted: Manifest, live: Manifest) -> Manifest:
    """The manifest as a change of the version that was read."""
    made = deepcopy(wanted)
    made["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
    return made


def plain(each: Manifest) -> Manifest:
    """An object without what the API server and its controllers keep for themselves."""
    made = {key: deepcopy(value) for key, value in each.items() if key not in ("status", "apiVersion")}
    kept = {key: made["metadata"][key] for key in ("name", "namespace", "labels", "ownerReferences") if key in made["metadata"]}
    annotations = {
        key: value
        for key, value in made["metadata"].get("annotations", {}).items()
        if not key.startswith(("deployment.kubernetes.io/", "meta.helm.sh/", "pv.kubernetes.io/", "volume.kubernetes.io/"))
    }
    if each["kind"] == "Namespace":  # the API server's own finalizer, and its label with the name
        made.pop("spec", None)
        kept.get("labels", {}).pop(NAMESPACE, None)
    made["metadata"] = kept | ({"annotations": annotations} if annotations else {})
    return made


def _text(each: Manifest) -> list[str]:
    return yaml.safe_dump(each, allow_unicode=True, sort_keys=True).splitlines()


def _diff(live: Manifest, would: Manifest) -> tuple[str, ...]:
    if live == would:
        return ()
    lines = difflib.unified_diff(_text(live), _text(would), "in the cluster", "as defined", lineterm="", n=2)
    return tuple(lines)


def mend(cluster: Cluster, wanted: Sequence[Manifest], *, missing_too: bool = True) -> list[str]:
    """Make every object that differs exactly so again, `missing_too` those that are gone; what was mended.

    First as Helm's own apply, so that its next upgrade meets no foreign hand; then as a replacement, which takes away what
    was added.
    """
    there = standing(cluster, wanted)
    found = _compared(cluster, wanted, there)
    differing = [e for e, how in zip(wanted, found, strict=True) if how and (missing_too or how.what != "missing")]
    for each in differing:
        live = _applied(cluster, each, manager := applier(each, there.get(place(each))))
        if each["kind"] not in FILLED and _diff(plain(live), plain(_would_be(cluster, each, live))):
            _replaced(cluster, each, live, manager, dry_run=False)
    return [name(each) for each in differing]


def _applied(cluster: Cluster, wanted: Manifest, manager: str) -> Manifest:
    """As Helm applies it. Lists are merged: together with what somebody put in, ours may be none that the API server admits."""
    try:
        return cluster.apply(wanted, manager=manager)
    except Invalid:
        live = cluster.get(*place(wanted))
        if live is None or wanted["kind"] in FILLED:
            raise
        _replaced(cluster, wanted, live, manager, dry_run=False)
        return cluster.apply(wanted, manager=manager)


def applier(wanted: Manifest, live: Manifest | None) -> str:
    """The name under which an object is applied: ours, or Helm's, which takes it from the program it runs in, here Python's."""
    if "meta.helm.sh/release-name" not in wanted["metadata"].get("annotations", {}):
        return MANAGER
    for each in live["metadata"].get("managedFields", []) if live else []:
        if each["operation"] == "Apply" and "f:meta.helm.sh/release-name" in str(each.get("fieldsV1")):
            return str(each["manager"])
    return PROGRAM


def report(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """Differences as data."""
    return [{"object": each.object, "what": each.what, "lines": list(each.lines)} for each in differences]
