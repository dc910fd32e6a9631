"""Protective measures: who may have what, what is shown to whom, and the states of a case.

References
----------
住民基本台帳事務処理要領 第6-10 (DV等支援措置): opponents are refused, everybody else is examined strictly; one year, extension
accepted from one month before the end. 住民基本台帳法 arts. 11, 11-2, 12, 12-3, 20. What protects beyond the text (a measure that
expired goes on protecting until it is ended on purpose; a whole household's address is protected) is office practice.
"""

from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from kit.civic.names import fold
from kit.errors import Conflict, Forbidden, Invalid
from systems.resident_registry.model.measures import (
    Act,
    Asker,
    CaseState,
    Document,
    Lift,
    Opponent,
    Protection,
    SupportCase,
    Suppression,
)
from systems.resident_registry.model.people import Resident

#: told for every refusal, measure or not, so that the answer does not reveal why
NEUTRAL = "この請求には応じられません。"
#: the longest that a lift lasts
LIFT = timedelta(minutes=15)
#: how long after the approval a paper for the envelope to the person is printed: it leaves by the next post
MAILING = timedelta(days=7)
#: sees a protected address
DV_OFFICER = "dv_officer"
#: sees that there is a measure; other offices of the town must know it before they write to somebody
TOLD = frozenset({"registry_clerk", "registry_supervisor", DV_OFFICER, "other_office"})
Decision = Literal["free", "approved", "refused"]

_NEXT: dict[tuple[CaseState, str], CaseState] = {
    ("applied", "confirm"): "confirmed",
    ("applied", "reject"): "rejected",
    ("confirmed", "decide"): "active",
    ("confirmed", "reject"): "rejected",
    ("active", "extend"): "extended",
    ("extended", "extend"): "extended",
    ("active", "end"): "ended",
    ("extended", "end"): "ended",
}


def next_state(case: SupportCase, step: str, actor: str) -> CaseState:
    """The state after the step.

    Raises
    ------
    Conflict
        The case is not at a point where this step can be taken.
    Forbidden
        Whoever entered the case may not decide on it (rule [D] of the specification: input ≠ approval).
    """
    after = _NEXT.get((case.state, step))
    if after is None:
        raise Conflict(f"a case in state {case.state} cannot {step}")
    if step != "confirm" and actor == case.entered_by:
        raise Forbidden("another officer than the one who entered the case decides on it")
    return after


