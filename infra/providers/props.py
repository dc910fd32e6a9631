"""What the engine stores of a resource: its inputs, and what differed when it was last read."""

from typing import Any

from infra import lease
from infra.cluster import Cluster

Props = dict[str, Any]


def plain(props: Props) -> Props:
    """The inputs alone."""
    return {key: value for key, value in props.items() if key not in ("__provider", "drift")}


def cluster(props: Props) -> Cluster:
    """To read from."""
    return Cluster(props["kubeconfig"], props["context"])


def writable(props: Props) -> Cluster:
    """To write to: whoever acts has the stack's lease.

    Raises
    ------
    Conflict
        It was taken over, or nobody took it.
    """
    found = cluster(props)
    lease.check(found)
    return found
