"""Packs of everything: asked for by one, released by another, fetched by either; each hand-out is recorded."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Response

from kit.auth import Actor, require
from kit.db import Tx
from kit.forms import Field, Filled
from systems.resident_registry.pages.desk import AtDesk, Desk, Form, Guide, Operator, Supervisor, begin, proceed
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.service import exports as service
from systems.resident_registry.store import exports as store

router = new_router(with_purpose=True)
Either = Annotated[Actor, Depends(require("registry_operator", "registry_supervisor"))]
STATES = {"requested": "承認待ち", "released": "作成待ち", "made": "受渡しできます", "refused": "却下", "swept": "消去済み"}
STEPS = ("1 請求", "2 承認", "3 作成", "4 受渡し")
#: state -> how many of the steps are done
DONE = {"requested": 1, "released": 2, "made": 3}
ENCODINGS = (("utf-8-sig", "UTF-8(BOM付き)"), ("cp932", "Shift_JIS(CP932。書けない文字は一覧にします)"))
NUMBERS = "個人番号を含める"
PLACES = "支援措置を受けている人の住所と措置を含める"
ASKED = (
    Field("ground", "出力する理由", "area", "法令、契約など。承認する人が読みます。", longest=1000),
    Field("encoding", "CSVの文字コード", "radio", options=ENCODINGS),
    Field("with_numbers", NUMBERS, "check", "承認できるのは個人番号の担当だけです。"),
)
DECIDED = (
    Field("decision", "決定", "radio", options=(("release", "承認する"), ("refuse", "却下する"))),
    Field("with_protected", PLACES, "check", "含められるのは支援措置の担当だけです。含めなければ空欄になります。"),
)


@router.get("/exports", summary="Packs, the newest first")
def exports(desk: AtDesk, actor: Either) -> Response:
    with desk.transaction() as tx:
        found = store.recent(tx, 50)
    return desk.page("exports.html", exports=found, names=STATES)


def _request() -> Guide:
    def work(tx: Tx, filled: Filled) -> dict[str, Any]:
        v = filled.values
        asked = service.request(tx, ground=v["ground"], encoding=v["encoding"], with_numbers=v["with_numbers"])
        return {"id": str(asked.id)}

    return Guide(
        title="全件出力の請求",
        fields=ASKED,
        verb="出力を請求する",
        work=work,
        then=lambda done: f"/exports/{done['id']}",
        back="/exports",
    )


@router.get("/exports/new", summary="Ask for a pack of everything")
def ask(desk: AtDesk, actor: Operator) -> Response:
    return begin(desk, _request(), encoding="utf-8-sig")


@router.post("/exports/new", summary="Check and ask for it")
def request(desk: AtDesk, actor: Operator, form: Form) -> Response:
    return proceed(desk, _request(), form)


@router.get("/exports/{export_id}", summary="Where a pack stands, and what is in it")
def one(desk: AtDesk, actor: Either, export_id: UUID) -> Response:
    with desk.transaction() as tx:
        job = store.job(tx, export_id)
    shown: dict[str, Any] = {"job": job, "names": STATES, "steps": STEPS, "done": DONE.get(job.state, 0)}
    shown |= {"encodings": dict(ENCODINGS), "numbers": NUMBERS, "places": PLACES, "me": desk.actor.subject}
    return desk.page("export.html", **shown)


def _decision(desk: Desk, export_id: UUID) -> Guide:
    with desk.transaction() as tx:
        job = store.job(tx, export_id)

    def work(tx: Tx, filled: Filled) -> dict[str, Any]:
        v = filled.values
        chosen = {"release": v["decision"] == "release", "with_protected": v["with_protected"]}
        return {"state": service.decide(tx, export_id, **chosen, roles=desk.actor.roles).state}

    return Guide(
        title="全件出力の承認",
        fields=DECIDED,
        verb="決定する",
        work=work,
        then=lambda _: f"/exports/{export_id}",
        back=f"/exports/{export_id}",
        about=job.ground if len(job.ground) <= 16 else f"{job.ground[:16]}…",
        note="個人番号を含める請求です。" if job.with_numbers else "",
        rehearsed=True,
    )


@router.get("/exports/{export_id}/decision", summary="Release or refuse a pack")
def ask_decision(desk: AtDesk, actor: Supervisor, export_id: UUID) -> Response:
    return begin(desk, _decision(desk, export_id))


@router.post("/exports/{export_id}/decision", summary="Check and decide")
def decide(desk: AtDesk, actor: Supervisor, export_id: UUID, form: Form) -> Response:
    return proceed(desk, _decision(desk, export_id), form)


@router.get("/exports/{export_id}/pack", summary="The pack, to whoever asked for it or released it")
def pack(desk: AtDesk, actor: Either, export_id: UUID) -> Response:
    with desk.transaction() as tx:
        content = service.hand_out(tx, desk.office, export_id, desk.actor.roles)
    return desk.file(content, f"residents-{desk.office.tenant}.zip", "application/zip")


def _sweeping(export_id: UUID) -> Guide:
    return Guide(
        title="出力したファイルの消去",
        fields=(),
        verb="ファイルを消す",
        work=lambda tx, filled: {"state": service.sweep(tx, export_id).state},
        then=lambda _: f"/exports/{export_id}",
        back=f"/exports/{export_id}",
    )


@router.get("/exports/{export_id}/sweeping", summary="Throw away a pack no longer needed")
def ask_sweeping(desk: AtDesk, actor: Either, export_id: UUID) -> Response:
    with desk.transaction() as tx:
        store.job(tx, export_id)
    return begin(desk, _sweeping(export_id))


@router.post("/exports/{export_id}/sweeping", summary="Throw it away")
def sweep(desk: AtDesk, actor: Either, export_id: UUID, form: Form) -> Response:
    return proceed(desk, _sweeping(export_id), form)
