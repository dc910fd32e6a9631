"""Letters the office mails itself: which wait, their page, and that they left."""

from uuid import UUID

from kit import journal
from kit.civic.places import PREFECTURE
from kit.clock import JAPAN, now, today
from kit.db import Tx
from kit.documents import check_printable, render
from systems.resident_registry.model.movements import Notice
from systems.resident_registry.model.people import RESIDENT, Office, Resident
from systems.resident_registry.rules import letters as rules
from systems.resident_registry.rules.measures import masked
from systems.resident_registry.service import legal, measures
from systems.resident_registry.store import movements, people
from systems.resident_registry.store import notices as store

LIMIT = 200


def waiting(tx: Tx, roles: frozenset[str]) -> list[tuple[Notice, Resident | None]]:
    """The oldest letters that have not left, with whom each is about; recorded as looks at them."""
    measures.hold(tx)
    drafts = store.drafts(tx, rules.LETTERS, LIMIT)
    known = people.residents(tx, {each.resident_id for each in drafts if each.resident_id}, today())
    found = [(each, masked(known[each.resident_id], roles) if each.resident_id else None) for each in drafts]
    journal.record_access(tx, RESIDENT, [person.id for _, person in found if person], {"act": "letters"})
    return found


def letter_pdf(tx: Tx, office: Office, number: UUID, roles: frozenset[str]) -> bytes:
    """The letter, PDF/A. It bears the day it left, or today's while it has not.

    Raises
    ------
    NotFound
        There is no such letter.
    """
    measures.hold(tx)
    one = store.notice(tx, number, rules.LETTERS)
    person = _about(tx, one, roles)
    journal.record_access(tx, RESIDENT, [person.id] if person else [], {"act": "letter", "notice": str(number)})
    day = one.sent_at.astimezone(JAPAN).date() if one.sent_at else today()
    movement = movements.movement(tx, one.movement_id) if one.movement_id else None
    if movement and movement.cancels:  # the letter withdraws what was told of the movement that is undone
        movement = movements.movement(tx, movement.cancels)
    mayor = legal.value("certificate_issuer_name", day, office.parameters)
    content = rules.letter(one, person, movement, office=f"{PREFECTURE}{office.tenant_name}長", issuer=mayor, on=day)
    check_printable([*content["to"], *(each["value"] for each in content["lines"])])
    return render(legal.HERE / "templates" / "letter_1.typ", content, standard="a-2a", canary=str(number))


def mark_sent(tx: Tx, numbers: list[UUID]) -> None:
    """These letters have left; safe to repeat. `NotFound` when one of them is no letter.

    A movement whose last notice they were is notified, or completed when nobody is to acknowledge anything.
    """
    known = [store.notice(tx, each, rules.LETTERS).movement_id for each in numbers]
    about = sorted({each for each in known if each})
    for movement in about:
        movements.movement(tx, movement, lock=True)  # two clerks with two letters of one movement: the second sees the first
    for each in numbers:
        store.mark_sent(tx, each, now())
    for movement in about:
        movements.note_told(tx, movement, rules.LETTERS)


def _about(tx: Tx, one: Notice, roles: frozenset[str]) -> Resident | None:
    return masked(people.resident(tx, one.resident_id, today()), roles) if one.resident_id else None
