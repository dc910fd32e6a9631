"""Wait until what a release starts is running, and say why when it does not."""

import time
from collections.abc import Iterator

from infra.cluster import Cluster
from infra.policy import Graph, Manifest, name
from kit.errors import Unavailable

PATIENCE_SECONDS = 240
#: reasons that do not pass by waiting, with the way out
HOPELESS = {
    "ErrImageNeverPull": "the image is not on the node: carry it in (docs/runbooks/closed_network.md) or correct mcloud:images",
    "ImagePullBackOff": "the image cannot be had: carry it in (docs/runbooks/closed_network.md) or correct mcloud:images",
    "ErrImagePull": "the image cannot be had: carry it in (docs/runbooks/closed_network.md) or correct mcloud:images",
    "InvalidImageName": "the image's name is not valid: correct mcloud:images",
}


def wait(cluster: Cluster, graph: Graph, patience: float = PATIENCE_SECONDS) -> None:
    """Return when every deployment and stateful set of the graph runs in the version asked for.

    Raises
    ------
    Unavailable
        One does not; names it, the reason the cluster gives, and the way out when there is one.
    """
    waiting = [each for each in graph if each["kind"] in ("Deployment", "StatefulSet")]
    end = time.monotonic() + patience
    while waiting:
        waiting = [each for each in waiting if not _runs(cluster, each)]
        if waiting:
            _give_up_early(cluster, waiting[0])
            if time.monotonic() > end:
                reasons = "; ".join(dict.fromkeys(_reasons(cluster, waiting[0]))) or "its pods are not ready"
                raise Unavailable(f"{name(waiting[0])} does not come up within {patience:.0f} s: {reasons}")
            time.sleep(0.3)


def _runs(cluster: Cluster, each: Manifest) -> bool:
    live = cluster.get(each["kind"], each["metadata"]["namespace"], each["metadata"]["name"])
    if live is None:
        return False
    status, wanted = live.get("status", {}), live["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= live["metadata"]["generation"]
    ready = status.get("readyReplicas", 0) if each["kind"] == "StatefulSet" else status.get("availableReplicas", 0)
    return bool(seen and status.get("updatedReplicas", 0) >= wanted and ready >= wanted and status.get("replicas", 0) == wanted)


def _pods(cluster: Cluster, each: Manifest) -> list[Manifest]:
    labels = each["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    return cluster.list("Pod", each["metadata"]["namespace"], labelSelector=selector)


def _waiting(pod: Manifest) -> Iterator[tuple[str, str, str]]:
    status = pod.get("status", {})
    for container in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
        state = container.get("state", {}).get("waiting", {})
        if state:
            yield container["name"], state.get("reason", ""), state.get("message", "")


def _give_up_early(cluster: Cluster, each: Manifest) -> None:
    for pod in _pods(cluster, each):
        for container, reason, _ in _waiting(pod):
            if reason in HOPELESS:
                image = next(
                    c["image"]
                    for c in (*pod["spec"].get("initContainers", []), *pod["spec"]["containers"])
                    if c["name"] == container
                )
                raise Unavailable(f"{name(each)}: image {image}: {reason}: {HOPELESS[reason]}")


def _reasons(cluster: Cluster, each: Manifest) -> Iterator[str]:
    for pod in _pods(cluster, each):
        yield from (f"{container}: {reason} {message}".strip() for container, reason, message in _waiting(pod))
        for condition in pod.get("status", {}).get("conditions", []):
            if condition["status"] == "False" and condition.get("message") and condition["type"] == "PodScheduled":
                yield condition["message"]
    events = cluster.call("GET", f"/api/v1/namespaces/{each['metadata']['namespace']}/events", fieldSelector="type=Warning")
    ours = [event for event in events["items"] if event["involvedObject"]["name"].startswith(each["metadata"]["name"])]
    yield from (event["message"] for event in ours)
