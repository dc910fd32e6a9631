"""States of a tenant and the steps between them. Pure."""

from typing import Literal

from kit.errors import Conflict

State = Literal["defined", "onboarding", "active", "suspended"]
Step = Literal["onboard", "onboarded", "suspend", "resume"]

STEPS: dict[tuple[State, Step], State] = {
    ("defined", "onboard"): "onboarding",
    ("onboarding", "onboard"): "onboarding",  # a run that was broken off goes on
    ("onboarding", "onboarded"): "active",
    ("active", "onboard"): "active",  # its steps again: new images, a definition that has grown
    ("active", "onboarded"): "active",
    ("active", "suspend"): "suspended",
    ("suspended", "resume"): "active",
}


def after(state: State, step: Step) -> State:
    """The state that the step leads to.

    Raises
    ------
    Conflict
        The step is not allowed in this state; names what is.
    """
    if (state, step) not in STEPS:
        allowed = [s for (at, s) in STEPS if at == state]
        raise Conflict(f"a tenant that is {state} cannot {step}; allowed: {', '.join(allowed) or 'nothing'}")
    return STEPS[state, step]


#: the ledger's events that are steps of a life
EVENTS: dict[str, Step] = {
    "onboarding": "onboard",
    "onboarded": "onboarded",
    "suspended": "suspend",
    "resumed": "resume",
}


def state_of(events: list[str]) -> State:
    """The state that a history of ledger events leads to; other events do not change it."""
    state: State = "defined"
    for event in events:
        if event in EVENTS:
            state = after(state, EVENTS[event])
    return state
