"""Somebody inside a cluster who goes on asking processes, and tells how every request was answered."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from infra.zones import API
from tests.support.cluster import Site
from tests.support.pods import inside, logs, pod, until

#: asks each address in turns until it is told to end; its own walls open a moment after it starts
ASK = """
import http.client, json, signal, socket, sys, threading, time

over = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: over.set())
headers, bodies, urls = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
told = {url: [] for url in urls}

def ask(url):
    host, path = url.split("/", 1)
    to = http.client.HTTPConnection(host, timeout=10)
    try:
        method, body = ("POST", json.dumps(bodies[url])) if url in bodies else ("GET", None)
        to.request(method, "/" + path, body, headers | {"Content-Type": "application/json"})
        answer = to.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException) as wrong:
        return type(wrong).__name__
    finally:
        to.close()

def goes_on(url):
    while not over.is_set():
        told[url].append(ask(url))
        time.sleep(0.05)

opens_by = time.time() + 30
while time.time() < opens_by and not isinstance(ask(urls[0]), int):
    time.sleep(0.05)
people = [threading.Thread(target=goes_on, args=(url,)) for url in urls]
for each in people:
    each.start()
while not over.wait(1):
    pass
for each in people:
    each.join()
print(json.dumps(told))
"""


def begin(
    site: Site, name: str, urls: Sequence[str], headers: Mapping[str, str] | None = None, bodies: Mapping[str, Any] | None = None
) -> None:
    """Start to ask them all side by side (`host:port/path`), as the counter, whom every process's walls let in.

    `bodies`: of those that are asked by POST, what is sent.
    """
    site.admin.create(pod(site, API, name, ASK, json.dumps(headers or {}), json.dumps(bodies or {}), *urls))
    until(site, API.namespace, name, "Running", "Succeeded")


def end(site: Site, name: str) -> dict[str, Counter[int | str]]:
    """Stop; of each address how often it gave which status, or failed in which way."""
    inside(site, API.namespace, name, "python3", "-c", "import os; os.kill(1, 15)")
    until(site, API.namespace, name, "Succeeded")
    told = json.loads(logs(site, API.namespace, name))
    site.admin.delete("Pod", API.namespace, name)
    return {url: Counter(answers) for url, answers in told.items()}
