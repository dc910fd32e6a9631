"""Control groups of a testbed: made for both versions of the kernel's interface, emptied by force, removed."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from infra.testbed.place import Place, Testbed
from kit.errors import Unavailable

ROOT = Path("/sys/fs/cgroup")
UNIFIED = "cgroup.controllers"


def hierarchies() -> list[Path]:
    """Every tree of control groups: one with version 2, one for each controller with version 1."""
    if (ROOT / UNIFIED).exists():
        return [ROOT]
    return sorted(p for p in ROOT.iterdir() if p.is_dir() and not p.is_symlink() and (p / "tasks").exists())


def _all_trees() -> list[Path]:
    """Those, and the unified tree beside version 1, where container runtimes leave groups too."""
    return sorted({*hierarchies(), *([ROOT / "unified"] if (ROOT / "unified").exists() else [])})


def ensure(place: Place) -> list[Path]:
    """The groups `daemons` and `pods` of a site in every tree; those of the daemons."""
    for root in hierarchies():
        for part in ("daemons", "pods"):
            folder = root
            for name in (*place.group.split("/"), part):
                _hand_down(folder)
                folder /= name
                folder.mkdir(exist_ok=True)
                _inherit(folder)
    return [root / place.group / "daemons" for root in hierarchies()]


def _hand_down(folder: Path) -> None:
    """Version 2: controllers reach the groups below only when they are handed down."""
    if (folder / UNIFIED).exists():
        names = (folder / UNIFIED).read_text().split()
        (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in names))


def _inherit(folder: Path) -> None:
    """Version 1: a new cpuset is empty and takes no process."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        file = folder / name
        if file.exists() and not (folder / UNIFIED).exists() and not file.read_text().strip():
            file.write_text((folder.parent / name).read_text())


def processes(testbed: Testbed, place: Place | None = None) -> set[int]:
    """Processes of the testbed, or of one site, as this machine numbers them."""
    found: set[int] = set()
    for root in _all_trees():
        for folder, _, _ in os.walk(root / (place or testbed).group):  # passes over groups that go away while it looks
            with suppress(OSError):
                found.update(int(line) for line in (Path(folder) / "cgroup.procs").read_text().split())
    return found


def memory_bytes(place: Place) -> int:
    """What the site uses now, pods and page cache included."""
    for file in (ROOT / "memory" / place.group / "memory.usage_in_bytes", ROOT / place.group / "memory.current"):
        if file.exists():
            return int(file.read_text())
    return 0


def clear(testbed: Testbed, place: Place | None = None, *, seconds: float = 30) -> int:
    """Kill everything in the groups and remove them; how many processes there were.

    Raises
    ------
    Unavailable
        Something does not die; its process ids.
    """
    first = alive = processes(testbed, place)
    end = time.monotonic() + seconds
    while alive:
        for number in alive:
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > end:
            raise Unavailable(f"processes {sorted(alive)} of the testbed do not end")
        time.sleep(0.05)
        alive = processes(testbed, place)
    for root in _all_trees():
        _remove(root / (place or testbed).group, end)
    return len(first)


def _remove(folder: Path, end: float) -> None:
    for each, _, _ in os.walk(folder, topdown=False):
        _remove_one(Path(each), end)


def _remove_one(folder: Path, end: float) -> None:
    """A group stays busy for a moment after its last process is gone."""
    while True:
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > end:
                raise Unavailable(f"control group {folder} cannot be removed: something still runs in it") from None
            time.sleep(0.05)
