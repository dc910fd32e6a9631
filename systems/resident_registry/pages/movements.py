"""Movements: filed by a guided form, examined, decided, sent back, withdrawn."""

from collections.abc import Callable, Sequence
from typing import Any, get_args
from uuid import UUID

from fastapi import Response
from pydantic import ValidationError

from kit.clock import today
from kit.db import Tx
from kit.errors import Invalid, NotFound
from kit.forms import Field, Filled
from systems.resident_registry.model.errors import NotLeaving
from systems.resident_registry.model.filings import Filing, Ground
from systems.resident_registry.model.movements import IN_FORCE, REASONS, Movement, MovementState
from systems.resident_registry.model.people import Resident
from systems.resident_registry.pages import movement_forms as forms
from systems.resident_registry.pages import movement_parts as parts
from systems.resident_registry.pages.desk import CONFIRMED, AtDesk, Clerk, Desk, Form, Guide, begin, number, proceed
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.pages.movement_effects import Line, changes
from systems.resident_registry.pages.movement_lines import lines
from systems.resident_registry.rules.letters import LETTERS
from systems.resident_registry.service import movements as service
from systems.resident_registry.service import unmatched, viewing
from systems.resident_registry.store import movements as store

router = new_router(with_purpose=True)
PAGE = 50
SECOND_OFFICER = "支援措置のある人が関わる異動は、入力した職員とは別の審査担当者が決裁します。"
COUNT = Field("count", "", "hidden", required=False)
VERSION = Field("version", "", "hidden", required=False)
MORE_OR_FEWER = (("add", "加わる人を増やす"), ("fewer", "加わる人を減らす"))
STATES = (
    ("review", "審査待ち"),
    ("returned", "差戻し"),
    ("draft", "下書き"),
    ("decided", "決裁済み(通知前)"),
    ("notified", "通知送信済み"),
    ("completed", "完了"),
    ("cancelled", "取消"),
)


NOTICES = {
    "late_filing": LETTERS["late_filing"],
    "late_filing_withdrawal": LETTERS["late_filing_withdrawal"],
    "juki_change": "本人確認情報の通知",
    "move_in_notice": "転入通知",
    "number_request": "個人番号の生成要求",
    "move_out_certificate": "転出証明書情報",
    "jpki_revocation": "電子証明書の失効",
    "family_register_notice": "戸籍の附票記載事項通知",
    "ward_move": "区間異動の通知",
    "withdrawal": "通知の取消し",
}


@router.get("/movements", summary="Movements of a state, by number")
def listed(desk: AtDesk, actor: Clerk, state: str = "review", after: str = "") -> Response:
    wanted = state if state in get_args(MovementState) else "review"
    with desk.transaction() as tx:
        found = store.movements(tx, state=wanted, resident=None, after=after[:40], limit=PAGE + 1)
        names = viewing.names(tx, [each for one in found[:PAGE] for each in one.residents])
    more = found[PAGE - 1].number if len(found) > PAGE else None
    return desk.page("movements.html", found=found[:PAGE], names=names, state=wanted, states=STATES, more=more)


@router.get("/movements/new", summary="Which movement")
def choose(desk: AtDesk, actor: Clerk) -> Response:
    return desk.page("movement_new.html", person=None, sheets=_offered(lambda sheet: sheet.joins))


@router.get("/residents/{resident_id}/movements", summary="Which movement of this resident")
def choose_for(desk: AtDesk, actor: Clerk, resident_id: UUID) -> Response:
    person = desk.person(resident_id)
    with desk.transaction() as tx:
        made = store.movements(tx, state=None, resident=resident_id, after="", limit=PAGE)
    sheets = _offered(lambda sheet: sheet.removed or person.removed_on is None)
    return desk.page("movement_new.html", person=person, sheets=sheets, made=made, states=dict(STATES))


def _offered(fits: Any) -> list[tuple[str, str]]:
    return [(reason, REASONS[reason]) for reason, sheet in forms.SHEETS.items() if fits(sheet)]


