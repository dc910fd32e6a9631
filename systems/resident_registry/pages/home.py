"""Where work begins: the purpose, and what waits."""

from fastapi import Response

from kit import sessions
from kit.forms import Field, blank, read
from kit.pages import own_path
from systems.resident_registry.pages.desk import BASE, PURPOSES, Anyone, AtDesk, Form
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.store import people as store
from systems.resident_registry.store import viewing

router = new_router(with_purpose=False)
PURPOSE = (
    Field(
        "purpose", "利用目的", "radio", "個人情報を見る画面では、選んだ利用目的が記録されます。", options=tuple(PURPOSES.items())
    ),
)


@router.get("", summary="Start")
def home(desk: AtDesk, actor: Anyone) -> Response:
    with desk.transaction() as tx:
        return desk.page("home.html", residents=store.count(tx), waiting=viewing.movements_open(tx))


@router.get("/purpose", summary="Choose the purpose")
def purpose(desk: AtDesk, actor: Anyone, next: str = BASE) -> Response:
    return desk.page("purpose.html", filled=blank(PURPOSE, purpose=desk.session.purpose), next=own_path(next, BASE))


@router.post("/purpose", summary="The purpose chosen")
def choose(desk: AtDesk, actor: Anyone, form: Form) -> Response:
    filled, wanted = read(PURPOSE, form), own_path(form.get("next", [""])[0], BASE)
    if filled.errors:
        return desk.page("purpose.html", status=422, filled=filled, next=wanted)
    with desk.transaction() as tx:
        sessions.choose_purpose(tx, desk.session, filled.values["purpose"])
    return desk.go(wanted.removeprefix(BASE))
