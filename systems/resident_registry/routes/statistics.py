"""Statistics without persons, and lists of persons to be seen to; as JSON, CSV, Excel or print."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Response
from pydantic import BaseModel, Field

from kit.app import problems
from kit.auth import Actor, require
from kit.clock import today
from kit.errors import Forbidden
from kit.requests import Transaction
from systems.resident_registry.model.statistics import ListName, StatisticName, Table
from systems.resident_registry.routes.desk import Office, Purpose, counter
from systems.resident_registry.service import access_log
from systems.resident_registry.service import statistics as service
from systems.resident_registry.store import people

router = counter()
Counted = Annotated[Actor, Depends(require("statistics_officer", "registry_supervisor"))]
Auditor = Annotated[Actor, Depends(require("auditor"))]
Counter = Annotated[Actor, Depends(require("registry_clerk", "registry_supervisor", "dv_officer"))]
Form = Literal["json", "csv", "xlsx", "pdf"]
AskedForm = Annotated[Form, Query(alias="format")]
Month = Annotated[date | None, Query(description="any day of the month; this month when left out")]
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


#: the same table in each form that may be asked for
SHEET: dict[int | str, dict[str, Any]] = {200: {"content": {each: {"schema": {"type": "string"}} for each in MEDIA.values()}}}


class Sheet(BaseModel):
    """A table: heading and rows; a figure that is withheld is null."""

    name: str
    title: str
    header: list[str]
    rows: list[list[str | int | None]]
    is_published: bool = Field(description="small cells are withheld; 秘匿 says 1 where, and 2 for their sum")
    note: str = Field("", description="what its reader must know")


def answer(table: Table, form: Form, office: Office, actor: Actor) -> Response:
    """The table in the form that was asked for."""
    match form:
        case "json":
            rows = [list(row) for row in table.rows]
            facts = {name: getattr(table, name) for name in ("name", "title", "is_published", "note")}
            told = Sheet(header=list(table.header), rows=rows, **facts)
            return Response(told.model_dump_json(), media_type="application/json")
        case "csv":
            content = service.as_csv(table)
        case "xlsx":
            content = service.as_xlsx(table)
        case _:
            content = service.as_pdf(table, tenant_name=office.tenant_name, operator=actor.name)
    headers = {"Content-Disposition": f'attachment; filename="{table.name}.{form}"'}
    return Response(content, media_type=MEDIA[form], headers=headers)


@router.get("/statistics", summary="Number of residents; no personal data", responses=problems(403))
def statistics(
    tx: Transaction, actor: Annotated[Actor, Depends(require("registry_clerk", "tenant_admin", "auditor"))]
) -> dict[str, int]:
    return {"residents": people.count(tx)}


@router.get(
    "/statistics/{name}",
    summary="A statistic of residents; small cells withheld unless it stays in the office",
    response_model=Sheet,
    responses=problems(403, 422) | SHEET,
)
def statistic(
    tx: Transaction,
    actor: Counted,
    office: Office,
    name: StatisticName,
    form: AskedForm = "json",
    day: Annotated[date | None, Query(description="residents as of that day; today when left out")] = None,
    month: Month = None,
    authority: Annotated[str | None, Query(pattern=r"^\d{6}$", description="rows of one ward of a designated city")] = None,
    published: bool = True,
) -> Response:
    table = service.statistic(tx, name, office=office, day=day, month=month, authority=authority, is_published=published)
    return answer(table, form, office, actor)


@router.get(
    "/lists/{name}",
    summary="Persons to be seen to: stays and measures that end, late filings, departures overdue, 転入通知 without 転出",
    response_model=Sheet,
    responses=problems(403, 422, 428) | SHEET,
)
def listed(
    tx: Transaction,
    actor: Counter,
    purpose: Purpose,
    office: Office,
    name: ListName,
    form: AskedForm = "json",
    month: Month = None,
    days: Annotated[int, Query(ge=0, le=3660)] = 90,
) -> Response:
    if name == "measures_ending" and "dv_officer" not in actor.roles:
        raise Forbidden("this list goes to the role for protective measures alone")
    return answer(service.listed(tx, name, roles=actor.roles, month=month, days=days), form, office, actor)


@router.get(
    "/access-log",
    summary="How often each account looked at residents in a month; nobody who was looked at is named",
    response_model=Sheet,
    responses=problems(403, 422) | SHEET,
)
def inspected(
    tx: Transaction,
    actor: Auditor,
    office: Office,
    form: AskedForm = "json",
    month: Month = None,
) -> Response:
    return answer(access_log.inspected(tx, office, month or today()), form, office, actor)
