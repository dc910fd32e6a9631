"""Protective measures: cases and their steps, approval of a single issue, other stops on a record."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import Response

from kit import clock, sessions
from kit.db import Tx
from kit.errors import Invalid, NotFound
from kit.forms import Field, Filled
from systems.resident_registry.model import certificates
from systems.resident_registry.model.measures import Asker, Opponent
from systems.resident_registry.model.people import Resident
from systems.resident_registry.pages.certificates import REQUESTER_NUMBER, requester_id
from systems.resident_registry.pages.desk import (
    AtDesk,
    Desk,
    DvOfficer,
    Form,
    Guide,
    Listed,
    Supervisor,
    begin,
    number,
    proceed,
)
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.rules.measures import shown_state
from systems.resident_registry.service import measures, people, support_forwarding
from systems.resident_registry.service import support_cases as service
from systems.resident_registry.store import measures as store
from systems.resident_registry.store import people as residents

router = new_router(with_purpose=True)
KINDS = (("A", "配偶者からの暴力"), ("B", "ストーカー行為等"), ("C", "児童虐待"), ("D", "その他これらに準ずる行為"))
SCOPE = (
    ("residence", "住民票の写し"),
    ("removed", "除票の写し"),
    ("domicile_history", "戸籍の附票の写し"),
    ("browsing", "住民基本台帳の閲覧"),
)
LISTS = (
    ("undecided", "決定を待つ申出"),
    ("expired", "期間を過ぎて終了していない措置(保護は続いています)"),
    ("ending", "まもなく期間が終わる措置"),
    ("moved", "申出の住所から異動した人"),
)
APPLICATION = (
    Field("kind", "申出の事由", "radio", options=KINDS),
    Field("applied_on", "申出日", "day"),
    Field("opponent_name", "相手方の氏名", section="相手方"),
    Field("opponent_born_on", "相手方の生年月日", "day", required=False),
    Field("opponent_address", "相手方の住所", required=False),
    Field("scope", "求める措置の範囲", "many", options=SCOPE, section="措置"),
)
MEMBERS = "世帯連記式のとき。載る人が一人でも承認になければ、交付できません。"
TOGETHER = "併せて支援を求める世帯員"
IDENTIFIED = "特定すると、その人と同じ世帯の人への交付は、承認があっても止まります。"
VERSION = Field("version", "", "hidden", required=False)
REASON = Field("reason", "理由", "area", longest=200)
#: step -> title, questions, final button, states in which it can be taken, whether a supervisor takes it
STEPS: dict[str, tuple[str, tuple[Field, ...], str, tuple[str, ...], bool]] = {
    "confirm": (
        "相談機関の意見の記録",
        (
            Field("body", "相談機関の名称", hint="警察、配偶者暴力相談支援センター、児童相談所など"),
            Field("consulted_on", "確認した日", "day"),
            Field("opinion", "意見", "area", longest=1000),
        ),
        "記録する",
        ("applied",),
        False,
    ),
    "decide": ("支援措置の決定", (), "決定する", ("confirmed",), True),
    "opponent": (
        "相手方の特定",
        (Field("atena_no", "相手方の宛名番号", "digits", IDENTIFIED, longest=15),),
        "この住民を相手方とする",
        ("applied", "confirmed", "active", "extended"),
        True,
    ),
    "extend": ("支援措置の延長", (), "延長する", ("active", "extended"), True),
    "close": ("支援措置の終了・却下", (REASON,), "終了・却下する", ("applied", "confirmed", "active", "extended"), True),
}


@router.get("/measures", summary="Worklists of protective measures")
def lists(desk: AtDesk, actor: DvOfficer) -> Response:
    with desk.transaction() as tx:
        found, on_the_way = service.worklists(tx), service.forwardings(tx)
    shown: dict[str, Any] = {
        "lists": LISTS,
        "found": found,
        "forwardings": on_the_way,
        "state": lambda case: shown_state(case, clock.today()),
    }
    return desk.page("measures.html", **shown)


@router.get("/measures/{case_id}", summary="A case")
def case(desk: AtDesk, actor: DvOfficer, case_id: UUID) -> Response:
    with desk.transaction() as tx:
        found, opponent, protected = service.read(tx, case_id)
        who = desk.seen(people.find(tx, each) for each in protected)
        lifts = store.lifts_of(tx, protected)
        identified = desk.seen([people.find(tx, opponent.resident_id)]) if opponent.resident_id else []
    decides = "registry_supervisor" in desk.actor.roles
    steps = [(name, s[0]) for name, s in STEPS.items() if found.state in s[3] and (decides or not s[4])]
    shown: dict[str, Any] = {
        "case": found,
        "opponent": opponent,
        "people": who,
        "identified": identified,
        "steps": steps,
        "kinds": dict(KINDS),
        "scope": dict(SCOPE),
        "lifts": lifts,
        "requesters": certificates.REQUESTERS,
        "now": clock.now(),
    }
    return desk.page("measure.html", state=shown_state(found, clock.today()), **shown)


@router.post("/forwardings/{forwarding_id}", summary="Another authority was told of a case, or has answered")
def forwarded(desk: AtDesk, actor: DvOfficer, forwarding_id: UUID, form: Form) -> Response:
    mark = service.acknowledge if form.get("step") == ["acknowledged"] else support_forwarding.mark_sent
    with desk.transaction() as tx:
        mark(tx, forwarding_id)
    return desk.go("/measures")


def _application(desk: Desk, resident_id: UUID) -> Guide:
    person = desk.person(resident_id)
    with desk.transaction() as tx:
        others = [each for each in desk.members(tx, person) if each.id != person.id]
    together = Field("together", TOGETHER, "many", required=False, options=tuple((str(each.id), each.name) for each in others))
    return Guide(
        title="支援措置の申出",
        fields=(*APPLICATION, *([together] if others else [])),
        verb="受け付ける(ただちに保護が始まります)",
        work=lambda tx, filled: _apply(tx, resident_id, filled),
        then=lambda done: f"/measures/{done['id']}",
        back=f"/residents/{resident_id}",
        person=person,
    )


def _apply(tx: Tx, resident_id: UUID, filled: Filled) -> dict[str, Any]:
    v = filled.values
    opponent = Opponent(v["opponent_name"], v["opponent_born_on"], v["opponent_address"])
    together = [UUID(each) for each in v.get("together", ())]
    made = service.apply(tx, resident_id, v["kind"], opponent, together=together, scope=v["scope"], applied_on=v["applied_on"])
    return {"id": str(made.id)}


@router.get("/residents/{resident_id}/measure", summary="Application for a measure")
def ask(desk: AtDesk, actor: DvOfficer, resident_id: UUID) -> Response:
    guide = _application(desk, resident_id)
    return begin(desk, guide, applied_on=clock.today())


@router.post("/residents/{resident_id}/measure", summary="Take the application")
def apply(desk: AtDesk, actor: DvOfficer, resident_id: UUID, form: Form) -> Response:
    return proceed(desk, _application(desk, resident_id), form)


def _step(desk: Desk, case_id: UUID, step: str) -> Guide:
    if step not in STEPS:
        raise NotFound("there is no such step")
    title, fields, verb, _, by_supervisor = STEPS[step]
    if by_supervisor:
        desk.must_be("registry_supervisor")
    with desk.transaction() as tx:
        _, _, protected = service.read(tx, case_id)
        person = desk.seen([people.find(tx, protected[0])])[0]
    return Guide(
        title=title,
        fields=(VERSION, *fields),
        verb=verb,
        work=lambda tx, filled: _take(desk, tx, case_id, step, filled.values),
        then=lambda _: f"/measures/{case_id}",
        back=f"/measures/{case_id}",
        person=person,
    )


def _take(desk: Desk, tx: Tx, case_id: UUID, step: str, v: dict[str, Any]) -> dict[str, Any]:
    tenant, version = desk.office.tenant, number(v["version"])
    acts: dict[str, Callable[[], object]] = {
        "confirm": lambda: service.confirm(
            tx, case_id, version, body=v["body"], consulted_on=v["consulted_on"], opinion=v["opinion"]
        ),
        "decide": lambda: service.decide(tx, case_id, version, office=desk.office),
        "opponent": lambda: service.identify_opponent(tx, case_id, residents.numbered(tx, v["atena_no"])),
        "extend": lambda: service.extend(tx, case_id, version, tenant=tenant),
        "close": lambda: service.close(tx, case_id, version, reason=v["reason"], tenant=tenant),
    }
    acts[step]()
    return {}


@router.get("/measures/{case_id}/{step}", summary="A step of a case")
def ask_step(desk: AtDesk, actor: DvOfficer, case_id: UUID, step: str, version: int = 0) -> Response:
    return begin(desk, _step(desk, case_id, step), version=version)


@router.post("/measures/{case_id}/{step}", summary="Take the step")
def take_step(desk: AtDesk, actor: DvOfficer, case_id: UUID, step: str, form: Form) -> Response:
    return proceed(desk, _step(desk, case_id, step), form)


def _lift(desk: Desk, resident_id: UUID) -> Guide:
    person = desk.person(resident_id)
    with desk.transaction() as tx:
        clerks = [each for each in sessions.signed_in(tx) if each[0] != desk.actor.subject]
        others = [(str(each.id), each.name) for each in desk.members(tx, person) if each.id != person.id]
    fields = (
        *([Field("members", "証明書に載るほかの世帯員", "many", MEMBERS, required=False, options=others)] if others else []),
        Field("requester", "請求者の区分", "radio", options=tuple(certificates.REQUESTERS.items())),
        Field("name", "請求者の氏名", hint="証明書の請求に入力する氏名と同じもの。本人なら空欄。", required=False),
        Field("born_on", "請求者の生年月日", "day", required=False),
        REQUESTER_NUMBER,
        Field("address", "請求者の住所", required=False),
        Field("ground", "承認の理由", "area"),
        Field("not_opponent", "相手方に似ているが、別人であることを確かめた", "check"),
        Field("for_actor", "交付する職員", "select", "いまサインインしている職員", options=tuple(clerks)),
    )
    return Guide(
        title="一件の交付の承認(一時解除)",
        fields=fields,
        verb="承認する(15分間・一回限り)",
        work=lambda tx, filled: _approve(tx, person, filled.values),
        then=lambda _: f"/residents/{resident_id}",
        back=f"/residents/{resident_id}",
        person=person,
    )


def _approve(tx: Tx, person: Resident, v: dict[str, Any]) -> dict[str, Any]:
    stated = {name: v[name] for name in ("name", "born_on", "address", "ground")}
    if v["requester"] == "self":  # the request names them, so the approval must
        stated["name"] = stated["name"] or person.name
    if not stated["name"]:
        raise Invalid("name the requester: only the person's own name may be left out")
    asker = Asker(v["requester"], **stated, resident_id=requester_id(tx, v))
    named = [person.id, *(UUID(each) for each in v.get("members") or ())]
    measures.approve_issue(tx, named, asker, for_actor=v["for_actor"], not_opponent=v["not_opponent"])
    return {}


@router.get("/residents/{resident_id}/lift", summary="Approval of a single issue")
def ask_lift(desk: AtDesk, actor: Supervisor, resident_id: UUID) -> Response:
    return begin(desk, _lift(desk, resident_id))


@router.post("/residents/{resident_id}/lift", summary="Approve a single issue")
def approve(desk: AtDesk, actor: Supervisor, resident_id: UUID, form: Form) -> Response:
    return proceed(desk, _lift(desk, resident_id), form)


@router.get("/restored-copy", summary="Whether this is a restored copy that nobody has confirmed")
def copy(desk: AtDesk, actor: Listed) -> Response:
    return _copy(desk)


@router.post("/restored-copy", summary="Confirm the measures of a restored copy")
def confirm_copy(desk: AtDesk, actor: Supervisor, form: Form) -> Response:
    _, wrong = desk.attempt(measures.confirm_copy)
    return _copy(desk, status=wrong.status, told=desk.tell(wrong)) if wrong else desk.go("/restored-copy")


def _copy(desk: Desk, *, status: int = 200, told: str = "") -> Response:
    with desk.transaction() as tx:
        is_confirmed = store.is_confirmed_copy(tx)
        astray = 0 if is_confirmed else store.astray(tx)
    return desk.page("restored_copy.html", status=status, confirmed=is_confirmed, astray=astray, told=told)
