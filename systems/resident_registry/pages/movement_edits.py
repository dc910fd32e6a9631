"""A movement that nobody has decided: its form again with what was entered, handed in anew; or withdrawn.

Individual numbers are not shown again. The form asks whether the one that was entered stays, and the service puts it back.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from fastapi import Response

from kit.civic.places import addresses
from kit.db import Tx
from kit.errors import Conflict, Forbidden, NotFound
from kit.forms import Field, Filled, read
from systems.resident_registry.model.movements import REASONS, Movement
from systems.resident_registry.model.people import Resident
from systems.resident_registry.pages import movement_forms as forms
from systems.resident_registry.pages.desk import CONFIRMED, AtDesk, Clerk, Desk, Form, Guide, number, proceed, reopen
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.pages.movement_effects import changes
from systems.resident_registry.pages.movement_parts import V, authority_of, key
from systems.resident_registry.pages.movements import COUNT, MORE_OR_FEWER, SECOND_OFFICER, VERSION, about_of, counted, filing_of
from systems.resident_registry.service import movements as service
from systems.resident_registry.service import sealing, viewing
from systems.resident_registry.store import people as persons

router = new_router(with_purpose=True)
NUMBER, KEPT = "individual_number", "number_kept"
KEEP = "入力済みの個人番号をそのまま使う"
KEEP_HINT = "番号は表示しません。新しい番号を入力したときは、新しい番号を使います。"
FOR_DV_OFFICER = "支援措置のある人が関わる異動です。支援措置の担当者が修正してください。"
NOT_ON_THIS_FORM = "この画面にない項目が入力されています。取り下げて、届出を入力し直してください。"


@router.get("/movements/{movement_id}/edit", summary="The form of a draft or returned movement, as entered")
def ask(desk: AtDesk, actor: Clerk, movement_id: UUID) -> Response:
    one = _editable(desk, movement_id)
    about, person = _about(desk, one)
    guide = _guide(desk, one, about, person)
    with desk.transaction() as tx:
        raw = answers(tx, one, about)
    check_nothing_is_lost(one, about, read(guide.fields, raw))
    return reopen(desk, guide, raw)


@router.post("/movements/{movement_id}/edit", summary="Check and hand in again")
def enter(desk: AtDesk, actor: Clerk, movement_id: UUID, form: Form) -> Response:
    one = _editable(desk, movement_id)
    form, count = counted(form)
    about, person = _about(desk, one, count)
    return proceed(desk, _guide(desk, one, about, person), form)


def _editable(desk: Desk, movement_id: UUID) -> Movement:
    with desk.transaction() as tx:
        one, _ = service.find(tx, movement_id, desk.actor.roles)
    if one.reason not in forms.SHEETS:
        raise NotFound("there is no such form")
    if not one.details:
        raise Forbidden(FOR_DV_OFFICER)
    return one


def _about(desk: Desk, one: Movement, count: int | None = None) -> tuple[forms.About, Resident | None]:
    """What the form was filled in about, as it is now."""
    someone = one.residents[0] if one.residents else None
    if someone is None and one.household_id:
        with desk.transaction() as tx:
            someone = viewing.present(tx, one.household_id)[0].id
    person = desk.person(someone) if someone else None
    return about_of(desk, person, count or len(one.details.get("people", "1"))), person


def _guide(desk: Desk, one: Movement, about: forms.About, person: Resident | None) -> Guide:
    return Guide(
        title="異動の修正",
        fields=(*questions(one, about), COUNT, VERSION),
        verb="修正して審査に出す",
        work=lambda tx, filled: _file(desk, tx, one, about, filled),
        then=lambda done: f"/movements/{done['id']}",
        back=f"/movements/{one.id}",
        person=person,
        note=SECOND_OFFICER if person and person.restricted else "",
        about=f"{one.number} {REASONS[one.reason]}",
        rehearsed=True,
        preview=lambda tx, filled: changes(desk, tx, lambda: _edited(desk, tx, one, about, filled)),
        steps=MORE_OR_FEWER if forms.SHEETS[one.reason].joins else (),
    )


def questions(one: Movement, about: forms.About) -> Iterator[Field]:
    """The form's own questions; beside a number that was entered, whether it stays."""
    for each in forms.questions(one.reason, about):
        if each.name.endswith(NUMBER) and each.name in dict(_numbers(one)):
            yield replace(each, required=False)
            yield Field(each.name.replace(NUMBER, KEPT), KEEP, "check", hint=KEEP_HINT, required=False)
        else:
            yield each


def _numbers(one: Movement) -> Iterator[tuple[str, str]]:
    """Question and mask of every individual number that was entered."""
    people = one.details.get("people") or ([one.details["child"]] if "child" in one.details else [])
    found = {f"p{n}-{NUMBER}": each.get(NUMBER) for n, each in enumerate(people)} | {NUMBER: one.details.get(NUMBER)}
    return ((name, mask) for name, mask in found.items() if mask)


