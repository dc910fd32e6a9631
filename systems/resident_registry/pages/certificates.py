"""A certificate: asked for, checked against what this requester may have, issued, printed; the day's account."""

from typing import Any
from uuid import UUID

from fastapi import Response

from kit.clock import today
from kit.db import Tx
from kit.forms import Field, Filled, blank, read
from systems.resident_registry.model.certificates import (
    DOCUMENTS,
    KINDS,
    REQUESTERS,
    Certificate,
    Disposed,
    Request,
)
from systems.resident_registry.pages.desk import Anyone, AtDesk, Clerk, Desk, Form, Guide, Supervisor, begin, proceed
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.pages.stops import WORDS
from systems.resident_registry.rules.printing import ITEM_NAMES
from systems.resident_registry.service import certificates as service
from systems.resident_registry.service import measures
from systems.resident_registry.store import people as residents

router = new_router(with_purpose=True)
FORMS = (("individual", "個人票"), ("household", "世帯連記式"))
#: item that may be asked for -> the flag of the request
ITEMS = {
    "head_and_relation": "with_head_and_relation",
    "registered_domicile": "with_registered_domicile",
    "resident_code": "with_resident_code",
    "individual_number": "with_individual_number",
    "before_move_address": "with_before_move_address",
    "foreign": "with_foreign_items",
    "history": "with_history",
}
ITEM_OPTIONS = tuple((name, ITEM_NAMES[name]) for name in ITEMS)  # type: ignore[index]
OMITTED = "請求がなければ記載しません(住民基本台帳法第12条第5項)。"
PHOTO = "顔写真付きは1点、それ以外は2点。代理人は代理権を示す書類も"
PROTECTED = "支援措置があります。交付には、ほかの職員の承認(一時解除)が必要です。"
ASKER = (
    Field("requester", "請求者の区分", "radio", options=tuple(REQUESTERS.items()), section="だれからの請求ですか"),
    Field("name", "請求者の氏名"),
    Field("born_on", "請求者の生年月日", "day", required=False),
    Field("address", "請求者の住所"),
    Field(
        "documents",
        "本人確認書類",
        "many",
        PHOTO,
        options=tuple(DOCUMENTS.items()),
    ),
    Field("ground", "請求の理由", "area", hint="公用、第三者、特定事務受任者のとき", required=False, longest=1000),
    Field("law", "根拠となる法令", hint="公用で番号の記載を求めるとき", required=False),
)
REQUESTER_NUMBER = Field(
    "requester_number", "請求者の宛名番号", "digits", "請求者がこの市町村の住民のとき", required=False, longest=15
)
REASON = Field("reason", "記載を求める理由", "area", "第三者が項目の記載を求めるとき", required=False, longest=1000)
STOPS_READ = Field("suppressions_read", "抑止の文を読み、交付してよいことを確かめた", "check", section="抑止")
COPIES = Field("copies", "通数", "count", longest=2)
SUBJECT = (
    Field("subject_name", "除票に記載されていた人の氏名", section="どの除票ですか"),
    Field("subject_born_on", "その人の生年月日", "day"),
    Field("subject_address", "除票に記載されていた住所"),
    Field("removed_on", "消除された日", "day"),
)
ACCOUNT = (Field("day", "日付", "day"),)


def _questions(*, removed: bool, members: list[tuple[str, str]], stopped: bool) -> tuple[Field, ...]:
    kinds = ("removed_copy",) if removed else ("copy", "items")
    some = Field("members", "記載する世帯員", "many", "世帯連記式で一部の人だけのとき", required=False, options=members)
    return (
        *ASKER,
        REQUESTER_NUMBER,
        Field("kind", "証明書の種類", "radio", options=[(each, KINDS[each]) for each in kinds], section="何を交付しますか"),
        Field("form", "様式", "radio", options=FORMS),
        *([some] if len(members) > 1 else []),
        Field("items", "特に請求された項目", "many", hint=OMITTED, options=ITEM_OPTIONS, required=False),
        REASON,
        COPIES,
        *([STOPS_READ] if stopped else []),
    )


def _guide(desk: Desk, resident_id: UUID) -> Guide:
    person = desk.person(resident_id)
    with desk.transaction() as tx:
        members = [(str(each.id), each.name) for each in desk.members(tx, person)]
        everybody = {resident_id, *(UUID(number) for number, _ in members)}
        stops = measures.suppressions_in_force(tx, everybody, "certificate")
    return Guide(
        title="証明書の交付",
        fields=_questions(removed=person.removed_on is not None, members=members, stopped=bool(stops)),
        verb="交付する",
        work=lambda tx, filled: _issue(desk, tx, resident_id, filled),
        then=lambda done: f"/certificates/{done['serial']}",
        back=f"/residents/{resident_id}",
        person=person,
        note=PROTECTED if person.restricted else "",
        stops=stops,
        words=WORDS,
        rehearsed=not person.restricted,  # an approval is used up by trying
    )


