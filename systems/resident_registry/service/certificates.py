"""Issuing certificates and making them again."""

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from kit import journal
from kit.clock import today
from kit.db import Tx
from kit.documents import render
from kit.errors import Conflict
from systems.resident_registry.model.certificates import Certificate, Request
from systems.resident_registry.model.measures import Asker
from systems.resident_registry.model.people import RESIDENT, Office
from systems.resident_registry.rules import certificates as rules
from systems.resident_registry.service import legal, measures
from systems.resident_registry.store import certificates as store
from systems.resident_registry.store import people as persons


def issue_certificate(tx: Tx, office: Office, number: UUID, request: Request, *, is_supervisor: bool) -> Certificate:
    """Issue a 住民票の写し: decision, serial, fee and record in one transaction (住民基本台帳法 art. 12)."""
    person = persons.resident(tx, number, today())
    people = persons.members(tx, person.household_id, today()) if request.form == "household" else [person]
    asker = Asker(request.requester, name=request.name, ground=request.ground)
    measures.check_disclosure(tx, [each.id for each in people], asker, is_supervisor=is_supervisor)
    rules.check_may_issue(request, people)
    serial = store.next_serial(tx, f"{office.tenant}-{today().year}-")
    content = rules.build_content(
        request, people, tenant=office.tenant, tenant_name=office.tenant_name, serial=serial, issued_on=today()
    )
    issued = Certificate(
        serial=serial,
        form=request.form,
        requester=request.requester,
        residents=[each.id for each in people],
        content=content,
        copies=request.copies,
        fee_yen=rules.fee_yen(request, legal.value("certificate_fee_yen", today())),
        issued_on=today(),
        pdf_sha256=hashlib.sha256(render_certificate(content)).hexdigest(),
    )
    store.add_certificate(tx, issued)
    journal.record_access(tx, RESIDENT, issued.residents, {"act": "certificate", "serial": serial})
    return issued


def certificate_pdf(tx: Tx, serial: str) -> bytes:
    """The PDF of an issued certificate, made again from its content.

    Raises
    ------
    Conflict
        The bytes are not those that were issued.
    """
    issued = store.certificate(tx, serial)
    measures.check_reprint(tx, issued.residents)
    pdf = render_certificate(issued.content)
    if hashlib.sha256(pdf).hexdigest() != issued.pdf_sha256:
        raise Conflict("the certificate does not come out as it was issued")
    journal.record_access(tx, RESIDENT, issued.residents, {"act": "certificate_pdf", "serial": serial})
    return pdf


def render_certificate(content: Mapping[str, Any]) -> bytes:
    """PDF of a certificate's content; the template it was issued with is named in it."""
    return render(legal.HERE / "templates" / f"{content['template']}.typ", content)
