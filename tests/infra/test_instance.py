"""An instance in clusters: its folder is seeded once, its addresses are services, a job's word is heard."""

import json
from base64 import b64encode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from unittest.mock import ANY

import pytest
import yaml

from infra import instance, keyring_secrets, landing
from infra.cluster import Cluster
from infra.pods import seed
from infra.targets import kubernetes
from infra.targets.kubernetes import job, result
from kit.errors import Conflict, Invalid, NotFound, Unavailable
from tenants import realm_representation
from tenants.catalog import tenant
from tenants.home import Home, SiteName
from tenants.keyring import platform_url, postgres_url, tenant_keys
from tests.infra.test_config import kubeconfig
from tests.support import land

SITE = land.SITE.model_copy(update={"peer_services": "svc.primary.mcloud", "issuer": "http://127.0.0.1:18080"})


def test_addresses_are_services_of_this_site_and_names_of_the_other(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(instance.settings("recovery", SITE).model_dump(mode="json")))
    here = Home(tmp_path)
    assert postgres_url(here, "primary").endswith("@postgres.mcloud-platform.svc.primary.mcloud:5432/postgres")
    assert platform_url(here, "platform").endswith("@postgres.mcloud-platform.svc:5432/platform")
    assert here.restic_url("primary") == "http://rest-server.mcloud-dr.svc.primary.mcloud:8000"
    assert here.restic_url("recovery") == "http://rest-server.mcloud-dr.svc:8000"
    assert here.issuer("042021") == "http://127.0.0.1:18080/realms/042021"  # what browsers see, and tokens say
    assert here.jwks_url("042021").startswith("http://keycloak.mcloud-platform.svc:8080/realms/042021/")
    assert here.process_url(0, "042021", "lgwan", "shared") == "http://shared.t-042021-lgwan.svc.primary.mcloud:8080"


def test_addresses_are_those_of_servers_of_ones_own(tmp_path: Path) -> None:
    made = instance.settings("recovery", land.OWN_SERVERS, ["https://{code}-{zone}.example.jp"])
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(made.model_dump(mode="json")))
    here = Home(tmp_path)
    assert postgres_url(here, "recovery").endswith("@db.example.jp:5432/postgres")
    assert postgres_url(here, "primary").endswith("@db.recovery.example.jp:5433/postgres")  # the other site's, whatever its name
    assert here.keycloak_url == "https://login.example.jp:443"
    assert here.origins("042021", "lgwan") == ["https://042021-lgwan.example.jp"]
    assert realm_representation.ways_back(here, "042021", "lgwan") == ["http://127.0.0.1/*", "https://042021-lgwan.example.jp/*"]


# mutants: a password is made when none was given, and the server refuses it minutes later; `plan` makes it, by the version
@pytest.mark.parametrize("asked", [keyring_secrets.site_secrets, keyring_secrets.site_version])
@pytest.mark.parametrize(
    ("missing", "server"),
    [
        ("postgres-recovery", "db.example.jp"),
        ("postgres-primary", "db.recovery.example.jp"),
        ("keycloak-admin", "login.example.jp"),
    ],
)
def test_passwords_of_ones_own_servers_must_be_given(
    tmp_path: Path, missing: str, server: str, asked: Callable[[Home, SiteName], object]
) -> None:
    (tmp_path / "stacks").mkdir()
    body = {f"mcloud:{key}": value for key, value in land.OWN_SERVERS.model_dump(mode="json").items()}
    (tmp_path / "stacks" / "Pulumi.site-recovery.yaml").write_text(yaml.safe_dump({"config": body}))
    (tmp_path / "secrets").mkdir()
    for name in {"postgres-recovery", "postgres-primary", "keycloak-admin"} - {missing}:
        (tmp_path / "secrets" / f"{name}.json").write_text('{"username": "x", "password": "y"}')
    with pytest.raises(NotFound, match=f"{server} is your own server: write .*/secrets/{missing}.json"):
        asked(Home(tmp_path), "recovery")
    assert not (tmp_path / "secrets" / f"{missing}.json").exists()


