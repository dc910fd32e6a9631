"""What a pod and its containers may not ask for, in words. Pure.

A container's own security context wins over its pod's: both are read.
"""

from collections.abc import Iterator
from typing import Any

#: where a pod's containers stand; ephemeral ones are added later, by whoever holds that right
LISTS = ("initContainers", "containers", "ephemeralContainers")


def containers(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All containers of a pod."""
    for each in LISTS:
        yield from spec.get(each) or []


def pod_faults(spec: dict[str, Any]) -> list[str]:
    """Non-root, RuntimeDefault seccomp, no token of the cluster, nothing of the node, no priority of the cluster's own."""
    context = spec.get("securityContext") or {}
    faults = {
        "may run as root": context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0,
        "has no RuntimeDefault seccomp": _seccomp(context) != "RuntimeDefault",
        "carries a token of the cluster": spec.get("automountServiceAccountToken") is not False,
        "shares the node's network": bool(spec.get("hostNetwork")),
        "shares the node's processes": bool(spec.get("hostPID") or spec.get("hostIPC")),
        "mounts the node's files": any("hostPath" in volume for volume in spec.get("volumes") or []),
        "takes the place of others": str(spec.get("priorityClassName") or "").startswith("system-"),
    }
    return [fault for fault, is_so in faults.items() if is_so]


def container_faults(container: dict[str, Any]) -> list[str]:
    """No privileges, no capabilities, nothing written beside its volumes, nothing of the pod's restrictions taken back."""
    context = container.get("securityContext") or {}
    faults = {
        "is privileged": bool(context.get("privileged")),
        "may gain privileges": context.get("allowPrivilegeEscalation") is not False,
        "keeps capabilities": context.get("capabilities") != {"drop": ["ALL"]},
        "may write its root file system": context.get("readOnlyRootFilesystem") is not True,
        "takes a port of the node": any("hostPort" in port for port in container.get("ports") or []),
        "runs as root, whatever its pod says": context.get("runAsUser") == 0,
        "may run as root, whatever its pod says": context.get("runAsNonRoot", True) is not True,
        "gives up its pod's RuntimeDefault seccomp": _seccomp(context) not in (None, "RuntimeDefault"),
    }
    return [fault for fault, is_so in faults.items() if is_so]


def _seccomp(context: dict[str, Any]) -> Any:
    return (context.get("seccompProfile") or {}).get("type")
