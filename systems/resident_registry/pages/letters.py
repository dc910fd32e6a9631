"""Letters to be mailed, and who is to get some: the registration for the notice of issues to others (本人通知制度)."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import Response

from kit.clock import today
from kit.db import Tx
from kit.errors import NotFound
from kit.forms import Filled
from systems.resident_registry.model.certificates import NoticeRegistration
from systems.resident_registry.pages.desk import AtDesk, Clerk, Desk, Form, Guide, begin, proceed
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.rules.certificates import counts_on
from systems.resident_registry.rules.letters import LETTERS
from systems.resident_registry.service import letters as service
from systems.resident_registry.service import third_party_notices
from systems.resident_registry.store import certificates as store

router = new_router(with_purpose=True)


@router.get("/letters", summary="Letters that have not left")
def letters(desk: AtDesk, actor: Clerk) -> Response:
    with desk.transaction() as tx:
        found = service.waiting(tx, desk.actor.roles)
    return desk.page("letters.html", letters=found, titles=LETTERS, most=service.LIMIT)


@router.post("/letters", summary="The chosen letters have left")
def sent(desk: AtDesk, actor: Clerk, form: Form) -> Response:
    chosen = [UUID(each) for each in form.get("letter", []) if _is_number(each)]
    with desk.transaction() as tx:
        service.mark_sent(tx, chosen)
    return desk.go("/letters")


@router.get("/letters/{letter_id}", summary="A letter, PDF")
def letter(desk: AtDesk, actor: Clerk, letter_id: UUID) -> Response:
    with desk.transaction() as tx:
        return Response(service.letter_pdf(tx, desk.office, letter_id, desk.actor.roles), media_type="application/pdf")


@router.get("/residents/{resident_id}/third-party-notice", summary="Registration for the notice of issues to others")
def registration(desk: AtDesk, actor: Clerk, resident_id: UUID) -> Response:
    person = desk.person(resident_id)
    with desk.transaction() as tx:
        found = store.registrations(tx, resident_id)
    day = today()
    current = next((each for each in found if counts_on(each, day)), None)
    shown: dict[str, Any] = {"person": person, "current": current, "past": [each for each in found if each is not current]}
    return desk.page("third_party_notice.html", **shown)


def _step(desk: Desk, resident_id: UUID, step: str) -> Guide:
    steps: dict[str, tuple[str, str, Callable[[Tx], NoticeRegistration]]] = {
        "new": ("本人通知の登録", "登録する", lambda tx: third_party_notices.register(tx, desk.office, resident_id, today())),
        "end": ("本人通知の終了", "終了する", lambda tx: third_party_notices.end(tx, resident_id)),
    }
    if step not in steps:
        raise NotFound("there is no such step")
    title, verb, act = steps[step]

    def work(tx: Tx, filled: Filled) -> dict[str, Any]:
        return {"id": str(act(tx).id)}

    place = f"/residents/{resident_id}/third-party-notice"
    return Guide(title=title, fields=(), verb=verb, work=work, then=lambda _: place, back=place, person=desk.person(resident_id))


@router.get("/residents/{resident_id}/third-party-notice/{step}", summary="Register, or end at the person's wish")
def ask_step(desk: AtDesk, actor: Clerk, resident_id: UUID, step: str) -> Response:
    return begin(desk, _step(desk, resident_id, step))


@router.post("/residents/{resident_id}/third-party-notice/{step}", summary="Do it")
def take_step(desk: AtDesk, actor: Clerk, resident_id: UUID, step: str, form: Form) -> Response:
    return proceed(desk, _step(desk, resident_id, step), form)


def _is_number(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