@router.get("/residents/{resident_id}/certificate", summary="Ask for a certificate")
def ask(desk: AtDesk, actor: Clerk, resident_id: UUID) -> Response:
    guide = _guide(desk, resident_id)
    kind = next(each for each in guide.fields if each.name == "kind").options[0][0]
    return begin(desk, guide, copies=1, form="individual", kind=kind)


@router.post("/residents/{resident_id}/certificate", summary="Check and issue a certificate")
def issue(desk: AtDesk, actor: Clerk, resident_id: UUID, form: Form) -> Response:
    return proceed(desk, _guide(desk, resident_id), form)


def _issue(desk: Desk, tx: Tx, resident_id: UUID, filled: Filled) -> dict[str, Any]:
    request = _request(filled.values, requester_id(tx, filled.values))
    issued = service.issue_certificate(tx, desk.office, resident_id, request, **service.officer(desk.actor.roles))
    return {"serial": issued.serial}


def requester_id(tx: Tx, v: dict[str, Any]) -> UUID | None:
    """The requester's own record, by what `REQUESTER_NUMBER` was answered with."""
    return residents.numbered(tx, v["requester_number"]) if v["requester_number"] else None


def _request(v: dict[str, Any], requester: UUID | None = None) -> Request:
    items = v.get("items") or []
    asked: dict[str, Any] = {flag: name in items for name, flag in ITEMS.items()}
    asked |= {name: v[name] for name in ("requester", "name", "born_on", "address", "ground", "law", "copies")}
    asked |= {"documents": tuple(v["documents"]), "reasons": dict.fromkeys(items, v["reason"]) if v.get("reason") else {}}
    asked |= {"kind": v.get("kind", "disposed"), "form": v.get("form", "individual")}
    asked |= {"suppressions_read": v.get("suppressions_read", False)}
    return Request(**asked, requester_id=requester, members=tuple(UUID(each) for each in v.get("members") or ()))


def _disposal(desk: Desk) -> Guide:
    return Guide(
        title="除票の廃棄済証明",
        fields=(*ASKER, *SUBJECT, COPIES),
        verb="交付する",
        work=lambda tx, filled: {"serial": _issue_disposal(desk, tx, filled.values).serial},
        then=lambda done: f"/certificates/{done['serial']}",
        rehearsed=True,
    )


def _issue_disposal(desk: Desk, tx: Tx, v: dict[str, Any]) -> Certificate:
    subject = Disposed(v["subject_name"], v["subject_born_on"], v["subject_address"], v["removed_on"])
    return service.issue_disposal_certificate(tx, desk.office, subject, _request(v))


@router.get("/disposal-certificate", summary="Ask for a certificate of disposal")
def ask_disposal(desk: AtDesk, actor: Clerk) -> Response:
    return begin(desk, _disposal(desk), copies=1)


@router.post("/disposal-certificate", summary="Check and issue a certificate of disposal")
def issue_disposal(desk: AtDesk, actor: Clerk, form: Form) -> Response:
    return proceed(desk, _disposal(desk), form)


@router.get("/certificates", summary="The day's account")
def account(desk: AtDesk, actor: Anyone, day: str = "") -> Response:
    filled = read(ACCOUNT, {"day": [day]}) if day else blank(ACCOUNT, day=today())
    chosen = filled.values.get("day") or today()
    with desk.transaction() as tx:
        lines = service.day_account(tx, chosen)
    shown: dict[str, Any] = {"lines": lines, "chosen": chosen, "kinds": KINDS, "requesters": REQUESTERS}
    return desk.page("certificates.html", status=422 if filled.errors else 200, filled=filled, **shown)


@router.get("/certificates/{serial}", summary="An issued certificate")
def issued(desk: AtDesk, actor: Clerk, serial: str) -> Response:
    with desk.transaction() as tx:
        found = service.issued(tx, serial)
    return desk.page("certificate.html", issued=found, kinds=KINDS, forms=dict(FORMS))


@router.get("/certificates/{serial}/pdf", summary="The certificate as issued, PDF")
def pdf(desk: AtDesk, actor: Clerk, serial: str) -> Response:
    with desk.transaction() as tx:
        return Response(service.certificate_pdf(tx, desk.office, serial), media_type="application/pdf")


@router.get("/certificates/{serial}/mailing", summary="A certificate to be mailed to the person, PDF")
def mailing(desk: AtDesk, actor: Supervisor, serial: str) -> Response:
    with desk.transaction() as tx:
        return Response(service.certificate_pdf(tx, desk.office, serial, mailing=True), media_type="application/pdf")
