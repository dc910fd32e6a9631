"""A certificate: asked for, checked, issued, printed."""

from typing import Any
from uuid import UUID

from fastapi import Response

from kit.db import Tx
from kit.forms import Field, Filled
from systems.resident_registry.model.certificates import Request
from systems.resident_registry.pages.desk import AtDesk, Clerk, Desk, Form, Guide, begin, proceed
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.service import certificates as service

router = new_router(with_purpose=True)
REQUESTERS = (
    ("self", "本人"),
    ("household_member", "同一世帯の人"),
    ("representative", "代理人"),
    ("public_body", "国・地方公共団体の機関(公用)"),
    ("third_party", "第三者"),
)
ITEMS = (
    ("head_and_relation", "世帯主の氏名と続柄"),
    ("registered_domicile", "本籍と筆頭者"),
    ("resident_code", "住民票コード"),
)
FORMS = (("individual", "個人票"), ("household", "世帯連記式"))
OMITTED = "請求がなければ記載しません(住民基本台帳法第12条第5項)。"
PROTECTED = "支援措置があります。交付には、ほかの職員の承認(一時解除)が必要です。"
REQUEST = (
    Field("requester", "請求者の区分", "radio", options=REQUESTERS, section="だれからの請求ですか"),
    Field("name", "請求者の氏名", hint="本人以外は必ず入力します。", required=False),
    Field("ground", "請求の理由", "area", hint="第三者と、支援措置のある住民の写しには必要です。", required=False, longest=1000),
    Field("form", "様式", "radio", options=FORMS, section="何を交付しますか"),
    Field("items", "特に請求された項目", "many", hint=OMITTED, options=ITEMS, required=False),
    Field("copies", "通数", "count", longest=2),
)


def _guide(desk: Desk, resident_id: UUID) -> Guide:
    person = desk.person(resident_id)
    return Guide(
        title="証明書の交付",
        fields=REQUEST,
        verb="交付する",
        work=lambda tx, filled: _issue(desk, tx, resident_id, filled),
        then=lambda done: f"/certificates/{done['serial']}",
        back=f"/residents/{resident_id}",
        person=person,
        note=PROTECTED if person.restricted else "",
    )


@router.get("/residents/{resident_id}/certificate", summary="Ask for a certificate")
def ask(desk: AtDesk, actor: Clerk, resident_id: UUID) -> Response:
    return begin(desk, _guide(desk, resident_id), copies=1, form="individual")


@router.post("/residents/{resident_id}/certificate", summary="Check and issue a certificate")
def issue(desk: AtDesk, actor: Clerk, resident_id: UUID, form: Form) -> Response:
    return proceed(desk, _guide(desk, resident_id), form)


def _issue(desk: Desk, tx: Tx, resident_id: UUID, filled: Filled) -> dict[str, Any]:
    is_supervisor = "registry_supervisor" in desk.actor.roles
    issued = service.issue_certificate(tx, desk.office, resident_id, _request(filled), is_supervisor=is_supervisor)
    return {"serial": issued.serial}


def _request(filled: Filled) -> Request:
    items: dict[str, Any] = {f"with_{name}": name in filled.values["items"] for name, _ in ITEMS}
    return Request(**items | {name: filled.values[name] for name in ("requester", "name", "ground", "form", "copies")})


@router.get("/certificates/{serial}", summary="An issued certificate")
def issued(desk: AtDesk, actor: Clerk, serial: str) -> Response:
    with desk.transaction() as tx:
        return desk.page("certificate.html", issued=service.issued(tx, serial))


@router.get("/certificates/{serial}/pdf", summary="The certificate as issued, PDF")
def pdf(desk: AtDesk, actor: Clerk, serial: str) -> Response:
    with desk.transaction() as tx:
        return Response(service.certificate_pdf(tx, serial), media_type="application/pdf")
