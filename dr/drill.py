"""Drill: preflight, restore from the recovery site alone, verify, measure, report, destroy with evidence."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from dr import plan, report, restore, verify
from dr.model import DrillReport, DrillTenant
from kit import clock
from kit.db import connect
from kit.errors import CallerError, Conflict
from tenants.catalog import tenant
from tenants.home import Home
from tenants.keyring import postgres_url
from tenants.model import Tenant

Say = Callable[[str, float], None]


@dataclass
class Measured:
    """Steps of one tenant with the seconds each took."""

    say: Say
    started: float = field(default_factory=time.monotonic)
    steps: list[dict[str, Any]] = field(default_factory=list)

    def step(self, name: str) -> None:
        seconds = round(time.monotonic() - self.started - sum(each["seconds"] for each in self.steps), 2)
        self.steps.append({"name": name, "seconds": seconds})
        self.say(name, seconds)

    def total(self) -> float:
        return round(time.monotonic() - self.started, 2)


def preflight(home: Home, codes: Sequence[str]) -> None:
    """Raise `Conflict` naming everything that stands in the way, all at once."""
    wrong = []
    if len(set(codes)) != len(codes) or not codes:
        wrong.append("name each municipality once")
    for code in codes:
        try:
            tenant(code, home)
            _, known = restore.manifests(home, code)
            plan.choose(known, None)
        except CallerError as refused:
            wrong.append(f"{code}: {refused.detail}")
    try:
        with connect(postgres_url(home, "recovery")) as tx:
            tx.value("SELECT 1")
    except CallerError as refused:
        wrong.append(f"PostgreSQL at site recovery: {refused.detail}")
    if wrong:
        raise Conflict("the drill cannot begin: " + "; ".join(wrong))


def run(home: Home, codes: Sequence[str], *, number: str, say: Callable[[str, str, float], None]) -> DrillReport:
    """Drill these tenants; the report is written and signed also when a tenant fails.

    Raises
    ------
    Conflict
        Preflight found something; nothing was begun.
    """
    preflight(home, codes)
    lost = report.primary_lost(home)
    started = clock.now()
    lost_at = datetime.fromisoformat(lost["at"]) if lost else started
    found = [_one(home, tenant(code, home), lost_at, partial(say, code)) for code in codes]
    made = DrillReport(
        id=number,
        started_at=started,
        ended_at=clock.now(),
        primary_lost=lost,
        tenants=found,
        passed=all(each.passed for each in found),
    )
    report.write(home, made)
    return made


def _one(home: Home, body: Tenant, lost_at: datetime, say: Say) -> DrillTenant:
    measured = Measured(say)
    result: dict[str, Any] = {"rows_compared": 0, "rows_different": 0, "differs": [], "certificate_equal": None}
    destroyed: dict[str, bool] = {}
    rto = rpo = error = None
    database = ""
    try:
        restore.drop_unfinished(home, body.code)
        restored = restore.run(home, body.code, until=None)
        database = restored.database
        measured.step("restore_and_replay")
        result = verify.run(home, restored).model_dump()
        measured.step("verify")
        rto, rpo = measured.total(), round(plan.rpo(lost_at, restored.sealed_at).total_seconds(), 1)
    except CallerError as refused:
        error = refused.detail
    if database:
        destroyed[database] = restore.drop(home, database)
        measured.step("destroy")
    passed = error is None and not result["differs"] and result["certificate_equal"] is not False and all(destroyed.values())
    return DrillTenant(
        code=body.code,
        name=body.name,
        passed=passed,
        rto_seconds=rto,
        rpo_seconds=rpo,
        rto_promised_seconds=body.plan.rto_minutes * 60,
        rpo_promised_seconds=body.plan.rpo_minutes * 60,
        steps=measured.steps,
        destroyed=destroyed,
        error=error,
        **result,
    )
