"""`python -m tools ensure [--cluster]`: everything outside that the cloud needs, built or fetched once.

With `--cluster` also what real clusters and their provisioning need; that is some ten minutes the first time. `browser`: what
the tests of the pages need.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

from kit.errors import Unavailable
from tools.cluster import ensure_cluster
from tools.programs import ALL, ensure_browser, say


def ensure(*, cluster: bool = False) -> int:
    """Make all tools, side by side; 0, or 6 when one cannot be had, each named."""
    code, wanted = 0, (*ALL, ensure_cluster) if cluster else ALL
    with ThreadPoolExecutor() as pool:
        for job in [pool.submit(make) for make in wanted]:
            try:
                job.result()
            except Unavailable as missing:
                say(f"tools: {missing.detail}")
                code = 6
    return code


def main() -> int:
    match sys.argv[1:]:
        case ["ensure"]:
            return ensure()
        case ["ensure", "--cluster"]:
            return ensure(cluster=True)
        case ["browser"]:
            try:
                ensure_browser()
            except Unavailable as missing:
                say(f"tools: {missing.detail}; tests of the pages will be skipped")
            return 0
    say("usage: python -m tools ensure [--cluster] | browser")
    return 1


if __name__ == "__main__":
    sys.exit(main())
