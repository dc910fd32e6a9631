"""アクセスログ点検表 for the audit: how often each account looked at residents, by month."""

from datetime import date

from fastapi import Response

from kit.clock import today
from kit.errors import NotFound
from kit.forms import Field, Filled, blank, read
from systems.resident_registry.pages import sheets
from systems.resident_registry.pages.desk import AtDesk, Auditor, Desk
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.service import access_log as service

router = new_router(with_purpose=True)
MONTH = Field("month", "月(その月のどの日でも)", "day", "空欄なら今月", required=False)


def _asked(desk: Desk) -> Filled:
    asked = desk.request.query_params.get("month")
    return blank([MONTH]) if asked is None else read([MONTH], {"month": [asked]})


def _month(filled: Filled) -> date:
    return filled.values.get("month") or today()


@router.get("/access-log", summary="Looks by account in a month")
def inspected(desk: AtDesk, actor: Auditor) -> Response:
    filled = _asked(desk)
    month = _month(filled)
    table, wrong = (None, None) if filled.errors else desk.attempt(lambda tx: service.inspected(tx, desk.office, month))
    shown = {"sheet": sheets.sheet(table) if table else None, "note": service.NOTE, "title": service.TITLE}
    query, status = desk.request.url.query, 200 if table else 422
    return desk.page("access_log.html", status=status, filled=filled, month=month, query=query, told=desk.tell(wrong), **shown)


@router.get("/access-log/{form}", summary="Looks by account as a file")
def inspected_file(desk: AtDesk, actor: Auditor, form: str) -> Response:
    filled = _asked(desk)
    if form not in sheets.MEDIA or filled.errors:
        raise NotFound("there is no such list")
    with desk.transaction() as tx:
        table = service.inspected(tx, desk.office, _month(filled))
    return sheets.file(desk, table, form)
