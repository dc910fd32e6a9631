"""That nothing lies beside our walls: policies, rights and quotas that no release of ours has are found, and taken away."""

import json
from typing import Any

from pulumi import Input, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from infra import drift, lease
from infra.cluster import Cluster
from infra.policy import Graph

VERSION = "1"
Props = dict[str, Any]


def inputs(graph: Graph, namespaces: list[str], kubeconfig: str, context: str) -> Props:
    """The walls that belong there, by kind, namespace and name."""
    places = [(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]) for each in graph]
    expected = sorted(place for place in places if place[0] in drift.WALLS and place[1] in namespaces)
    return {
        "kubeconfig": kubeconfig,
        "context": context,
        "namespaces": json.dumps(namespaces),
        "expected": json.dumps(expected),
        "provider_version": VERSION,
    }


def foreign(props: Props) -> list[tuple[str, str, str]]:
    """What lies there beside ours."""
    cluster = Cluster(props["kubeconfig"], props["context"])
    expected = [(kind, place, name) for kind, place, name in json.loads(props["expected"])]
    return drift.foreign(cluster, json.loads(props["namespaces"]), expected)


def ensure(props: Props) -> Props:
    cluster = Cluster(props["kubeconfig"], props["context"])
    lease.check(cluster)
    for kind, place, name in foreign(props):
        cluster.delete(kind, place, name)
    return {**props, "drift": []}


class WallsProvider(ResourceProvider):
    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        keys = ("kubeconfig", "context", "namespaces", "expected", "provider_version")
        return DiffResult(changes=bool(_olds.get("drift")) or any(_olds.get(key) != _news.get(key) for key in keys))

    def create(self, props: Props) -> CreateResult:
        return CreateResult("walls", ensure(_plain(props)))

    def read(self, id_: str, props: Props) -> ReadResult:
        found = [f"{kind} {place}/{name} was added by somebody else" for kind, place, name in foreign(props)]
        return ReadResult(id_, {**_plain(props), "drift": found})

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(ensure(_plain(_news)))

    def delete(self, _id: str, _props: Props) -> None:
        """Nothing is taken away, walls belong to the releases; yet a destroy without a lease ends here too."""
        lease.check(Cluster(_props["kubeconfig"], _props["context"]))


def _plain(props: Props) -> Props:
    return {key: value for key, value in props.items() if key not in ("__provider", "drift")}


class Walls(Resource):
    """The closed list of walls in a tenant's namespaces."""

    def __init__(self, name: str, props: dict[str, Input[Any]], opts: ResourceOptions | None = None) -> None:
        super().__init__(WallsProvider(), name, {**props, "drift": None}, opts)
