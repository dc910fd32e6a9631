"""An object of the cluster as data, what it is found by, and how it is called. Pure."""

from collections.abc import Sequence
from typing import Any

Manifest = dict[str, Any]
#: every object that a plan would leave in the cluster, as the API server reads it
Graph = Sequence[Manifest]
#: kind, namespace (empty for what has none) and name
Place = tuple[str, str, str]


def place(each: Manifest) -> Place:
    """What an object is told apart by."""
    return each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]


def name(each: Manifest) -> str:
    """How an object is called in a finding."""
    kind, namespace, own = place(each)
    return f"{kind} {namespace + '/' if namespace else ''}{own}"


def kubeconfig(called: str, cluster: Manifest, user: Manifest) -> Manifest:
    """A kubeconfig of one cluster, one user and one context, all of that name."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": called,
        "clusters": [{"name": called, "cluster": cluster}],
        "users": [{"name": called, "user": user}],
        "contexts": [{"name": called, "context": {"cluster": called, "user": called}}],
    }
