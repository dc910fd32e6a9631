"""Two real sites: they stand, they are walled, the link can be cut, a site can be lost, and nothing is left afterwards."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from infra.testbed import files, groups, namespaces, sites
from infra.testbed.place import API_PORT, SITES, Place, Testbed
from kit.errors import Conflict, Unavailable
from platform_api import runner
from tenants.home import Home
from tests.support.testbed import apply, connects, left_behind, pod, running

NAMES = 53


def until(well: object, seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while not well():  # type: ignore[operator]
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def kill(place: Place, number: int) -> None:
    """Kill a process by the number that it has in its site."""
    outside = namespaces.first_process(place)
    subprocess.run(["nsenter", f"--target={outside}", "--pid", "--", "sh", "-c", f"kill -KILL {number}"], check=True)


def test_both_sites_are_up_and_up_again_changes_nothing(testbed: Testbed) -> None:
    assert [(each["site"], each["state"], each["link"], each["ill"]) for each in sites.status(testbed)] == [
        (site, "up", "whole", []) for site in SITES
    ]
    told: list[tuple[str, bool]] = []
    sites.up(testbed, SITES, lambda name, changed: told.append((name, changed)))
    assert [name for name, changed in told if changed] == []
    assert (
        json.loads(sites.kubectl(testbed.place("primary"), "version", "--output=json"))["serverVersion"]["gitVersion"]
        == "v1.34.4"
    )


def test_a_restricted_pod_runs_and_a_greedy_one_is_refused(testbed: Testbed) -> None:
    place = testbed.place("primary")
    apply(place, "walls", pod("modest"))
    process, address = running(place, "walls", "modest")
    assert address.startswith("10.90.0.")
    status = Path(f"/proc/{process}/status").read_text()
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    for asked in ({"securityContext": {"privileged": True}}, {"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}):
        with pytest.raises(Unavailable, match="violates PodSecurity"):
            apply(place, "walls", pod("greedy", container=asked))
    with pytest.raises(Unavailable, match="violates PodSecurity"):
        apply(place, "walls", pod("host", hostNetwork=True))


def test_only_the_sites_own_certificates_open_its_doors(testbed: Testbed) -> None:
    here, other = testbed.place("primary"), testbed.place("recovery")
    url = f"https://{here.node}:{API_PORT}/api/v1/namespaces"

    def answer(authority: Path, client: Path | None) -> int:
        trust = ssl.create_default_context(cafile=str(authority / "ca.crt"))
        if client:
            trust.load_cert_chain(client / "admin.crt", client / "admin.key")
        return httpx2.get(url, verify=trust, timeout=5).status_code

    assert answer(files.pki(here), files.pki(here)) == 200
    assert answer(files.pki(here), None) == 401
    assert answer(files.pki(here), files.pki(other)) == 401
    with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        answer(files.pki(other), files.pki(here))
    for secret in files.pki(here).iterdir():
        assert secret.suffix == ".pub" or secret.stat().st_mode & 0o077 == 0, secret
    with pytest.raises(httpx2.HTTPError):  # a certificate for the cluster does not open its store
        process = namespaces.inside(here, sys.executable, "-c", _STORE, str(files.pki(here)))
        if subprocess.run(process, capture_output=True).returncode:
            raise httpx2.ConnectError("refused")


_STORE = """
import ssl, sys, urllib.request
trust = ssl.create_default_context(cafile=sys.argv[1] + "/etcd-ca.crt")
trust.load_cert_chain(sys.argv[1] + "/admin.crt", sys.argv[1] + "/admin.key")
urllib.request.urlopen("https://127.0.0.1:2379/version", context=trust, timeout=5)
"""


def test_secrets_do_not_lie_open_in_the_store(testbed: Testbed) -> None:
    place, word = testbed.place("primary"), "watchword-of-this-test"
    closed = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "closed"}, "stringData": {"word": word}}
    public = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "public"}, "data": {"word": f"map-{word}"}}
    apply(place, "walls", closed, public)
    stored = b"".join(file.read_bytes() for file in (place.folder / "etcd").rglob("*") if file.is_file())
    assert f"map-{word}".encode() in stored  # mutant: we looked where things are stored
    assert stored.replace(f"map-{word}".encode(), b"").count(word.encode()) == 0


def test_a_policy_is_enforced_between_pods(testbed: Testbed) -> None:
    place = testbed.place("primary")
    apply(place, "asking", pod("asker"))
    process, _ = running(place, "asking", "asker")
    address = place.service(10)
    assert until(lambda: connects(process, address, NAMES))
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "closed"}}
    apply(place, "asking", policy | {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}})
    assert until(lambda: not connects(process, address, NAMES))
    sites.kubectl(place, "--namespace=asking", "delete", "networkpolicy", "closed")
    assert until(lambda: connects(process, address, NAMES))


def test_the_cut_link_is_seen_by_tcp_and_heals(testbed: Testbed) -> None:
    here, there = testbed.place("recovery"), testbed.place("primary")
    apply(here, "pulling", pod("puller"))
    process, _ = running(here, "pulling", "puller")
    assert until(lambda: connects(process, there.service(10), NAMES))  # from a pod to the other site's service
    assert namespaces.cut(testbed)
    assert not namespaces.cut(testbed)
    assert not connects(process, there.service(10), NAMES)
    assert not connects(namespaces.first_process(here) or 0, there.link, API_PORT)
    assert connects(process, here.service(10), NAMES)  # its own site goes on
    assert connects(os.getpid(), there.node, API_PORT)  # and so does the other
    assert [each["link"] for each in sites.status(testbed)] == ["cut", "cut"]
    assert namespaces.heal(testbed)
    assert not namespaces.heal(testbed)
    assert connects(process, there.service(10), NAMES)


def test_pods_reach_neither_this_machine_nor_the_world(testbed: Testbed) -> None:
    place = testbed.place("recovery")
    apply(place, "pulling", pod("puller"))
    process, _ = running(place, "pulling", "puller")
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", place.host, "38080"], stderr=subprocess.DEVNULL
    ) as server:
        try:
            assert until(lambda: connects(os.getpid(), place.host, 38080))  # mutant: somebody listens there
            assert not connects(process, place.host, 38080)
        finally:
            server.kill()
    assert not connects(process, "192.0.2.1", 80)


@pytest.mark.parametrize("name", ["etcd", "apiserver", "kubelet", "containerd", "kube-router"])
def test_a_killed_program_comes_back(testbed: Testbed, name: str) -> None:
    place, boss = testbed.place("recovery"), namespaces.supervisor(testbed.place("recovery"))
    before = {each["name"]: each["pid"] for each in boss.all_states()}
    kill(place, before[name])
    assert until(lambda: boss.state(name) == "RUNNING" and {e["name"]: e["pid"] for e in boss.all_states()}[name] != before[name])
    assert until(lambda: sites.status(testbed)[1]["state"] == "up", 60)


def test_a_second_testbed_does_not_meet_the_first(testbed: Testbed, tmp_path: Path) -> None:
    # its home's path is as long as people's own may be; mutant seen: the kubelet's sockets below it, and no node comes up
    second = Testbed(Home(tmp_path / "a-home-far-down" / ("x" * 100)))
    try:
        sites.up(second, ["primary"], lambda *_: None)
        assert second.place("primary").node != testbed.place("primary").node
        assert [each["state"] for each in sites.status(second)] == ["up", "down"]
        sites.kubectl(second.place("primary"), "create", "namespace", "only-here")
        with pytest.raises(Unavailable, match="not found"):
            sites.kubectl(testbed.place("primary"), "get", "namespace", "only-here")
    finally:
        sites.down(second)
    assert left_behind(second) == []
    assert [each["state"] for each in sites.status(testbed)] == ["up", "up"]


@pytest.mark.parametrize("victim", ["up", "first process", "containerd"])
def test_down_leaves_nothing_whatever_was_killed(testbed: Testbed, tmp_path: Path, victim: str) -> None:
    second = Testbed(Home(tmp_path))
    place = second.place("primary")
    environment = os.environ | {"MCLOUD_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "infra.testbed", "up", "--sites=primary"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if victim == "up" and "API server" in line:
                process.kill()
        process.wait(120)
    assert left_behind(second) != []  # mutant: there is something to be left
    if victim == "first process":
        os.kill(namespaces.first_process(place) or 0, signal.SIGKILL)
        assert until(lambda: groups.processes(second) == set())  # the kernel ends the whole tree
    elif victim == "containerd":
        boss = namespaces.supervisor(place)
        pid = next(each["pid"] for each in boss.all_states() if each["name"] == "containerd")
        kill(place, pid)
    runner.run(second.home, "infra.testbed", ["down"])
    assert left_behind(second) == []
    assert [each["state"] for each in sites.status(testbed)] == ["up", "up"]


def test_what_cannot_be_is_said(testbed: Testbed, tmp_path: Path) -> None:
    nowhere = Home(tmp_path)
    assert runner.run(nowhere, "infra.testbed", ["down"])["changed"] is False
    assert [each["state"] for each in runner.run(nowhere, "infra.testbed", ["status"])["sites"]] == ["down", "down"]
    with pytest.raises(Unavailable, match="mcloud testbed up"):
        runner.run(nowhere, "infra.testbed", ["cut"])
    with pytest.raises(Conflict, match="site primary is not up"):
        runner.run(nowhere, "infra.testbed", ["lose", "--sites=primary"])
    with pytest.raises(Exception, match="the sites are primary, recovery"):
        runner.run(nowhere, "infra.testbed", ["up", "--sites=tokyo"])


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[Testbed]:
    """A testbed of its own: what is lost here was landed for others."""
    made = Testbed(Home(tmp_path))
    try:
        sites.up(made, SITES, lambda *_: None)
        yield made
    finally:
        sites.down(made)


def test_a_lost_site_is_gone_and_the_other_stands(lost: Testbed) -> None:
    testbed = lost
    here, there = testbed.place("recovery"), testbed.place("primary")
    link, service = there.link, there.service(10)
    process = namespaces.first_process(here) or 0
    assert until(lambda: connects(process, service, NAMES))
    evidence = sites.lose(testbed, "primary")
    assert evidence["processes_ended"] > 8
    assert (evidence["processes_left"], evidence["folder_there"], evidence["network_there"]) == (0, False, False)
    assert not there.kubeconfig.exists()
    assert not connects(process, service, NAMES)
    assert not connects(process, link, API_PORT)
    assert [each["state"] for each in sites.status(testbed)] == ["lost", "up"]
    sites.up(testbed, ["primary"], lambda *_: None)  # an empty one in its place
    assert [each["state"] for each in sites.status(testbed)] == ["up", "up"]
    with pytest.raises(Unavailable, match="not found"):
        sites.kubectl(there, "get", "namespace", "walls")
    assert until(lambda: connects(process, service, NAMES))
