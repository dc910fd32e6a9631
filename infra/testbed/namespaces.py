"""The process tree of a site in namespaces of its own, and the cables: to the host, and between the sites."""

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.targets.services import wait_until
from infra.targets.supervisor import Supervisor
from infra.testbed import groups
from infra.testbed.place import NETWORKS, Place, Testbed, prefix
from kit.errors import Unavailable

ENTER = Path(__file__).with_name("enter.sh")
#: join the groups first, then live: a child is never outside them, not even for a moment
JOIN = 'for group in $1; do echo $$ >"$group/cgroup.procs"; done; shift; exec "$@"'


def run(*command: str, given: str | bytes | None = None) -> str:
    """What the program prints.

    Raises
    ------
    Unavailable
        It failed; the last line it said.
    """
    data = given.encode() if isinstance(given, str) else given
    done = subprocess.run(command, input=data, capture_output=True)
    if done.returncode:
        last = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-1:]
        raise Unavailable(f"{' '.join(command[:6])} … failed: {' '.join(last)}")
    return done.stdout.decode()


def supervisor(place: Place) -> Supervisor:
    """The first process of the site's tree."""
    return Supervisor(place.folder / "run")


def first_process(place: Place) -> int | None:
    """The tree's first process as this machine numbers it; None when the site does not stand."""
    for number in groups.processes(place.testbed, place):
        try:
            status = Path(f"/proc/{number}/status").read_text()
        except OSError:
            continue
        names = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
        if names[1:] == ["1"]:
            return number
    return None


def inside(place: Place, *command: str) -> tuple[str, ...]:
    """The command in the site's mounts and network.

    Raises
    ------
    Unavailable
        The site does not stand.
    """
    number = first_process(place)
    if number is None:
        raise Unavailable(f"site {place.site} is not up: `mcloud testbed up --sites {place.site}` raises it")
    return ("nsenter", f"--target={number}", "--mount", "--net", "--", *command)


def ensure_tree(place: Place) -> bool:
    """The site's first process, a supervisor of its programs; False when it lives."""
    boss = supervisor(place)
    if first_process(place) is not None and boss.is_running():
        return False
    groups.clear(place.testbed, place)
    joined = " ".join(str(folder) for folder in groups.ensure(place))
    boss.socket.unlink(missing_ok=True)
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--net", "--mount-proc", "--propagation=private"]
    command += ["sh", str(ENTER), str(place.folder), *boss.command(), "--nodaemon"]
    log = place.folder / "run" / "tree.log"
    with log.open("ab") as out:
        subprocess.Popen(
            ["sh", "-c", JOIN, "sh", joined, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    wait_until(boss.is_running, f"the process tree of site {place.site} (see {log})", 20)
    return True


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two testbeds must not take the same network: one lock for all who share this network namespace."""
    with Path("/proc/self/ns/net").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _addresses(place: Place | None = None) -> list[dict[str, Any]]:
    command = ("ip", "-json", "-4", "address")
    found: list[dict[str, Any]] = json.loads(run(*(inside(place, *command) if place else command)) or "[]")
    return found


def _taken() -> set[str]:
    return {each["local"].rsplit(".", 1)[0] for link in _addresses() for each in link["addr_info"]}


def ensure_cable_to_host(place: Place) -> bool:
    """A pair of linked devices: one end here, one in the site, an address each; False when it lies."""
    with _one_at_a_time():
        if any(link["ifname"] == place.device for link in _addresses()):
            return False
        testbed, taken = place.testbed, _taken()
        if not testbed.network_file.exists():
            first = int(testbed.identifier, 16)
            free = [n % NETWORKS for n in range(first, first + NETWORKS) if prefix(n % NETWORKS) not in taken]
            if not free:
                raise Unavailable("198.18.0.0/15 has no free network left: take a testbed down")
            testbed.network_file.write_text(str(free[0]))
        elif prefix(testbed.network) in taken and not os.path.exists(f"/sys/class/net/{place.other.device}"):
            raise Unavailable(f"{place.host} is in use by another testbed: `mcloud testbed down`, then up again")
        number = first_process(place)
        run("ip", "link", "add", place.device, "type", "veth", "peer", "name", "host0", "netns", str(number))
        run("ip", "address", "add", f"{place.host}/30", "dev", place.device)
        run("ip", "link", "set", place.device, "up")
    run(*inside(place, "ip", "address", "add", f"{place.node}/30", "dev", "host0"))
    run(*inside(place, "ip", "link", "set", "host0", "up"))
    return True


def is_joined(place: Place) -> bool:
    """Whether the site has its end of the link."""
    return any(link["ifname"] == "link0" and link["addr_info"] for link in _addresses(place))


def ensure_link(testbed: Testbed) -> bool:
    """The cable between the sites, with the routes to each other's pods and services; False when it lies."""
    ends = [testbed.place("primary"), testbed.place("recovery")]
    if any(first_process(end) is None for end in ends):
        return False
    if all(is_joined(end) for end in ends):
        return False
    here, there = (str(first_process(end)) for end in ends)
    if not any(link["ifname"] == "link0" for link in _addresses(ends[0])):
        run("ip", "link", "add", "link0", "netns", here, "type", "veth", "peer", "name", "link0", "netns", there)
    for end in ends:
        for step in (
            ("address", "replace", f"{end.link}/30", "dev", "link0"),
            ("link", "set", "link0", "up"),
            ("route", "replace", end.other.pods, "via", end.other.link),
            ("route", "replace", end.other.services, "via", end.other.link),
        ):
            run(*inside(end, "ip", *step))
    return True


#: whatever comes over the link vanishes, before any other rule sees it
_CUT = ("PREROUTING", "--in-interface", "link0", "--jump", "DROP")


def is_cut(place: Place) -> bool:
    """Whether the site hears nothing over the link."""
    check = inside(place, "iptables", "--wait", "--table", "raw", "--check", *_CUT)
    return subprocess.run(check, capture_output=True).returncode == 0


def cut(testbed: Testbed) -> bool:
    """Cut the link: packets vanish both ways, established connections too; False when it was cut."""
    return _each_end(testbed, "--insert", wanted=True)


def heal(testbed: Testbed) -> bool:
    """Mend the link; False when it was whole."""
    return _each_end(testbed, "--delete", wanted=False)


def _each_end(testbed: Testbed, verb: str, *, wanted: bool) -> bool:
    ends = [place for place in (testbed.place("primary"), testbed.place("recovery")) if first_process(place)]
    if not ends:
        raise Unavailable("the testbed is down: `mcloud testbed up` raises it")
    changed = [end for end in ends if is_cut(end) != wanted]
    for end in changed:
        run(*inside(end, "iptables", "--wait", "--table", "raw", verb, *_CUT))
    return bool(changed)


def device_is_gone(place: Place) -> bool:
    """Whether the host's end of the cable has vanished with the site's network."""
    return not os.path.exists(f"/sys/class/net/{place.device}")


def remove(place: Place) -> int:
    """End the site's tree by force, take its cable away; how many processes it had."""
    ended = groups.clear(place.testbed, place)
    if not device_is_gone(place):  # the kernel takes it away with the site's network, but in its own time
        subprocess.run(["ip", "link", "delete", place.device], capture_output=True)
    wait_until(lambda: device_is_gone(place), f"the end of the cable to site {place.site}", 30)
    supervisor(place).socket.unlink(missing_ok=True)
    below = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((path for path in below if path.startswith(f"{place.folder}/")), key=len, reverse=True):
        run("umount", "--lazy", mount)
    return ended
