"""The `kubernetes` target as the counter's pod sees it: a tenant is landed, lifted and looked at by a job of its own.

The counter holds no right over tenants. The job mounts the landing credentials, runs the same command as an engineer
(`infra.run apply`) on the instance's folder, and ends.
"""

import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from infra import instance
from infra.cluster import Cluster, path
from infra.config import RUNS, stack_of_tenant
from infra.manifests import Manifest, kubeconfig
from infra.zones import API, APP, PLATFORM
from kit.errors import CallerError, NotFound, Unavailable
from tenants.home import Home

#: where the pod finds its own cluster: token and authority
CLUSTER = Path("/etc/mcloud/cluster")
#: longer than Helm waits for a migration and the processes then take to come up (infra/helm.py, infra/rollout.py)
PATIENCE_SECONDS = 1800
#: what a job that is told to end has for ending its engine and giving the lease back
ENDING_SECONDS = 60
PAUSE_SECONDS = 0.5
#: label of a job: the verb and the stack, by which a counter that was replaced meanwhile finds what it had begun
LANDS = "mcloud/lands"
Answer = dict[str, Any]
T = TypeVar("T")


def own_cluster() -> Cluster:
    """The cluster that this pod runs in, with the pod's own rights."""
    server = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    authority, token = str(CLUSTER / "ca.crt"), str(CLUSTER / "token")
    body = kubeconfig("own", {"server": server, "certificate-authority": authority}, {"tokenFile": token})
    with tempfile.NamedTemporaryFile("w", suffix=".kubeconfig") as file:
        yaml.safe_dump(body, file)
        file.flush()
        return Cluster(file.name)


def open_accounts(home: Home, code: str) -> Answer:
    """Nothing to do: the accounts of all its towns come with a site's own secrets, which `infra.run apply --site` lays."""
    del home, code
    return {"changed": False}


def land(home: Home, code: str) -> Answer:
    """The tenant's processes with what they stand on, and at the site that leads its ground with the backup's schedule."""
    done = [run_job("apply", "--tenant", code, "--site", site) for site in (RUNS, *instance.grounds(home))]
    return {"changed": any(each["changed"] for each in done)}


def lift(home: Home, code: str) -> Answer:
    """Take the tenant's processes away; its ground and its data stay, and so does its backup."""
    del home
    return run_job("destroy", "--tenant", code)


def state(home: Home, code: str | None = None) -> list[Answer]:
    """How a tenant's stacks differ from its definition."""
    if code is None:
        raise NotFound("the state of a whole cluster is kubectl's to tell: name a tenant")
    words = {True: "differs", False: "as defined"}
    return [
        {"name": stack_of_tenant(code, site), "state": words[run_job("diff", "--tenant", code, "--site", site)["differs"]]}
        for site in (RUNS, *instance.grounds(home))
    ]


def job(name: str, arguments: Sequence[str], image: str) -> Manifest:
    """The job that runs one verb of `infra.run`."""
    labels = {
        APP: "landing",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": "mcloud",
        "app.kubernetes.io/part-of": "mcloud",
        "mcloud/zone": "platform",
        LANDS: _lands(arguments),
    }
    template = {"metadata": {"labels": labels}, "spec": _pod(arguments, image)}
    spec = {"backoffLimit": 0, "activeDeadlineSeconds": PATIENCE_SECONDS, "ttlSecondsAfterFinished": 3600, "template": template}
    metadata = {"name": name, "namespace": PLATFORM, "labels": labels}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _lands(arguments: Sequence[str]) -> str:
    return "-".join(each.lstrip("-") for each in arguments)


def _pod(arguments: Sequence[str], image: str) -> Manifest:
    closed = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    who = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001}
    container = {
        "name": "landing",
        "image": image,
        "args": ["infra.run", *arguments],
        "env": [{"name": "MCLOUD_HOME", "value": "/home/mcloud"}],
        "securityContext": closed,
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "volumeMounts": [
            {"name": "home", "mountPath": "/home/mcloud"},
            {"name": "landing", "mountPath": "/etc/mcloud/landing", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # of the pod
        ],
    }
    # the instance's folder is a volume of one node at a time: the counter's
    beside = {"labelSelector": {"matchLabels": {APP: API.app}}, "topologyKey": "kubernetes.io/hostname"}
    return {
        "affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [beside]}},
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": ENDING_SECONDS,
        "securityContext": who | {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [
            {"name": "home", "persistentVolumeClaim": {"claimName": "home"}},
            {"name": "landing", "secret": {"secretName": "landing", "defaultMode": 0o440}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
        ],
    }


def run_job(*arguments: str) -> Answer:
    """What the job told. One that was begun for the same and has not ended is waited for: a counter before this one began it.

    Raises
    ------
    CallerError
        What the job told, as the class of its status; `Unavailable` when it ended, or did not, without telling anything.
    """
    cluster, until = own_cluster(), time.monotonic() + PATIENCE_SECONDS + 2 * ENDING_SECONDS
    name = _patiently(lambda: _begun(cluster, arguments) or _begin(cluster, arguments), until)
    while not _has_ended(_patiently(lambda: cluster.call("GET", path("Job", PLATFORM, name)), until)):
        if time.monotonic() > until:
            raise Unavailable(f"job {name} has not ended: kubectl -n {PLATFORM} describe job {name}")
        time.sleep(PAUSE_SECONDS)
    return result(_patiently(lambda: _log(cluster, name), until), name)


def _patiently(ask: Callable[[], T], until: float) -> T:
    """The answer, once there is one: the API server may be away for a moment."""
    while True:
        try:
            return ask()
        except Unavailable:
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE_SECONDS)


def _begun(cluster: Cluster, arguments: Sequence[str]) -> str | None:
    """Name of the job that does this already."""
    there = cluster.list("Job", PLATFORM, labelSelector=f"{LANDS}={_lands(arguments)}")
    return next((each["metadata"]["name"] for each in there if not _has_ended(each)), None)


def _begin(cluster: Cluster, arguments: Sequence[str]) -> str:
    made = job(f"landing-{secrets.token_hex(4)}", arguments, os.environ["MCLOUD_IMAGE"])
    return str(cluster.create(made)["metadata"]["name"])


def _has_ended(found: Manifest) -> bool:
    status = found.get("status", {})
    return bool(status.get("succeeded") or status.get("failed"))


def _log(cluster: Cluster, name: str) -> str:
    pods = cluster.list("Pod", PLATFORM, labelSelector=f"job-name={name}")
    if not pods:
        raise NotFound(f"job {name} left no pod: kubectl -n {PLATFORM} describe job {name}")
    return cluster.text(f"{path('Pod', PLATFORM, pods[0]['metadata']['name'])}/log")


def result(log: str, name: str) -> Answer:
    """What a job's log holds at its end: JSON events between whatever else was said."""
    events: list[Answer] = []
    for line in log.splitlines():
        if line.startswith('{"event"'):
            events.append(json.loads(line))
    for event in reversed(events):
        if event["event"] == "result":
            del event["event"]
            return event
        if event["event"] == "error":
            classes = {each.status: each for each in CallerError.__subclasses__()}
            raise classes.get(event["status"], CallerError)(event["detail"])
    last = log.strip().splitlines()[-1:] or ["it said nothing"]
    raise Unavailable(f"job {name} told no result: {last[0][-300:]}")