def _guide(desk: Desk, reason: str, resident_id: UUID | None, count: int = 1) -> Guide:
    sheet = forms.SHEETS.get(reason)
    if sheet is None or (resident_id is None and not sheet.joins):
        raise NotFound("there is no such form")
    person = desk.person(resident_id) if resident_id else None
    about = about_of(desk, person, count)
    return Guide(
        title=REASONS[reason],
        fields=(*forms.questions(reason, about), COUNT),
        verb="審査に出す",
        work=lambda tx, filled: _file(desk, tx, reason, about, filled),
        then=lambda done: f"/movements/{done['id']}",
        back=f"/residents/{resident_id}/movements" if resident_id else "/movements/new",
        person=person,
        note=SECOND_OFFICER if person and person.restricted else "",
        rehearsed=True,
        preview=lambda tx, filled: _effects(desk, tx, reason, about, filled),
        steps=MORE_OR_FEWER if sheet.joins else (),
    )


def about_of(desk: Desk, person: Resident | None, count: int) -> forms.About:
    """What a form about this person's household, or about a new one, is filled in about."""
    if person is None:
        return forms.About(desk.office.tenant, count=count)
    with desk.transaction() as tx:
        members = desk.members(tx, person) or [person]
        beside = viewing.households_beside(tx, person, desk.actor.roles)
        return forms.About(desk.office.tenant, members, beside, count)


def _effects(desk: Desk, tx: Tx, reason: str, about: forms.About, filled: Filled) -> Sequence[Line]:
    """What the filing would change; nothing by a 転入通知 of somebody who filed no 転出, which waits as a draft."""
    try:
        return changes(desk, tx, lambda: service.draft(tx, desk.office, filing_of(tx, reason, filled.values, about)))
    except NotLeaving:
        if reason != "in_notice":
            raise
        return []


def _file(desk: Desk, tx: Tx, reason: str, about: forms.About, filled: Filled) -> dict[str, Any]:
    """Enter the filing and hand it in; both or neither."""
    one = unmatched.enter(tx, desk.office, filing_of(tx, reason, filled.values, about), filled.raw[CONFIRMED])
    return {"id": str(one.id)}


def filing_of(tx: Tx, reason: str, values: dict[str, Any], about: forms.About) -> Filing:
    """The filing that the answers make; `Invalid` names places of it, never what was typed."""
    v = dict(values)
    if v.get("target_no"):
        v["target_id"] = str(viewing.household_of_number(tx, v["target_no"]))
    try:
        return Filing.model_validate(forms.filing(reason, v, about))
    except ValidationError as wrong:  # places and rules only: what was typed may be personal data
        places = "、".join(".".join(map(str, each["loc"])) for each in wrong.errors())
        raise Invalid(f"not valid: {places}") from None


def counted(form: dict[str, list[str]]) -> tuple[dict[str, list[str]], int]:
    """The form after a press on «more» or «fewer», and how many people come."""
    step, before = form.get("step", ["check"])[0], number(form.get("count", ["1"])[0]) or 1
    count = max(1, min(20, before + {"add": 1, "fewer": -1}.get(step, 0)))
    form = form | {"count": [str(count)]}
    if step in ("add", "fewer"):
        form = {f"p{count - 1}-kind": ["japanese"]} | form | {"step": ["edit"]}
    return form, count


def _proceed(desk: Desk, reason: str, resident_id: UUID | None, form: dict[str, list[str]]) -> Response:
    form, count = counted(form)
    return proceed(desk, _guide(desk, reason, resident_id, count), form)


START: dict[str, object] = {"filer": "self", "count": 1, "p0-kind": "japanese"}


@router.get("/movements/new/{reason}", summary="The form of a movement into a new household")
def ask(desk: AtDesk, actor: Clerk, reason: str) -> Response:
    return begin(desk, _guide(desk, reason, None), **START, filed_on=today())


@router.post("/movements/new/{reason}", summary="Check and hand in")
def enter(desk: AtDesk, actor: Clerk, reason: str, form: Form) -> Response:
    return _proceed(desk, reason, None, form)


@router.get("/residents/{resident_id}/movements/{reason}", summary="The form of a movement")
def ask_for(desk: AtDesk, actor: Clerk, resident_id: UUID, reason: str) -> Response:
    return begin(desk, _guide(desk, reason, resident_id), **START, filed_on=today())


@router.post("/residents/{resident_id}/movements/{reason}", summary="Check and hand in")
def enter_for(desk: AtDesk, actor: Clerk, resident_id: UUID, reason: str, form: Form) -> Response:
    return _proceed(desk, reason, resident_id, form)


