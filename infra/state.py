"""Is the engine's state whole, and is it the newest? Copies, refusal on doubt, and the way back.

A state that is missing, cut short or older than what the cluster remembers would let the next apply forget or double things,
so nothing is applied on it. The cluster remembers in the stack's lease the number of the operation that last came to its
end; the state carries the number of the operation that wrote it.
"""

import json
import os
import socket
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from infra import lease
from infra.cluster import Cluster
from infra.config import stack_options
from infra.engine import PROJECT, Engine, environment, exported, state_folder
from kit.errors import Conflict, NotFound, Unavailable
from tenants.home import Home

KEPT = 10
#: seconds an engine whose parent was killed is given to end: it writes what it knows and lets its lock go
DYING = 30.0
WAY_OUT = "restore a copy with `mcloud infra restore-state` (docs/runbooks/lost_state.md)"


def file_of(home: Home, stack: str) -> Path | None:
    """The stack's state file; None when the state does not lie in files."""
    folder = state_folder(home)
    return folder / "stacks" / PROJECT / f"{stack}.json" if folder else None


def copies(home: Home, stack: str) -> list[Path]:
    """Copies of the state, oldest first; named by the number of their operation."""
    return sorted((home.path / "land" / "copies" / stack).glob("*.json"))


def check(home: Home, cluster: Cluster, stack: str) -> None:
    """Refuse on a state that cannot be trusted.

    Raises
    ------
    Conflict
        It is missing or empty though the cluster was applied before, does not read, or is older than the cluster remembers.
    """
    file = file_of(home, stack)
    if file is None:
        found = _as_told(stack, environment(home))
    else:
        try:  # reading the file is quicker than asking the engine
            found = json.loads(file.read_text()) if file.exists() else None
        except ValueError:
            raise Conflict(_unreadable(stack)) from None
    _compare(stack, found, lease.applied(cluster, stack))


def check_as_told(cluster: Cluster, stack: str) -> None:
    """The same for a program that the ordinary CLI runs: only the engine knows which place for state it was given."""
    _compare(stack, _as_told(stack, {}), lease.applied(cluster, stack))


def _as_told(stack: str, variables: dict[str, str]) -> dict[str, Any] | None:
    try:
        return exported(stack, variables)
    except Unavailable as failed:
        if "checkpoint" in failed.detail:  # the engine's word for a state's file
            raise Conflict(_unreadable(stack)) from None
        raise


def _compare(stack: str, found: dict[str, Any] | None, reached: int) -> None:
    try:
        number, empty = (None, False) if found is None else (operation_in(found), not _resources(found))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Conflict(_unreadable(stack)) from None
    if reached and (found is None or empty):
        raise Conflict(
            f"the state of stack {stack} is {'empty' if empty else 'missing'}, though operation {reached} was applied: {WAY_OUT}"
        )
    if number is not None and number < reached:
        raise Conflict(f"the state of stack {stack} is of operation {number}, the cluster is at {reached}: {WAY_OUT}")


def _unreadable(stack: str) -> str:
    return f"the state of stack {stack} does not read, it was cut short or altered: {WAY_OUT}"


def _resources(state: dict[str, Any]) -> list[dict[str, Any]]:
    latest = state["checkpoint"]["latest"] if "checkpoint" in state else state["deployment"]
    return (latest or {}).get("resources") or []


def operation_in(state: dict[str, Any]) -> int | None:
    """Number of the operation that wrote a state; None when the stack was never applied by one."""
    for each in _resources(state):
        if each["type"] == "pulumi:pulumi:Stack":
            number = (each.get("outputs") or {}).get("operation") or ""
            return int(number) if number else None
    return None


def keep_copy(home: Home, engine: Engine, number: int) -> Path:
    """Lay a copy of the state aside, on disk before this returns; the oldest beyond ten go."""
    folder = home.path / "land" / "copies" / engine.name
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{number:08d}.json"
    draft = file.with_suffix(".draft")
    with draft.open("w") as out:
        json.dump(engine.export(), out)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
    for old in copies(home, engine.name)[:-KEPT]:
        old.unlink()
    return file


def restore(home: Home, cluster: Cluster, stack: str) -> int:
    """Put the newest readable copy in force; its number. What cannot be read is moved aside, never deleted.

    Raises
    ------
    NotFound
        There is no copy that reads.
    Conflict
        The newest one is older than the cluster remembers: somebody applied from another folder, or newer copies are gone.
    """
    reached = lease.applied(cluster, stack)
    for copy in reversed(copies(home, stack)):
        try:
            deployment = json.loads(copy.read_text())
            number = operation_in(deployment) or 0
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        if number < reached:
            raise Conflict(
                f"the newest copy of the state of stack {stack} is of operation {number}, the cluster is at {reached}: "
                "bring the copies of whoever applied it, or apply again with --adopt (docs/runbooks/lost_state.md)"
            )
        file = file_of(home, stack)
        if file is not None and file.exists():
            file.replace(_aside(file))
        Engine(home, stack).load(deployment)
        return number
    raise NotFound(
        f"there is no readable copy of the state of stack {stack}: apply again with --adopt (docs/runbooks/lost_state.md)"
    )


def _aside(file: Path) -> Path:
    """A name beside it that nothing bears yet."""
    found = (file.with_name(f"{file.name}.broken-{number}") for number in count(1))
    return next(each for each in found if not each.exists())


def break_dead_lock(home: Home, stack: str, patience: float = DYING) -> bool:
    """Remove the engine's own lock when its holder is proved dead; True when there was one.

    Whoever calls holds the stack's lease, so the holder's parent is dead: a holder that still lives is ending, and is waited
    for up to `patience` seconds. The engine notes a machine's name alone; of two that bear the same one the lease tells which.

    Raises
    ------
    Conflict
        The holder lives on, or is on another machine.
    """
    found = False
    for file, held, who in _locks(home, stack):
        if held["hostname"] != socket.gethostname():
            way = f"`mcloud infra unlock {stack_options(stack)} --host {held['hostname']}`"
            raise Conflict(f"stack {stack} is locked by {who}: end it there, or {way} when that machine is gone for good")
        until = time.monotonic() + patience
        while _lives(held):
            if time.monotonic() >= until:
                raise Conflict(f"stack {stack} is locked by {who}: wait for it")
            time.sleep(0.2)
        file.unlink(missing_ok=True)  # an engine that ended by itself took it away
        found = True
    return found


def unlock(home: Home, stack: str, host: str) -> bool:
    """Remove the engine's own lock of a machine that somebody declares gone; False when it has none.

    Raises
    ------
    Conflict
        The machine is this one, and the holder lives.
    """
    found = False
    for file, held, who in _locks(home, stack):
        if held["hostname"] == host:
            if host == socket.gethostname() and _lives(held):
                raise Conflict(f"stack {stack} is locked by {who}, which is alive here: end it first")
            file.unlink(missing_ok=True)
            found = True
    return found


def _locks(home: Home, stack: str) -> Iterator[tuple[Path, dict[str, Any], str]]:
    """The engine's own locks of the stack, what each says, and whose it is in words."""
    folder = state_folder(home)
    for file in (folder / "locks" / "organization" / PROJECT / stack).glob("*.json") if folder else ():
        held = json.loads(file.read_text())
        yield file, held, f"process {held['pid']} of {held['username']} on {held['hostname']} since {held['timestamp']}"


def _lives(held: dict[str, Any]) -> bool:
    return lease.lives(held["pid"], since=datetime.fromisoformat(held["timestamp"]))