def add_months(day: date, months: int) -> date:
    """The same day so many months on, or the last one of a month that lacks it."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    first_after = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return min(date(year, month + 1, 1) + timedelta(days=day.day - 1), first_after - timedelta(days=1))


def check_extendable(case: SupportCase, today: date, months_before: int) -> None:
    """An extension is accepted from so many months before the end, and before it: afterwards it is a new application."""
    if case.ends_on is None or today < add_months(case.ends_on, -months_before):
        raise Conflict(f"an extension is accepted from {months_before} month before the end")
    if today >= case.ends_on:
        raise Conflict("the period is over: take a new application, then end this case; it goes on protecting until then")


def shown_state(case: SupportCase, today: date) -> str:
    """The state in the words of the worklists."""
    if case.state in ("active", "extended") and case.ends_on is not None and case.ends_on <= today:
        return "期限切れ未処理"
    return {
        "applied": "仮支援(申出受付)",
        "confirmed": "仮支援(相談機関確認)",
        "active": "本支援",
        "extended": "延長中",
        "ended": "解除",
        "rejected": "却下",
    }[case.state]


def resembles(asker: Asker, opponent: Opponent) -> bool:
    """Whether the requester may be, or live with, the opponent: a proposal, on which a person decides.

    By name, birth and address as folded; what is not known speaks neither way.
    """
    name = bool(asker.name) and fold(asker.name or "") == fold(opponent.name)
    born = None if asker.born_on is None or opponent.born_on is None else asker.born_on == opponent.born_on
    same_address = bool(asker.address and opponent.address) and fold(asker.address or "") == fold(opponent.address or "")
    return same_address or (name and born is not False) or (born is True and _same_surname(asker, opponent))


def _same_surname(asker: Asker, opponent: Opponent) -> bool:
    return bool(asker.name) and fold(asker.name or "")[:2] == fold(opponent.name)[:2]


def is_opponent(asker: Asker, protection: Protection) -> bool:
    """Whether the requester is known to be the opponent or to live with them."""
    known = asker.resident_id
    return known is not None and (known == protection.opponent.resident_id or known in protection.opponent_household)


def is_open(lift: Lift, now: datetime) -> bool:
    """Whether the lift still holds: unused, and its time has not come."""
    return lift.used_at is None and lift.opened_at <= now < lift.closes_at


def fits(lift: Lift, asker: Asker, residents: Sequence[UUID], actor: str, now: datetime) -> bool:
    """Whether the lift approves exactly this: these residents, this requester, this clerk, now."""
    return (
        is_open(lift, now)
        and lift.for_actor == actor
        and lift.requester == asker.kind
        and fold(lift.requester_name) == fold(asker.name or "")
        and set(residents) <= set(lift.residents)
    )


def may_print_again(lift: Lift, protected: Set[UUID], actor: str, now: datetime, *, mailing: bool) -> bool:
    """Whether the paper that was issued under the lift may be printed, its protected residents being these now."""
    in_time = now < lift.opened_at + MAILING if mailing else lift.for_actor == actor and now < lift.closes_at
    return lift.used_at is not None and protected <= set(lift.residents) and in_time


def decide(
    protections: Sequence[Protection], asker: Asker, document: Document, lift: Lift | None, *, actor: str, now: datetime
) -> Decision:
    """Whether the requester may have the document.

    «free»: no measure binds it. «refused»: the opponent or their household, always; anybody else without a supervisor's
    approval (`lift`) that fits; whoever resembles the opponent, unless the supervisor examined that they are not.
    «approved»: by the lift, which is used up by it.
    """
    binding = [each for each in protections if document in each.scope]
    if not binding:
        return "free"
    if any(is_opponent(asker, each) for each in binding):
        return "refused"
    protected = [each.resident_id for each in binding]
    if lift is None or not fits(lift, asker, protected, actor, now):
        return "refused"
    if any(resembles(asker, each.opponent) for each in binding) and not lift.not_opponent:
        return "refused"
    return "approved"


def check_lift(lift: Lift) -> None:
    """A lift has a written ground, another officer than the one who uses it, and at most fifteen minutes."""
    if not fold(lift.ground):
        raise Invalid("give the written ground for which the issue is approved")
    if lift.approved_by == lift.for_actor:
        raise Forbidden("another officer than the one who issues approves it")
    if not timedelta(0) < lift.closes_at - lift.opened_at <= LIFT:
        raise Invalid(f"a lift lasts at most {LIFT.seconds // 60} minutes")


def masked(resident: Resident, roles: frozenset[str]) -> Resident:
    """The resident as somebody with these roles may see one.

    The places of a protected resident are empty for everybody without the DV role, and so are items of others that tell one;
    whether there is a measure is told to the counter alone. Every way out shows what comes out of here, lists and files too.
    """
    if DV_OFFICER not in roles:
        hidden: dict[str, Any] = _NO_PLACE if resident.restricted else dict.fromkeys(resident.restricted_items)
        resident = replace(resident, **hidden)
    return resident if roles & TOLD else replace(resident, restricted=False)


_NO_PLACE: dict[str, Any] = {
    "postal_code": "",
    "address": "",
    "authority_code": None,
    "town_code": None,
    "town": "",
    "lot": "",
    "building": "",
    "previous_address": None,
    "previous_authority": None,
    "before_move_address": None,
    "registered_domicile": None,
    "removed_place": None,
    "out_planned_to": None,
    "out_planned_authority": None,
    "out_fixed_to": None,
    "out_fixed_authority": None,
    "districts": {},
}


def in_force(suppressions: Sequence[Suppression], today: date) -> list[Suppression]:
    """Suppressions that nobody has ended and whose period is running."""
    return [
        each
        for each in suppressions
        if each.ended_by is None and each.starts_on <= today and (each.ends_on is None or today < each.ends_on)
    ]


def stopping(suppressions: Sequence[Suppression], act: Act, today: date, *, is_supervisor: bool, read: bool) -> list[Suppression]:
    """Suppressions in force that stop the act for this officer; `read` when the officer has read and confirmed the messages."""
    passed = {"none": False, "supervisor": is_supervisor and read, "clerk": read}
    return [each for each in in_force(suppressions, today) if act in each.acts and not passed[each.override]]
