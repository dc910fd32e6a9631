"""How a process of its own tells the one that started it what happens: JSON events on standard output, one a line."""

import json
import sys
from collections.abc import Callable, Mapping

from kit.errors import CallerError, Conflict, NotFound, Unavailable

EXIT = {NotFound: 3, Conflict: 4, Unavailable: 6}


def tell(event: str, **facts: object) -> None:
    """Write one event: `step` (name, seconds …), `result`, or `error` (status, detail)."""
    sys.stdout.write(json.dumps({"event": event, **facts}, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def told(what: str, act: Callable[[], Mapping[str, object]]) -> int:
    """Tell what `act` gives as the result, or its refusal as an error; the exit code."""
    try:
        tell("result", **act())
    except CallerError as wrong:
        tell("error", status=wrong.status, detail=wrong.detail)
        sys.stderr.write(f"{what}: {wrong.detail}\n")
        return EXIT.get(type(wrong), 1)
    return 0
