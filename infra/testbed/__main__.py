"""`python -m infra.testbed VERB …`: JSON events on standard output, one a line."""

import argparse
import sys
import time
from collections.abc import Callable

from infra.testbed import namespaces, sites
from infra.testbed.place import SITES, Testbed
from kit.errors import Invalid
from kit.events import tell, told
from tenants.home import SiteName, home


def _sites(text: str) -> list[SiteName]:
    chosen = [site for site in SITES if site in text.split(",")]
    if len(chosen) != len(text.split(",")):
        raise Invalid(f"--sites {text}: the sites are {', '.join(SITES)}")
    return chosen


def _reporter() -> sites.Report:
    """Each step with the seconds since the beginning: the sites rise side by side."""
    started = time.monotonic()
    return lambda name, changed: tell("step", name=name, seconds=round(time.monotonic() - started, 2), changed=changed)


VERBS: dict[str, Callable[[Testbed, argparse.Namespace], dict[str, object]]] = {
    "up": lambda here, args: sites.up(here, _sites(args.sites), _reporter()),
    "down": lambda here, _: sites.down(here),
    "status": lambda here, _: {"sites": sites.status(here)},
    "images": lambda here, _: sites.load_images(here, _reporter()),
    "cut": lambda here, _: {"changed": namespaces.cut(here)},
    "heal": lambda here, _: {"changed": namespaces.heal(here)},
    "lose": lambda here, args: sites.lose(here, _sites(args.sites)[0]),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.testbed")
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--sites", default=",".join(SITES), help="primary, recovery or both, with a comma")
    args = parser.parse_args()
    return told(args.verb, lambda: VERBS[args.verb](Testbed(home()), args))


if __name__ == "__main__":
    sys.exit(main())
