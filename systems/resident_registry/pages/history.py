"""As it stood: a person, a household and the register on any day, as known at any moment; all versions."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from fastapi import Response

from kit.clock import JAPAN, now, today
from kit.db import Tx
from kit.forms import Field, Filled, blank, read
from systems.resident_registry.pages.desk import Anyone, AtDesk, Clerk, Desk
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.service import asof, measures, statistics
from systems.resident_registry.store import asof as store

router = new_router(with_purpose=True)
AS_OF = (
    Field("day", "基準日", "day"),
    Field("known", "この日の終わりに知られていた内容", "day", "空欄なら、いま知られている内容", required=False),
)


def _asked(desk: Desk) -> tuple[Filled, date, datetime]:
    """The form as asked, the day, and the moment at which it was known."""
    asked = desk.request.query_params
    filled = read(AS_OF, {name: [asked[name]] for name in ("day", "known") if name in asked}) if "day" in asked else blank(AS_OF)
    day, known = filled.values.get("day") or today(), filled.values.get("known")
    return filled, day, datetime.combine(known + timedelta(days=1), time(), JAPAN) if known else now()


@router.get("/residents/{resident_id}/history", summary="A resident as of a day, and all versions")
def person(desk: AtDesk, actor: Clerk, resident_id: UUID) -> Response:
    filled, day, moment = _asked(desk)
    with desk.transaction() as tx:
        measures.hold(tx)
        versions = asof.versions(tx, resident_id)
    then, wrong = desk.attempt(lambda tx: desk.seen([asof.resident(tx, resident_id, day, moment)])[0])
    told = desk.tell(wrong) if not filled.errors else ""
    shown: dict[str, Any] = {"versions": versions, "then": then, "on": day, "moment_known": moment, "told": told}
    return desk.page("history.html", person=desk.person(resident_id), filled=filled, **shown)


@router.get("/households/{household_id}/history", summary="A household as of a day")
def household(desk: AtDesk, actor: Clerk, household_id: UUID) -> Response:
    filled, day, moment = _asked(desk)
    found, wrong = desk.attempt(lambda tx: asof.household(tx, household_id, day, moment))
    people = desk.seen(found[1]) if found else []
    shown: dict[str, Any] = {"then": found[0] if found else None, "people": people, "on": day, "told": desk.tell(wrong)}
    return desk.page("household_history.html", household_id=household_id, filled=filled, **shown)


@router.get("/register", summary="How many lived here on a day")
def register(desk: AtDesk, actor: Anyone) -> Response:
    filled, day, moment = _asked(desk)
    found, wrong = (None, None) if filled.errors else desk.attempt(lambda tx: _counted(tx, day, moment))
    status = 422 if wrong or filled.errors else 200
    return desk.page("register.html", status=status, filled=filled, found=found, on=day, told=desk.tell(wrong))


def _counted(tx: Tx, day: date, moment: datetime) -> tuple[int, int]:
    statistics.check_day(tx, day)
    return store.present_at(tx, day, moment)
