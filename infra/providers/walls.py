"""That nothing lies beside our walls: policies, rights and quotas that no release of ours has are found, and taken away."""

import json
from typing import Any

from pulumi import Input, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from infra import foreign
from infra.manifests import Graph, Place, place
from infra.providers.props import Props, cluster, plain, writable

VERSION = "1"


def inputs(graph: Graph, namespaces: list[str], kubeconfig: str, context: str) -> Props:
    """The walls that belong there, by kind, namespace and name."""
    expected = sorted(place(each) for each in graph if each["kind"] in foreign.WALLS and place(each)[1] in namespaces)
    return {
        "kubeconfig": kubeconfig,
        "context": context,
        "namespaces": json.dumps(namespaces),
        "expected": json.dumps(expected),
        "provider_version": VERSION,
    }


def beside(props: Props) -> list[Place]:
    """What lies there beside ours."""
    expected = {(kind, namespace, name) for kind, namespace, name in json.loads(props["expected"])}
    return sorted({place(each) for each in foreign.all_walls(cluster(props), json.loads(props["namespaces"]))} - expected)


def ensure(props: Props) -> Props:
    there = writable(props)
    for where in beside(props):
        there.delete(*where)
    return {**props, "drift": []}


class WallsProvider(ResourceProvider):
    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        keys = ("kubeconfig", "context", "namespaces", "expected", "provider_version")
        return DiffResult(changes=bool(_olds.get("drift")) or any(_olds.get(key) != _news.get(key) for key in keys))

    def create(self, props: Props) -> CreateResult:
        return CreateResult("walls", ensure(plain(props)))

    def read(self, id_: str, props: Props) -> ReadResult:
        found = [f"{kind} {namespace}/{name} was added by somebody else" for kind, namespace, name in beside(props)]
        return ReadResult(id_, {**plain(props), "drift": found})

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(ensure(plain(_news)))

    def delete(self, _id: str, _props: Props) -> None:
        """Nothing is taken away, walls belong to the releases; yet a destroy without a lease ends here too."""
        writable(_props)


class Walls(Resource):
    """The closed list of walls in a tenant's namespaces."""

    def __init__(self, name: str, props: dict[str, Input[Any]], opts: ResourceOptions | None = None) -> None:
        super().__init__(WallsProvider(), name, {**props, "drift": None}, opts)
