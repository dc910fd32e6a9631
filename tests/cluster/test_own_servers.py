"""Two sites on PostgreSQL and Keycloak of one's own, and a clerk's browser that comes through an ingress controller: all real."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, product
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from playwright.sync_api import sync_playwright

from infra import zones
from infra.cluster import Cluster
from infra.config import SiteConfig, read_site
from infra.targets import identity, kubernetes
from infra.targets.services import Postgres, as_user, wait_until
from infra.testbed import describe, namespaces, sites
from infra.testbed.certificates import Authority
from infra.testbed.place import SITES, Place, Testbed
from infra.zones import API_PORT, PLATFORM, Party, namespace
from kit import trust
from kit.db import connect
from kit.errors import Unavailable
from platform_api import runner
from platform_api.sdk import Client
from tenants import databases, realm
from tenants.catalog import tenant
from tenants.home import PREFECTURE, ZONES, Home
from tenants.keyring import cli_secret
from tenants.processes import processes
from tests.cluster.test_walls import LISTEN, PORTS, PROTOCOLS, knock
from tests.support import gateway
from tests.support.browser import press, sign_in
from tests.support.cloud import free_ports
from tests.support.cluster import Site, manifest
from tests.support.pods import pod, until
from tests.support.postgres import free_port
from tests.support.testbed import left_behind
from tools import cluster, programs

TOWN, DOMAIN = "045811", "miyagi.test"
COUNTER = f"{TOWN}-mynumber.{DOMAIN}"
ADMIN = {"username": "given", "password": "given-for-this-run"}


@dataclass
class Own:
    """The instance as its engineer sees it, and the doors of what stands outside the clusters."""

    home: Home
    testbed: Testbed
    authority: Path
    servers: dict[str, Postgres]
    keycloak_port: int
    doors: ExitStack

    def login(self, place: Place) -> str:
        return f"https://{place.host}:{self.keycloak_port}"

    def apply(self, *arguments: str) -> dict[str, Any]:
        return runner.run(self.home, "infra.run", ["apply", *arguments])

    def open(self, place: Place, where: str, target: str, port: int) -> int:
        """A port on this machine that leads there until the module ends."""
        found = free_port()
        command = [str(cluster.kubectl()), f"--kubeconfig={place.kubeconfig}", f"--namespace={where}", "port-forward"]
        self.doors.enter_context(_running([*command, target, f"{found}:{port}"]))
        return found


@contextmanager
def _running(command: list[str], stop: signal.Signals = signal.SIGTERM, **environment: str) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=os.environ | environment, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        yield
    finally:
        process.send_signal(stop)
        process.wait(60)


def _answers(url: str, authority: Path) -> bool:
    try:
        return httpx2.get(url, verify=trust.ssl.create_default_context(cafile=str(authority)), timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


def _well(url: str) -> bool:
    try:
        with connect(url) as tx:
            return bool(tx.value("SELECT 1"))
    except Unavailable:
        return False


def _postgres(own: Own, place: Place, hosts: str) -> None:
    """A database server outside the cluster, with its own password."""
    server = Postgres(own.home.path / f"own-{place.site}" / "data", free_port(), f"given-{place.site}", hosts, "198.18.0.0/15")
    server.ensure_initialised()
    own.doors.enter_context(_running(server.command(), signal.SIGINT))
    wait_until(partial(_well, _url(server, place)), f"PostgreSQL of {place.site}", 60)
    own.servers[place.site] = server


def _url(server: Postgres, place: Place, database: str = "postgres") -> str:
    return f"postgresql://postgres:{server.password}@{place.host}:{server.port}/{database}"


def _keycloak(own: Own, place: Place, hosts: list[str]) -> None:
    """Keycloak outside the clusters, over TLS alone, signed by an authority of its own."""
    server = own.servers[place.site]
    databases.ensure_database(_url(server, place), "keycloak", {"owner": "own-keycloak"})
    identity.lay(f"postgresql://keycloak_owner:own-keycloak@{place.host}:{server.port}/keycloak", identity.kept())
    certificate, key = Authority(own.authority.parent, "ca", "authority of a test").issue("keycloak", "keycloak", hosts=hosts)
    options = {
        "http-host": "0.0.0.0",  # each site comes from a network of its own
        "https-port": own.keycloak_port,
        "http-management-port": free_port(),
        "https-certificate-file": certificate,
        "https-certificate-key-file": key,
        "hostname": own.login(place),
        "db-url": f"jdbc:postgresql://{place.host}:{server.port}/keycloak",
        "db-username": "keycloak_owner",
        "cache": "local",
        "log-level": "warn",
    }
    script = str(programs.keycloak() / "bin" / "kc.sh")
    command = as_user([script, "start", "--optimized", *(f"--{name}={value}" for name, value in options.items())])
    secrets = {"KC_DB_PASSWORD": "own-keycloak", "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx448m"}
    secrets |= {"KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN["username"], "KC_BOOTSTRAP_ADMIN_PASSWORD": ADMIN["password"]}
    own.doors.enter_context(_running(command, **secrets))
    wait_until(partial(_answers, f"{own.login(place)}/realms/master", own.authority), "Keycloak of one's own", 600)


def _describe(own: Own, images: dict[str, str]) -> None:
    """Both sites as docs/runbooks/clusters.md says it for servers of one's own, and their passwords laid into the keyring."""
    recovery = own.testbed.place("recovery")
    for place in map(own.testbed.place, SITES):
        away = place.other.site

        def server(name: str, at: Place = place) -> dict[str, Any]:
            return {"host": at.host, "port": own.servers[name].port, "cidrs": [f"{at.host}/32"]}

        config = describe.description(place, images) | {
            "mcloud:postgres": server(place.site),
            "mcloud:peer_postgres": server(away),
            "mcloud:keycloak": {"host": place.host, "port": own.keycloak_port, "cidrs": [f"{place.host}/32"]},
            "mcloud:keycloak_tls": True,
            "mcloud:authorities": own.authority.read_text(),
            "mcloud:issuer": own.login(recovery),
            "mcloud:gateway": {
                "classes": {"mynumber": "mynumber"},
                "namespaces": {"mynumber": "gateway-mynumber"},
                "domain": DOMAIN,
                "tls_secret": "gateway",
            },
        }
        (own.home.path / "stacks" / f"Pulumi.site-{place.site}.yaml").write_text(yaml.safe_dump({"config": config}))
    known = {"hosts": {"keycloak": recovery.host}, "ports": own.home.ports.model_dump() | {"keycloak": own.keycloak_port}}
    (own.home.path / "config.yaml").write_text(yaml.safe_dump(known | {"keycloak_tls": True}))
    own.home = Home(own.home.path)
    secrets = {f"postgres-{name}": {"password": each.password} for name, each in own.servers.items()}
    own.home.secrets.mkdir(mode=0o700, exist_ok=True)
    for name, body in (secrets | {"keycloak-admin": ADMIN}).items():
        (own.home.secrets / f"{name}.json").write_text(json.dumps(body))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    if os.geteuid() != 0 or not shutil.which("containerd"):
        pytest.skip("real sites need root and containerd: `make tools-cluster`")
    folder = tmp_path_factory.mktemp("own")
    (folder / "config.yaml").write_text(yaml.safe_dump({"ports": free_ports().model_dump()}))
    home = Home(folder)
    testbed = Testbed(home)
    authority = Authority(folder / "own-authority", "ca", "authority of a test").file
    with ExitStack() as doors, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(authority))  # whom the engineer's own programs trust
        trust.authorities.cache_clear()
        doors.callback(trust.authorities.cache_clear)
        doors.callback(sites.down, testbed)
        made = Own(home, testbed, authority, {}, free_port(), doors.enter_context(ExitStack()))
        sites.up(testbed, SITES, lambda *_: None)
        told = sites.load_images(testbed, lambda *_: None)
        gateway.bring(testbed.place("primary"))
        places = [testbed.place(site) for site in SITES]
        for place in places:  # the way from pods to what is outside, as a town hall's network has one
            nat = ("iptables", "--wait", "--table", "nat", "--append", "POSTROUTING", "--out-interface", "host0")
            namespaces.run(*namespaces.inside(place, *nat, "--source", place.pods, "--jump", "MASQUERADE"))
            _postgres(made, place, ",".join(each.host for each in places))
        _keycloak(made, testbed.place("recovery"), [each.host for each in places])
        _describe(made, told["images"])
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda site: made.apply("--site", site), ("recovery", "primary")))
        yield made
    assert left_behind(testbed) == []