def two_sites(folder: Path, user: dict[str, Any], context: str = "primary") -> Home:
    """An instance whose both sites stand in one kubeconfig beside a cluster of somebody else's, which is the current one."""
    (folder / "ca.crt").write_text(land.AUTHORITY)
    names = ("elsewhere", "primary", "recovery")
    clusters = {name: {"server": f"https://{name}:6443", "certificate-authority": "ca.crt"} for name in names}
    users = {name: {"token": f"of {name}"} for name in names} | {"primary": user}
    body = {
        "current-context": "elsewhere",
        "clusters": [{"name": name, "cluster": each} for name, each in clusters.items()],
        "users": [{"name": name, "user": each} for name, each in users.items()],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in names],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(body))
    (folder / "stacks").mkdir()
    for site, name in (("primary", context), ("recovery", "recovery")):
        told = land.SITE.model_dump(mode="json") | {"context": name, "peer_api": {"host": "10.9.9.9", "port": 7443}}
        config = {f"mcloud:{key}": value for key, value in told.items()}
        (folder / "stacks" / f"Pulumi.site-{site}.yaml").write_text(yaml.safe_dump({"config": config}))
    return Home(folder)


def test_landing_jobs_have_the_chosen_contexts_credentials_and_no_others(tmp_path: Path) -> None:
    """Mutants: the current context instead of the chosen one; all users laid in. Both seen failing."""
    (tmp_path / "key").write_text("key")
    (tmp_path / "certificate").write_text("certificate")
    by_path = {"client-key": str(tmp_path / "key"), "client-certificate": "certificate"}
    laid = instance.kubeconfigs(two_sites(tmp_path, by_path), "recovery")
    found = {name: yaml.safe_load(text) for name, text in laid.items()}
    data = {"certificate-authority-data": b64encode(land.AUTHORITY.encode()).decode()}
    assert {name: (each["clusters"], each["users"]) for name, each in found.items()} == {
        "primary.kubeconfig": (
            [{"name": "landing", "cluster": {"server": "https://10.9.9.9:7443"} | data}],
            [
                {
                    "name": "landing",
                    "user": {
                        "client-key-data": b64encode(b"key").decode(),
                        "client-certificate-data": b64encode(b"certificate").decode(),
                    },
                }
            ],
        ),
        "recovery.kubeconfig": (
            [{"name": "landing", "cluster": {"server": "https://recovery:6443"} | data}],
            [{"name": "landing", "user": {"token": "of recovery"}}],
        ),
    }
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "kubeconfig").write_text(
        laid["recovery.kubeconfig"]
    )  # as a landing job has it: no other file is there
    assert Cluster(tmp_path / "landing" / "kubeconfig").address == "https://recovery:6443"


def test_the_other_sites_api_server_needs_host_and_port(tmp_path: Path) -> None:
    home = two_sites(tmp_path, {})
    file = tmp_path / "stacks" / "Pulumi.site-recovery.yaml"
    file.write_text(file.read_text().replace("port: 7443", "port: 0"))
    with pytest.raises(Invalid, match="mcloud:peer_api must say host and port of site primary's API server"):
        instance.kubeconfigs(home, "recovery")


