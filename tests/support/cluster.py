"""A landed site: a real API server with the platform's guards, and two tenants' ground; credentials of the tenants."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.cluster import Cluster
from infra.config import SiteConfig, read_site
from infra.images.build import build_all
from infra.manifests import Manifest
from infra.testbed import images
from infra.testbed.place import Testbed
from infra.zones import namespace
from kit.errors import CallerError
from platform_api import runner
from tenants.home import ZONES, Home, SiteName, Zone
from tests.support import land

ONAGAWA, MINAMISANRIKU = "045811", "046060"
GROUNDED = (ONAGAWA, MINAMISANRIKU)
RBAC = "rbac.authorization.k8s.io/v1"


@dataclass
class Site:
    """The cluster as its administrator sees it, and as a tenant's people do."""

    home: Home
    kubeconfig: Path

    @cached_property
    def admin(self) -> Cluster:
        return Cluster(self.kubeconfig)

    @property
    def config(self) -> SiteConfig:
        return read_site(self.home, "primary")

    def run(self, *arguments: str) -> dict[str, Any]:
        """A verb of infra.run, as a process of its own."""
        return runner.run(self.home, "infra.run", arguments)

    def token(self, place: str, account: str) -> str:
        """A service account's own, made anew."""
        wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
        made = self.admin.call("POST", f"/api/v1/namespaces/{place}/serviceaccounts/{account}/token", wanted)
        return str(made["status"]["token"])

    def subject(self, place: str, account: str) -> Cluster:
        """The cluster with a service account's own token, asked for anew: one put back by others is another one."""
        body = yaml.safe_load(self.kubeconfig.read_text())
        body["users"][0]["user"] = {"token": self.token(place, account)}
        file = self.home.path / f"{place}-{account}.kubeconfig"
        file.write_text(yaml.safe_dump(body))
        return Cluster(file)

    def tenant(self, code: str, zone: Zone = "mynumber") -> Cluster:
        """What the tenant's own people may do: the operator of one zone."""
        return self.subject(namespace(code, zone), "operator")


def refusal(act: Any) -> CallerError | None:
    """What the API server refused with; None when it let it through."""
    try:
        act()
    except CallerError as refused:
        return refused
    return None


def manifest(kind: str, place: str, name: str, version: str = "v1", **body: Any) -> Manifest:
    metadata = {"name": name} | ({"namespace": place} if place else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}


def places(codes: tuple[str, ...] = GROUNDED) -> list[str]:
    return [namespace(code, zone) for code in codes for zone in ZONES]


def bound(kind: str, place: str, name: str, role: str, account: str, of: str = "") -> Manifest:
    """A binding that gives a service account one of the cluster's own roles."""
    subjects = [{"kind": "ServiceAccount", "name": account, "namespace": of or place}]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return manifest(kind, place, name, RBAC, roleRef=reference, subjects=subjects)


@contextmanager
def slip(site: Site, place: str) -> Iterator[None]:
    """By mistake the administrator gave the tenant's operator `admin` in his own namespace."""
    site.admin.create(bound("RoleBinding", place, "slip", "admin", "operator"))
    try:
        yield
    finally:
        site.admin.delete("RoleBinding", place, "slip")


def describe(home: Path, kubeconfig: Path, **more: Any) -> Home:
    """An instance whose site primary is that cluster, without the bundled servers."""
    config: dict[str, Any] = {
        "mcloud:kubeconfig": str(kubeconfig),
        "mcloud:images": {"cloud": f"localhost/mcloud@{land.DIGEST}", "keycloak": f"localhost/keycloak@{land.DIGEST}"},
        "mcloud:bundled": False,
        "mcloud:gateway": {"namespaces": {"mynumber": "gateway-mynumber"}},
    }
    (home / "stacks").mkdir(parents=True, exist_ok=True)
    (home / "stacks" / "Pulumi.site-primary.yaml").write_text(yaml.safe_dump({"config": config | more}, allow_unicode=True))
    return Home(home)


def with_images(testbed: Testbed, site: SiteName = "primary") -> Path:
    """The kubeconfig of a site of the testbed, after the platform's own images were built and brought there."""
    place = testbed.place(site)
    for made in build_all(testbed.home.path / "images"):
        images.ensure_platform(place, made.name, made.reference, made.archive)
    return place.kubeconfig


@pytest.fixture(scope="session")
def plain(site: Site) -> Iterator[str]:
    """A namespace that nobody landed, whose `operator` is its administrator, and whose `default` account may do everything."""
    place = "plain"
    site.admin.apply(manifest("Namespace", "", place), manager="test")
    site.admin.apply(manifest("ServiceAccount", place, "operator"), manager="test")
    site.admin.create(bound("ClusterRoleBinding", "", "plain", "cluster-admin", "default", of=place))
    try:
        with slip(site, place):
            yield place
    finally:
        site.admin.delete("ClusterRoleBinding", "", "plain")
        site.admin.delete("Namespace", "", place)


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site with its guards, two tenants landed without processes: on a testbed, or on the cluster that is named."""
    given = os.environ.get("MCLOUD_TEST_KUBECONFIG")
    kubeconfig = Path(given) if given else with_images(request.getfixturevalue("testbed"))
    folder = tmp_path_factory.mktemp("land")
    made = Site(describe(folder, kubeconfig), kubeconfig)
    try:
        made.run("apply", "--site", "primary", "--adopt")  # a cluster that was given may have been landed before
        for code in GROUNDED:
            made.run("apply", "--tenant", code, "--ground", "--adopt")
        yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)