@pytest.mark.timeout(1500)
def test_a_town_lives_on_servers_of_ones_own_and_a_clerk_signs_in_through_the_gateway(own: Own) -> None:
    primary, recovery = own.testbed.place("primary"), own.testbed.place("recovery")
    stand = {each["metadata"]["name"] for each in Cluster(recovery.kubeconfig).list("StatefulSet", PLATFORM)}
    assert stand == {"platform-api"}  # neither PostgreSQL nor Keycloak runs inside
    operation = _counter(own, recovery).onboard(TOWN, synthetic_scale=20)
    api = _replaced(own, recovery)
    done = api.wait(api.operation(operation["id"]))
    assert [each["name"] for each in done["steps"]][-1] == "smoke_test"

    certificate, key = Authority(own.authority.parent, "ca", "authority of a test").issue("gateway", "gateway", hosts=[COUNTER])
    admin = Cluster(primary.kubeconfig)
    gateway.ensure(admin, "gateway-mynumber", "mynumber", namespace(TOWN, "mynumber"), certificate.read_text() + key.read_text())
    sites.kubectl(primary, "--namespace=gateway-mynumber", "rollout", "status", "deployment/haproxy-ingress", "--timeout=120s")
    port = own.open(primary, "gateway-mynumber", "deployment/haproxy-ingress", gateway.HTTPS)
    _fetch_staff(own, recovery)

    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium on this machine: `make tools` installs it when run as root")
    with sync_playwright() as playwright:
        rules = f"--host-resolver-rules=MAP {COUNTER}:443 127.0.0.1:{port}"
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", rules])
        context = chromium.new_context(ignore_https_errors=True, java_script_enabled=False, locale="ja-JP")
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"https://{COUNTER}/counter")
        assert page.url.startswith(own.login(recovery))  # Keycloak's, under the name that browsers know
        sign_in(page, own.home, TOWN, "registry-clerk")
        assert page.url.startswith(f"https://{COUNTER}/counter")
        page.goto(f"https://{COUNTER}/counter/resident-registry/purpose")
        page.check("input[value=inquiry]")
        press(page, "main button")
        assert page.locator("h1").count() == 1
        cookies = {each["name"]: each for each in context.cookies(f"https://{COUNTER}")}
        assert cookies[f"__Host-mcloud-{TOWN}-mynumber"]["secure"]
        if folder := os.environ.get("MCLOUD_PICTURES"):
            page.screenshot(path=f"{folder}/gateway.png", full_page=True)
        chromium.close()


