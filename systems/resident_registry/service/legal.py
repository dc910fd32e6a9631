"""The legal value in force on a day."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from kit import parameters

#: the system's folder, with its parameters and templates
HERE = Path(__file__).parents[1]


def value(name: str, on: date, own: Mapping[str, Mapping[date, Any]] | None = None) -> Any:
    """The parameter's value on that day; `own` are the municipality's values (`Office.parameters`), which go first."""
    return parameters.load(HERE).value(name, on, own)