@router.get("/movements/{movement_id}", summary="A movement")
def shown(desk: AtDesk, actor: Clerk, movement_id: UUID) -> Response:
    with desk.transaction() as tx:
        one, notices = service.find(tx, movement_id, desk.actor.roles)
        names = viewing.names(tx, one.residents)
    steps = [(name, step[0]) for name, step in STEPS.items() if one.state in step[3]]
    if one.state in ("draft", "returned") and one.reason in forms.SHEETS:
        steps.insert(1, ("edit", "修正する"))
    effects, wrong = None, None
    if one.state in service.OPEN:
        effects, wrong = desk.attempt(lambda tx: changes(desk, tx, lambda: service.at(tx, one.id, one.version, *service.OPEN)))
    shown: dict[str, Any] = {
        "effects": effects,
        "told": desk.tell(wrong),
        "filers": dict(parts.FILERS),
        "grounds": dict(parts.GROUNDS),
        "states": dict(STATES),
        "steps": steps,
        "kinds": NOTICES,
    }
    return desk.page("movement.html", one=one, names=names, notices=notices, lines=lines(one, names), **shown)


#: step -> title, questions, final button, states in which it is offered
STEPS: dict[str, tuple[str, tuple[Field, ...], str, tuple[str, ...]]] = {
    "submit": ("審査に出す", (), "審査に出す", ("draft", "returned")),
    "approve": ("決裁", (), "決裁する", ("review",)),
    "return": ("差戻し", (Field("reason", "差戻しの理由", "area", longest=1000),), "差し戻す", ("review",)),
    "withdraw": (
        "取下げ",
        (Field("reason", "取下げの理由", "area", longest=1000),),
        "取り下げる",
        ("draft", "review", "returned"),
    ),
    "cancel": ("異動の取消", parts.GROUND, "取り消す", IN_FORCE),
}
#: steps that change the register, or lead there
CHANGING = ("submit", "approve", "cancel")


def _step(desk: Desk, movement_id: UUID, step: str) -> Guide:
    if step not in STEPS:
        raise NotFound("there is no such step")
    title, fields, verb, _ = STEPS[step]
    with desk.transaction() as tx:
        one, _ = service.find(tx, movement_id, desk.actor.roles)
    return Guide(
        title=title,
        fields=(VERSION, *fields),
        verb=verb,
        work=lambda tx, filled: _take(desk, tx, movement_id, step, filled),
        then=lambda done: f"/movements/{done['id']}",
        back=f"/movements/{movement_id}",
        about=f"{one.number} {REASONS.get(one.reason, one.reason)}",
        rehearsed=step == "submit",
        preview=_preview(desk, movement_id, step),
    )


def _preview(desk: Desk, movement_id: UUID, step: str) -> Callable[[Tx, Filled], list[Line]] | None:
    """What the step changes in the register, or will when it is decided."""

    def enter(tx: Tx, filled: Filled) -> Movement:
        version = number(filled.text("version"))
        if step == "cancel":
            return service.cancel(tx, desk.office, movement_id, version, _ground(filled))
        return service.at(tx, movement_id, version, *STEPS[step][3])

    return (lambda tx, filled: changes(desk, tx, lambda: enter(tx, filled))) if step in CHANGING else None


def _ground(filled: Filled) -> Ground:
    v = filled.values
    return Ground(kind=v["ground_kind"], text=v["ground_text"], on=v["ground_on"])


def _take(desk: Desk, tx: Tx, movement_id: UUID, step: str, filled: Filled) -> dict[str, Any]:
    v, version, office = filled.values, number(filled.values["version"]), desk.office
    if step == "submit":
        one = service.submit(tx, office, movement_id, version, filled.raw[CONFIRMED])
    elif step == "approve":
        is_supervisor = "registry_supervisor" in desk.actor.roles
        one = service.approve(tx, office, movement_id, version, is_supervisor=is_supervisor)
    elif step == "return":
        one = service.send_back(tx, movement_id, version, v["reason"])
    elif step == "withdraw":
        one = service.withdraw(tx, movement_id, version, v["reason"])
    else:
        one = service.cancel(tx, office, movement_id, version, _ground(filled))
    return {"id": str(one.id)}


@router.get("/movements/{movement_id}/{step}", summary="A step of a movement")
def ask_step(desk: AtDesk, actor: Clerk, movement_id: UUID, step: str, version: int = 0) -> Response:
    return begin(desk, _step(desk, movement_id, step), version=version)


@router.post("/movements/{movement_id}/{step}", summary="Take the step")
def take_step(desk: AtDesk, actor: Clerk, movement_id: UUID, step: str, form: Form) -> Response:
    return proceed(desk, _step(desk, movement_id, step), form)
