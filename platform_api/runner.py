"""Starts infra and dr as processes of their own and reads their JSON events."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kit import errors
from tenants.home import Home

ROOT = Path(__file__).resolve().parents[1]
Event = dict[str, Any]
OnEvent = Callable[[Event], None]


def run(home: Home, module: str, arguments: Sequence[str], on_event: OnEvent = lambda _: None) -> Event:
    """The result event of `python -m MODULE ARGUMENTS`; other events are handed on as they come.

    Raises
    ------
    CallerError
        What the process told, as the class of its status; `Unavailable` when it ended without telling anything.
    """
    environment = os.environ | {"MCLOUD_HOME": str(home.path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", module, *arguments]
    result: Event | None = None
    error: Event = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout and process.stderr  # noqa: S101, PT018  # both are pipes
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "result":
                result = event
            elif event["event"] == "error":
                error = event
            else:
                on_event(event)
        last = process.stderr.read().strip().splitlines()[-1:]
    if process.returncode == 0 and result is not None:
        return result
    if error:
        raise _of_status(error["status"], error["detail"])
    raise errors.Unavailable(f"{module} {arguments[0]} ended with {process.returncode}: {''.join(last)[-200:]}")


def _of_status(status: int, detail: str) -> errors.CallerError:
    classes = {each.status: each for each in errors.CallerError.__subclasses__()}
    return classes.get(status, errors.CallerError)(detail)
