"""Figures without persons: residents and households of a day, movements of a month."""

from typing import Any

from fastapi import Request, Response

from kit.civic.places import SENDAI, WARDS
from kit.clock import today
from kit.errors import NotFound
from kit.forms import Field, Filled, blank, read
from systems.resident_registry.model.statistics import Table
from systems.resident_registry.pages import sheets
from systems.resident_registry.pages.desk import AtDesk, Counted, Desk
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.service import statistics as service

router = new_router(with_purpose=True)
NAMES = (
    ("population", "人口・世帯数"),
    ("population_by_town", "町字別人口・世帯数"),
    ("population_by_age", "年齢(5歳階級)・男女別人口"),
    ("population_by_single_age", "年齢(各歳)・男女別人口"),
    ("movements", "町字・異動事由別の異動者数(月)"),
)
USES = (("published", "公表する(少人数を秘匿)"), ("office", "庁内だけで使う(秘匿しない)"))
ASKED = (
    Field("name", "統計", "select", options=NAMES),
    Field("day", "基準日", "day", "人口の統計。空欄なら今日", required=False),
    Field("month", "異動の月(その月のどの日でも)", "day", "異動の統計。空欄なら今月", required=False),
    Field("use", "使い道", "select", options=USES),
)
WARD = Field("authority", "区", "select", required=False, options=tuple(WARDS.items()))


def _asked(desk: Desk) -> Filled:
    """The form as the address says it, or an empty one."""
    fields = (*ASKED, WARD) if desk.office.tenant == SENDAI else ASKED
    asked = desk.request.query_params
    if "name" not in asked:
        return blank(fields, name="population", use="published")
    return read(fields, {each.name: [asked[each.name]] for each in fields if each.name in asked})


def _made(desk: Desk, filled: Filled) -> Any:
    v = filled.values
    chosen = {"day": v["day"], "month": v["month"], "authority": v.get("authority"), "is_published": v["use"] == "published"}
    return lambda tx: service.statistic(tx, v["name"], office=desk.office, **chosen)


@router.get("/statistics", summary="Statistics of residents")
def statistics(desk: AtDesk, actor: Counted) -> Response:
    filled = _asked(desk)
    if filled.errors or not filled.values:
        return desk.page("statistics.html", status=422 if filled.errors else 200, filled=filled, table=None, told="")
    table, wrong = desk.attempt(_made(desk, filled))
    if table is None:
        return desk.page("statistics.html", status=422, filled=filled, table=None, told=desk.tell(wrong))
    shown: dict[str, Any] = {"table": table, "sheet": sheets.sheet(table), "title": dict(NAMES)[table.name], "told": ""}
    on = filled.values["month"] if table.name == "movements" else filled.values["day"]
    reasons = _by_reason(table) if table.name == "movements" and not table.is_published else None
    return desk.page("statistics.html", filled=filled, on=on or today(), query=desk.request.url.query, reasons=reasons, **shown)


def _by_reason(table: Table) -> sheets.Sheet:
    """The month's movements by reason alone: for the office, since beside the published table they would give small rows away."""
    place = table.header.index("異動区分")
    sums: dict[Any, list[int]] = {}
    for row in table.rows:
        figures = [each if isinstance(each, int) else 0 for each in row[place + 1 :]]
        before = sums.get(row[place], [0] * len(figures))
        sums[row[place]] = [a + b for a, b in zip(before, figures, strict=True)]
    rows = [(reason, *figures) for reason, figures in sums.items()]
    return sheets.sheet(Table(table.name, table.title, table.header[place:], rows))


@router.get("/statistics/{form}", summary="A statistic as a file")
def statistic_file(desk: AtDesk, actor: Counted, request: Request, form: str) -> Response:
    filled = _asked(desk)
    if form not in sheets.MEDIA or filled.errors or not filled.values:
        raise NotFound("there is no such statistic")
    with desk.transaction() as tx:
        return sheets.file(desk, _made(desk, filled)(tx), form)