def _counter(own: Own, place: Place) -> Client:
    """A door to the counter's pod, which stays as long as the pod does."""
    port, issuer = own.open(place, PLATFORM, "service/platform-api", API_PORT), f"{own.login(place)}/realms/{PREFECTURE}"
    wait_until(lambda: _answers(f"http://127.0.0.1:{port}/health", own.authority), "the counter", 60)
    return Client(f"http://127.0.0.1:{port}", issuer=issuer, client_id="mcloud-cli", client_secret=cli_secret(own.home))


def _replaced(own: Own, place: Place) -> Client:
    """The counter's pod is killed while a job lands the town; the next one goes on, and must not meet that job's lease."""
    there = ("--namespace", PLATFORM)
    cluster, label = Cluster(place.kubeconfig), f"{kubernetes.LANDS}=apply-tenant-{TOWN}-site-primary"
    wait_until(lambda: bool(cluster.list("Job", PLATFORM, labelSelector=label)), "a job that lands the town", 300)
    sites.kubectl(place, *there, "delete", "pod", "platform-api-0", "--grace-period=0", "--force")
    time.sleep(2)
    sites.kubectl(place, *there, "wait", "--for=condition=Ready", "pod/platform-api-0", "--timeout=200s")
    return _counter(own, place)


def _fetch_staff(own: Own, place: Place) -> None:
    """First passwords of the town's staff, which the counter's pod keeps."""
    inside = f"/home/mcloud/secrets/staff-{TOWN}.json"
    told = sites.kubectl(place, "--namespace", PLATFORM, "exec", "platform-api-0", "--", "cat", inside)
    (own.home.secrets / f"staff-{TOWN}.json").write_text(told)


def test_the_nightly_copy_reads_the_servers_of_ones_own(own: Own) -> None:
    recovery = own.testbed.place("recovery")
    there = ("--namespace", PLATFORM)
    sites.kubectl(recovery, *there, "create", "job", "night", f"--from=cronjob/backup-{TOWN}")
    sites.kubectl(recovery, *there, "wait", "--for=condition=Complete", "job/night", "--timeout=300s")
    assert '"changed": true' in sites.job_log(recovery, PLATFORM, "night")


STRANGER = Party("stranger", "curious")


