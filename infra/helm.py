"""Releases of our charts in a cluster: ensure, read, delete. The only door to Helm's release store."""

from functools import cache
from typing import Any

import helm_python
import yaml

from infra import charts, drift, rollout
from infra.cluster import Cluster
from infra.landing import Release
from infra.manifests import Manifest
from infra.zones import RELEASES
from kit.errors import Conflict, Unavailable

#: longer than a migration may take (`activeDeadlineSeconds` in charts/system): the next apply deletes one that still runs
TIMEOUT_SECONDS = 1000
HISTORY = 5


@cache
def _config(kubeconfig: str, context: str) -> helm_python.Config:
    return helm_python.Config(
        kubeconfig_path=kubeconfig, kube_context=context or None, namespace=RELEASES, qps=200.0, burst_limit=400
    )


def wanted(release: Release) -> list[Manifest]:
    """The release's lasting objects, marked as Helm marks them."""
    return [drift.owned(each, release.name, RELEASES) for each in drift.lasting(release.objects())]


def stored(cluster: Cluster, name: str) -> dict[str, Any] | None:
    """A release as Helm stored it last: its revision, status and manifest; None when there is none.

    Helm's own `status` tells the same, and asks for every object of the manifest besides.
    """
    try:
        found: dict[str, Any] = _config(cluster.kubeconfig, cluster.context).get_all(name)["summary"]
    except helm_python.HelmNotFoundError:
        return None
    except helm_python.HelmError as wrong:
        raise Unavailable(f"release {name}: {_words(wrong)}") from None
    return found


def ensure(cluster: Cluster, release: Release) -> None:
    """The release as it should be: drift mended, then installed or upgraded, then running.

    A release that was broken off while being installed or upgraded is taken up again: what it left stays in place and is
    adopted.

    Raises
    ------
    Conflict, Unavailable
        Helm or the cluster refused, or a process did not come up; names the release and the reason.
    """
    there = _taken_up(cluster, release.name)
    if there is not None:
        drift.mend(cluster, _objects(there), missing_too=False)  # Helm makes those
    _write(cluster, release, there)
    rollout.wait(cluster, release.objects())


def _taken_up(cluster: Cluster, name: str) -> dict[str, Any] | None:
    """The release after what a killed operation left pending was struck out; whoever calls holds the stack's lease."""
    there = stored(cluster, name)
    while there is not None and there["status"].startswith("pending"):
        cluster.delete("Secret", RELEASES, f"sh.helm.release.v1.{name}.v{there['revision']}")
        there = stored(cluster, name)
    return there


def manifest(cluster: Cluster, name: str) -> list[Manifest] | None:
    """What the release last applied, marked as Helm marks it; None when there is no release."""
    there = stored(cluster, name)
    return None if there is None else _objects(there)


def _objects(there: dict[str, Any]) -> list[Manifest]:
    objects = [each for each in yaml.safe_load_all(there["manifest"]) if each]
    return [drift.owned(each, there["name"], RELEASES) for each in drift.lasting(objects)]


def _write(cluster: Cluster, release: Release, there: dict[str, Any] | None) -> None:
    config, chart = _config(cluster.kubeconfig, cluster.context), charts.load(release.chart)
    common: dict[str, Any] = {"namespace": RELEASES, "timeout": TIMEOUT_SECONDS}
    with rollout.hopeless(cluster, release.objects()) as reasons:
        try:
            if there is None:
                config.install(chart, release.name, release.values, **common)
            else:
                config.upgrade(chart, release.name, release.values, max_history=HISTORY, **common)
        except helm_python.HelmError as wrong:
            raise (reasons[0] if reasons else _refusal(release.name, wrong)) from None


def _refusal(name: str, wrong: helm_python.HelmError) -> Conflict | Unavailable:
    words = _words(wrong)
    kind = Conflict if "conflict" in words or "another operation" in words or "exists" in words else Unavailable
    return kind(f"release {name}: {words}")


def _words(wrong: helm_python.HelmError) -> str:
    return " ".join(wrong.detail.split())[-600:]


def delete(cluster: Cluster, name: str) -> None:
    """Take the release away; what is marked to be kept stays."""
    try:
        _config(cluster.kubeconfig, cluster.context).uninstall(name, ignore_not_found=True, timeout=TIMEOUT_SECONDS)
    except helm_python.HelmNotFoundError:
        return
    except helm_python.HelmError as wrong:
        raise _refusal(name, wrong) from None
