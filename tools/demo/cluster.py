"""`make cluster-demo`: the story on two real Kubernetes sites, from nothing to a drill after the sea; `demo/summary.json`."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from infra.targets import kubernetes
from infra.targets.services import answers, wait_until
from infra.testbed import sites
from infra.testbed.place import Testbed
from infra.zones import API_PORT, KEYCLOAK_PORT, PLATFORM, PROCESS_PORT, namespace
from kit.errors import CallerError, Unavailable
from platform_api import runner
from platform_api.sdk import Client
from tenants.catalog import index
from tenants.home import Home, home
from tools import cluster
from tools.__main__ import ensure
from tools.demo import scenes
from tools.demo.counter import Counter
from tools.demo.terminal import Terminal

#: towns of the story -> 1/n of the census
TOWNS = {scenes.MINAMISANRIKU: 20, scenes.ONAGAWA: 20}
#: doors on this machine, apart from those of `make up`
PORTS = {"keycloak": 28080, "platform_api": 28100, "tenants_from": 28200}
COUNTER = ("--namespace", PLATFORM, "exec", "platform-api-0", "--")


class Story:
    """What the scenes need from each other, and the summary that grows."""

    def __init__(self, here: Home, terminal: Terminal, doors: ExitStack) -> None:
        self.home, self.terminal, self.doors = here, terminal, doors
        self.testbed, self.folder = Testbed(here), here.path / "demo"
        self.primary, self.recovery = self.testbed.place("primary"), self.testbed.place("recovery")
        self.summary: dict[str, Any] = {}

    @property
    def api(self) -> Client:
        return Client.of(self.home)

    def run(self, module: str, *arguments: str, quiet: bool = False) -> dict[str, Any]:
        """A verb in a process of its own, its steps told."""

        def step(event: dict[str, Any]) -> None:
            if not quiet:
                self.terminal.step(event["name"], event["seconds"], "" if event["changed"] else "unchanged")

        return runner.run(self.home, module, arguments, step)

    def raise_sites(self) -> None:
        self.terminal.scene(1, "二つの拠点を立ち上げる / two real Kubernetes sites rise")
        with self.terminal.timed("tools: Kubernetes, Pulumi, Keycloak …"):
            if ensure(cluster=True):
                raise CallerError("a tool is missing: see above")
        self.run("infra.testbed", "down", quiet=True)
        shutil.rmtree(self.home.path / "land", ignore_errors=True)  # the state of clusters that are gone
        self.run("infra.testbed", "up")
        self.run("infra.testbed", "images")

    def land_sites(self) -> None:
        self.terminal.scene(2, "基盤を敷く / Pulumi lands both sites")

        def land(site: str) -> None:
            with self.terminal.timed(f"stack site-{site}"):
                self.run("infra.run", "apply", "--site", site, quiet=True)

        with ThreadPoolExecutor() as pool:
            list(pool.map(land, ("recovery", "primary")))
        self.open(self.recovery, PLATFORM, "keycloak", self.home.ports.keycloak, KEYCLOAK_PORT, "/realms/master")
        self.open(self.recovery, PLATFORM, "platform-api", self.home.ports.platform_api, API_PORT, "/health")

    def open(self, place: Any, where: str, service: str, port: int, target: int, path: str) -> None:
        """A door on this machine to a service in a cluster, until the story ends."""
        command = [str(cluster.kubectl()), f"--kubeconfig={place.kubeconfig}", f"--namespace={where}", "port-forward"]
        self.doors.enter_context(_running([*command, f"service/{service}", f"{port}:{target}"]))
        wait_until(partial(answers, f"http://127.0.0.1:{port}{path}"), f"{service} of site {place.site}", 60)

    def onboard(self) -> None:
        self.terminal.scene(3, "二町を開設する / two towns are onboarded through the counter in the cluster")
        self.summary["tenants"] = []
        asked = {code: self.api.onboard(code, synthetic_scale=scale) for code, scale in TOWNS.items()}
        for code, operation in asked.items():
            done = self.api.wait(operation)
            steps = ", ".join(f"{step['name']} {step['seconds']:.1f}" for step in done["steps"])
            seconds = (datetime.fromisoformat(done["ended_at"]) - datetime.fromisoformat(done["started_at"])).total_seconds()
            ratio = seconds / max(step["seconds"] for step in done["steps"])
            self.terminal.step(code, seconds, f"{ratio:.2f} × its slowest step, the towns at the same time: {steps}")
            self.summary["tenants"].append({"code": code, "seconds": seconds, "steps": done["steps"]})
            self._fetch(f"/home/mcloud/secrets/staff-{code}.json", self.home.secrets / f"staff-{code}.json")

    def _fetch(self, inside: str, target: Path) -> None:
        """A file out of the instance's folder in the cluster."""
        command = [str(cluster.kubectl()), f"--kubeconfig={self.recovery.kubeconfig}", *COUNTER, "cat", inside]
        done = subprocess.run(command, capture_output=True)
        if done.returncode:
            raise Unavailable(f"{inside} cannot be read from the counter's pod: {done.stderr.decode()[-200:]}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=0o600)
        target.write_bytes(done.stdout)

    def serve(self) -> None:
        self.terminal.scene(4, "南三陸町の窓口 / a certificate out of a pod")
        code = scenes.MINAMISANRIKU
        port = self.home.tenant_port(index(code), "mynumber")
        self.open(self.primary, namespace(code, "mynumber"), "shared", port, PROCESS_PORT, "/health")
        with self.terminal.timed("registry-clerk signs in (code + PKCE + one-time code)"):
            clerk = Counter(self.home, code, "registry-clerk")
        name, found = scenes.find_person(clerk)
        with self.terminal.timed(f"「{name}」: {len(found)} people; issues a 住民票の写し"):
            self.summary["certificate"] = scenes.issue_certificate(clerk, found[0]["id"], self.folder)
        with self.terminal.timed("registers a move-in"):
            scenes.register_move_in(clerk)

    def night(self) -> None:
        self.terminal.scene(5, "夜間の写し / the nightly backup, as the CronJob's Job")

        def copy(code: str) -> dict[str, Any]:
            with self.terminal.timed(f"job of cronjob backup-{code}"):
                job, there = f"night-{code}-{int(time.time())}", ("--namespace", PLATFORM)
                sites.kubectl(self.recovery, *there, "create", "job", job, f"--from=cronjob/backup-{code}")
                sites.kubectl(self.recovery, *there, "wait", "--for=condition=Complete", f"job/{job}", "--timeout=300s")
                told = sites.job_log(self.recovery, PLATFORM, job)
            return kubernetes.result(told, job)

        with ThreadPoolExecutor() as pool:
            self.summary["backups"] = list(pool.map(copy, TOWNS))

    def drill(self) -> None:
        self.terminal.scene(6, "海が来る / the link is cut, the primary cluster destroyed; the drill")
        self.run("infra.testbed", "cut")
        evidence = self.run("infra.testbed", "lose", "--sites=primary")
        del evidence["event"]
        self.terminal.step(f"primary: {evidence['processes_ended']} processes ended, nothing left", evidence["seconds"])
        tee = ("--namespace", PLATFORM, "exec", "--stdin", "platform-api-0", "--", "tee", "/home/mcloud/run/primary-lost.json")
        sites.kubectl(self.recovery, *tee, given=json.dumps(evidence))
        operation = self.api.wait(self.api.drill(list(TOWNS)), lambda told: self.terminal.step(told["name"], told["seconds"]))
        shown = self.api.drill_report(operation["id"])
        keys = ("code", "passed", "rto_seconds", "rpo_seconds", "rows_compared", "rows_different", "certificate_equal")
        towns = [{key: each[key] for key in keys} for each in shown["drill"]["tenants"]]
        report = self.folder / "drill.pdf"
        self._fetch(shown["paths"]["pdf"], report)
        self.summary["drill"] = {"tenants": towns, "signature_valid": shown["signature_valid"], "report_path": str(report)}
        self.summary["lost"] = evidence
        if not (shown["drill"]["passed"] and shown["signature_valid"]):
            raise CallerError(f"the drill did not pass: {report}")

    def close(self) -> None:
        self.terminal.scene(7, "まとめ / what was done")
        self.summary["seconds"] = round(self.terminal.elapsed(), 1)
        self.summary["memory_mib"] = {each["site"]: each.get("memory_mib") for each in sites.status(self.testbed)}
        file = self.folder / "summary.json"
        file.write_text(json.dumps(self.summary, ensure_ascii=False, indent=1))
        for each in self.summary["drill"]["tenants"]:
            rows = f"{each['rows_compared']:,} rows compared, {each['rows_different']} different"
            self.terminal.say(f"    {each['code']}: RTO {each['rto_seconds']} s, RPO {each['rpo_seconds']} s, {rows}")
        self.terminal.say(f"    住民票の写し   {self.summary['certificate']['path']}")
        self.terminal.say(f"    訓練報告書     {self.summary['drill']['report_path']}")
        self.terminal.say(f"    all results    {file}")
        self.terminal.say(f"    stop           MCLOUD_HOME={self.home.path} .venv/bin/mcloud testbed down")
        self.terminal.say(f"    {self.summary['seconds']} s in all")


@contextmanager
def _running(command: list[str]) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)


def main() -> int:
    here, terminal = home(), Terminal()
    here.path.mkdir(parents=True, exist_ok=True)
    if not (here.path / "config.yaml").exists():
        (here.path / "config.yaml").write_text(yaml.safe_dump({"ports": PORTS}))
    with ExitStack() as doors:
        story = Story(here, terminal, doors)
        return terminal.chapters(
            "cluster-demo", story.raise_sites, story.land_sites, story.onboard, story.serve, story.night, story.drill, story.close
        )


if __name__ == "__main__":
    sys.exit(main())
