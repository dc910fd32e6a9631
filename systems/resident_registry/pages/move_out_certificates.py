"""The 転出証明書 of a departure: asked for on the movement's page, checked, issued, printed as other certificates are."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from fastapi import Response

from kit.db import Tx
from kit.forms import Filled
from systems.resident_registry.model.certificates import KINDS, REQUESTERS, Request
from systems.resident_registry.pages.certificates import ASKER, PROTECTED, REQUESTER_NUMBER, STOPS_READ, requester_id
from systems.resident_registry.pages.desk import AtDesk, Clerk, Desk, Form, Guide, begin, proceed
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.pages.stops import WORDS
from systems.resident_registry.rules.move_out_certificate import FILERS
from systems.resident_registry.service import certificates as service
from systems.resident_registry.service import measures, movements, viewing

router = new_router(with_purpose=True)
NUMBERS = "個人番号を記載するため、番号の担当者が交付します。代理人の請求では、代理人に渡さず本人へ郵送します。"
WHO = tuple((name, REQUESTERS[name]) for name in FILERS)
#: of the questions about who asks, those that a person who leaves, the household or their representative answers
QUESTIONS = (
    *(replace(each, options=WHO) if each.name == "requester" else each for each in ASKER if each.name not in ("ground", "law")),
    REQUESTER_NUMBER,
)


def _guide(desk: Desk, movement_id: UUID) -> Guide:
    with desk.transaction() as tx:
        one, _ = movements.find(tx, movement_id, desk.actor.roles)
        viewing.names(tx, one.residents)
        stops = measures.suppressions_in_force(tx, one.residents, "certificate")
    return Guide(
        title=KINDS["move_out"],
        fields=(*QUESTIONS, *([STOPS_READ] if stops else [])),
        verb="交付する",
        work=lambda tx, filled: _issue(desk, tx, movement_id, filled),
        then=lambda done: f"/certificates/{done['serial']}",
        back=f"/movements/{movement_id}",
        about=one.number,
        stops=stops,
        words=WORDS,
        note=PROTECTED if one.reason == "move_out" and not one.details else NUMBERS,
    )


@router.get("/movements/{movement_id}/move-out-certificate", summary="Ask for the certificate of a departure")
def ask(desk: AtDesk, actor: Clerk, movement_id: UUID) -> Response:
    return begin(desk, _guide(desk, movement_id))


@router.post("/movements/{movement_id}/move-out-certificate", summary="Check and issue the certificate of a departure")
def issue(desk: AtDesk, actor: Clerk, movement_id: UUID, form: Form) -> Response:
    return proceed(desk, _guide(desk, movement_id), form)


def _issue(desk: Desk, tx: Tx, movement_id: UUID, filled: Filled) -> dict[str, Any]:
    v = filled.values
    asked = {name: v[name] for name in ("requester", "name", "born_on", "address")}
    read = v.get("suppressions_read", False)
    request = Request(**asked, documents=tuple(v["documents"]), requester_id=requester_id(tx, v), suppressions_read=read)
    issued = service.issue_move_out_certificate(tx, desk.office, movement_id, request, **service.officer(desk.actor.roles))
    return {"serial": issued.serial}
