"""`python -m tools ensure`: everything outside that the cloud needs, built or fetched once; `browser`: what tests need."""

import sys
from concurrent.futures import ThreadPoolExecutor

from kit.errors import Unavailable
from tools.programs import ALL, ensure_browser, say


def ensure() -> int:
    """Make all tools, side by side; 0, or 6 when one cannot be had, each named."""
    code = 0
    with ThreadPoolExecutor() as pool:
        for job in [pool.submit(make) for make in ALL]:
            try:
                job.result()
            except Unavailable as missing:
                say(f"tools: {missing.detail}")
                code = 6
    return code


def main() -> int:
    if sys.argv[1:] == ["browser"]:
        try:
            ensure_browser()
        except Unavailable as missing:
            say(f"tools: {missing.detail}; tests of the pages will be skipped")
        return 0
    if sys.argv[1:] != ["ensure"]:
        say("usage: python -m tools ensure|browser")
        return 1
    return ensure()


if __name__ == "__main__":
    sys.exit(main())
