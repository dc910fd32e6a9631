"""Structured log, one JSON object a line, without personal data.

What may be logged is listed, not what may not: a key outside the list is dropped, so a name or a number put into a log
call by mistake does not arrive.
"""

import logging
import sys
from typing import Any

# where rich is installed, structlog imports it for tracebacks in colour that nobody prints here: a sixth of a process's start
_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]
import structlog  # noqa: E402

del sys.modules["rich"]
if _rich:
    sys.modules["rich"] = _rich

ALLOWED = {
    "event", "level", "timestamp", "tenant", "zone", "system", "request", "method", "route", "status", "milliseconds",
    "operation", "step", "site", "kind", "error_class", "where", "port", "seconds",
}  # fmt: skip


def _keep_allowed(_logger: Any, _name: str, event: Any) -> Any:
    return {key: value for key, value in event.items() if key in ALLOWED}


def configure(**bound: str) -> None:
    """Log JSON lines to standard error, each with `bound` (tenant, zone …)."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _keep_allowed,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(**bound)


def where(error: BaseException) -> str:
    """File and line that the error came from; its text may carry personal data, its place does not."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else "-"


def logger() -> Any:
    """The log of this process."""
    return structlog.get_logger()
