"""`python -m infra.run VERB …`: the command the counter starts. JSON events on standard output, one a line."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from infra import instance
from infra.config import RUNS, stack_of_site, stack_of_tenant
from infra.targets import local
from kit.errors import Invalid
from kit.events import tell, told
from tenants.home import Home, home

#: seconds that an interrupted engine may wait for what it began; half of what a landing job's pod is given for its end
WAITED = 30


class Steps:
    """Reports each step with the time since the one before."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, name: str, changed: bool) -> None:
        now = time.monotonic()
        tell("step", name=name, seconds=round(now - self._last, 2), changed=changed)
        self._last = now


def _up(here: Home, _: argparse.Namespace) -> dict[str, object]:
    local.up(here, Steps())
    return {"api": here.platform_api_url}


def _return(here: Home, _: argparse.Namespace) -> dict[str, object]:
    local.return_site(here, Steps())
    return {"site": "primary"}


def _stacks(here: Home, _: argparse.Namespace) -> dict[str, object]:
    """What there is to land beside the catalogue: the sites that are described, those at which a tenant has its ground alone."""
    return {"sites": list(instance.described(here)), "grounds": instance.grounds(here)}


class Target(Protocol):
    """Where tenants' processes run: on this machine, or in clusters."""

    def open_accounts(self, home: Home, code: str) -> dict[str, Any]: ...
    def land(self, home: Home, code: str) -> dict[str, Any]: ...
    def lift(self, home: Home, code: str) -> dict[str, Any]: ...
    def state(self, home: Home, code: str | None = None) -> list[dict[str, Any]]: ...


def _target(here: Home) -> Target:
    if here.config.target == "local":
        return local
    from infra.targets import kubernetes  # its client takes time to import

    return kubernetes


def _stack(args: argparse.Namespace) -> str:
    if args.tenant:
        return stack_of_tenant(args.tenant, args.site or RUNS)
    if args.site:
        return stack_of_site(args.site)
    raise Invalid(f"{args.verb} needs --tenant CODE or --site primary|recovery")


def _end(*_: object) -> None:
    """End in order, as a pod must that is evicted or at its deadline.

    A running engine is interrupted: it ends what it has in hand, lets its lock go and fails, and the operation with it, which
    gives the lease back. One that waits for something is interrupted again, and no longer waits. (To leave at once would close
    the engine's output: it would die of it and leave its lock.)
    """
    engines = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    if not engines:
        raise SystemExit("told to end (SIGTERM): the same command goes on where it stopped")
    for each in engines:
        with suppress(ProcessLookupError):
            os.kill(int(each), signal.SIGINT)
    signal.alarm(WAITED)


def _land(name: str) -> Callable[[Home, argparse.Namespace], dict[str, object]]:
    """A verb on one stack of a cluster; imported only then, because it takes a second."""

    def act(here: Home, args: argparse.Namespace) -> dict[str, object]:
        from infra import operations

        for each in (signal.SIGTERM, signal.SIGALRM):
            signal.signal(each, _end)
        stack = _stack(args)
        match name:
            case "apply":
                return operations.apply(here, stack, Steps(), digest=args.digest, adopt=args.adopt, ground=args.ground)
            case "drift":
                return operations.find_drift(here, stack, mend=args.mend)
            case "unlock":
                return operations.unlock(here, stack, args.host or "")
        verbs = {
            "plan": operations.plan,
            "diff": operations.diff,
            "destroy": operations.destroy,
            "restore-state": operations.restore_state,
        }
        return verbs[name](here, stack)

    return act


STACK_VERBS = ("plan", "diff", "apply", "drift", "destroy", "restore-state", "unlock")
VERBS: dict[str, Callable[[Home, argparse.Namespace], dict[str, object]]] = {
    "up": _up,
    "down": lambda here, _: {"changed": local.supervisor(here).shut_down()},
    "status": lambda here, _: {"processes": local.state(here)},
    "accounts": lambda here, args: _target(here).open_accounts(here, args.tenant),
    "land": lambda here, args: _target(here).land(here, args.tenant),
    "lift": lambda here, args: _target(here).lift(here, args.tenant),
    "state": lambda here, args: {"processes": _target(here).state(here, args.tenant)},
    "stacks": _stacks,
    "lose-site": lambda here, _: local.lose_site(here),
    "return-site": _return,
    **{name: _land(name) for name in STACK_VERBS},
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.run")
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--tenant", help="authority code")
    parser.add_argument("--site", choices=("primary", "recovery"), help="of a cluster")
    parser.add_argument("--digest", help="apply: only the plan that was read")
    parser.add_argument("--adopt", action="store_true", help="apply: without a state, take what is in the cluster")
    parser.add_argument("--ground", action="store_true", help="apply: a tenant's ground without its processes")
    parser.add_argument("--mend", action="store_true", help="drift: put it back at once")
    parser.add_argument("--host", help="unlock: the machine that is gone")
    args = parser.parse_args()
    if args.verb in ("accounts", "land", "lift", "state") and not args.tenant:
        parser.error(f"{args.verb} needs --tenant")
    return told(args.verb, lambda: VERBS[args.verb](home(), args))


if __name__ == "__main__":
    sys.exit(main())
