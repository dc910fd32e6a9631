"""One tenant takes ten times what it was promised, and its neighbour goes on answering: real pods on a real node."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from infra import zones
from infra.cluster import names
from infra.manifests import Manifest
from infra.zones import API, Party, namespace
from kit.errors import CallerError, Forbidden
from tenants.catalog import tenant
from tests.support.cluster import MINAMISANRIKU, ONAGAWA, Site, manifest, refusal, slip
from tests.support.pods import inside, logs, pod, until

GREEDY, NEIGHBOUR = Party(namespace(ONAGAWA, "lgwan"), "greedy"), Party(namespace(MINAMISANRIKU, "lgwan"), "shared")
#: answers on the port of a process; each answer costs about what reading a page of the register does
SERVE = (
    "import hashlib\nfrom http.server import BaseHTTPRequestHandler as H,ThreadingHTTPServer as S\n"
    "class A(H):\n"
    " def do_GET(self):\n"
    "  d=hashlib.pbkdf2_hmac('sha256',b'x',b'y',4000).hex().encode();self.send_response(200)\n"
    "  self.send_header('Content-Length',str(len(d)));self.end_headers();self.wfile.write(d)\n"
    " def log_message(self,*a): pass\n"
    "S(('',8080),A).serve_forever()\n"
)
#: asks every 20 ms for so many seconds; milliseconds of every answer, and what was no answer
ASK = (
    "import http.client,json,sys,time\nend=time.time()+float(sys.argv[2]);took=[];bad=[]\n"
    "while time.time()<end:\n"
    " t=time.perf_counter()\n"
    " try:\n"
    "  c=http.client.HTTPConnection(sys.argv[1],8080,timeout=10);c.request('GET','/');s=c.getresponse().status;c.close()\n"
    "  if s!=200: bad.append(s)\n"
    " except OSError as e: bad.append(type(e).__name__)\n"
    " took.append((time.perf_counter()-t)*1000);time.sleep(0.02)\n"
    "print(json.dumps([sorted(took),bad]))\n"
)
#: as many processes as are asked for, each of which only burns
BURN = "import os,sys\nfor n in range(int(sys.argv[1])-1):\n if os.fork()==0: break\nwhile True: pass\n"
#: threads until no more can be had: how many there were
SPREAD = (
    "import threading\nthreading.stack_size(32768);wait=threading.Event();n=0\n"
    "try:\n"
    " while n<10000: threading.Thread(target=wait.wait,daemon=True).start();n+=1\n"
    "except RuntimeError: pass\n"
    "print(n,flush=True);wait.set()\n"
)
#: writes more into its scratch folder than any container may
FILL = "import time\nwith open('/scratch/a','wb') as f:\n for n in range(300): f.write(bytes(2**20))\ntime.sleep(86400)\n"


def asking(made: Manifest, cpu: str, **more: Any) -> Manifest:
    """The pod with that request of processor."""
    made["spec"]["containers"][0]["resources"]["requests"]["cpu"] = cpu
    made["spec"] |= more
    return made


def cleared(site: Site) -> None:
    """What this test made is gone from both namespaces."""
    for place in (GREEDY.namespace, NEIGHBOUR.namespace):
        for kind in ("Job", "Pod", "PersistentVolumeClaim", "Secret", "ConfigMap"):
            for name in names(site.admin.list(kind, place)):
                if name.startswith(("more-", "burn-", "fill", "spread", "server")):
                    site.admin.delete(kind, place, name)


@pytest.fixture
def town(site: Site) -> Iterator[str]:
    """The neighbour's process and who may ask it, behind its real walls; its address."""
    crossings = zones.process_crossings(MINAMISANRIKU, "lgwan", NEIGHBOUR.app, site.config)
    compiled = zones.compile_policies(crossings, (NEIGHBOUR.namespace, API.namespace), "neighbours")
    doors = [manifest("NetworkPolicy", e["namespace"], e["name"], "networking.k8s.io/v1", spec=e["spec"]) for e in compiled]
    for each in doors:
        site.admin.apply(each, manager="test")
    try:
        site.admin.create(asking(pod(site, NEIGHBOUR, "server", SERVE), "100m"))
        site.admin.create(asking(pod(site, API, "asker", "import time;time.sleep(86400)"), "200m"))
        address = until(site, NEIGHBOUR.namespace, "server", "Running")["status"]["podIP"]
        until(site, API.namespace, "asker", "Running")
        time.sleep(6)  # kube-router writes what it was told every few seconds
        yield address
    finally:
        cleared(site)
        site.admin.delete("Pod", API.namespace, "asker")
        for each in doors:
            site.admin.delete("NetworkPolicy", each["metadata"]["namespace"], each["metadata"]["name"])


def ask(site: Site, address: str, seconds: int) -> tuple[float, int, list[Any]]:
    """p95 in milliseconds, how many answers there were, and what was none."""
    took, bad = json.loads(inside(site, API.namespace, "asker", "python3", "-c", ASK, address, str(seconds)))
    return took[int(len(took) * 0.95)], len(took), bad


