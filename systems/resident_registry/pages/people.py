"""Search, person, household."""

from uuid import UUID

from fastapi import Response

from kit import sessions
from kit.forms import Field, blank, read
from systems.resident_registry.model.search import Criteria
from systems.resident_registry.pages.desk import AtDesk, Clerk, Desk, Finder, Form
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.pages.stops import WORDS
from systems.resident_registry.service import measures, viewing
from systems.resident_registry.service import search as searching

router = new_router(with_purpose=True)
SEARCH = (
    Field("name", "氏名", hint="二文字以上。異体字は新字体でも見つかります。", required=False, longest=100),
    Field("kana", "氏名のフリガナ", "kana", hint="はじめから。ひらがな・半角カナでも入力できます。", required=False, longest=100),
    Field("born_on", "生年月日", "day", required=False),
    Field("address", "住所", hint="二文字以上", required=False, longest=100),
    Field("atena_no", "宛名番号", "digits", required=False, longest=15),
)
#: other offices find present residents alone
REMOVED = Field("removed", "除票も探す", "check", hint="転出、死亡などで消除された人。除票は住所では探せません。", required=False)


def _questions(desk: Desk) -> tuple[Field, ...]:
    return (*SEARCH, REMOVED) if "registry_clerk" in desk.actor.roles else SEARCH


@router.get("/search", summary="Search")
def search(desk: AtDesk, actor: Finder) -> Response:
    """The form, with what the session searched for last: names stand in no address and in no browser history."""
    fields, last = _questions(desk), desk.session.kept.get("search")
    if not last:
        return desk.page("search.html", filled=blank(fields), found=None)
    filled = read(fields, last)
    found, wrong = desk.attempt(lambda tx: desk.seen(searching.search(tx, Criteria(**filled.values))))
    return desk.page("search.html", status=200 if found is not None else 422, filled=filled, found=found, told=desk.tell(wrong))


@router.post("/search", summary="Search for these")
def search_for(desk: AtDesk, actor: Finder, form: Form) -> Response:
    filled = read(_questions(desk), form)
    if filled.errors and "clear" not in form:
        return desk.page("search.html", status=422, filled=filled, found=None)
    with desk.transaction() as tx:
        sessions.remember(tx, desk.session, search=None if "clear" in form else filled.raw)
    return desk.go("/search")


@router.get("/residents/{resident_id}", summary="A resident")
def person(desk: AtDesk, actor: Clerk, resident_id: UUID) -> Response:
    person = desk.person(resident_id)
    with desk.transaction() as tx:
        stops = measures.suppressions_in_force(tx, [resident_id])
    return desk.page("person.html", person=person, stops=stops, words=WORDS)


@router.get("/households/{household_id}", summary="A household")
def household(desk: AtDesk, actor: Clerk, household_id: UUID) -> Response:
    with desk.transaction() as tx:
        return desk.page("household.html", people=desk.seen(viewing.present(tx, household_id)))
