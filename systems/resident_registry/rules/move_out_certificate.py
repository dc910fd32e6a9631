"""転出証明書: who gets one for which departure, and what stands on it.

References
----------
住民基本台帳法 arts. 22(2) (a move-in brings it along), 24, 24-2 (with a card the data go instead, and no paper is given);
住民基本台帳法施行令 arts. 23, 24 (its items, and that it is given on a 転出届). The items are those of the specification; numbers
of articles and paragraphs, and what is printed of insurances, are to be verified by the adopting body.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from kit.civic.dates import wareki
from systems.resident_registry.model.certificates import KINDS, Paper, Request
from systems.resident_registry.model.errors import NoPaperForDeparture, NotLeaving
from systems.resident_registry.model.filings import MoveOut
from systems.resident_registry.model.movements import IN_FORCE, Movement
from systems.resident_registry.model.people import HEAD, Resident
from systems.resident_registry.rules.certificate_cells import SEXES, Cell, birth, cell, foreign_items, other_names
from systems.resident_registry.rules.certificate_content import paper_facts
from systems.resident_registry.rules.people import qualification

TEMPLATE = "move_out_certificate_1"
#: who files a departure, and so is given its paper (arts. 24, 26, 27)
FILERS = ("self", "household_member", "representative")
#: 個別事項 that the new municipality has to know (art. 23), as the record names them -> on paper
QUALIFICATIONS = {
    "国保": "国民健康 保険",
    "後期": "後期高齢者 医療",
    "介護": "介護保険",
    "年金": "国民年金",
    "児童手当": "児童手当",
}
ATTESTATION = "上記の者は、当市区町村から転出する者であることを証明する。"
ADVICE = (
    "新しい住所に住み始めた日から14日以内に、この証明書を添えて、新住所地の市区町村長に転入の届出をしてください。",
    "転出を取りやめたとき、又は転出先が変わったときは、この証明書を添えて当市区町村に申し出てください。",
)


def check_departure(movement: Movement, details: Any) -> MoveOut:
    """The form of a decided departure to a municipality, for which a paper is given.

    Raises
    ------
    NotLeaving
        The movement is no decided 転出, or its form is no longer kept.
    NoPaperForDeparture
        Its data go to the new municipality instead (特例転出, art. 24-2), or they leave the country.
    """
    if movement.reason == "move_out_abroad":
        raise NoPaperForDeparture("who leaves the country is given no 転出証明書")
    if movement.state not in IN_FORCE or not isinstance(details, MoveOut):
        raise NotLeaving("a 転出証明書 is given for a decided departure (転出)")
    if details.certificate == "data":
        raise NoPaperForDeparture("filed with the card (特例転出): the data go to the new municipality, no paper is given")
    return details


def check_leaving(people: Sequence[Resident], movement: Movement, destination: str) -> None:
    """Whether all of them still leave by this departure, before or after its planned day.

    Raises
    ------
    NotLeaving
        The departure was cancelled or another one took its place.
    NoPaperForDeparture
        The new municipality has entered them: the paper has served.
    """
    if not people or any(each.state not in ("leaving", "moved_out") for each in people):
        raise NotLeaving("this departure no longer holds")
    if any((each.out_planned_on, each.out_planned_to) != (movement.event_on, destination) for each in people):
        raise NotLeaving("another departure took the place of this one")
    if any(each.in_notice_on is not None for each in people):
        raise NoPaperForDeparture("the new municipality has entered them: the paper has served")


def check_filer(request: Request) -> None:
    """The paper is for those who file the departure: nobody else, whatever the reason; raises `NoPaperForDeparture`."""
    if request.requester not in FILERS:
        raise NoPaperForDeparture("a 転出証明書 is given to the person, the household or their representative")


def build_content(
    request: Request,
    people: Sequence[Resident],
    filed: Movement,
    form: MoveOut,
    paper: Paper,
    *,
    heads: Mapping[UUID, str],
    sealed: Mapping[UUID, str],
    again: bool,
) -> dict[str, Any]:
    """All that a 転出証明書 prints; `sealed` is each resident's individual number under seal, `again` whether it is a 再交付."""
    first = people[0]
    common = [
        [cell("転出先", form.destination.address, 2.6), cell("転出先 世帯主", form.destination.head or "", 1)],
        [cell("転出予定 年月日", wareki(filed.event_on)), cell("届出年月日", wareki(filed.filed_on))],
        [cell("住 所", first.address, 2.6), cell("世帯主", heads.get(first.household_id, ""), 1)],
    ]
    units = [
        {"kind": "person", "number": str(n), "rows": _rows(one, sealed.get(one.id))}
        for n, one in enumerate(sorted(people, key=lambda one: (one.relation != HEAD, one.position)), 1)
    ]
    return paper_facts(request, paper) | {
        "template": TEMPLATE,
        "title": KINDS["move_out"],
        "form": "再交付" if again else "",
        "attestation": ATTESTATION,
        "people_a_sheet": 5,
        "roomy": False,
        "common": common,
        "units": units,
        "advice": list(ADVICE),
    }


#: items of the record that the 転出証明書情報 tells the new municipality; the individual number is added when it is sent (R10)
TOLD = (
    "name", "kana", "former_surname", "former_surname_kana", "alias", "alias_kana", "born_on", "born_unknown", "sex", "relation",
    "registered_domicile", "family_register_head", "resident_code", "address", "qualifications", "nationality",
    "residence_status", "residence_period", "residence_until", "residence_card_no", "foreign_class",
)  # fmt: skip


def items(one: Resident) -> dict[str, Any]:
    """The items of the 転出証明書情報 of one resident, without those that the record does not have."""
    found = {name: getattr(one, name) for name in TOLD}
    return {name: str(value) if isinstance(value, date) else value for name, value in found.items() if value}


def _rows(one: Resident, sealed: str | None) -> list[list[Cell]]:
    rows = [
        [
            cell("氏 名", one.name, 3, reading=one.kana),
            cell("生年月日", birth(one), 1.35),
            cell("性 別", one.sex_text or SEXES[one.sex], 0.5),
        ],
        other_names(one),
    ]
    rows.append([cell("続 柄", one.relation), cell("住民票コード", one.resident_code), _number(sealed)])
    if one.kind == "foreign":
        rows += foreign_items(one)
    else:
        rows.append([cell("本 籍", one.registered_domicile or "", 2), cell("筆頭者", one.family_register_head or "")])
    rows.append([cell(label, qualification(one.qualifications.get(name))) for name, label in QUALIFICATIONS.items()])
    return [row for row in rows if row]


def _number(sealed: str | None) -> Cell:
    return cell("個人番号", "") | ({"sealed": sealed} if sealed else {})
