"""`python -m infra.run VERB …`: the command the counter starts. JSON events on standard output, one a line."""

import argparse
import json
import sys
import time
from collections.abc import Callable

from infra.targets import local
from kit.errors import CallerError, Conflict, NotFound, Unavailable
from tenants.home import Home, home

EXIT = {NotFound: 3, Conflict: 4, Unavailable: 6}


def tell(event: str, **facts: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **facts}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


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


VERBS: dict[str, Callable[[Home, argparse.Namespace], dict[str, object]]] = {
    "up": _up,
    "down": lambda here, _: {"changed": local.supervisor(here).shut_down()},
    "status": lambda here, _: {"processes": local.state(here)},
    "accounts": lambda here, args: local.open_accounts(here, args.tenant),
    "land": lambda here, args: local.land(here, args.tenant),
    "lift": lambda here, args: local.lift(here, args.tenant),
    "state": lambda here, args: {"processes": local.state(here, args.tenant)},
    "lose-site": lambda here, _: local.lose_site(here),
    "return-site": _return,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.run")
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--tenant", help="authority code")
    args = parser.parse_args()
    if args.verb in ("accounts", "land", "lift", "state") and not args.tenant:
        parser.error(f"{args.verb} needs --tenant")
    try:
        tell("result", **VERBS[args.verb](home(), args))
    except CallerError as wrong:
        tell("error", status=wrong.status, detail=wrong.detail)
        sys.stderr.write(f"{args.verb}: {wrong.detail}\n")
        return EXIT.get(type(wrong), 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
