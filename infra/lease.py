"""One operation at a time for each stack, whoever starts it and wherever: a Lease in the stack's own cluster.

The lease's number grows with every holder (fencing): whoever was overtaken is refused at his next write. A lease does not
run out by age. It is taken from a holder only when he is proved dead: of this machine, by its name and identity, from an
earlier boot, or of this one and its process is gone. For any other somebody has to say so by the machine's name (`unlock`).
"""

import getpass
import hashlib
import os
import re
import socket
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from infra.cluster import Cluster
from infra.config import stack_options
from infra.manifests import Manifest
from infra.zones import RELEASES
from kit.clock import now
from kit.errors import Conflict, NotFound

APPLIED = "mcloud/applied"
#: environment variable by which an operation tells its children which lease they act under: stack:number
VARIABLE = "MCLOUD_LEASE"
NO_LEASE = (
    "nobody took the stack's lease for this, the program does: run `pulumi destroy` with --run-program "
    "(or set PULUMI_RUN_PROGRAM=true), or use `mcloud infra` (docs/runbooks/clusters.md)"
)


@dataclass(frozen=True)
class Holder:
    """A process on a machine; `started` is its start in clock ticks since boot, so that a reused number is no life.

    Two machines, or two pods of one, may have the same name: `machine` is its identity, `numbers` the space of process numbers
    that `pid` is of; empty where there is none, and in leases from before they were noted.
    """

    host: str
    boot: str
    pid: int
    started: int
    user: str
    machine: str = ""
    numbers: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}"

    @classmethod
    def here(cls, pid: int | None = None) -> "Holder":
        """This process, or another one on this machine."""
        pid = pid or os.getpid()
        numbers = os.readlink("/proc/self/ns/pid")
        return cls(socket.gethostname(), _boot(), pid, _started(pid) or 0, getpass.getuser(), _machine(), numbers)

    @classmethod
    def engine(cls) -> "Holder | None":
        """The `pulumi` that started this process, be it program or provider; None when none did."""
        pid = os.getppid()
        while found := _stat(pid):
            name, fields = found
            if name == "pulumi":
                return cls.here(pid)
            pid = int(fields[1])
        return None

    def is_alive(self) -> bool:
        """Whether the holder is seen alive from here; False on doubt."""
        return (self.host, self.boot) == (socket.gethostname(), _boot()) and _started(self.pid) == self.started

    def is_dead(self) -> bool:
        """Whether the holder is proved dead; False on doubt."""
        here = Holder.here()
        if (self.host, self.machine) != (here.host, here.machine):
            return False
        if self.boot != here.boot:
            return self.machine != ""
        return self.numbers == here.numbers and not self.is_alive()


def lives(pid: int, since: datetime) -> bool:
    """Whether the process of this number that stood at a moment of the clock still lives; True on doubt.

    One that began a minute later or more was given the number of a dead one.
    """
    ticks = _started(pid)
    if ticks is None:
        return False
    booted = int(re.findall(r"^btime (\d+)$", Path("/proc/stat").read_text(), re.MULTILINE)[0])
    return booted + ticks / os.sysconf("SC_CLK_TCK") < since.timestamp() + 60


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _machine() -> str:
    """The machine's identity, by a hash: it shall not leave the machine. Empty where none was given yet, or ever."""
    file = Path("/etc/machine-id")
    told = file.read_text().strip() if file.exists() else ""
    return hashlib.sha256(f"mcloud {told}".encode()).hexdigest()[:16] if len(told) == 32 else ""


