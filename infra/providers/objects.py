"""Single objects as Pulumi resources: what has a credential or must outlive every release."""

import json
from typing import Any

from pulumi import Input, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from infra import drift, lease
from infra.cluster import Cluster
from infra.keyring_secrets import manifest_of
from infra.policy import Manifest

VERSION = "1"
Props = dict[str, Any]


def inputs(what: Manifest, kubeconfig: str, context: str) -> Props:
    """An object as it stands. A Secret is described only: which one, of whom, and its fingerprint."""
    return {"kubeconfig": kubeconfig, "context": context, "object": json.dumps(what, sort_keys=True), "provider_version": VERSION}


def _object(props: Props) -> Manifest:
    """The object; a described secret is filled from the keyring only here."""
    described: Manifest = json.loads(props["object"])
    return manifest_of(described) if described["kind"] == "KeyringSecret" else described


def ensure(props: Props) -> Props:
    cluster = Cluster(props["kubeconfig"], props["context"])
    lease.check(cluster)
    cluster.apply(_object(props), manager=drift.MANAGER)
    return {**props, "drift": []}


def read(props: Props) -> Props | None:
    """None when it is gone. Only that a secret differs is told, never how."""
    cluster = Cluster(props["kubeconfig"], props["context"])
    wanted = _object(props)
    found = drift.compare(cluster, [wanted])
    if any(each.what == "missing" for each in found):
        return None
    return {**props, "drift": [each.told() for each in found]}


class ObjectProvider(ResourceProvider):
    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        changed = [key for key in ("kubeconfig", "context", "object", "provider_version") if _olds.get(key) != _news.get(key)]
        return DiffResult(changes=bool(changed or _olds.get("drift")))

    def create(self, props: Props) -> CreateResult:
        place = json.loads(props["object"])["metadata"]
        return CreateResult(f"{place.get('namespace', '')}/{place['name']}", ensure(_plain(props)))

    def read(self, id_: str, props: Props) -> ReadResult:
        found = read(_plain(props))
        return ReadResult(id_, found) if found is not None else ReadResult("", {})

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(ensure(_plain(_news)))

    def delete(self, _id: str, _props: Props) -> None:
        cluster = Cluster(_props["kubeconfig"], _props["context"])
        lease.check(cluster)
        described = json.loads(_props["object"])
        kind = "Secret" if described["kind"] == "KeyringSecret" else described["kind"]
        cluster.delete(kind, described["metadata"].get("namespace", ""), described["metadata"]["name"])


def _plain(props: Props) -> Props:
    return {key: value for key, value in props.items() if key not in ("__provider", "drift")}


class KubeObject(Resource):
    """One object."""

    def __init__(self, name: str, props: dict[str, Input[Any]], opts: ResourceOptions | None = None) -> None:
        super().__init__(ObjectProvider(), name, {**props, "drift": None}, opts)
