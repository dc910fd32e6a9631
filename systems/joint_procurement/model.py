"""Nouns of a share run."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Member:
    """A municipality that takes part; `population` at the basis date, `measures` by name (usage, fixed yen)."""

    code: str
    name: str
    population: int
    measures: Mapping[str, Decimal]


@dataclass(frozen=True)
class Component:
    """A part of the formula: `kind` and its percentage of the total."""

    kind: str
    percent: Decimal


@dataclass(frozen=True)
class Share:
    """What one member pays; `parts` in the order of the components; `yen_per_head` is cut off to whole yen."""

    code: str
    name: str
    population: int
    yen: int
    parts: tuple[int, ...]
    yen_per_head: int


@dataclass(frozen=True)
class Run:
    """A computed run: the parts of the total per component, and the shares by code."""

    total_yen: int
    basis: str
    components: tuple[Component, ...]
    part_yen: tuple[int, ...]
    shares: tuple[Share, ...]
