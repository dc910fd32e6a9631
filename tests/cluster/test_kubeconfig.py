"""Ways to a cluster, as kubeconfigs describe them, against a real API server: who it is, who asks, and how old it is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import cluster, operations
from infra.cluster import Cluster
from infra.zones import namespace
from kit.errors import Conflict, Forbidden, Invalid, Unavailable
from tests.support.cluster import ONAGAWA, Site

PLACE = namespace(ONAGAWA, "mynumber")
Change = Callable[[dict[str, Any], dict[str, Any]], None]


def changed(site: Site, file: Path, change: Change) -> Cluster:
    """The cluster by a kubeconfig of which `change` has turned the cluster's and the user's part."""
    body = yaml.safe_load(site.kubeconfig.read_text())
    change(body["clusters"][0]["cluster"], body["users"][0]["user"])
    file.write_text(yaml.safe_dump(body))
    return Cluster(file)


def token(site: Site) -> str:
    """Of a town's operator in one zone."""
    wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    made = site.admin.call("POST", f"/api/v1/namespaces/{PLACE}/serviceaccounts/operator/token", wanted)
    return str(made["status"]["token"])


def test_a_cluster_that_is_too_old_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: `check` that never compares; seen failing."""
    monkeypatch.setattr(cluster, "OLDEST", (1, 99))
    with pytest.raises(Conflict, match=r"is Kubernetes 1\.\d+; the land needs 1\.99 or newer: upgrade it, or name another"):
        operations.plan(site.home, "site-primary")


def test_a_server_that_another_authority_vouches_for_is_not_trusted(site: Site, tmp_path: Path) -> None:
    """Mutant: a client that does not verify; seen failing."""

    def strange(where: dict[str, Any], _: dict[str, Any]) -> None:
        where.pop("certificate-authority", None)
        where.pop("certificate-authority-data", None)

    with pytest.raises(Unavailable, match=r"the certificate of the cluster at https://.* cannot be trusted"):
        changed(site, tmp_path / "kubeconfig", strange).check()


def test_credentials_that_the_cluster_does_not_know(site: Site, tmp_path: Path) -> None:
    def forged(_: dict[str, Any], who: dict[str, Any]) -> None:
        who.clear()
        who["token"] = "forged"

    with pytest.raises(Forbidden, match="renew the kubeconfig"):
        changed(site, tmp_path / "kubeconfig", forged).list("Pod", PLACE)


@pytest.mark.parametrize("interface", ["v1", "v1beta1"])
def test_credentials_by_a_program_of_ones_own(site: Site, tmp_path: Path, interface: str) -> None:
    """As those of the big clouds are had. Mutant for `v1`: the name of the interface left as it is; seen failing."""
    version = f"client.authentication.k8s.io/{interface}"
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": {"token": token(site)}}))

    def by_program(_: dict[str, Any], who: dict[str, Any]) -> None:
        who.clear()
        who["exec"] = {"apiVersion": version, "command": "cat", "args": [str(answer)], "interactiveMode": "Never"}

    there = changed(site, tmp_path / "kubeconfig", by_program)
    assert isinstance(there.list("Pod", PLACE), list)
    with pytest.raises(Forbidden):
        there.list("Secret", "kube-system")


@pytest.mark.parametrize("command", ["no-such-program", "false"])
def test_a_program_that_gives_no_credentials_is_named(site: Site, tmp_path: Path, command: str) -> None:
    def by_program(_: dict[str, Any], who: dict[str, Any]) -> None:
        who.clear()
        who["exec"] = {"apiVersion": "client.authentication.k8s.io/v1", "command": command}

    with pytest.raises(Invalid, match=rf"kubeconfig .*{command}"):
        changed(site, tmp_path / "kubeconfig", by_program).list("Pod", PLACE)


def test_a_token_in_a_file_is_read_again_when_it_was_renewed(site: Site, tmp_path: Path) -> None:
    """As the kubelet renews a pod's own."""
    file = tmp_path / "token"
    file.write_text("ended")

    def from_file(_: dict[str, Any], who: dict[str, Any]) -> None:
        who.clear()
        who["tokenFile"] = str(file)

    there = changed(site, tmp_path / "kubeconfig", from_file)
    with pytest.raises(Forbidden, match="renew the kubeconfig"):
        there.list("Pod", PLACE)
    file.write_text(token(site))
    assert isinstance(there.list("Pod", PLACE), list)
