"""Protective measures (支援措置)."""

from datetime import date
from uuid import UUID, uuid4

from kit.clock import today
from kit.db import Tx
from systems.resident_registry.service import legal
from systems.resident_registry.store import measures, people


def restrict_disclosure(tx: Tx, number: UUID, *, opponent_name: str, starts_on: date) -> UUID:
    """Protect a resident's address from a named opponent (支援措置) for the parameter's period; id of the measure."""
    protected = people.resident(tx, number, today())
    months = legal.value("restriction_months", starts_on)
    year, month = divmod(starts_on.year * 12 + starts_on.month - 1 + months, 12)
    ends_on = date(year, month + 1, min(starts_on.day, 28) if month == 1 else starts_on.day)
    measure = uuid4()
    measures.add_restriction(tx, measure, protected.id, opponent_name=opponent_name, starts_on=starts_on, ends_on=ends_on)
    return measure