def _edited(desk: Desk, tx: Tx, one: Movement, about: forms.About, filled: Filled) -> Movement:
    filing = filing_of(tx, one.reason, _kept(one, filled.values), about)
    return service.edit(tx, desk.office, one.id, number(filled.values["version"]), filing)


def _file(desk: Desk, tx: Tx, one: Movement, about: forms.About, filled: Filled) -> dict[str, Any]:
    """Put the form in place of the one before and hand it in; both or neither."""
    edited = _edited(desk, tx, one, about, filled)
    done = service.submit(tx, desk.office, one.id, edited.version, filled.raw[CONFIRMED])
    return {"id": str(done.id)}


def _kept(one: Movement, v: V) -> V:
    """The answers, with the mask where the number that was entered stays."""
    stays = {name for name, _ in _numbers(one) if v.get(name.replace(NUMBER, KEPT)) and not v.get(name)}
    return v | dict.fromkeys(stays, sealing.MASK)


def check_nothing_is_lost(one: Movement, about: forms.About, filled: Filled) -> None:
    """What was entered through another door may hold items this form does not ask for: they would be dropped unseen."""
    if filled.errors:
        return  # what does not fit into the form is asked for again
    again = forms.filing(one.reason, _with_target(one, _kept(one, filled.values)), about)["details"]
    if set(_paths(one.details)) - set(_paths(again)):
        raise Conflict(NOT_ON_THIS_FORM)


def _with_target(one: Movement, v: V) -> V:
    return v | {"target_id": one.details.get("household_id")} if v.get("target_no") else v


def _paths(value: Any, here: str = "") -> Iterator[str]:
    """Places of a form that hold something; what the form works out of an address by itself is left out."""
    parts = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else None
    if parts is None:
        if value not in (None, "", False) and not here.endswith((".authority_code", ".town_code")):
            yield here
        return
    for name, inner in parts:
        yield from _paths(inner, f"{here}.{name}")


def answers(tx: Tx, one: Movement, about: forms.About) -> dict[str, list[str]]:
    """What was entered, as the form has it; residents at the version they are at now."""
    found: V = {name: getattr(one, name) for name in ("event_on", "filed_on", "filer", "filer_name", "documents", "version")}
    found |= {"count": about.count} | {f"ground_{name}": value for name, value in (one.ground or {}).items()}
    d = one.details
    found |= {name: value for name, value in d.items() if isinstance(value, str | bool | int)}
    for part in ("previous", "destination"):
        given = d.get(part) or {}
        if given.get("authority_code") == authority_of(given.get("address", ""), one.event_on):
            given = {**given, "authority_code": None}  # read from the address, which may be corrected
        found |= {f"{part}_{name}": each for name, each in given.items()}
    people = d.get("people") or ([d["child"]] if "child" in d else [])
    found |= {f"p{n}-{name}": value for n, each in enumerate(people) for name, value in each.items()}
    found |= {f"{field}-{each}": value for field, part in (("relation", "relations"), ("left", "relations_left"))
              for each, value in d.get(part, {}).items()}  # fmt: skip
    found |= {"adopted_by": d.get("adopted_by", [])}
    found |= _items(d.get("items", {})) | _placed(d, about.tenant) | _whom(one, about.members) | {"parents": d.get("parents", [])}
    if one.reason in ("move_within", "office_restoration", "household_merge", "household_change") and d.get("household_id"):
        found |= {"target_no": persons.household(tx, UUID(d["household_id"])).household_no, "target_id": d["household_id"]}
    for name, _ in _numbers(one):
        found |= {name: None, name.replace(NUMBER, KEPT): True}
    return {name: _texts(value) for name, value in found.items() if value not in (None, "", False)}


def _items(items: Mapping[str, Any]) -> V:
    """Items of a correction as its form has them: those that become empty are ticked, lists stand line by line."""
    found: V = {{"filed_on": "filed_since"}.get(name, name): value for name, value in items.items()}
    found["emptied"] = [name for name, value in found.items() if value is None]
    lines = {name: "\n".join(f"{key}: {each}" for key, each in v.items()) for name, v in found.items() if isinstance(v, dict)}
    return found | lines


def _texts(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else ["1" if value is True else str(value)]


def _placed(d: V, tenant: str) -> V:
    place = d.get("place")
    if not place:
        return {}
    towns = [each for each in addresses(tenant) if (each.postal_code, each.town) == (place["postal_code"], place.get("town"))]
    town = f"{towns[0].postal_code}/{towns[0].address}" if towns else ""
    return {"town": town, "lot": place.get("lot"), "building": place.get("building")}


def _whom(one: Movement, members: Sequence[Resident]) -> V:
    """The residents who were named, under the names that the form gives them now."""
    d, now = one.details, {str(each.id): key(each) for each in members}
    several = d.get("residents", [])
    single = d.get("resident") or d.get("new_head") or (several[0] if one.reason == "name_change" else None)
    found: V = {"who": [now[each["id"]] for each in several if each["id"] in now]}
    if single:
        found |= {name: value for name, value in single.items() if name not in ("id", "version")}
        found["resident"] = now.get(single["id"])
    return found