def counted(site: Site) -> dict[str, Manifest]:
    """One of everything that the plan counts. The pod finds no node and the job waits: what runs is started apart."""
    idle = asking(pod(site, GREEDY, "", "pass"), "1m", nodeSelector={"no": "such-node"})
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    job = {"suspend": True, "template": {"spec": idle["spec"]}}
    return {
        "pods": idle,
        "count/jobs.batch": manifest("Job", GREEDY.namespace, "", "batch/v1", spec=job),
        "persistentvolumeclaims": manifest("PersistentVolumeClaim", GREEDY.namespace, "", spec=claim),
        "secrets": manifest("Secret", GREEDY.namespace, ""),
        "configmaps": manifest("ConfigMap", GREEDY.namespace, ""),
    }


def flood(site: Site, hard: dict[str, str]) -> dict[str, Counter[str]]:
    """Ten times the plan of everything that it counts, eight at a time, with the tenant's own credentials: what came of it."""
    greedy, told = site.tenant(ONAGAWA, "lgwan"), {}

    def tried(each: Manifest, number: int) -> str:
        named = each | {"metadata": each["metadata"] | {"name": f"more-{number}"}}
        refused = refusal(lambda: greedy.create(named))
        return "made" if refused is None else "quota" if "exceeded quota" in refused.detail else str(refused.detail)

    with ThreadPoolExecutor(8) as pool:
        for what, each in counted(site).items():
            told[what] = Counter(pool.map(partial(tried, each), range(10 * int(hard[what]))))
    return told


def attack(site: Site) -> tuple[int, list[CallerError | None]]:
    """Burns, fills its disk and multiplies: how many burning pods were let in, and what the others were refused with."""
    greedy = site.tenant(ONAGAWA, "lgwan")
    burning = [asking(pod(site, GREEDY, f"burn-{number}", BURN, "32"), "300m") for number in range(10)]
    refused = [refusal(lambda: greedy.create(each)) for each in burning]  # noqa: B023
    fill = asking(pod(site, GREEDY, "fill", FILL), "10m", volumes=[{"name": "scratch", "emptyDir": {}}])
    fill["spec"]["containers"][0]["volumeMounts"] = [{"name": "scratch", "mountPath": "/scratch"}]
    greedy.create(fill)
    greedy.create(asking(pod(site, GREEDY, "spread", SPREAD), "10m"))
    let_in = refused.index(next(filter(None, refused)))
    for number in range(let_in):
        until(site, GREEDY.namespace, f"burn-{number}", "Running")
    return let_in, refused[let_in:]


@pytest.mark.proves("ISO-14")
def test_ten_times_the_plan_costs_the_neighbour_no_answer(site: Site, town: str) -> None:
    """Mutants: no disk in the LimitRange's `default`; no `podPidsLimit`; no count of jobs in the quota."""
    hard = (site.admin.get("ResourceQuota", GREEDY.namespace, "plan") or {})["spec"]["hard"]
    before, count, bad = ask(site, town, 6)
    assert bad == []
    with slip(site, GREEDY.namespace), ThreadPoolExecutor(1) as pool:
        burning, refused = attack(site)
        flooded = pool.submit(flood, site, hard)
        during, asked, failed = ask(site, town, 12)
        for number in range(burning):
            site.admin.delete("Pod", GREEDY.namespace, f"burn-{number}")
        told = flooded.result()
    until(site, GREEDY.namespace, "spread", "Succeeded")
    threads = int(logs(site, GREEDY.namespace, "spread"))
    evicted = until(site, GREEDY.namespace, "fill", "Failed")["status"]
    server = (site.admin.get("Pod", NEIGHBOUR.namespace, "server") or {})["status"]["containerStatuses"][0]
    print(f"ISO-14: {burning} burning pods let in, {len(refused)} refused; of ten times the plan "
          f"{ {what: dict(each) for what, each in told.items()} }; {threads} threads; {evicted['message'][:80]}")  # fmt: skip
    print(f"ISO-14: neighbour's p95 {before:.1f} ms ({count} answers), under attack {during:.1f} ms ({asked} answers), "
          f"ratio {during / before:.2f} (target 1.2), {len(failed)} errors")  # fmt: skip
    assert failed == []
    assert (server["ready"], server["restartCount"]) == (True, 0)
    assert burning == tenant(ONAGAWA).quota.cpu_millis // 300
    assert all(isinstance(each, Forbidden) and "requests.cpu" in each.detail for each in refused)
    for what, outcome in told.items():
        assert set(outcome) <= {"made", "quota"}, (what, outcome)
        assert outcome["made"] <= int(hard[what]) < outcome["quota"], what
    assert 0 < threads < 2048
    assert (evicted["reason"], "ephemeral" in evicted["message"]) == ("Evicted", True)
