"""Letters to be mailed, and who is to get some: the registration for the notice of issues to others (本人通知制度)."""

from typing import Any
from uuid import UUID

from fastapi import Response

from kit.clock import today
from systems.resident_registry.pages.desk import AtDesk, Clerk, Desk, Form, Guide, begin, proceed
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.rules.certificates import counts_on
from systems.resident_registry.service import letters as service
from systems.resident_registry.service import third_party_notices
from systems.resident_registry.store import certificates as store

router = new_router(with_purpose=True)
TITLES = {"third_party_issue": "本人通知(証明書の交付のお知らせ)", "late_filing": "届出期間経過通知書"}


@router.get("/letters", summary="Letters that have not left")
def letters(desk: AtDesk, actor: Clerk) -> Response:
    with desk.transaction() as tx:
        found = service.waiting(tx, desk.actor.roles)
    return desk.page("letters.html", letters=found, titles=TITLES, most=service.LIMIT)


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


def _guide(desk: Desk, resident_id: UUID, step: str) -> Guide:
    def register(tx: Any, _: Any) -> dict[str, Any]:
        return {"id": str(third_party_notices.register(tx, desk.office, resident_id, today()).id)}

    def end(tx: Any, _: Any) -> dict[str, Any]:
        return {"id": str(third_party_notices.end(tx, resident_id).id)}

    title, verb, work = ("本人通知の登録", "登録する", register) if step == "new" else ("本人通知の終了", "終了する", end)
    place = f"/residents/{resident_id}/third-party-notice"
    return Guide(title=title, fields=(), verb=verb, work=work, then=lambda _: place, back=place, person=desk.person(resident_id))


@router.get("/residents/{resident_id}/third-party-notice/new", summary="Register")
def ask_new(desk: AtDesk, actor: Clerk, resident_id: UUID) -> Response:
    return begin(desk, _guide(desk, resident_id, "new"))


@router.post("/residents/{resident_id}/third-party-notice/new", summary="Register it")
def new(desk: AtDesk, actor: Clerk, resident_id: UUID, form: Form) -> Response:
    return proceed(desk, _guide(desk, resident_id, "new"), form)


@router.get("/residents/{resident_id}/third-party-notice/end", summary="End at the person's wish")
def ask_end(desk: AtDesk, actor: Clerk, resident_id: UUID) -> Response:
    return begin(desk, _guide(desk, resident_id, "end"))


@router.post("/residents/{resident_id}/third-party-notice/end", summary="End it")
def end(desk: AtDesk, actor: Clerk, resident_id: UUID, form: Form) -> Response:
    return proceed(desk, _guide(desk, resident_id, "end"), form)


def _is_number(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
