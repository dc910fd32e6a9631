"""`make demo`: the story from nothing to a drilled prefecture. Results: `summary.json` under `demo/` of the instance."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kit.db import connect
from kit.errors import CallerError
from platform_api import runner
from platform_api.sdk import Client
from systems.resident_registry.store import people
from tenants.catalog import tenant
from tenants.home import PREFECTURE, Home, home
from tenants.keyring import tenant_url
from tools.__main__ import ensure
from tools.demo import scenes
from tools.demo.counter import Counter
from tools.demo.terminal import Terminal

#: tenants of the story -> 1/n of the census as synthetic residents; the largest first
TENANTS: dict[str, int | None] = {"042021": 1, "041009": 20, "042056": 1, "046060": 1, "045811": 1, PREFECTURE: None}
DRILLED = ("045811", "046060")
#: cost of the council's example, shared 20 % equally and 80 % by population
COST_YEN, COMPONENTS, YEAR = 120_000_000, ["equal:20", "population:80"], 2026


class Story:
    """What the scenes need from each other, and the summary that grows."""

    def __init__(self, here: Home, terminal: Terminal) -> None:
        self.home, self.terminal = here, terminal
        self.folder = here.path / "demo"
        self.summary: dict[str, Any] = {}

    @property
    def api(self) -> Client:
        return Client.of(self.home)

    def start(self) -> None:
        self.terminal.scene(1, "本物の部品を起動する / real parts start")
        with self.terminal.timed("tools: restic, rest-server, Keycloak, fonts"):
            if ensure():
                raise CallerError("a tool is missing: see above")

        def step(event: dict[str, Any]) -> None:
            self.terminal.step(event["name"], event["seconds"], "" if event["changed"] else "unchanged")

        runner.run(self.home, "infra.run", ["up"], step)

    def onboard(self) -> None:
        self.terminal.scene(2, "県と5市町を開設する / tenants are onboarded through the platform API")
        with ThreadPoolExecutor(2) as pool:
            told = list(pool.map(self._onboard_one, TENANTS))
        self.summary["tenants"] = told
        for each in told:
            steps = ", ".join(f"{step['name']} {step['seconds']:.1f}" for step in each["steps"])
            self.terminal.step(f"{each['code']} {each['name']}", each["seconds"], f"{each['residents']:,} residents; {steps}")

    def _onboard_one(self, code: str) -> dict[str, Any]:
        api, started = self.api, time.monotonic()
        body, steps = api.tenant(code), []
        if body["state"] != "active":
            steps = api.wait(api.onboard(code, synthetic_scale=TENANTS[code]))["steps"]
        residents = 0
        if "resident_registry" in body["systems"]:
            with connect(tenant_url(self.home, code, "backup")) as tx:
                residents = people.count(tx)
        seconds = round(time.monotonic() - started, 2)
        if not steps:
            self.terminal.step(f"{code} {body['name']}", seconds, "unchanged")
        return {"code": code, "name": body["name"], "residents": residents, "seconds": seconds, "steps": steps}

    def serve(self) -> None:
        self.terminal.scene(3, "南三陸町の窓口 / at the counter of Minamisanriku")
        timed = self.terminal.timed
        with timed("registry-clerk signs in (code + PKCE + one-time code)"):
            clerk = Counter(self.home, scenes.MINAMISANRIKU, "registry-clerk")
        with timed("finds a person by two kanji"):
            name, found = scenes.find_person(clerk)
        with timed(f"「{name}」: {len(found)} people; issues a 住民票の写し"):
            certificate = scenes.issue_certificate(clerk, found[0]["id"], self.folder)
        with timed("registers a move-in"):
            filed = scenes.register_move_in(clerk)
        with timed("registers a birth"):
            scenes.register_birth(clerk, filed["residents"][0])
        with timed("女川町's clerk asks for the same person: 404"):
            refusals = [scenes.other_towns_clerk(self.home, found[0]["id"])]
        with timed("the other party of a 支援措置 is refused: 403"):
            refusals.append(scenes.refused_party(self.home, clerk, found[-1]["id"]))
        self.summary |= {"certificate": certificate, "refusals": refusals}

    def copy_and_lose(self) -> None:
        self.terminal.scene(4, "両拠点へ写し、海が来る / copies at both sites; the sea comes")
        api = self.api
        self.summary["backups"] = []

        def copy(code: str) -> tuple[dict[str, Any], float]:
            began = time.monotonic()
            return api.wait(api.back_up(code))["result"], time.monotonic() - began

        with ThreadPoolExecutor(len(TENANTS)) as pool:
            done = list(pool.map(copy, TENANTS))
        for result, seconds in done:
            for site in result["sites"]:
                self.summary["backups"].append({"tenant": result["tenant"], **site})
            sizes = ", ".join(f"{site['site']} +{site['bytes_added']:,} B" for site in result["sites"])
            self.terminal.step(f"{result['tenant']} {result['kind']} sealed and copied", round(seconds, 2), sizes)
        with self.terminal.timed("site primary is lost: stopped, folders unreadable"):
            runner.run(self.home, "infra.run", ["lose-site"])
        try:
            self._drill(api)
        finally:
            with self.terminal.timed("site primary comes back"):
                runner.run(self.home, "infra.run", ["return-site"])

    def _drill(self, api: Client) -> None:
        def step(told: dict[str, Any]) -> None:
            self.terminal.step(told["name"], told["seconds"])

        operation = api.wait(api.drill(list(DRILLED)), step)
        shown = api.drill_report(operation["id"])
        keys = ("code", "rto_seconds", "rpo_seconds", "rows_compared", "rows_different")
        found = shown["drill"]["tenants"]
        self.summary["drill"] = {
            "tenants": [{key: each[key] for key in keys} for each in found],
            "report_path": shown["paths"]["pdf"],
            "signature_valid": shown["signature_valid"],
        }
        restored = next(each for each in found if each["code"] == scenes.MINAMISANRIKU)
        certificate = self.summary["certificate"]
        certificate["re_rendered_equal"] = bool(restored["certificate_equal"]) and certificate.pop("equal")
        if not shown["drill"]["passed"]:
            raise CallerError(f"the drill did not pass: {shown['paths']['pdf']}")

    def share(self) -> None:
        self.terminal.scene(5, "負担金を1円まで / the council's shares, to the yen")
        with self.terminal.timed("shares of 35 municipalities as PDF, Excel and CSV"):
            asked = {"total_yen": COST_YEN, "components": COMPONENTS, "year": YEAR}
            told = self.api.shares(asked)
        total = sum(each["yen"] for each in told["shares"])
        self.summary["shares"] = {"total_yen": COST_YEN, "sum_yen": total, "rows": len(told["shares"]), "paths": told["paths"]}
        if total != COST_YEN:
            raise CallerError(f"the shares sum to {total}, not to {COST_YEN}")

    def close(self) -> None:
        self.summary["seconds"] = round(self.terminal.elapsed(), 1)
        file = self.folder / "summary.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(self.summary, ensure_ascii=False, indent=1))
        say = self.terminal.say
        self.terminal.scene(6, "まとめ / what was done")
        residents = sum(each["residents"] for each in self.summary["tenants"])
        say(f"    {len(TENANTS)} tenants with {residents:,} synthetic residents run on this machine, at two sites")
        for each in self.summary["drill"]["tenants"]:
            rows = f"{each['rows_compared']:,} rows compared, {each['rows_different']} different"
            say(f"    {tenant(each['code']).name}: RTO {each['rto_seconds']} s, RPO {each['rpo_seconds']} s, {rows}")
        say(f"    住民票の写し        {self.summary['certificate']['path']}")
        say(f"    訓練報告書          {self.summary['drill']['report_path']}")
        say(f"    負担金算定書        {self.summary['shares']['paths']['pdf']}")
        say(f"    all results         {file}")
        say(f"    API documentation   {self.home.platform_api_url}/docs")
        say("    look around         .venv/bin/mcloud status; .venv/bin/mcloud tenant list")
        say("    stop                make down")
        say(f"    {self.summary['seconds']} s in all")


def main() -> int:
    terminal = Terminal()
    story = Story(home(), terminal)
    return terminal.chapters("demo", story.start, story.onboard, story.serve, story.copy_and_lose, story.share, story.close)


if __name__ == "__main__":
    sys.exit(main())
