"""Numbers, for the role for them: a resident found by one, the 個人番号 shown. None stands in an address or a session."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Response

from kit.auth import Actor, require
from kit.forms import Field, Filled, blank, read
from systems.resident_registry.pages.desk import AtDesk, Form
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.service import individual_numbers
from systems.resident_registry.service import search as service

router = new_router(with_purpose=True)
NumberOfficer = Annotated[Actor, Depends(require("number_officer"))]
KINDS = (("individual_number", "個人番号"), ("resident_code", "住民票コード"))
SEARCH = (
    Field("kind", "番号の種類", "radio", options=KINDS),
    Field("number", "番号", "digits", "個人番号は12桁、住民票コードは11桁。検査数字を確かめます。", longest=20),
    Field("removed", "除票も探す", "check", hint="転出、死亡などで消除された人", required=False),
)


@router.get("/search-by-number", summary="Search by number")
def ask(desk: AtDesk, actor: NumberOfficer) -> Response:
    return desk.page("number_search.html", filled=blank(SEARCH))


@router.post("/search-by-number", summary="The resident with this number")
def find(desk: AtDesk, actor: NumberOfficer, form: Form) -> Response:
    """Leads to the resident, or lists the records that bear the number. What was typed is not shown again, right or wrong."""
    filled = read(SEARCH, form)
    if filled.errors:
        return desk.page("number_search.html", status=422, filled=_unsaid(filled))
    v = filled.values
    found, wrong = desk.attempt(
        lambda tx: desk.seen(service.search_by_number(tx, desk.office, v["kind"], v["number"], removed=v["removed"]))
    )
    # whoever is not a clerk too sees no page of the resident, only what was asked for
    rest = "" if "registry_clerk" in actor.roles else "/individual-number"
    if found and len(found) == 1:
        return desk.go(f"/residents/{found[0].id}{rest}")
    shown: dict[str, Any] = {"found": found, "rest": rest, "told": desk.tell(wrong)}
    return desk.page("number_search.html", status=422 if wrong else 200, filled=_unsaid(filled), **shown)


def _unsaid(filled: Filled) -> Filled:
    filled.raw["number"] = []
    return filled


@router.get("/residents/{resident_id}/individual-number", summary="Before an individual number is shown")
def before(desk: AtDesk, actor: NumberOfficer, resident_id: UUID) -> Response:
    return desk.page("number.html", person=desk.person(resident_id), number=None)


@router.post("/residents/{resident_id}/individual-number", summary="The individual number of a resident")
def show(desk: AtDesk, actor: NumberOfficer, resident_id: UUID, form: Form) -> Response:
    """Each look is recorded with the purpose before the number is opened; going back or reloading shows none."""
    person = desk.person(resident_id)
    number, wrong = desk.attempt(lambda tx: individual_numbers.view(tx, desk.office, resident_id))
    return desk.page("number.html", status=wrong.status if wrong else 200, person=person, number=number, told=desk.tell(wrong))
