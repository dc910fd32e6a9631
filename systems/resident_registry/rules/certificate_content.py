"""What a certificate's pages hold, as the template reads it: cells with their labels, nothing that was not decided before.

A cell is `{"label", "value", "span"}`, with `reading` above a name, or with `sealed` instead of a value for an individual
number: what is stored never shows one. Items that are not printed are absent: no label, no blank (住民基本台帳法 art. 12(5)).
Order and words follow the national layout items (住民記録システム標準仕様書 第4章), which no municipality has approved here.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date
from itertools import pairwise
from typing import Any
from uuid import UUID

from kit.civic.dates import wareki
from systems.resident_registry.model.certificates import (
    KINDS,
    Disposed,
    Entry,
    Item,
    Paper,
    Request,
    Version,
)
from systems.resident_registry.model.movements import REASONS
from systems.resident_registry.model.people import Resident
from systems.resident_registry.rules.certificate_cells import SEXES, Cell, birth, cell, foreign_items, other_names
from systems.resident_registry.rules.certificate_cells import day_text as _day

TEMPLATE = "certificate_2"
#: persons on one sheet of the household form (標準仕様書)
PEOPLE_A_SHEET = 4
#: a birth sets no address: the day is struck out
STRUCK = "＊＊＊"
REMOVALS = {"dead": "死亡", "moved_out": "転出"}


def build_content(
    request: Request,
    people: Sequence[Resident],
    items: frozenset[Item],
    paper: Paper,
    *,
    heads: Mapping[UUID, str],
    sealed: Mapping[UUID, str],
    history: Sequence[Entry],
    whole_household: bool,
) -> dict[str, Any]:
    """All that a certificate of residents prints.

    `heads` names the head of each household, `sealed` each resident's individual number under seal, `history` the changes of the
    one person of an individual form.
    """
    household = request.form == "household"
    common = [[cell("住 所", people[0].address)]]
    if household and "head_and_relation" in items:
        common.append([cell("世帯主", heads.get(people[0].household_id, ""))])
    units = [
        {
            "kind": "person",
            "number": str(n) if household else "",
            "rows": _rows(one, items, None if household else heads.get(one.household_id, ""), sealed.get(one.id)),
        }
        for n, one in enumerate(people, 1)
    ]
    if "history" in items and not household:
        units += _history(history)
    return paper_facts(request, paper) | {
        "title": {"removed_copy": "除票", "items": "住民票記載事項証明書"}.get(request.kind, "住民票"),
        "form": _form_name(request, whole_household),
        "attestation": _attestation(request, whole_household),
        "people_a_sheet": PEOPLE_A_SHEET,
        "roomy": not household,
        "common": common,
        "units": units,
    }


def build_disposed(request: Request, subject: Disposed, first: date, disposed_on: date | None, paper: Paper) -> dict[str, Any]:
    """A certificate that a removed record was disposed of when its period had passed, from `first` on (廃棄済証明).

    `disposed_on` is the day of the disposal when it is on record here: name, birth and removal are then those of the record.
    """
    said = "次の者に係る除票は、法令に定める保存期間を経過したため既に廃棄しており、その写しを交付することができません。"
    rows = [
        [cell("氏 名", subject.name, 2), cell("生年月日", wareki(subject.born_on))],
        [cell("住 所", subject.address)],
        [cell("消除年月日", wareki(subject.removed_on)), cell("保存期間の 満了後の日", wareki(first))],
        *([[cell("廃棄年月日", wareki(disposed_on))]] if disposed_on else []),
    ]
    said_by = "住所は" if disposed_on else "氏名・生年月日・住所・消除年月日は"
    note = f"{said_by}請求者の申立てによるもので、廃棄済みのため記録との照合はしていません。"
    units = [
        {"kind": "text", "text": said},
        {"kind": "person", "number": "", "rows": rows},
        {"kind": "note", "text": note},
    ]
    return paper_facts(request, paper) | {
        "title": KINDS["disposed"],
        "form": "",
        "attestation": "上記のとおり相違ないことを証明する。",
        "people_a_sheet": 1,
        "roomy": True,
        "common": [],
        "units": units,
    }


def with_note(content: dict[str, Any], basic_forms: Sequence[str]) -> dict[str, Any]:
    """The content with a note on the page for characters that come out in their basic form."""
    if not basic_forms:
        return content
    text = f"印字に用いる書体にない異体字は基本の字形で印字しています: {'、'.join(basic_forms)}"
    return content | {"units": [*content["units"], {"kind": "note", "text": text}]}


def texts(content: Mapping[str, Any]) -> Iterable[str]:
    """Every text that a page of this content sets in the name fonts."""
    yield from (content["issuer"], content["issuer_name"], content["title"], content["attestation"])
    cells = [each for row in content["common"] for each in row]
    for unit in content["units"]:
        cells += [each for row in unit.get("rows", ()) for each in row]
        yield from (text for text in unit.get("cells", ()) if unit["kind"] == "entry")
        if unit["kind"] == "text":
            yield unit["text"]
    for each in cells:
        yield each["value"]
        yield each.get("reading", "")


def paper_facts(request: Request, paper: Paper) -> dict[str, Any]:
    return {
        "template": TEMPLATE,
        "kind": KINDS[request.kind],
        "serial": paper.serial,
        "code": paper.code,
        "check_url": paper.check_url,
        "day": [paper.issued_on.year, paper.issued_on.month, paper.issued_on.day],
        "issued_on": wareki(paper.issued_on),
        "issuer": paper.issuer,
        "issuer_name": paper.issuer_name,
        "official": request.requester == "public_body",
    }


def _form_name(request: Request, whole_household: bool) -> str:
    if request.form == "household":
        return f"世帯連記式(世帯{'全員' if whole_household else '一部'})"
    return "個人票(履歴あり)" if request.with_history else "個人票"


def _attestation(request: Request, whole_household: bool) -> str:
    if request.kind == "items":
        return "住民票に上記の事項が記載されていることを証明する。"
    if request.kind == "removed_copy":
        return "この写しは、除票の原本と相違ないことを証明する。"
    if request.form == "household":
        return f"この写しは、世帯{'全員' if whole_household else 'の一部'}の住民票の原本と相違ないことを証明する。"
    return "この写しは、住民票の原本と相違ないことを証明する。"


def _rows(one: Resident, items: frozenset[Item], head: str | None, sealed: str | None) -> list[list[Cell]]:
    foreign = one.kind == "foreign"
    rows = [
        [
            cell("氏 名", one.name, 3, reading=one.kana),
            cell("生年月日", birth(one), 1.35),
            cell("性 別", one.sex_text or SEXES[one.sex], 0.5),
        ]
    ]
    rows.append(other_names(one) if "other_names" in items else [])
    if "head_and_relation" in items:
        rows.append([cell("続 柄", one.relation), *([cell("世帯主", head, 2)] if head is not None else [])])
    rows.append(_days(one))
    if "previous_address" not in one.restricted_items:
        rows.append([cell("転入前住所", "　".join(filter(None, (one.previous_country, one.previous_address))) or STRUCK)])
    if "before_move_address" in items and one.before_move_address and "before_move_address" not in one.restricted_items:
        rows.append([cell("異動前住所", one.before_move_address)])
    if "registered_domicile" in items and not foreign:
        rows.append([cell("本 籍", one.registered_domicile or "", 2), cell("筆頭者", one.family_register_head or "")])
    if foreign:
        rows += _foreign(one, "foreign" in items)
    numbers = []
    if "individual_number" in items:
        numbers.append(cell("個人番号", "") | ({"sealed": sealed} if sealed else {}))
    if "resident_code" in items:
        numbers.append(cell("住民票コード", one.resident_code))
    rows.append(numbers)
    if one.removed_on is not None:
        rows += _removal(one)
    return [row for row in rows if row]


def _days(one: Resident) -> list[Cell]:
    """住所を定めた年月日 is blank for who never moved inside the municipality, struck out for who was born here."""
    since = _day(one.address_since) or (STRUCK if one.became_resident_reason == "birth" else "")
    return [
        cell("住民となった 年月日", _day(one.became_resident_on, one.became_resident_unknown)),
        cell("住所を定めた 年月日", since),
        cell("届出年月日", _day(one.filed_on)),
    ]


def _foreign(one: Resident, asked: bool) -> list[list[Cell]]:
    rows = [[cell("外国人住民となった年月日", _day(one.foreign_since))]] if one.foreign_since else []
    return rows + (foreign_items(one) if asked else [])


def _removal(one: Resident) -> list[list[Cell]]:
    """Why and when the record was removed; where to, unless a measure protects the resident.

    Nobody reads a protected resident's new address off the town that was left, whoever asks and whatever was approved: the
    town they live in now certifies it (住民基本台帳事務処理要領 第6-10; that the person does not see it either: to be verified).
    """
    why = REMOVALS.get(one.state) or REASONS.get(one.removed_reason or "", one.removed_reason or "")
    rows = [
        [
            cell("消除の事由", why),
            cell("消除異動 年月日", _day(one.removed_on, one.removed_unknown)),
            cell("消除届出 年月日", _day(one.removed_filed_on)),
        ]
    ]
    if one.restricted:
        return rows
    if one.out_fixed_to:
        rows.append([cell("転出先住所 (確定)", one.out_fixed_to, 2.4), cell("転出確定 年月日", _day(one.out_fixed_on))])
    elif one.out_planned_to:
        rows.append([cell("転出先住所 (予定)", one.out_planned_to)])
    return rows


#: fact -> words before what it was, and the item it belongs to
PAST = {
    "name": ("変更前の氏名", "basic"),
    "former_surname": ("変更前の旧氏", "other_names"),
    "alias": ("変更前の通称", "other_names"),
    "before_move_address": ("異動前の住所", "basic"),
    "relation": ("変更前の続柄", "head_and_relation"),
    "registered_domicile": ("変更前の本籍", "registered_domicile"),
    "family_register_head": ("変更前の筆頭者", "registered_domicile"),
}


def entries(versions: Sequence[Version], items: frozenset[Item], hidden: Set[str]) -> list[Entry]:
    """What changed from each version to the next, of the items that are printed, oldest first; the first is how it began.

    A change inside is told by what stood there before. Numbers are not among it, nor addresses that are `hidden`: those of
    somebody protected with whom they once lived.
    """
    if not versions:
        return []
    first = versions[0].facts
    began = REASONS.get(first.get("became_resident_reason") or "", "住民となった日")
    came = f"転入前住所: {first['previous_address']}" if first.get("previous_address") not in (None, "", *hidden) else ""
    found = [Entry(began, date.fromisoformat(first["became_resident_on"]), date.fromisoformat(first["filed_on"]), came)]
    for before, after in pairwise(versions):
        told = []
        for fact, (words, item) in PAST.items():
            old, new = before.facts.get(fact), after.facts.get(fact)
            was = new if fact == "before_move_address" else old
            if item in items and old != new and was not in hidden:
                told.append(f"{words}: {was or 'なし'}")
        if told:
            found.append(Entry(REASONS.get(after.reason or "", "記載の変更"), after.valid_from, after.filed_on, "　".join(told)))
    return found


def _history(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    head = ["異動事由", "異動年月日", "届出年月日", "記載内容"]
    if not entries:
        return [{"kind": "note", "text": "異動の履歴はありません。"}]
    shown = [{"kind": "entry", "cells": [each.reason, wareki(each.event_on), _day(each.filed_on), each.text]} for each in entries]
    return [{"kind": "heading", "text": "異動の履歴", "cells": head}, *shown]
