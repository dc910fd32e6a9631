"""What the calendar does: departures whose planned day has come. Safe to repeat, and to be killed anywhere.

`python -m systems.resident_registry.jobs.night CONFIG.yaml` with the settings and secrets of the tenant's process.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from uuid import UUID

from kit import log, settings
from kit.clock import today
from kit.db import Database, Tx
from kit.errors import CallerError
from systems.resident_registry.model.people import Office
from systems.resident_registry.service import departures, movements
from systems.resident_registry.service.case import Case
from systems.resident_registry.service.office import of_process
from systems.resident_registry.store import movements as store
from systems.resident_registry.store import people

ACTOR = "night job"


def due(tx: Tx) -> list[list[UUID]]:
    """Residents whose planned day of departure has come, those of one filing and household together."""
    groups: dict[tuple[UUID, object], list[UUID]] = defaultdict(list)
    for number in store.leaving_until(tx, today()):
        one = people.resident(tx, number, today())
        groups[one.household_id, one.out_planned_on].append(number)
    return list(groups.values())


def depart(tx: Tx, office: Office) -> int:
    """Turn everybody who is due into a 除票, all in one transaction; number of residents."""
    return sum(depart_together(tx, office, group) for group in due(tx))


def depart_together(tx: Tx, office: Office, residents: list[UUID]) -> int:
    """Turn residents of one household into 除票 (転出予定日の到来); those who are not due any more are left alone."""
    found = [people.resident(tx, each, today()) for each in residents]
    waiting = [one for one in found if one.state == "leaving" and one.out_planned_on and one.out_planned_on <= today()]
    if not waiting:
        return 0

    def perform(case: Case) -> None:
        departures.due(case, waiting, departures.relations_planned(case, waiting[0]))

    movements.by_the_clock(tx, office, "move_out_due", waiting, perform)
    return len(waiting)


def run(database: Database, office: Office) -> dict[str, object]:
    """One household a transaction: what cannot be done is counted and stays on the list `departures_overdue`."""
    with database.transaction(ACTOR) as tx:
        groups = due(tx)
    departed = failed = 0
    for group in groups:
        try:
            with database.transaction(ACTOR) as tx:
                departed += depart_together(tx, office, group)
        except CallerError as wrong:
            log.logger().error("night", error_class=type(wrong).__name__, kind="departure")
            failed += 1
    with database.transaction(ACTOR) as tx:
        ended = len(store.stays_until(tx, today(), 10_000))
    return {"departed": departed, "failed_households": failed, "stays_ended": ended}


def main() -> int:
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m systems.resident_registry.jobs.night CONFIG.yaml\n")
        return 1
    try:
        config = settings.read(Path(sys.argv[1]))
        log.configure(tenant=config.tenant, zone=config.zone)
        database = Database(config.database_url(), max_size=2)
        told = {"event": "result", **run(database, of_process(config))}
    except CallerError as wrong:
        told = {"event": "error", "status": wrong.status, "detail": wrong.detail}
    sys.stdout.write(json.dumps(told) + "\n")
    return 1 if told["event"] == "error" or told.get("failed_households") else 0


if __name__ == "__main__":
    sys.exit(main())