@dataclass
class Side:
    """A site with its own view of what may cross, and pods that stand for its parties."""

    site: Site
    config: SiteConfig
    addresses: dict[Party, str]

    def lets(self, party: Party, port: int, by: str, *, out: bool) -> bool:
        """Whether its walls let the party call the other site, or be called from there."""
        if party == STRANGER:
            return True
        allowed, peer = (
            zones.site_crossings(self.config) + zones.tenant_crossings(TOWN, self.config),
            Party(cidrs=self.config.peer.cidrs),
        )
        for each in processes(tenant(TOWN)):
            allowed += zones.process_crossings(TOWN, each.zone, each.name, self.config)
        ends = (party, peer) if out else (peer, party)
        return zones.is_open(allowed, *ends, port, by)


@pytest.fixture
def sides(own: Own) -> Iterator[list[Side]]:
    """At each site a pod for each party, that listens and may be told to knock."""
    servers = (zones.POSTGRES, zones.KEYCLOAK, zones.API, zones.REST, zones.BACKUP)
    parties = [*(Party(namespace(TOWN, zone), "shared") for zone in ZONES), *servers, STRANGER]
    found = [Side(Site(own.home, own.testbed.place(name).kubeconfig), read_site(own.home, name), {}) for name in SITES]
    try:
        for side in found:
            side.site.admin.apply(manifest("Namespace", "", STRANGER.namespace), manager="test")
            for party in parties:
                side.site.admin.create(pod(side.site, party, f"knock-{party.app}", LISTEN, json.dumps(PORTS)))
        for side in found:
            for party in parties:
                running = until(side.site, party.namespace, f"knock-{party.app}", "Running")
                side.addresses[party] = running["status"]["podIP"]
        yield found
    finally:
        for side in found:
            for party in parties:
                side.site.admin.delete("Pod", party.namespace, f"knock-{party.app}")


@pytest.mark.proves("ISO-12")
def test_over_the_link_passes_what_the_zones_say_and_nothing_else(sides: list[Side]) -> None:
    time.sleep(6)  # kube-router writes what it was told every few seconds
    flows, walled, differ = 0, 0, []
    for here, there in (sides, sides[::-1]):
        targets = [(other, port, by) for other in there.addresses for port in PORTS for by in PROTOCOLS]
        asked = [(there.addresses[other], port, by) for other, port, by in targets]
        with ThreadPoolExecutor(5) as pool:
            told = list(pool.map(partial(knock, here.site, targets=asked), here.addresses))
        for (source, target), is_open in zip(product(here.addresses, targets), chain.from_iterable(told), strict=True):
            other, port, by = target
            flows += 1
            walled += is_open and STRANGER not in (source, other)
            if is_open != (here.lets(source, port, by, out=True) and there.lets(other, port, by, out=False)):
                differ.append(f"to {there.config.leads=}: {source} -> {other}:{port} {by} {'opens' if is_open else 'is closed'}")
    print(f"ISO-12: {flows} real connects and datagrams between pods of two sites, {walled} open between parties of ours, "
          f"{len(differ)} differ")  # fmt: skip
    assert differ == []
    assert walled > 0  # mutant: with the link cut everything is closed


def test_a_systems_night_job_runs_as_its_cron_job_says(own: Own) -> None:
    primary, inside = own.testbed.place("primary"), namespace(TOWN, "mynumber")
    place = ("--namespace", inside)
    crons = sites.kubectl(primary, *place, "get", "cronjobs", "--output=name").split()
    assert crons == ["cronjob.batch/shared-resident-registry-night"]
    sites.kubectl(primary, *place, "create", "job", "night", f"--from={crons[0].replace('.batch', '')}")
    sites.kubectl(primary, *place, "wait", "--for=condition=Complete", "job/night", "--timeout=120s")
    assert '"event": "result"' in sites.job_log(primary, inside, "night")


# mutant: the counter's pod does not bear the version of its settings, and goes on with the old ones
def test_realms_that_stand_learn_of_a_gateway_that_moved(own: Own) -> None:
    for site in SITES:
        file = own.home.path / "stacks" / f"Pulumi.site-{site}.yaml"
        file.write_text(file.read_text().replace(DOMAIN, f"moved.{DOMAIN}"))
    assert own.apply("--site", "recovery")["changed"]
    admin = realm._admin(own.home, **ADMIN)
    admin.change_current_realm(TOWN)
    found = {each["clientId"]: each["redirectUris"] for each in admin.get_clients()}
    assert f"https://{TOWN}-mynumber.moved.{DOMAIN}/*" in found["mynumber"]
    assert not any(f"-mynumber.{DOMAIN}" in way for way in found["mynumber"])
