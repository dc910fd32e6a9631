"""Durable jobs (DBOS): an operation that was broken off goes on when the counter comes back, and ends the same."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any
from uuid import UUID

from dbos import DBOS, DBOSConfig, SetWorkflowID

from kit import log
from kit.db import Database
from kit.errors import CallerError
from platform_api import runner, store
from tenants import ledger, lifecycle, onboard
from tenants.home import Home, kill_at

Result = dict[str, Any]
#: steps of one onboarding at the same time: with more, the longest chain waits for the others on two cores
SIDE_BY_SIDE = 2


class Office:
    """What the jobs of this process work with; set once at start."""

    home: Home
    database: Database


def launch(home: Home, database: Database, dbos_url: str) -> None:
    """Start the job engine and take up what a killed process left running."""
    Office.home, Office.database = home, database
    config: DBOSConfig = {
        "name": "mcloud",
        "system_database_url": dbos_url,
        "application_version": "1",
        "executor_id": "local",
        "log_level": "WARNING",
    }
    DBOS(config=config)
    DBOS.launch()
    with database.transaction("jobs") as tx:
        left = store.running(tx)
    for each in left:
        start(each.id)


def shut_down() -> None:
    DBOS.destroy(workflow_completion_timeout_sec=0)


def start(number: UUID) -> None:
    """Start the operation's workflow; the same id never runs twice."""
    with SetWorkflowID(str(number)):
        DBOS.start_workflow(operate, str(number))


@DBOS.workflow()
def operate(number: str) -> None:
    """Run one operation to its end, whatever its kind."""
    with Office.database.transaction("jobs") as tx:
        operation = store.operation(tx, UUID(number))
    try:
        result = KINDS[operation.kind](operation)
    except CallerError as refused:
        finish(number, None, refused.detail)
    except Exception as fault:  # a job never vanishes: what it ended with stays visible
        log.logger().error("operation failed", operation=number, error_class=type(fault).__name__, where=log.where(fault))
        finish(number, None, f"an unexpected error ({type(fault).__name__}); the log of the platform API tells more")
    else:
        finish(number, result, None)


@DBOS.step()
def finish(number: str, result: Result | None, error: str | None) -> None:
    """Write the end and what it means for the ledger, both or neither."""
    with Office.database.transaction("jobs") as tx:
        operation = store.operation(tx, UUID(number))
        store.end(tx, operation.id, result=result, error=error)
        if error is None:
            for tenant, kind, detail in _events(operation, result or {}):
                ledger.append(tx, tenant, kind, number, detail)


def _events(operation: store.Operation, result: Result) -> list[tuple[str, str, Result]]:
    match operation.kind:
        case "onboard":
            return [(operation.tenant, "onboarded", {"steps": len(operation.steps)})]
        case "backup":
            return [(operation.tenant, "backed_up", {k: result[k] for k in ("manifest", "kind", "segment", "sites")})]
        case "restore":
            return [(operation.tenant, "restored", {k: result[k] for k in ("database", "rows_compared", "rows_different")})]
        case _:
            keys = ("passed", "rto_seconds", "rpo_seconds", "rows_compared", "rows_different")
            return [(t["code"], "drilled", {k: t[k] for k in keys}) for t in result["drill"]["tenants"]]


def _onboard(operation: store.Operation) -> Result:
    onboarding(str(operation.id))
    return {"tenant": operation.tenant}


def _onboarding_steps(operation: store.Operation) -> list[onboard.Step]:
    def run(module: str, arguments: Any) -> Result:
        return runner.run(Office.home, module, arguments)

    scale = operation.request.get("synthetic_scale")
    return onboard.steps(Office.home, operation.tenant, synthetic_scale=scale, run=run)


@DBOS.step()
def onboarding(number: str) -> None:
    """Every step, each as soon as those it needs are done; one that is recorded as done is not done again.

    The realm of a town that is active is its own: it is never founded anew.
    """
    with Office.database.transaction("jobs") as tx:
        operation = store.operation(tx, UUID(number))
        is_active = lifecycle.state_of(store.history(tx)[operation.tenant]) == "active"
    steps = {each.name: each for each in _onboarding_steps(operation)}
    recorded = {each["name"] for each in operation.steps} | ({"realm"} if is_active else set())
    order = TopologicalSorter({name: step.needs for name, step in steps.items()})
    order.prepare()
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        while order.is_active():
            for name in order.get_ready():
                if name in recorded:
                    order.done(name)
                else:
                    running[pool.submit(_recorded, number, name, steps[name].ensure)] = name
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(ended)
                ended.result()
                order.done(name)


def _recorded(number: str, name: str, act: Callable[[], bool]) -> None:
    reached(number, f"before:{name}")
    started = time.monotonic()
    changed = act()
    reached(number, f"after:{name}")
    with Office.database.transaction("jobs") as tx:
        seconds = round(time.monotonic() - started, 2)
        store.add_step(tx, UUID(number), {"name": name, "seconds": seconds, "changed": changed})


def reached(number: str, point: str) -> None:
    """End this process here, once for each point, when a test asks for it."""
    if kill_at() in (point, "every"):
        mark = Path(Office.home.run) / "kills" / f"{number}-{point.replace(':', '-')}"
        mark.parent.mkdir(exist_ok=True)
        try:
            mark.touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


def _child(operation: store.Operation, module: str, *arguments: str) -> Result:
    """Run a verb of a door; its steps are recorded as they come."""
    return child_step(str(operation.id), module, list(arguments))


@DBOS.step()
def child_step(number: str, module: str, arguments: list[str]) -> Result:
    """One process of its own; repeated when it was broken off."""

    def on_event(event: Result) -> None:
        name = " ".join(filter(None, [event.get("tenant"), event["name"]]))
        with Office.database.transaction("jobs") as tx:
            store.add_step(tx, UUID(number), {"name": name, "seconds": event["seconds"], "changed": True})

    result = runner.run(Office.home, module, arguments, on_event)
    del result["event"]
    return result


def _backup(operation: store.Operation) -> Result:
    base = ["--base"] if operation.request.get("base") else []
    return _child(operation, "dr", "backup", "--tenant", operation.tenant, *base)


def _restore(operation: store.Operation) -> Result:
    at = operation.request.get("at")
    return _child(operation, "dr", "restore", "--tenant", operation.tenant, *(["--at", at] if at else []))


def _drill(operation: store.Operation) -> Result:
    codes = [part for code in operation.request["tenants"] for part in ("--tenant", code)]
    return _child(operation, "dr", "drill", "--id", operation.id.hex, *codes)


KINDS: dict[str, Callable[[store.Operation], Result]] = {
    "onboard": _onboard,
    "backup": _backup,
    "restore": _restore,
    "drill": _drill,
}
