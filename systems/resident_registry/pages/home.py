"""Where work begins: the purpose, and what waits."""

from typing import Any

from fastapi import Response

from kit import sessions
from kit.clock import today
from kit.forms import Field, blank, read
from kit.pages import own_path
from systems.resident_registry.pages.desk import BASE, PURPOSES, AtDesk, Form, Staff
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.rules.letters import LETTERS
from systems.resident_registry.store import measures, notices, viewing
from systems.resident_registry.store import people as store
from systems.resident_registry.store.statistics import departures_open

router = new_router(with_purpose=False)
PURPOSE = (
    Field(
        "purpose", "利用目的", "radio", "個人情報を見る画面では、選んだ利用目的が記録されます。", options=tuple(PURPOSES.items())
    ),
)


#: files, figures and what follows from time: path, name, what it is for, who sees it
CARDS = (
    ("/search", "宛名の照会", "他課の事務のための検索", {"other_office"}),
    ("/lists", "一覧", "届出期間の経過、転出、在留期間、支援措置", {"registry_clerk", "registry_supervisor", "dv_officer"}),
    ("/statistics", "統計", "町字・年齢・異動事由別、過去の日も", {"statistics_officer", "registry_supervisor"}),
    ("/access-log", "アクセスログ点検表", "職員ごとの閲覧の件数、支援対象者、執務時間外", {"auditor"}),
    ("/imports", "取込", "住民のファイルを検査して登録", {"registry_operator"}),
    ("/exports", "出力", "すべての記録を決まった形式のファイルに", {"registry_operator", "registry_supervisor"}),
    ("/disposals", "廃棄", "保存期間の過ぎた記録", {"registry_supervisor"}),
)
#: who works at the counter, or looks on
COUNTER = {"registry_clerk", "registry_supervisor", "dv_officer", "number_officer", "auditor"}


@router.get("", summary="Start")
def home(desk: AtDesk, actor: Staff) -> Response:
    with desk.transaction() as tx:
        shown: dict[str, Any] = {"residents": store.count(tx), "waiting": viewing.movements_open(tx)}
        shown |= {"lists": departures_open(tx, today())}
        shown |= {"letters": notices.count_drafts(tx, LETTERS), "confirmed": measures.is_confirmed_copy(tx)}
    shown["cards"] = [(path, name, note) for path, name, note, roles in CARDS if roles & desk.actor.roles]
    return desk.page("home.html", counter=bool(desk.actor.roles & COUNTER), **shown)


@router.get("/purpose", summary="Choose the purpose")
def purpose(desk: AtDesk, actor: Staff, next: str = BASE) -> Response:
    return desk.page("purpose.html", filled=blank(PURPOSE, purpose=desk.session.purpose), next=own_path(next, BASE))


@router.post("/purpose", summary="The purpose chosen")
def choose(desk: AtDesk, actor: Staff, form: Form) -> Response:
    filled, wanted = read(PURPOSE, form), own_path(form.get("next", [""])[0], BASE)
    if filled.errors:
        return desk.page("purpose.html", status=422, filled=filled, next=wanted)
    with desk.transaction() as tx:
        sessions.choose_purpose(tx, desk.session, filled.values["purpose"])
    return desk.go(wanted.removeprefix(BASE))
