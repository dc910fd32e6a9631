"""A site's life: raised, asked how it is, lost, taken down. Every function is an «ensure»."""

import fcntl
import json
import os
import shutil
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx2

from infra.targets.services import wait_until
from infra.testbed import describe, files, groups, images, namespaces, objects, programs
from infra.testbed.certificates import write_secret
from infra.testbed.place import API_PORT, SITES, Place, Testbed
from kit.clock import now
from kit.errors import Conflict, Unavailable
from tenants.home import SiteName
from tools import cluster

#: seconds for each thing that is waited for; an idle machine needs a tenth
PATIENCE = 240
Report = Callable[[str, bool], None]


@contextmanager
def _alone(testbed: Testbed) -> Iterator[None]:
    """One operation on a testbed at a time.

    Raises
    ------
    Unavailable
        We are not root, without which there are no namespaces.
    """
    if os.geteuid() != 0:
        raise Unavailable("a testbed needs root: namespaces, control groups and mounts are made for it")
    testbed.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(testbed.folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def up(testbed: Testbed, sites: Sequence[SiteName], report: Report) -> dict[str, Any]:
    """The sites stand, their nodes are ready, and the link lies between them when both do."""
    with _alone(testbed):
        for site in sites:
            place = testbed.place(site)
            place.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
            place.lost_file.unlink(missing_ok=True)
            report(f"{site}: process tree", namespaces.ensure_tree(place))
            report(f"{site}: cable to this machine", namespaces.ensure_cable_to_host(place))
        with ThreadPoolExecutor() as pool:
            for job in [pool.submit(_raise, testbed.place(site), report) for site in sites]:
                job.result()
        report("link between the sites", namespaces.ensure_link(testbed))
    return {"sites": [{"site": site, **testbed.place(site).facts()} for site in sites]}


def _raise(place: Place, report: Report) -> None:
    boss, site = namespaces.supervisor(place), place.site
    files.ensure(place)
    changed = _run(place, programs.first(place))
    wait_until(partial(_answers, place), f"the API server of site {site} (see {boss.logs})", PATIENCE)
    report(f"{site}: API server", changed)
    wait_until(partial(_runtime_answers, place), f"containerd of site {site} (see {boss.logs})", PATIENCE)
    report(f"{site}: images", images.ensure_base(place))
    changed = _run(place, programs.then(place))
    for number in range(1, objects.VOLUMES + 1):
        objects.volume(place, number).mkdir(mode=0o755, exist_ok=True)
    kubectl(place, "apply", "--server-side", "--force-conflicts", "--filename=-", given=_list(objects.build(place)))
    wait_until(partial(_is_ready, place), f"the node of site {site} (see {boss.logs}/kubelet.log)", PATIENCE)
    changed |= _run(place, programs.last(place))
    wait_until(partial(_enforces, place), f"network policies at site {site} (see {boss.logs}/kube-router.log)", PATIENCE)
    kubectl(place, "rollout", "status", "--namespace=kube-system", "deployment/coredns", f"--timeout={PATIENCE}s")
    report(f"{site}: node ready", changed)


def _list(items: objects.Objects) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _run(place: Place, commands: Mapping[str, Sequence[str]]) -> bool:
    boss, path = namespaces.supervisor(place), os.environ["PATH"]
    changed = [boss.put(name, command, {"PATH": path, "HOME": "/run"}) for name, command in commands.items()]
    boss.refresh()
    changed += [boss.start(name) for name in commands]
    return any(changed)


def kubectl(place: Place, *arguments: str, given: str | None = None) -> str:
    """What kubectl prints, as the site's administrator."""
    return namespaces.run(str(cluster.kubectl()), f"--kubeconfig={place.kubeconfig}", *arguments, given=given)


def job_log(place: Place, namespace: str, job: str) -> str:
    """What the pod printed that brought the job to its end; a pod of it may have failed before."""
    there, of = ("--namespace", namespace), ("--selector", f"job-name={job}")
    pod = kubectl(place, *there, "get", "pods", *of, "--field-selector=status.phase=Succeeded", "--output=name").strip()
    return kubectl(place, *there, "logs", pod)


def _answers(place: Place) -> bool:
    trust = ssl.create_default_context(cafile=str(files.pki(place) / "ca.crt"))
    trust.load_cert_chain(files.pki(place) / "admin.crt", files.pki(place) / "admin.key")
    try:
        return httpx2.get(f"https://{place.node}:{API_PORT}/readyz", verify=trust, timeout=2).status_code == 200
    except httpx2.HTTPError:
        return False


def _runtime_answers(place: Place) -> bool:
    try:
        images.present(place)
    except Unavailable:
        return False
    return True


def _enforces(place: Place) -> bool:
    """Whether forwarded packets pass the chain of network policies."""
    try:
        return "KUBE-ROUTER-FORWARD" in namespaces.run(*namespaces.inside(place, "iptables", "--wait", "--list-rules", "FORWARD"))
    except Unavailable:
        return False


def _is_ready(place: Place) -> bool:
    told = kubectl(place, "get", "nodes", "--output=jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}")
    return told == "True"


def load_images(testbed: Testbed, report: Report) -> dict[str, Any]:
    """The platform's images, built from this tree when it changed, are at every site that is up."""
    from infra.images.build import build_all

    found = build_all(testbed.home.path / "images")
    report("images built", True)
    for place in map(testbed.place, SITES):
        if namespaces.first_process(place) is not None:
            for image in found:
                changed = images.ensure_platform(place, image.name, image.reference, image.archive)
                report(f"{place.site}: {image.name}", changed)
    describe.write(testbed, {image.name: image.reference for image in found})
    return {"images": {image.name: image.reference for image in found}}


def status(testbed: Testbed) -> list[dict[str, Any]]:
    """Each site: `up`, `broken`, `lost` or `down`, its programs that do not run, memory in MiB, the link, addresses."""
    found: list[dict[str, Any]] = []
    for site in SITES:
        place = testbed.place(site)
        if namespaces.first_process(place) is None:
            state = "lost" if place.lost_file.exists() else "broken" if place.folder.exists() else "down"
            found.append({"site": site, "state": state})
            continue
        ill = [each["name"] for each in namespaces.supervisor(place).all_states() if each["statename"] != "RUNNING"]
        well = not ill and _answers(place) and _is_ready(place)
        link = "cut" if namespaces.is_cut(place) else "whole" if namespaces.is_joined(place) else "none"
        used = groups.memory_bytes(place) // 2**20
        state = "up" if well else "broken"
        found.append({"site": site, "state": state, "link": link, "memory_mib": used, "ill": ill, **place.facts()})
    return found


def lose(testbed: Testbed, site: SiteName) -> dict[str, Any]:
    """The sea: everything of the site dies at once, its folder with store, volumes and keys is destroyed. Evidence.

    Raises
    ------
    Conflict
        The site does not stand, so there is nothing to lose.
    """
    with _alone(testbed):
        place = testbed.place(site)
        if namespaces.first_process(place) is None:
            raise Conflict(f"site {site} is not up")
        stopped = namespaces.supervisor(place).names()
        lost_at, started, node = now(), time.monotonic(), place.node
        ended = namespaces.remove(place)
        _destroy(place)
        evidence = {
            "site": site,
            "at": lost_at.isoformat(),
            "stopped": stopped,
            "processes_ended": ended,
            "processes_left": len(groups.processes(testbed, place)),
            "folder_there": place.folder.exists(),
            "network_there": not namespaces.device_is_gone(place),
            "node": node,
            "seconds": round(time.monotonic() - started, 2),
        }
        write_secret(place.lost_file, json.dumps(evidence))
        return evidence


def _destroy(place: Place) -> None:
    place.kubeconfig.unlink(missing_ok=True)
    shutil.rmtree(place.folder, ignore_errors=True)


def down(testbed: Testbed) -> dict[str, Any]:
    """Nothing is left of the testbed: no process, mount, network, control group or file; also after a crash."""
    with _alone(testbed):
        ended = sum(namespaces.remove(testbed.place(site)) for site in SITES)
        groups.clear(testbed)
        for site in SITES:
            _destroy(testbed.place(site))
        shutil.rmtree(testbed.folder, ignore_errors=True)
        if testbed.folder.exists():
            raise Unavailable(f"{testbed.folder} cannot be removed: something of it is still in use")
    return {"changed": ended > 0, "processes_ended": ended}
