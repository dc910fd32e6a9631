"""A Helm release as a Pulumi resource. `read` compares every object with the cluster, so that `refresh` sees drift."""

import json
from typing import Any

from pulumi import Input, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from infra import charts, drift, helm
from infra.landing import Release
from infra.providers.props import Props, cluster, plain, writable

#: raised when stored states must be written anew
VERSION = "1"


def release_of(props: Props) -> Release:
    return Release(props["release"], props["chart"], json.loads(props["values"]))


def inputs(release: Release, kubeconfig: str, context: str) -> Props:
    """What the engine stores; values as one text, because it turns whole numbers into fractions."""
    return {
        "kubeconfig": kubeconfig,
        "context": context,
        "release": release.name,
        "chart": release.chart,
        "chart_digest": charts.digest(release.chart),
        "values": json.dumps(release.values, ensure_ascii=False, sort_keys=True),
        "provider_version": VERSION,
    }


def ensure(props: Props) -> Props:
    helm.ensure(writable(props), release_of(props))
    return {**props, "drift": []}


def read(props: Props) -> Props | None:
    """What was applied, with what differs from it now; None when the release is gone."""
    there = cluster(props)
    applied = helm.manifest(there, props["release"])
    if applied is None:
        return None
    return {**props, "drift": [each.told() for each in drift.compare(there, applied)]}


class ReleaseProvider(ResourceProvider):
    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        changed = [key for key in _news if key != "__provider" and _olds.get(key) != _news[key]]
        replaces = [key for key in ("release",) if key in changed]
        return DiffResult(changes=bool(changed or _olds.get("drift")), replaces=replaces, delete_before_replace=True)

    def create(self, props: Props) -> CreateResult:
        return CreateResult(props["release"], ensure(plain(props)))

    def read(self, id_: str, props: Props) -> ReadResult:
        found = read(plain(props))
        return ReadResult(id_, found) if found is not None else ReadResult("", {})

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(ensure(plain(_news)))

    def delete(self, _id: str, _props: Props) -> None:
        helm.delete(writable(_props), _props["release"])


class HelmRelease(Resource):
    """One release; `drift` lists what differed when it was last read."""

    def __init__(self, name: str, props: dict[str, Input[Any]], opts: ResourceOptions | None = None) -> None:
        super().__init__(ReleaseProvider(), name, {**props, "drift": None}, opts)
