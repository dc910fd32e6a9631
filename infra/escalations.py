"""The 15 rights by which somebody makes himself master of more than he was given. Pure."""

from fnmatch import fnmatchcase
from typing import Any

READS, WRITES = {"get", "list", "watch"}, {"create", "update", "patch", "delete", "deletecollection"}

#: name -> (API groups, resources, verbs)
ESCALATIONS: dict[str, tuple[str, set[str], set[str]]] = {
    "reads secrets": ("", {"secrets"}, READS),
    "creates pods": ("", {"pods"}, {"create"}),
    "creates workloads": (
        " apps batch",
        {"deployments", "statefulsets", "daemonsets", "replicasets", "replicationcontrollers", "jobs", "cronjobs"},
        {"create", "update", "patch"},
    ),
    # through the API server's proxy a pod is reached past its walls
    "enters pods": (
        "",
        {"pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy"},
        {"get", "create"},
    ),
    "adds containers to pods": ("", {"pods/ephemeralcontainers"}, {"update", "patch"}),
    "mints tokens": ("", {"serviceaccounts/token"}, {"create"}),
    "proxies to nodes": ("", {"nodes/proxy"}, {"get", "create"}),
    "escalates roles": ("rbac.authorization.k8s.io", {"roles", "clusterroles"}, {"escalate", "create", "update", "patch"}),
    "binds roles": ("rbac.authorization.k8s.io", {"roles", "clusterroles"}, {"bind"}),
    "writes bindings": ("rbac.authorization.k8s.io", {"rolebindings", "clusterrolebindings"}, {"create", "update", "patch"}),
    "impersonates": ("", {"users", "groups", "serviceaccounts"}, {"impersonate"}),
    "approves certificates": (
        "certificates.k8s.io",
        {"certificatesigningrequests/approval", "signers"},
        {"update", "patch", "approve", "sign"},
    ),
    "writes admission": (
        "admissionregistration.k8s.io",
        {
            "validatingwebhookconfigurations",
            "mutatingwebhookconfigurations",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
        },
        WRITES,
    ),
    "makes volumes of the node": ("", {"persistentvolumes"}, {"create", "update", "patch"}),
    "changes walls": (
        " networking.k8s.io",
        {"namespaces", "namespaces/status", "namespaces/finalize", "networkpolicies", "resourcequotas", "limitranges"},
        WRITES,
    ),
}


def held(rule: dict[str, Any]) -> list[str]:
    """The escalations that a rule of a role gives. A wildcard in a part of a name holds all that it may stand for."""
    groups, resources, verbs = (set(rule.get(key, [])) for key in ("apiGroups", "resources", "verbs"))
    if "*" in groups | resources | verbs:
        return ["holds a wildcard"]
    found = [f"holds the wildcard {each}" for each in sorted(groups | resources | verbs) if "*" in each]
    return found + [
        what
        for what, (at, of, by) in ESCALATIONS.items()
        if _meets(groups, set(at.split(" ") if at else [""])) and _meets(resources, of) and _meets(verbs, by)
    ]


def _meets(given: set[str], names: set[str]) -> bool:
    return any(fnmatchcase(each, pattern) for pattern in given for each in names)
