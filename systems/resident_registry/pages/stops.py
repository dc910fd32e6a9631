"""What keeps hands off a record: stops (抑止) on issuing and movements, legal holds against disposal."""

from uuid import UUID

from fastapi import Response

from kit.clock import today
from kit.forms import Field
from systems.resident_registry.pages.desk import AtDesk, Clerk, Desk, Form, Guide, Supervisor, begin, proceed
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.service import measures
from systems.resident_registry.store import measures as measure_store
from systems.resident_registry.store import retention as store

router = new_router(with_purpose=True)
STOP = (
    Field("kind", "抑止の種類", "radio", options=(
        ("no_issue", "交付停止"), ("guardianship", "成年被後見"), ("movement_hold", "異動保留"), ("litigation", "訴訟"))),
    Field("acts", "止めること", "many", options=(("certificate", "証明書の交付"), ("movement", "異動の登録"))),
    Field("message", "窓口に示す文", "area", longest=500),
    Field("override", "続けてよい人", "radio", options=(
        ("none", "だれも続けられない"), ("supervisor", "審査担当者"), ("clerk", "文を読んだ職員"))),
    Field("starts_on", "始まりの日", "day"),
    Field("ends_on", "終わりの日(その日は含まない)", "day", required=False),
)  # fmt: skip
#: words for kind, acts and override
WORDS = {value: label for each in STOP for value, label in each.options}


def _stop(desk: Desk, resident_id: UUID) -> Guide:
    return Guide(
        title="抑止の設定",
        fields=STOP,
        verb="設定する",
        work=lambda tx, filled: {"id": str(measures.suppress(tx, resident_id, **filled.values).id)},
        then=lambda _: f"/residents/{resident_id}/stops",
        back=f"/residents/{resident_id}/stops",
        person=desk.person(resident_id),
    )


@router.get("/residents/{resident_id}/stops", summary="Stops on a record")
def stops(desk: AtDesk, actor: Clerk, resident_id: UUID) -> Response:
    with desk.transaction() as tx:
        found, holds = measure_store.suppressions(tx, [resident_id]), store.holds_of(tx, resident_id)
    return desk.page("stops.html", person=desk.person(resident_id), stops=found, holds=holds, words=WORDS)


@router.get("/residents/{resident_id}/stop", summary="A stop to be set")
def ask_stop(desk: AtDesk, actor: Supervisor, resident_id: UUID) -> Response:
    return begin(desk, _stop(desk, resident_id), starts_on=today())


@router.post("/residents/{resident_id}/stop", summary="Set a stop")
def stop(desk: AtDesk, actor: Supervisor, resident_id: UUID, form: Form) -> Response:
    return proceed(desk, _stop(desk, resident_id), form)


@router.post("/stops/{stop_id}/end", summary="End a stop")
def end_stop(desk: AtDesk, actor: Supervisor, stop_id: UUID, form: Form) -> Response:
    with desk.transaction() as tx:
        measure_store.end_suppression(tx, stop_id, tx.actor)
    return _back(desk, form)


HOLD = (Field("reason", "保留の理由", "area", "訴訟、監査など。保留のある記録は、期間が過ぎても廃棄されません。", longest=1000),)


def _hold(desk: Desk, resident_id: UUID) -> Guide:
    return Guide(
        title="法的保留の設定",
        fields=HOLD,
        verb="設定する",
        work=lambda tx, filled: {"id": str(store.add_hold(tx, resident_id, filled.values["reason"], today()))},
        then=lambda _: f"/residents/{resident_id}/stops",
        back=f"/residents/{resident_id}/stops",
        person=desk.person(resident_id),
    )


@router.get("/residents/{resident_id}/hold", summary="A legal hold to be set")
def ask_hold(desk: AtDesk, actor: Supervisor, resident_id: UUID) -> Response:
    return begin(desk, _hold(desk, resident_id))


@router.post("/residents/{resident_id}/hold", summary="Set a legal hold")
def hold(desk: AtDesk, actor: Supervisor, resident_id: UUID, form: Form) -> Response:
    return proceed(desk, _hold(desk, resident_id), form)


@router.post("/holds/{hold_id}/end", summary="End a legal hold")
def end_hold(desk: AtDesk, actor: Supervisor, hold_id: UUID, form: Form) -> Response:
    with desk.transaction() as tx:
        store.end_hold(tx, hold_id, today())
    return _back(desk, form)


def _back(desk: Desk, form: dict[str, list[str]]) -> Response:
    """To the stops and holds of the resident whose page the form stood on."""
    resident = form.get("resident_id", [""])[0]
    return desk.go(f"/residents/{resident}/stops" if resident.replace("-", "").isalnum() else "")
