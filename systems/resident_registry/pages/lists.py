"""Lists of persons to be seen to, each looked at under the session's purpose: what ends, what is late."""

from datetime import timedelta
from typing import Any

from fastapi import Response

from kit.clock import today
from kit.errors import Forbidden, NotFound
from kit.forms import Field, Filled, blank, read
from systems.resident_registry.model.statistics import Table
from systems.resident_registry.pages import sheets
from systems.resident_registry.pages.desk import AtDesk, Desk, Listed
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.service import legal
from systems.resident_registry.service import statistics as service

router = new_router(with_purpose=True)
MONTH = Field("month", "処理の月(その月のどの日でも)", "day", "空欄なら今月", required=False)
DAYS = Field("days", "満了・終了までの日数", "count", "この日数のうちに終わるものと、既に終わったもの", longest=4)
#: list -> name, what it is for, its question, what a row leads to
LISTS: dict[str, tuple[str, str, Field | None, str]] = {
    "departures_overdue": ("予定日を過ぎた転出", "転出予定日が来たのに除票になっていない人", None, "/residents/"),
    "in_notices_unmatched": (
        "転出と結び付いていない転入通知",
        "ほかの市区町村から届き、決裁に至っていない通知",
        None,
        "/movements/",
    ),
    "late_filings": ("届出期間の経過", "14日の期間を過ぎた届出(届出期間経過通知書)", MONTH, "/movements/"),
    "residence_ending": ("在留期間の満了", "外国人住民の在留期間", DAYS, "/residents/"),
    "measures_ending": ("支援措置の終わり", "支援措置の期間", DAYS, "/measures/"),
}
NOTES = {
    "departures_overdue": "夜間の処理ができなかった人です。残る人の世帯主や続柄を直すと、次の夜に除票になります。",
    "in_notices_unmatched": "転出の届出を受けるか、実態調査の上で職権消除します。届出を受けたら、異動の画面から審査に出します。",
    "late_filings": "過料は簡易裁判所が決めます。通知書の案は異動の画面にあります。",
    "residence_ending": "期間が満了しても自動では消除しません。本人又は出入国在留管理庁に確かめてから異動を入力します。",
    "measures_ending": "期間を過ぎても、終了するまで保護は続きます。",
}


def _open(desk: Desk, name: str) -> tuple[str, str, Field | None, str]:
    """The list of that name, to whom it may be shown."""
    if name not in LISTS:
        raise NotFound("there is no such list")
    if name == "measures_ending" and "dv_officer" not in desk.actor.roles:
        raise Forbidden("this list goes to the role for protective measures alone")
    return LISTS[name]


def _asked(desk: Desk, name: str) -> tuple[Filled, dict[str, Any]]:
    """The question as the address answers it, and the answer; without one, the office's usual number of days."""
    question = _open(desk, name)[2]
    if question is None:
        return blank([]), {}
    usual = {"residence_ending": "stay_warning_days", "measures_ending": "support_worklist_days"}
    days = legal.value(usual[name], today()) if name in usual else None
    asked = desk.request.query_params.get(question.name)
    filled = blank([question], days=days) if asked is None else read([question], {question.name: [asked]})
    return filled, {question.name: filled.values.get(question.name, days)}


def _made(desk: Desk, name: str, chosen: dict[str, Any]) -> Table:
    with desk.transaction() as tx:
        return service.listed(tx, name, roles=desk.actor.roles, **chosen)  # type: ignore[arg-type]


@router.get("/lists", summary="Lists of persons to be seen to")
def lists(desk: AtDesk, actor: Listed) -> Response:
    names = [name for name in LISTS if name != "measures_ending" or "dv_officer" in desk.actor.roles]
    return desk.page("lists.html", lists=[(name, *LISTS[name][:2]) for name in names])


@router.get("/lists/{name}", summary="A list")
def listed(desk: AtDesk, actor: Listed, name: str) -> Response:
    filled, chosen = _asked(desk, name)
    title, _, _, place = LISTS[name]
    if filled.errors:
        return desk.page("list.html", status=422, filled=filled, title=title, name=name, note=NOTES[name], sheet=None)
    table = _made(desk, name, chosen)
    shown: dict[str, Any] = {
        "sheet": sheets.sheet(table, [f"{place}{each}" for each in table.about]),
        "until": None,
        "month": None,
    }
    if name == "late_filings":
        shown["month"] = chosen["month"] or today()
    elif "days" in chosen:
        shown["until"] = today() + timedelta(days=chosen["days"])
    query = desk.request.url.query
    return desk.page("list.html", filled=filled, title=title, name=name, note=NOTES[name], query=query, **shown)


@router.get("/lists/{name}/{form}", summary="A list as a file")
def list_file(desk: AtDesk, actor: Listed, name: str, form: str) -> Response:
    filled, chosen = _asked(desk, name)
    if form not in sheets.MEDIA or filled.errors:
        raise NotFound("there is no such list")
    return sheets.file(desk, _made(desk, name, chosen), form)
