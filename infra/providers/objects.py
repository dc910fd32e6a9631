"""Single objects as Pulumi resources: what has a credential or must outlive every release."""

import json
from typing import Any

from pulumi import Input, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from infra import drift
from infra.keyring_secrets import manifest_of
from infra.manifests import Manifest, place
from infra.providers.props import Props, cluster, plain, writable

VERSION = "1"


def inputs(what: Manifest, kubeconfig: str, context: str) -> Props:
    """An object as it stands. A Secret is described only: which one, of whom, and its fingerprint."""
    return {"kubeconfig": kubeconfig, "context": context, "object": json.dumps(what, sort_keys=True), "provider_version": VERSION}


def _object(props: Props) -> Manifest:
    """The object; a described secret is filled from the keyring only here."""
    described: Manifest = json.loads(props["object"])
    return manifest_of(described) if described["kind"] == "KeyringSecret" else described


def ensure(props: Props) -> Props:
    drift.mend(writable(props), [_object(props)])
    return {**props, "drift": []}


def read(props: Props) -> Props | None:
    """None when it is gone. Only that a secret differs is told, never how."""
    found = drift.compare(cluster(props), [_object(props)])
    if any(each.what == "missing" for each in found):
        return None
    return {**props, "drift": [each.told() for each in found]}


class ObjectProvider(ResourceProvider):
    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        changed = [key for key in ("kubeconfig", "context", "object", "provider_version") if _olds.get(key) != _news.get(key)]
        return DiffResult(changes=bool(changed or _olds.get("drift")))

    def create(self, props: Props) -> CreateResult:
        _, namespace, name = place(json.loads(props["object"]))
        return CreateResult(f"{namespace}/{name}", ensure(plain(props)))

    def read(self, id_: str, props: Props) -> ReadResult:
        found = read(plain(props))
        return ReadResult(id_, found) if found is not None else ReadResult("", {})

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(ensure(plain(_news)))

    def delete(self, _id: str, _props: Props) -> None:
        kind, namespace, name = place(json.loads(_props["object"]))
        writable(_props).delete("Secret" if kind == "KeyringSecret" else kind, namespace, name)


class KubeObject(Resource):
    """One object."""

    def __init__(self, name: str, props: dict[str, Input[Any]], opts: ResourceOptions | None = None) -> None:
        super().__init__(ObjectProvider(), name, {**props, "drift": None}, opts)
