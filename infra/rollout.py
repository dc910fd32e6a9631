"""Wait until what a release starts is running, and say why when it does not."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

from infra.cluster import Cluster, path
from infra.manifests import Graph, Manifest, name, place
from kit.errors import CallerError, Unavailable

PATIENCE_SECONDS = 240
MERGE = "application/merge-patch+json"
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


@contextmanager
def hopeless(cluster: Cluster, graph: Graph) -> Iterator[list[Unavailable]]:
    """While the block waits for jobs of the graph (Helm's hooks): one whose image cannot be had is ended at once.

    The list has the reason then; without it, Helm waits out its own time and says only that it did.
    """
    jobs, found, over = [each for each in graph if each["kind"] == "Job"], list[Unavailable](), Event()

    def watch() -> None:
        while not over.wait(1):
            for job in jobs:
                with suppress(CallerError):  # not there yet, or no longer
                    try:
                        _give_up_early(cluster, job)
                    except Unavailable as reason:
                        found[:] = [reason]
                        cluster.call("PATCH", path(*place(job)), {"spec": {"activeDeadlineSeconds": 1}}, content=MERGE)

    watcher = Thread(target=watch, daemon=True)
    if jobs:
        watcher.start()
    try:
        yield found
    finally:
        over.set()
        if jobs:
            watcher.join()


def _runs(cluster: Cluster, each: Manifest) -> bool:
    """Whether it does; a stateful set that was seen and does not is helped on."""
    live = cluster.get(*place(each))
    if live is None or live.get("status", {}).get("observedGeneration", 0) < live["metadata"]["generation"]:
        return False
    status, wanted, is_set = live["status"], live["spec"].get("replicas", 1), each["kind"] == "StatefulSet"
    ready = status.get("readyReplicas" if is_set else "availableReplicas", 0)
    if status.get("updatedReplicas", 0) >= wanted and ready >= wanted and status.get("replicas", 0) == wanted:
        return True
    if is_set:
        _replace_stuck(cluster, each, status.get("updateRevision"))
    return False


def _replace_stuck(cluster: Cluster, each: Manifest, revision: str | None) -> None:
    """Delete pods of another version that are not ready: a stateful set waits for them before it goes on, for ever if it must."""
    for pod in _all_pods(cluster, each):
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))
        if not ready and pod["metadata"]["labels"]["controller-revision-hash"] != revision:
            cluster.delete(*place(pod))


def _pods(cluster: Cluster, each: Manifest) -> list[Manifest]:
    """Its pods of the images asked for: those of a version that was given up may still be there for a moment."""
    images = _images(each["spec"]["template"])
    return [pod for pod in _all_pods(cluster, each) if _images(pod) == images]


def _all_pods(cluster: Cluster, each: Manifest) -> list[Manifest]:
    if each["kind"] == "Job":
        labels = {"batch.kubernetes.io/job-name": each["metadata"]["name"]}
    else:
        labels = each["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    return cluster.list("Pod", each["metadata"]["namespace"], labelSelector=selector)


def _images(pod: Manifest) -> list[str]:
    return [each["image"] for each in _containers(pod)]


def _containers(pod: Manifest) -> list[Manifest]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


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
                image = next(c["image"] for c in _containers(pod) if c["name"] == container)
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
