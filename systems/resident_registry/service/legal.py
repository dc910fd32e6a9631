"""The legal value in force on a day."""

from datetime import date
from pathlib import Path
from typing import Any

from kit import parameters

#: the system's folder, with its parameters and templates
HERE = Path(__file__).parents[1]


def value(name: str, on: date) -> Any:
    """The parameter's value on that day."""
    return parameters.load(HERE).value(name, on)


def of_tenant(name: str, on: date, tenant: str) -> Any:
    """The parameter's value on that day where each municipality may have its own: its own, or the `default`."""
    values = value(name, on)
    return values.get(tenant, values["default"])
