"""How a measurement is told: a ratio against its floor or peer from the same run, and the number behind it."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One measurement; `target` is what the plan asks for, never asserted."""

    name: str
    ratio: float | None
    target: str
    value: float
    unit: str


def show(lines: Iterable[Line]) -> None:
    """Print the lines as a table."""
    for line in lines:
        ratio = f"{line.ratio:8.2f} ×" if line.ratio is not None else " " * 10
        sys.stdout.write(f"{line.name:<64} {ratio}  target {line.target:<10} {line.value:10.2f} {line.unit}\n")
        sys.stdout.flush()
