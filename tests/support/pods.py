"""Pods of the platform's own image that a test puts into a landed site, and what they say."""

import subprocess
import time
from typing import Any

import pytest

from infra.manifests import Manifest
from infra.zones import APP, Party
from tests.support.cluster import Site, manifest
from tools.cluster import kubectl


def image(site: Site, name: str = "mcloud") -> str:
    """One of the platform's own images at the site; a node tells of an image up to half a minute after it came."""
    end = time.monotonic() + 45
    while time.monotonic() < end:
        nodes = site.admin.call("GET", "/api/v1/nodes")["items"]
        there = [each for node in nodes for one in node["status"].get("images", []) for each in one["names"] or ()]
        if found := [each for each in there if each.startswith(f"localhost/{name}@sha256:")]:
            return str(found[0])
        time.sleep(1)
    pytest.skip(f"the platform's image {name} is not at the site: `mcloud testbed images`")


def pod(site: Site, party: Party, name: str, code: str, *arguments: str) -> Manifest:
    container = {
        "name": "c",
        "image": image(site),
        "command": ["python3", "-c", code, *arguments],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True},
        "resources": {"requests": {"cpu": "1m", "memory": "24Mi"}, "limits": {"memory": "96Mi"}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    spec: dict[str, Any] = {"containers": [container], "securityContext": security, "restartPolicy": "Never"}
    spec |= {"automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0}
    made = manifest("Pod", party.namespace, name, spec=spec)
    made["metadata"]["labels"] = {APP: party.app}
    return made


def inside(site: Site, place: str, name: str, *command: str) -> str:
    done = subprocess.run(
        [str(kubectl()), f"--kubeconfig={site.kubeconfig}", "exec", f"--namespace={place}", name, "--", *command],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-300:]
    return done.stdout


def logs(site: Site, place: str, name: str, container: str = "c") -> str:
    command = [
        str(kubectl()),
        f"--kubeconfig={site.kubeconfig}",
        "logs",
        f"--namespace={place}",
        name,
        f"--container={container}",
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout


def until(site: Site, place: str, name: str, *phases: str, seconds: float = 180) -> Manifest:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = site.admin.get("Pod", place, name)
        if found and found["status"].get("phase") in phases and (found["status"].get("podIP") or "Failed" in phases):
            return found
        time.sleep(0.3)
    raise AssertionError(f"{place}/{name} is not {phases}: {(found or {}).get('status')}")
