"""What is due without anybody asking: nightly jobs of the tenants' systems, files and packs that wait. It looks every 20 s.

Each piece of work is a workflow of its own, run as a process of its own. A job by the calendar has the day in its id: it starts
once a day however often somebody looks, and as soon as the counter is back when it was down at the time. One that was broken off
goes on; one that failed is tried again an hour later, on the same day. On Kubernetes the calendar's jobs are CronJobs of the
release (infra/landing.py), in the zone of their system.
"""

import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from dbos import DBOS, SetWorkflowID

from kit import clock, log
from kit.errors import CallerError
from platform_api import runner, store
from platform_api.jobs import Office
from tenants import ledger, lifecycle, work
from tenants.catalog import tenant
from tenants.home import Home
from tenants.processes import jobs

#: seconds between two looks: whoever handed in a file waits for no longer
EVERY = 20
#: between a failure and the next attempt
AGAIN = timedelta(hours=1)
EXCHANGE = "exchange"
#: tenants whose exchange this process works on
_busy: set[str] = set()


def start() -> threading.Event:
    """Begin to look, once the job engine runs; set the event to end it."""
    stop = threading.Event()
    threading.Thread(target=_look_again, args=(stop,), name="schedule", daemon=True).start()
    return stop


def _look_again(stop: threading.Event) -> None:
    while not stop.wait(EVERY):
        try:
            look(clock.now())
        except Exception as fault:  # the next look comes, whatever was wrong with this one
            log.logger().error("schedule", error_class=type(fault).__name__, where=log.where(fault))


def look(now: datetime) -> list[str]:
    """Start what is due at this instant; the ids of what may start."""
    with Office.database.transaction("schedule") as tx:
        history, failed = store.history(tx), ledger.failed_work(tx)
    found = []
    for code in (code for code, events in history.items() if lifecycle.state_of(events) == "active"):
        try:
            pieces = list(due(Office.home, code, now, failed))
        except CallerError as fault:  # its database does not answer, say; the other towns' work does not wait for it
            log.logger().warning("schedule", tenant=code, error_class=type(fault).__name__)
            continue
        for number, what in pieces:
            with SetWorkflowID(number):
                DBOS.start_workflow(do, code, what)
            found.append(number)
    return found


def due(home: Home, code: str, now: datetime, failed: Mapping[str, datetime]) -> Iterator[tuple[str, str]]:
    """Id and name of each piece of work of a tenant that is due; `failed` says which ids failed, and when."""
    local = now.astimezone(clock.JAPAN)
    if home.config.target == "local":
        for system in tenant(code, home).systems:
            for name, at in jobs(system).items():
                if f"{local:%H:%M}" >= at:
                    yield attempt(f"{code}/{system}.{name}/{local:%Y-%m-%d}", now, failed), f"{system}.{name}"
    if code not in _busy and work.has_waiting(home, code):
        _busy.add(code)
        yield f"{code}/{EXCHANGE}/{local:%Y-%m-%dT%H:%M:%S}", EXCHANGE


def attempt(number: str, now: datetime, failed: Mapping[str, datetime]) -> str:
    """The id of the attempt that is due: the next one when the one before failed an hour ago or longer."""
    count, this = 1, number
    while this in failed and now - failed[this] >= AGAIN:
        count += 1
        this = f"{number}/{count}"
    return this


@DBOS.workflow()
def do(code: str, what: str) -> None:
    """Do one piece of work; its end stands in the ledger, a failure too."""
    number = str(DBOS.workflow_id)
    try:
        detail = told(code, what)
    except Exception as fault:  # work never vanishes: the operator sees that it failed, the log where
        log.logger().error("schedule", kind=what, error_class=type(fault).__name__, where=log.where(fault))
        detail = {"failed": type(fault).__name__}
    finally:
        _busy.discard(code)
    record(code, number, {"work": what, **detail})


@DBOS.step(retries_allowed=True, max_attempts=3, interval_seconds=20)
def told(code: str, what: str) -> dict[str, Any]:
    """What the process of its own told; repeated when it was broken off."""
    more = [] if what == EXCHANGE else ["--job", what]
    result = runner.run(Office.home, "tenants", ["--tenant", code, *more])
    return {key: value for key, value in result.items() if key != "event"}


@DBOS.step()
def record(code: str, number: str, detail: dict[str, Any]) -> None:
    """Write the end into the ledger, once."""
    with Office.database.transaction("schedule") as tx:
        ledger.append(tx, code, "worked", number, detail)