def test_a_token_in_a_file_is_laid_in(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("renewed\n")
    laid = instance.kubeconfigs(two_sites(tmp_path, {"tokenFile": "token"}), "recovery")
    assert yaml.safe_load(laid["primary.kubeconfig"])["users"][0]["user"] == {"token": "renewed"}


# mutant: a program is copied that no pod has, and each landing fails at night
@pytest.mark.parametrize(
    ("user", "context", "told"),
    [
        ({"exec": {"command": "cloud"}}, "primary", "user primary has his credentials by exec, .* a service account"),
        ({"auth-provider": {"name": "cloud"}}, "primary", ".* by auth-provider"),
        ({"client-key": "not-there"}, "primary", ".*No such file or directory: .*not-there"),
        ({}, "nowhere", "it has no context nowhere"),
    ],
)
def test_a_kubeconfig_that_does_not_serve_in_a_pod_is_refused(
    tmp_path: Path, user: dict[str, Any], context: str, told: str
) -> None:
    with pytest.raises(Invalid, match=f"kubeconfig {tmp_path}/kubeconfig: {told}"):
        instance.kubeconfigs(two_sites(tmp_path, user, context), "recovery")


def test_one_machine_stays_loopback(tmp_path: Path) -> None:
    here = Home(tmp_path)
    assert postgres_url(here, "primary").endswith("@127.0.0.1:15432/postgres")
    assert here.process_url(1, "042021", "lgwan", "shared") == "http://127.0.0.1:18204"
    assert here.issuer("042021") == here.keycloak_url + "/realms/042021" == "http://127.0.0.1:18080/realms/042021"


def test_seeding_never_overwrites_a_secret(tmp_path: Path) -> None:
    keyring, here = tmp_path / "keyring", Home(tmp_path / "home")
    keyring.mkdir()
    for name, text in {
        "kek-primary.json": '{"key": "1"}',
        "config.yaml": "target: kubernetes\n",
        "Pulumi.site-x.yaml": "a: 1",
    }.items():
        (keyring / name).write_text(text)
    here.path.mkdir()
    assert seed(here, keyring) == ["Pulumi.site-x.yaml", "config.yaml", "kek-primary.json"]
    (keyring / "kek-primary.json").write_text('{"key": "2"}')
    (keyring / "config.yaml").write_text("target: local\n")
    assert seed(here, keyring) == ["Pulumi.site-x.yaml", "config.yaml"]  # settings follow the site
    assert (here.secrets / "kek-primary.json").read_text() == '{"key": "1"}'  # mutant: overwritten, all copies are lost
    assert (here.secrets / "kek-primary.json").stat().st_mode & 0o777 == 0o600
    assert here.config.target == "local"


def test_a_jobs_word_is_heard() -> None:
    said = 'warning: something\n{"event": "step", "name": "ground"}\n{"event": "result", "changed": true}\n'
    assert result(said, "landing-1") == {"changed": True}
    refused = json.dumps({"event": "error", "status": 409, "detail": "somebody else works on the stack"})
    with pytest.raises(Conflict, match="somebody else"):
        result(refused, "landing-1")
    with pytest.raises(Unavailable, match="job landing-1 told no result: Traceback"):
        result("Traceback", "landing-1")


JOBS = "/apis/batch/v1/namespaces/mcloud-platform/jobs"
PODS = "/api/v1/namespaces/mcloud-platform/pods"


class Flickering(BaseHTTPRequestHandler):
    """An API server that answers each question only when it is asked again; a job that is looked at a third time has ended."""

    asked: ClassVar[list[tuple[str, str]]] = []
    jobs: ClassVar[list[dict[str, Any]]] = []

    def do_GET(self) -> None:
        if not self._flickers():
            where = self.path.split("?")[0]
            status = {"succeeded": 1} if self.asked.count(("GET", where)) > 2 else {}
            name = {"metadata": {"name": where.rsplit("/", 1)[1]}}
            log = json.dumps({"event": "result", "changed": True})
            found = {JOBS: {"items": self.jobs}, PODS: {"items": [{"metadata": {"name": "pod"}}]}}
            self._answer(log if where.endswith("/log") else json.dumps(found.get(where, name | {"status": status})))

    def do_POST(self) -> None:
        made = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._flickers():
            self.jobs.append(json.loads(made))
            self._answer(made.decode())

    def _flickers(self) -> bool:
        question = self.command, self.path.split("?")[0]
        self.asked.append(question)
        if self.asked.count(question) == 1:
            self._answer('{"message": "etcd has no leader"}', 503)
            return True
        return False

    def _answer(self, text: str, status: int = 200) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.mark.parametrize("begun", [False, True])
def test_a_job_under_way_is_waited_for_and_a_question_that_failed_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    """Mutants, seen failing: a job of its own each time; a single try."""
    arguments = ["apply", "--tenant", "042021", "--site", "primary"]
    there = [job("landing-begun", arguments, f"localhost/mcloud@{land.DIGEST}")] if begun else []
    ended = job("landing-ended", arguments, f"localhost/mcloud@{land.DIGEST}") | {"status": {"failed": 1}}
    monkeypatch.setattr(Flickering, "asked", [])
    monkeypatch.setattr(Flickering, "jobs", [ended, *there])
    monkeypatch.setenv("MCLOUD_IMAGE", f"localhost/mcloud@{land.DIGEST}")
    with ThreadingHTTPServer(("127.0.0.1", 0), Flickering) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        kubeconfig(tmp_path / "kubeconfig", server.server_port, "http")
        monkeypatch.setattr(kubernetes, "own_cluster", lambda: Cluster(tmp_path / "kubeconfig"))
        assert kubernetes.run_job(*arguments) == {"changed": True}
        server.shutdown()
    assert [each["metadata"]["name"] for each in Flickering.jobs][1:] == (["landing-begun"] if begun else [ANY])
    assert begun is (("POST", JOBS) not in Flickering.asked)


def test_a_landing_job_is_closed_and_named_by_digest() -> None:
    made = job("landing-1", ["apply", "--tenant", "042021"], f"localhost/mcloud@{land.DIGEST}")
    pod = made["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["containers"][0]["args"] == ["infra.run", "apply", "--tenant", "042021"]


def test_whoever_mounts_the_instances_folder_runs_beside_the_counter() -> None:
    """The folder is a volume of one node at a time. Mutant, seen failing: the backup runs anywhere."""
    counter = next(each for each in landing.site_release("recovery", SITE).objects() if each["kind"] == "StatefulSet"
                   and each["metadata"]["name"] == "platform-api")["spec"]["template"]  # fmt: skip
    backup = next(each for each in landing.ground(land.split(), SITE).objects() if each["kind"] == "CronJob")
    pods = [
        job("landing-1", ["apply"], f"localhost/mcloud@{land.DIGEST}")["spec"]["template"],
        backup["spec"]["jobTemplate"]["spec"]["template"],
    ]
    for each in (each["spec"] for each in pods):
        assert {"name": "home", "persistentVolumeClaim": {"claimName": "home"}} in each["volumes"]
        (rule,) = each["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert rule["topologyKey"] == "kubernetes.io/hostname"
        assert rule["labelSelector"]["matchLabels"].items() <= counter["metadata"]["labels"].items()


# mutant: keys for every zone; the first of them that is not needed is the one that is lost
def test_the_publics_process_holds_no_key(tmp_path: Path) -> None:
    described = keyring_secrets.tenant_secrets(Home(tmp_path), "042021", ["mynumber", "internet"])
    held = {
        each["facts"]["zone"]: set(keyring_secrets.manifest_of(each)["data"])
        for each in described
        if each["metadata"]["name"] == "process"
    }
    assert held["internet"] == {"MCLOUD_DATABASE_PASSWORD"}
    assert held["mynumber"] == {"MCLOUD_DATABASE_PASSWORD", "MCLOUD_DATA_KEY", "MCLOUD_BLIND_INDEX_KEY"}


def test_a_changed_secret_replaces_the_pods_of_its_zone_and_no_others(tmp_path: Path) -> None:
    home, body = Home(tmp_path), tenant("042021")

    def marks() -> dict[str, str]:
        return {
            each["metadata"]["namespace"]: each["spec"]["template"]["metadata"]["annotations"]["mcloud/secret"]
            for each in land.graph_of(body, secrets=keyring_secrets.versions(home, body.code, body.zones))
            if each["kind"] == "Deployment"
        }

    before = marks()
    assert before == marks()
    assert all(before.values())
    keys = tenant_keys(home, body.code).model_dump() | {"mynumber_password": "another"}
    (home.secrets / f"tenant-{body.code}.json").write_text(json.dumps(keys))
    assert {place for place, mark in marks().items() if mark != before[place]} == {"t-042021-mynumber"}
