"""The legal value in force on a day, from a system's `parameters.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from kit.errors import Invalid


@dataclass(frozen=True)
class Parameters:
    """All dated values of one system."""

    system: str
    table: dict[str, dict[str, Any]]

    def value(self, name: str, on: date, own: Mapping[str, Mapping[date, Any]] | None = None) -> Any:
        """The value in force on that day: of `own`, a municipality's values, when one is in force, else of the table.

        Raises
        ------
        Invalid
            No such parameter, or none in force yet on that day.
        """
        if name not in self.table:
            raise Invalid(f"{self.system} has no parameter {name}")
        ours = (own or {}).get(name, {})
        since = [day for day in ours if day <= on]
        if since:
            return ours[max(since)]
        in_force = [day for day in self.table[name]["values"] if day <= on]
        if not in_force:
            raise Invalid(f"{self.system}: {name} has no value in force on {on}")
        return self.table[name]["values"][max(in_force)]


@cache
def load(folder: Path) -> Parameters:
    """The parameters of the system whose folder is given."""
    return Parameters(folder.name, yaml.safe_load((folder / "parameters.yaml").read_text()))
