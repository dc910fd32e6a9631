"""The `kubernetes` target as the counter's pod sees it: a tenant is landed, lifted and looked at by a job of its own.

The counter holds no right over tenants. The job mounts the landing credentials, runs the same command as an engineer
(`infra.run apply`) on the instance's folder, and ends.
"""

import json
import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from infra.cluster import Cluster
from infra.manifests import Manifest
from infra.zones import PLATFORM
from kit.errors import CallerError, NotFound, Unavailable
from tenants.home import Home

#: where the pod finds its own cluster: token and authority
CLUSTER = Path("/etc/mcloud/cluster")
#: longer than Helm waits for a migration and the processes then take to come up (infra/helm.py, infra/rollout.py)
PATIENCE_SECONDS = 1800
Answer = dict[str, Any]


def own_cluster() -> Cluster:
    """The cluster that this pod runs in, with the pod's own rights."""
    server = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    authority, token = str(CLUSTER / "ca.crt"), str(CLUSTER / "token")
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "own",
        "clusters": [{"name": "own", "cluster": {"server": server, "certificate-authority": authority}}],
        "users": [{"name": "own", "user": {"tokenFile": token}}],
        "contexts": [{"name": "own", "context": {"cluster": "own", "user": "own"}}],
    }
    with tempfile.NamedTemporaryFile("w", suffix=".kubeconfig") as file:
        yaml.safe_dump(body, file)
        file.flush()
        return Cluster(file.name)


def open_accounts(home: Home, code: str) -> Answer:
    """Nothing to do: the accounts of all its towns come with a site's own secrets, which `infra.run apply --site` lays."""
    del home, code
    return {"changed": False}


def land(home: Home, code: str) -> Answer:
    """The tenant's ground, secrets and processes at site primary, applied and well."""
    del home
    return run_job("apply", "--tenant", code)


def lift(home: Home, code: str) -> Answer:
    """Take the tenant's processes away; its ground and its data stay."""
    del home
    return run_job("destroy", "--tenant", code)


def state(home: Home, code: str | None = None) -> list[Answer]:
    """How a tenant's stack differs from its definition."""
    del home
    if code is None:
        raise NotFound("the state of a whole cluster is kubectl's to tell: name a tenant")
    found = run_job("diff", "--tenant", code)
    return [{"name": f"tenant-{code}", "state": "differs" if found["differs"] else "as defined"}]


def job(name: str, arguments: list[str], image: str) -> Manifest:
    """The job that runs one verb of `infra.run`."""
    closed = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    who = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001}
    labels = {
        "app.kubernetes.io/name": "landing",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": "mcloud",
        "app.kubernetes.io/part-of": "mcloud",
        "mcloud/zone": "platform",
    }
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
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": who | {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [
            {"name": "home", "persistentVolumeClaim": {"claimName": "home"}},
            {"name": "landing", "secret": {"secretName": "landing", "defaultMode": 0o440}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
        ],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"backoffLimit": 0, "activeDeadlineSeconds": PATIENCE_SECONDS, "ttlSecondsAfterFinished": 3600, "template": template}
    metadata = {"name": name, "namespace": PLATFORM, "labels": labels}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def run_job(*arguments: str) -> Answer:
    """The result that the job told.

    Raises
    ------
    CallerError
        What the job told, as the class of its status; `Unavailable` when it ended, or did not, without telling anything.
    """
    cluster, name = own_cluster(), f"landing-{secrets.token_hex(4)}"
    cluster.call("POST", f"/apis/batch/v1/namespaces/{PLATFORM}/jobs", job(name, list(arguments), os.environ["MCLOUD_IMAGE"]))
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        status = cluster.call("GET", f"/apis/batch/v1/namespaces/{PLATFORM}/jobs/{name}").get("status", {})
        if status.get("succeeded") or status.get("failed"):
            break
        if time.monotonic() > end:
            raise Unavailable(f"job {name} has not ended after {PATIENCE_SECONDS} s: kubectl -n {PLATFORM} describe job {name}")
        time.sleep(0.5)
    return result(_log(cluster, name), name)


def _log(cluster: Cluster, name: str) -> str:
    pods = cluster.call("GET", f"/api/v1/namespaces/{PLATFORM}/pods", labelSelector=f"job-name={name}")["items"]
    if not pods:
        raise Unavailable(f"job {name} left no pod: kubectl -n {PLATFORM} describe job {name}")
    return cluster.text(f"/api/v1/namespaces/{PLATFORM}/pods/{pods[0]['metadata']['name']}/log")


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
