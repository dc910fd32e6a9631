"""本人通知制度: who registered is told that a representative or a third party was given a certificate; never who it was."""

from datetime import date
from uuid import UUID, uuid4

from kit import journal
from kit.clock import now, today
from kit.db import Tx
from kit.errors import Conflict, NotFound
from systems.resident_registry.model.certificates import KINDS, Certificate, NoticeRegistration, Request
from systems.resident_registry.model.movements import Notice
from systems.resident_registry.model.people import RESIDENT, Office
from systems.resident_registry.rules import certificates as rules
from systems.resident_registry.service import legal
from systems.resident_registry.store import certificates as store
from systems.resident_registry.store import notices, people

KIND = "third_party_issue"


def register(tx: Tx, office: Office, resident_id: UUID, registered_on: date) -> NoticeRegistration:
    """Register the person from that day on, for the municipality's period.

    Raises
    ------
    Conflict
        A registration is in force already.
    """
    person = people.resident(tx, resident_id, today())
    if any(rules.counts_on(each, registered_on) for each in store.registrations(tx, person.id)):
        raise Conflict("この方は既に登録されています。")
    years = legal.value("third_party_notice_years", registered_on, office.parameters)
    made = NoticeRegistration(uuid4(), person.id, registered_on, rules.registration_ends_on(registered_on, years), None)
    store.add_registration(tx, made)
    journal.record_access(tx, RESIDENT, [person.id], {"act": "third_party_notice_registration"})
    return made


def end(tx: Tx, resident_id: UUID) -> NoticeRegistration:
    """End the person's registration today, at the person's wish; `NotFound` when none is in force."""
    for each in store.registrations(tx, resident_id):
        if rules.counts_on(each, today()):
            store.end_registration(tx, each.id, today())
            return NoticeRegistration(each.id, each.resident_id, each.registered_on, each.ends_on, today())
    raise NotFound("there is no registration in force")


def draft(tx: Tx, request: Request, issued: Certificate) -> None:
    """Draft the notice to every registered person whose record the certificate shows; sending it is the office's work."""
    content = rules.notice_content(request, KINDS[request.kind], issued.issued_on)
    if content is None:
        return
    for number in issued.residents:
        if not any(rules.counts_on(each, issued.issued_on) for each in store.registrations(tx, number)):
            continue
        person = people.resident(tx, number, today())
        notices.add(
            tx,
            Notice(
                id=uuid4(),
                kind=KIND,
                movement_id=None,
                resident_id=number,
                authority=None,
                addressee=person.name,
                content=content,
                state="draft",
                drafted_at=now(),
            ),
        )
