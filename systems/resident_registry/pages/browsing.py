"""Browsing of the extract of the register: applications, decisions, the extract itself, and what is published of the year."""

from typing import Any
from uuid import UUID

from fastapi import Response

from kit.clock import today
from kit.db import Tx
from kit.errors import NotFound
from kit.forms import Field, Filled
from systems.resident_registry.model.browsing import KINDS, STATES
from systems.resident_registry.pages import sheets
from systems.resident_registry.pages.desk import AtDesk, Clerk, Desk, Form, Guide, Supervisor, begin, number, proceed
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.service import browsing as service
from systems.resident_registry.store import browsing as store

router = new_router(with_purpose=True)
ASKED = (
    Field("kind", "閲覧する者の区分", "radio", options=tuple(KINDS.items())),
    Field("applicant", "機関・申出者の名称"),
    Field("represented_by", "代表者の氏名", hint="法人のとき", required=False),
    Field("purpose", "請求事由・利用目的", "area", "閲覧状況の公表に概要が載ります。", longest=1000),
    Field("applied_on", "申出の日", "day"),
)
DECISIONS = (("yes", "承認する"), ("no", "却下する"))
DECISION = (
    Field("approved", "決定", "radio", options=DECISIONS),
    Field("ground", "決定の理由", "area", longest=1000),
)


def _fiscal_year() -> int:
    return today().year - (today().month < 4)


@router.get("/browsing", summary="Applications for browsing, and the publication of the year")
def listed(desk: AtDesk, actor: Clerk) -> Response:
    with desk.transaction() as tx:
        found = store.recent(tx, 200)
    return desk.page("browsing.html", found=found, kinds=KINDS, steps=STATES, year=_fiscal_year())


def _application(desk: Desk) -> Guide:
    with desk.transaction() as tx:
        towns = store.towns(tx)
    range_ = Field("towns", "閲覧の範囲(町字)", "many", options=tuple((each, each) for each in towns))

    def work(tx: Tx, filled: Filled) -> dict[str, Any]:
        v = dict(filled.values)
        return {"id": str(service.apply(tx, v.pop("kind"), v.pop("applicant"), **v).id)}

    return Guide(
        title="閲覧の申出",
        fields=(*ASKED, range_),
        verb="受け付ける",
        work=work,
        then=lambda done: f"/browsing/{done['id']}",
        back="/browsing",
        rehearsed=True,
    )


@router.get("/browsing/new", summary="The form of an application")
def ask(desk: AtDesk, actor: Clerk) -> Response:
    return begin(desk, _application(desk), kind="public_body", applied_on=today())


@router.post("/browsing/new", summary="Check and enter")
def enter(desk: AtDesk, actor: Clerk, form: Form) -> Response:
    return proceed(desk, _application(desk), form)


@router.get("/browsing/{browsing_id}", summary="An application")
def shown(desk: AtDesk, actor: Clerk, browsing_id: UUID) -> Response:
    with desk.transaction() as tx:
        one = store.application(tx, browsing_id)
    return desk.page("browsing_application.html", one=one, kinds=KINDS, steps=STATES, told="")


def _decision(browsing_id: UUID) -> Guide:
    def work(tx: Tx, filled: Filled) -> dict[str, Any]:
        approved = filled.values["approved"] == "yes"
        return {"id": str(service.decide(tx, browsing_id, approved=approved, ground=filled.values["ground"]).id)}

    place = f"/browsing/{browsing_id}"
    return Guide(
        title="閲覧の決定", fields=DECISION, verb="決定する", work=work, then=lambda _: place, back=place, rehearsed=True
    )


@router.get("/browsing/{browsing_id}/decision", summary="The form of the decision")
def ask_decision(desk: AtDesk, actor: Supervisor, browsing_id: UUID) -> Response:
    return begin(desk, _decision(browsing_id))


@router.post("/browsing/{browsing_id}/decision", summary="Check and decide")
def take_decision(desk: AtDesk, actor: Supervisor, browsing_id: UUID, form: Form) -> Response:
    return proceed(desk, _decision(browsing_id), form)


@router.post("/browsing/{browsing_id}/extract", summary="The extract on paper; whoever it shows is recorded")
def extract(desk: AtDesk, actor: Clerk, browsing_id: UUID, form: Form) -> Response:
    table, wrong = desk.attempt(lambda tx: service.extract(tx, browsing_id))
    if table is None:
        with desk.transaction() as tx:
            one = store.application(tx, browsing_id)
        return desk.page("browsing_application.html", status=409, one=one, kinds=KINDS, steps=STATES, told=desk.tell(wrong))
    return sheets.file(desk, table, "pdf")


@router.get("/browsing-publication/{form}", summary="Who browsed in the fiscal year, as a file")
def published(desk: AtDesk, actor: Clerk, form: str, year: str = "") -> Response:
    begins = number(year) or _fiscal_year()
    if form not in sheets.MEDIA or not 1967 <= begins <= 2999:
        raise NotFound("there is no such publication")
    with desk.transaction() as tx:
        return sheets.file(desk, service.published(tx, begins), form)
