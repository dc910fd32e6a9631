"""`python -m tools ensure`: everything outside that the cloud needs, built or fetched once."""

import sys
from concurrent.futures import ThreadPoolExecutor

from kit.errors import Unavailable
from tools.programs import ALL, say


def main() -> int:
    if sys.argv[1:] != ["ensure"]:
        say("usage: python -m tools ensure")
        return 1
    code = 0
    with ThreadPoolExecutor() as pool:
        for job in [pool.submit(make) for make in ALL]:
            try:
                job.result()
            except Unavailable as missing:
                say(f"tools: {missing.detail}")
                code = 6
    return code


if __name__ == "__main__":
    sys.exit(main())
