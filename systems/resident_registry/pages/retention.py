"""What is kept long enough: shown, proposed by one, approved by another, disposed of, with its certificate."""

from collections.abc import Callable
from typing import Any, get_args
from uuid import UUID

from fastapi import Response

from kit.db import Tx
from kit.errors import NotFound
from kit.forms import Field, Filled
from systems.resident_registry.model import retention as model
from systems.resident_registry.model.people import Office
from systems.resident_registry.model.retention import Disposal, RecordClass
from systems.resident_registry.pages.desk import AtDesk, Desk, Form, Guide, Supervisor, begin, proceed
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.service import retention as service
from systems.resident_registry.store import retention as store

router = new_router(with_purpose=True)
#: what may be disposed of
CLASSES: dict[RecordClass, str] = {name: model.CLASSES[name].label for name in get_args(RecordClass)}
STATES = {"proposed": "承認待ち", "approved": "廃棄待ち", "disposed": "廃棄済み", "refused": "却下"}
STEPS = ("1 提案", "2 承認", "3 廃棄")
#: state -> how many of the steps are done
DONE = {"proposed": 1, "approved": 2, "disposed": 3}
GROUND = Field(
    "ground", "廃棄の根拠", "area", "承認する人が読み、廃棄の証明に載ります。個人の名前は書かないでください。", longest=1000
)
UNTIL = Field("until", "保存期間がこの日までに始まったもの", "day", "空欄ならすべて", required=False)


def _proposed(tx: Tx, office: Office, record_class: RecordClass, v: dict[str, Any]) -> Disposal:
    if record_class != "removed_records":
        return service.propose(tx, office, record_class, [], v["ground"], until=v["until"])
    left = [UUID(each) for each in v.get("left") or ()]
    return service.propose_due(tx, office, v["ground"], until=v["until"], left=left)


def _questions(desk: Desk, record_class: RecordClass) -> tuple[Field, ...]:
    """Why, up to which day, and of single records which are to stay."""
    if record_class != "removed_records":
        return (GROUND, UNTIL)
    with desk.transaction() as tx:
        free = [each for each in service.due_records(tx, desk.office) if each.is_free]
    options = tuple((str(each.id), f"{each.atena_no} {each.name}") for each in free)
    left = Field("left", "提案から除く記録", "many", "選んだ記録は残します。", required=False, options=options)
    return (GROUND, UNTIL, *([left] if options else []))


@router.get("/disposals", summary="What is due, and disposals")
def disposals(desk: AtDesk, actor: Supervisor) -> Response:
    with desk.transaction() as tx:
        records = service.due_records(tx, desk.office)
        free = sum(each.is_free for each in records)
        due = {name: free if name == "removed_records" else service.due(tx, desk.office, name) for name in CLASSES}
        found = store.recent(tx, 50)
    most = dict.fromkeys(CLASSES, service.LIMIT) | {"removed_records": service.RECORDS}
    shown: dict[str, Any] = {"due": due, "most": most, "records": records, "disposals": found, "labels": CLASSES}
    return desk.page("disposals.html", classes=model.CLASSES, years=service.years(desk.office), names=STATES, **shown)


def _proposal(desk: Desk, name: str) -> Guide:
    record_class = next((each for each in CLASSES if each == name), None)
    if record_class is None:
        raise NotFound("there is no such class of records")
    return Guide(
        title="廃棄の提案",
        fields=_questions(desk, record_class),
        verb="廃棄を提案する",
        work=lambda tx, filled: {"id": str(_proposed(tx, desk.office, record_class, filled.values).id)},
        then=lambda done: f"/disposals/{done['id']}",
        back="/disposals",
        about=CLASSES[record_class],
        note=model.CLASSES[record_class].fate,
        rehearsed=True,
    )


@router.get("/disposals/new/{record_class}", summary="Propose a disposal")
def ask_proposal(desk: AtDesk, actor: Supervisor, record_class: str) -> Response:
    return begin(desk, _proposal(desk, record_class))


@router.post("/disposals/new/{record_class}", summary="Check and propose it")
def propose(desk: AtDesk, actor: Supervisor, record_class: str, form: Form) -> Response:
    return proceed(desk, _proposal(desk, record_class), form)


@router.get("/disposals/{disposal_id}", summary="A disposal; its certificate once it was carried out")
def one(desk: AtDesk, actor: Supervisor, disposal_id: UUID) -> Response:
    with desk.transaction() as tx:
        found = store.disposal(tx, disposal_id)
    shown: dict[str, Any] = {"one": found, "classes": CLASSES, "names": STATES, "steps": STEPS, "done": DONE.get(found.state, 0)}
    shown |= {"about": model.CLASSES[found.record_class]}
    return desk.page("disposal.html", me=desk.actor.subject, office=desk.office.tenant_name, **shown)


def _step(desk: Desk, disposal_id: UUID, step: str) -> Guide:
    def dispose(tx: Tx) -> Disposal:
        return service.dispose(tx, desk.office, disposal_id)

    steps: dict[str, tuple[str, str, str, Callable[[Tx], Disposal]]] = {
        "approval": ("廃棄の承認", "承認する", "", lambda tx: service.approve(tx, disposal_id)),
        "refusal": ("廃棄の却下", "却下する", "", lambda tx: service.refuse(tx, disposal_id)),
        "carrying-out": ("廃棄の実施", "廃棄する", "廃棄した記録は元に戻せません。", dispose),
    }
    if step not in steps:
        raise NotFound("there is no such step")
    title, verb, note, act = steps[step]

    def work(tx: Tx, filled: Filled) -> dict[str, Any]:
        return {"state": act(tx).state}

    with desk.transaction() as tx:
        about = CLASSES[store.disposal(tx, disposal_id).record_class]
    place = f"/disposals/{disposal_id}"
    return Guide(title=title, fields=(), verb=verb, work=work, then=lambda _: place, back=place, about=about, note=note)


@router.get("/disposals/{disposal_id}/{step}", summary="Approve, refuse or carry out a disposal")
def ask_step(desk: AtDesk, actor: Supervisor, disposal_id: UUID, step: str) -> Response:
    return begin(desk, _step(desk, disposal_id, step))


@router.post("/disposals/{disposal_id}/{step}", summary="Do it")
def take_step(desk: AtDesk, actor: Supervisor, disposal_id: UUID, step: str, form: Form) -> Response:
    return proceed(desk, _step(desk, disposal_id, step), form)
