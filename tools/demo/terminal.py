"""What the demo says while it works: one line a step, on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kit.errors import CallerError


class Terminal:
    """Lines with the time since the start and the time each step took."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def say(self, text: str = "") -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def scene(self, number: int, title: str) -> None:
        self.say(f"\n[{self.elapsed():5.1f} s] {number}. {title}")

    def step(self, name: str, seconds: float, note: str = "") -> None:
        self.say(f"    {seconds:6.2f} s  {name}" + (f"  ({note})" if note else ""))

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Say the step with its time when the block ends well."""
        before = time.monotonic()
        yield
        self.step(name, time.monotonic() - before)

    def chapters(self, what: str, *chapters: Callable[[], None]) -> int:
        """Tell one after the other, up to the first that fails; the exit code."""
        for chapter in chapters:
            try:
                chapter()
            except (CallerError, RuntimeError, PermissionError) as wrong:
                self.say(f"{what}: {getattr(wrong, 'detail', wrong)}")
                return 1
        return 0

    def elapsed(self) -> float:
        return time.monotonic() - self.started
