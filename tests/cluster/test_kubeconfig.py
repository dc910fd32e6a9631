"""Ways to a cluster, as kubeconfigs describe them, against a real API server: who it is, who asks, and how old it is."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import cluster, lease, operations, program
from infra.cluster import Cluster
from infra.zones import namespace
from kit.errors import Conflict, Forbidden, Invalid, Unavailable
from tenants.home import Home
from tests.support.cluster import ONAGAWA, Site, describe, manifest

PLACE = namespace(ONAGAWA, "mynumber")
Written = Callable[[Any], str]


def by(site: Site, folder: Path, user: dict[str, Any], written: Written = yaml.safe_dump) -> Cluster:
    """The cluster with these credentials instead of its administrator's."""
    body = yaml.safe_load(site.kubeconfig.read_text())
    body["users"][0]["user"] = user
    file = folder / "kubeconfig"
    file.write_text(written(body))
    return Cluster(file)


def test_a_cluster_that_is_too_old_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: `check` that never compares; seen failing."""
    monkeypatch.setattr(cluster, "OLDEST", (1, 99))
    with pytest.raises(Conflict, match=r"is Kubernetes 1\.\d+; the land needs 1\.99 or newer: upgrade it, or name another"):
        operations.plan(site.home, "site-primary")


def test_a_server_that_another_authority_vouches_for_is_not_trusted(site: Site, tmp_path: Path) -> None:
    """Mutant: a client that does not verify; seen failing."""
    body = yaml.safe_load(site.kubeconfig.read_text())
    for key in ("certificate-authority", "certificate-authority-data"):
        body["clusters"][0]["cluster"].pop(key, None)
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(body))
    with pytest.raises(Unavailable, match=r"the certificate of the cluster at https://.* cannot be trusted"):
        Cluster(tmp_path / "kubeconfig").check()


def test_credentials_that_the_cluster_does_not_know(site: Site, tmp_path: Path) -> None:
    with pytest.raises(Forbidden, match="renew the kubeconfig"):
        by(site, tmp_path, {"token": "forged"}).list("Pod", PLACE)


@pytest.mark.parametrize("written", [yaml.safe_dump, json.dumps])
@pytest.mark.parametrize("interface", ["v1", "v1beta1"])
def test_credentials_by_a_program_of_ones_own(site: Site, tmp_path: Path, interface: str, written: Written) -> None:
    """As those of the big clouds are had. Mutant for `v1`: the name of the interface left as it is; seen failing."""
    version = f"client.authentication.k8s.io/{interface}"
    answer = tmp_path / "answer.json"
    made = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": site.token(PLACE, "operator")}}
    answer.write_text(json.dumps(made))
    program = {"apiVersion": version, "command": "cat", "args": [str(answer)], "interactiveMode": "Never"}
    there = by(site, tmp_path, {"exec": program}, written)
    assert isinstance(there.list("Pod", PLACE), list)
    with pytest.raises(Forbidden):
        there.list("Secret", "kube-system")


@pytest.mark.parametrize("command", ["no-such-program", "false"])
def test_a_program_that_gives_no_credentials_is_named(site: Site, tmp_path: Path, command: str) -> None:
    program = {"apiVersion": "client.authentication.k8s.io/v1", "command": command}
    with pytest.raises(Invalid, match=rf"kubeconfig .*{command}"):
        by(site, tmp_path, {"exec": program}).list("Pod", PLACE)


def test_a_token_in_a_file_is_read_again_when_it_was_renewed(site: Site, tmp_path: Path) -> None:
    """As the kubelet renews a pod's own."""
    file = tmp_path / "token"
    file.write_text("ended")
    there = by(site, tmp_path, {"tokenFile": str(file)})
    with pytest.raises(Forbidden, match="renew the kubeconfig"):
        there.list("Pod", PLACE)
    file.write_text(site.token(PLACE, "operator"))
    assert isinstance(there.list("Pod", PLACE), list)


@pytest.fixture
def stranger(site: Site, tmp_path: Path) -> Iterator[Home]:
    """The instance in the hands of an account that may do everything by its rights, and stands in no list."""
    version = "rbac.authorization.k8s.io/v1"
    everything = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subjects = [{"kind": "ServiceAccount", "name": "lander", "namespace": "default"}]
    site.admin.create(manifest("ServiceAccount", "default", "lander"))
    site.admin.create(manifest("ClusterRoleBinding", "", "lander", version, roleRef=everything, subjects=subjects))
    try:
        shutil.copytree(site.home.path, tmp_path / "instance")
        by(site, tmp_path, {"token": site.token("default", "lander")})
        yield describe(tmp_path / "instance", tmp_path / "kubeconfig")
    finally:
        site.admin.delete("ClusterRoleBinding", "", "lander")
        site.admin.delete("ServiceAccount", "default", "lander")


LANDER = "system:serviceaccount:default:lander"
REFUSED = rf"user {LANDER} \(groups system:serviceaccounts, .*\) is not in mcloud:landing \(system:masters\): .* add the user"


def test_who_would_lock_himself_out_is_refused_before_anything_is_applied(
    site: Site, stranger: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutant: `apply` without the check; seen failing. The ordinary CLI, whose program takes the lease itself, checks too."""
    before = site.admin.get("Lease", "mcloud-tenants", "site-primary")
    with pytest.raises(Forbidden, match=REFUSED):
        operations.apply(stranger, "site-primary", lambda *_: None)
    land = operations.Land.open(stranger, "site-primary")
    monkeypatch.delenv(lease.VARIABLE, raising=False)
    with pytest.raises(Forbidden, match=REFUSED):
        program.begin(land.cluster, land.stack, land.config)
    assert site.admin.get("Lease", "mcloud-tenants", "site-primary") == before


def test_the_plan_says_that_one_would_lock_oneself_out(site: Site, stranger: Home) -> None:
    """Mutant: a plan without warnings; seen failing."""
    assert re.match(REFUSED, operations.plan(stranger, "site-primary")["words"][0])
    assert not any("is not in mcloud:landing" in each for each in operations.plan(site.home, "site-primary")["words"])


@pytest.mark.parametrize("named", [LANDER, "system:serviceaccounts:default"])
def test_user_name_or_group_is_enough_and_costs_one_question(stranger: Home, named: str) -> None:
    """Mutant: groups alone compared; seen failing."""
    file = stranger.path / "stacks" / "Pulumi.site-primary.yaml"
    body = yaml.safe_load(file.read_text())
    body["config"]["mcloud:landing"] = ["system:masters", named]
    file.write_text(yaml.safe_dump(body))
    land, town = (operations.Land.open(stranger, stack) for stack in ("site-primary", f"tenant-{ONAGAWA}"))
    asked = land.cluster.requests, town.cluster.requests
    land.check_lander()
    town.check_lander()
    assert (land.cluster.requests, town.cluster.requests) == (asked[0] + 1, asked[1])
