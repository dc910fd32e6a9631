"""Statistics and lists: tables of one heading, one datum a cell."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Cell = str | int | None
StatisticName = Literal["population", "population_by_town", "population_by_age", "population_by_single_age", "movements"]
ListName = Literal["residence_ending", "late_filings", "measures_ending", "departures_overdue", "in_notices_unmatched"]
#: figures of every statistic, in their order: 総数, 男, 女, 日本人, 外国人
FIGURES = ("総数(人)", "男(人)", "女(人)", "日本人(人)", "外国人(人)")
WITHHELD = "秘匿"


@dataclass(frozen=True)
class Group:
    """Persons of one row: what they have in common, and how many they are.

    `keys` are the cells that name the group; figures are in the order of `FIGURES`, `households` before them where it is counted.
    """

    keys: tuple[Cell, ...]
    figures: tuple[int, ...]


@dataclass(frozen=True)
class Table:
    """A table as it leaves: title, heading, rows. `is_published` when small cells are withheld.

    `about` says what each row of a list is about (a resident, movement or case), for a page that leads there; no file has it.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    is_published: bool = False
    about: tuple[UUID, ...] = ()
    #: what its reader must know; on the page and in print, in no file that machines read
    note: str = ""
