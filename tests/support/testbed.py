"""Looking at a testbed from outside: what its kernel objects are, and TCP as its pods see it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from infra.testbed import groups, sites
from infra.testbed.images import PAUSE
from infra.testbed.place import Place, Testbed

CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()"


def left_behind(testbed: Testbed) -> list[str]:
    """Processes, mounts, networks, control groups and files that bear the testbed's name."""
    name, folder = testbed.identifier, str(testbed.folder)
    found = [f"mount {line}" for line in Path("/proc/self/mounts").read_text().splitlines() if folder in line]
    found += [f"device {device.name}" for device in Path("/sys/class/net").iterdir() if name in device.name]
    found += [f"group {path}" for path in groups.ROOT.rglob(f"mcloud-{name}*")]
    found += [f"file {path}" for path in (testbed.folder,) if path.exists()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "cmdline").read_bytes().decode(errors="replace") + (process / "cgroup").read_text()
        except OSError:
            continue
        if folder in text or f"mcloud-{name}" in text:
            found.append(f"process {process.name} {text[:80]!r}")
    return found


def connects(process: int, host: str, port: int) -> bool:
    """Whether a real TCP connection opens from the network in which the process lives."""
    command = ["nsenter", f"--target={process}", "--net", "--", sys.executable, "-c", CONNECT, host, str(port)]
    return subprocess.run(command, capture_output=True).returncode == 0


def pod(
    name: str, *, labels: dict[str, str] | None = None, container: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """A pod that the restricted level accepts; it does nothing but be there."""
    closed = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    one = {"name": "only", "image": PAUSE, "imagePullPolicy": "Never", "securityContext": closed} | (container or {})
    who = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    body = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": who,
        "containers": [one],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": body | spec}


def apply(place: Place, namespace: str, *items: dict[str, Any]) -> None:
    """Server-side apply into a namespace at the restricted level, which is made first."""
    level = {"pod-security.kubernetes.io/enforce": "restricted"}
    ground = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": level}}
    sites.kubectl(place, "apply", "--server-side", "--filename=-", given=json.dumps(ground))
    listed = {"apiVersion": "v1", "kind": "List", "items": list(items)}
    sites.kubectl(place, f"--namespace={namespace}", "apply", "--server-side", "--filename=-", given=json.dumps(listed))


def running(place: Place, namespace: str, name: str) -> tuple[int, str]:
    """Process and address of a pod once it is Ready."""
    sites.kubectl(place, f"--namespace={namespace}", "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
    told = json.loads(sites.kubectl(place, f"--namespace={namespace}", "get", "pod", name, "--output=json"))
    for number in groups.processes(place.testbed, place):
        if told["metadata"]["uid"] in Path(f"/proc/{number}/cgroup").read_text():
            return number, told["status"]["podIP"]
    raise AssertionError(f"pod {name} is Ready, but has no process")