def _started(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat; None when there is no such process, or only its corpse."""
    found = _stat(pid)
    return int(found[1][19]) if found else None


def _stat(pid: int) -> tuple[str, list[str]] | None:
    """A living process's name and what /proc/PID/stat says after it: state, parent and so on."""
    try:
        name, rest = Path(f"/proc/{pid}/stat").read_text().split("(", 1)[1].rsplit(")", 1)
    except OSError:
        return None
    return None if rest.split()[0] in "ZX" else (name, rest.split())


@dataclass(frozen=True)
class Held:
    """A lease that is ours."""

    stack: str
    number: int

    def __str__(self) -> str:
        return f"{self.stack}:{self.number}"


def _read(cluster: Cluster, stack: str) -> Manifest | None:
    return cluster.get("Lease", RELEASES, stack)


def holder_of(lease: Manifest) -> Holder | None:
    """Who holds the lease; None when nobody does."""
    text = lease["spec"].get("holderIdentity")
    return Holder(**yaml.safe_load(text)) if text else None


def acquire(cluster: Cluster, stack: str, who: Holder | None = None) -> Held:
    """Take the stack's lease, for this process when nobody else is named.

    Raises
    ------
    Conflict
        Somebody holds it who is not proved dead; names him and the way out.
    NotFound
        The site is not landed: there is no place for leases.
    """
    there = _read(cluster, stack)
    if there is None:
        if cluster.get("Namespace", "", RELEASES) is None:
            raise NotFound(f"the cluster at {cluster.address} is not landed: apply the site's stack first")
        there = _blank(stack)
    holder = holder_of(there)
    if holder is not None and not holder.is_dead():
        where = f"{stack_options(stack)} --host {holder.host}"
        way = "wait for it" if holder.is_alive() else f"when that machine is gone for good, `mcloud infra unlock {where}`"
        raise Conflict(f"stack {stack} is being worked on by {holder} since {there['spec'].get('acquireTime', '?')}: {way}")
    number = int(there["spec"].get("leaseTransitions", 0)) + 1
    moment = now().isoformat(timespec="microseconds").replace("+00:00", "Z")
    there["spec"] |= {
        "holderIdentity": yaml.safe_dump(asdict(who or Holder.here()), default_flow_style=True, width=10_000).strip(),
        "acquireTime": moment,
        "renewTime": moment,
        "leaseTransitions": number,
        "leaseDurationSeconds": 3600,
    }
    _write(cluster, there, stack)
    return Held(stack, number)


def _blank(stack: str) -> Manifest:
    metadata = {"name": stack, "namespace": RELEASES, "labels": {"app.kubernetes.io/part-of": "mcloud"}}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {}}


def _write(cluster: Cluster, lease: Manifest, stack: str) -> None:
    """The resource version makes one of two win."""
    try:
        if "resourceVersion" in lease["metadata"]:
            cluster.replace(lease, manager="mcloud-lease")
        else:
            cluster.create(lease)
    except Conflict:
        there = _read(cluster, stack)
        winner = holder_of(there) if there else None
        raise Conflict(f"stack {stack} was taken a moment ago by {winner or 'somebody else'}: wait for it") from None


def give_back(cluster: Cluster, held: Held, *, applied: bool) -> None:
    """Let the lease go; `applied` records that the operation brought the stack to its end."""
    there = _read(cluster, held.stack)
    if there is None or there["spec"].get("leaseTransitions") != held.number:
        return  # overtaken: it is not ours to give
    there["spec"]["holderIdentity"] = None
    if applied:
        annotations: dict[str, Any] = there["metadata"].setdefault("annotations", {})
        annotations[APPLIED] = str(held.number)
    cluster.replace(there, manager="mcloud-lease")


def applied(cluster: Cluster, stack: str) -> int:
    """Number of the operation that last brought the stack to its end; 0 when none did."""
    there = _read(cluster, stack)
    return int(there["metadata"].get("annotations", {}).get(APPLIED, 0)) if there else 0


def check(cluster: Cluster) -> None:
    """Refuse to write without a lease, and when the one that this process acts under was taken over.

    Raises
    ------
    Conflict
        The number is no longer ours, or nobody took a lease for the `pulumi` that started us.
    """
    told = os.environ.get(VARIABLE)
    if not told:
        engine = Holder.engine()
        if engine is None or not any(holder_of(each) == engine for each in cluster.list("Lease", RELEASES)):
            raise Conflict(NO_LEASE)
        return
    stack, number = told.rsplit(":", 1)
    there = _read(cluster, stack)
    current = there["spec"].get("leaseTransitions") if there else None
    if current != int(number):
        raise Conflict(
            f"stack {stack}: this operation (number {number}) was overtaken by number {current}; nothing more is written"
        )


def unlock(cluster: Cluster, stack: str, host: str) -> bool:
    """Take the lease from a holder on a machine that somebody declares gone; False when nobody holds it.

    Raises
    ------
    Conflict
        Another machine holds it, or the holder lives here.
    """
    there = _read(cluster, stack)
    holder = holder_of(there) if there else None
    if there is None or holder is None:
        return False
    if holder.host != host:
        raise Conflict(f"stack {stack} is held by {holder}, not by a process on {host}")
    if holder.is_alive():
        raise Conflict(f"stack {stack} is held by {holder}, which is alive here: end it first")
    there["spec"]["holderIdentity"] = None
    there["spec"]["leaseTransitions"] = int(there["spec"]["leaseTransitions"]) + 1
    cluster.replace(there, manager="mcloud-lease")
    return True
