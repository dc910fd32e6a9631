"""What of a statistic may be published, and into which groups persons fall."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from systems.resident_registry.model.statistics import Cell, Group

#: movements by what they do to the number of residents; the others change nothing that is counted here
CHANGES = {
    "move_in": "転入", "move_in_abroad": "転入", "address_setting": "転入",
    "move_out": "転出", "move_out_abroad": "転出", "move_out_cancel": "転出取消",
    "birth": "出生", "death": "死亡",
    "office_entry": "職権記載", "office_restoration": "職権回復", "office_removal": "職権消除",
    "move_within": "転居",
}  # fmt: skip
#: what a move that was counted when it was decided brings after it
NOT_COUNTED = ("move_out_due", "in_notice", "reversal")
#: of these, who leaves is counted, and of those, who comes to live elsewhere or with others; not who stays behind and gets
#: another 続柄. An entry or a birth touches only who comes; a change of head, a name or a number concerns whomever it touches.
LEAVING = ("move_out", "move_out_abroad", "death", "nationality_loss", "disappearance", "office_removal")
MOVING = ("move_within", "household_split", "household_merge", "household_change")
OTHER = "その他"
POOLED = "秘匿した行の合算"


def change_of(reason: str) -> str:
    """The class of a movement in 人口異動報告."""
    return CHANGES.get(reason, OTHER)


def age_class(age: int | None) -> tuple[str, int | None, int | None]:
    """Code, lowest and highest age of the class of five years; 100 and over is open; unknown births are a class of their own."""
    if age is None:
        return "99", None, None
    low = min(age // 5 * 5, 100)
    return f"{low // 5:02d}", low, None if low == 100 else low + 4


def is_small(figure: int, threshold: int) -> bool:
    """Whether a figure tells of so few that one of them could be recognised. None at all is no one."""
    return 0 < figure < threshold


#: figures that add up to the total, and the number of households: withheld together when the whole municipality's are small
_TOGETHER = ((1, 2), (3, 4), (5,))


@dataclass(frozen=True)
class Published:
    """What may be shown: figures by place of the row (None: withheld), and the sum of the rows that were withheld."""

    figures: list[tuple[int | None, ...] | None]
    pool: tuple[int | None, ...] | None


def columns_gone(groups: Sequence[Group], threshold: int) -> set[int]:
    """Places of the figures that are small over all of these groups, with those that add up with them to the total."""
    whole = _sum(groups, set(range(len(groups)))) if groups else ()
    return {n for pair in _TOGETHER for n in pair if any(k < len(whole) and is_small(whole[k], threshold) for k in pair)}


def publish(groups: Sequence[Group], threshold: int, gone: Set[int] | None = None) -> Published:
    """What may be shown of these rows, so that no figure between 1 and `threshold` can be computed back.

    A row with a small figure is withheld whole, and its figures go into one pooled row, as in the census's small areas. The pool
    takes further rows, the smallest first, until it has two at least and no small figure of its own. The withheld rows are known
    by their sum alone, and every share of it among them is possible. A column pair that is small over the whole municipality is
    withheld everywhere (`gone`, where more than these groups decide it); when even its residents are so few, nothing is shown.

    References
    ----------
    統計法 (平成19年法律第53号) art. 41 (no disclosure of single persons); the pooling follows 国勢調査小地域集計's 秘匿・合算.
    """
    whole = _sum(groups, set(range(len(groups))))
    if not groups or is_small(whole[0], threshold):
        return Published([None] * len(groups), None)
    gone = columns_gone(groups, threshold) if gone is None else gone

    def has_small(figures: Sequence[int]) -> bool:
        return any(is_small(each, threshold) for n, each in enumerate(figures) if n not in gone)

    def shown(figures: Sequence[int]) -> tuple[int | None, ...]:
        return tuple(None if n in gone else each for n, each in enumerate(figures))

    withheld = {place for place, group in enumerate(groups) if has_small(group.figures)}
    rest = sorted((g for g in range(len(groups)) if g not in withheld), key=lambda g: (groups[g].figures[0], g))
    while withheld and rest and (len(withheld) < 2 or has_small(_sum(groups, withheld))):
        withheld.add(rest.pop(0))
    rows = [None if place in withheld else shown(group.figures) for place, group in enumerate(groups)]
    return Published(rows, shown(_sum(groups, withheld)) if withheld else None)


def _sum(groups: Sequence[Group], places: set[int]) -> tuple[int, ...]:
    return tuple(sum(column) for column in zip(*(groups[place].figures for place in sorted(places)), strict=True))


def parts(groups: Sequence[Group], threshold: int) -> list[list[Group]]:
    """The groups by authority (the second key): in a designated city each ward is published like a municipality of its own.

    Tables of one day share the totals of their wards. Were rows pooled over wards, a ward's total less its shown rows would be
    what one withheld row of it holds. A city with a ward of so few that it cannot stand alone is published as a whole.
    """
    found: dict[Cell, list[Group]] = {}
    for group in groups:
        found.setdefault(group.keys[1], []).append(group)
    totals = [sum(group.figures[0] for group in part) for part in found.values()]
    return [list(groups)] if any(is_small(total, threshold) for total in totals) else list(found.values())


def published_rows(groups: Sequence[Group], threshold: int) -> list[tuple[Cell, ...]]:
    """Rows with 秘匿 behind them: 0 shown, 1 withheld (its figures are empty), 2 the sum of those withheld in ward or city."""
    separate = parts(groups, threshold)
    gone = {place for part in separate for place in columns_gone(part, threshold)}
    return [row for part in separate for row in _rows(part, publish(part, threshold, gone))]


def _rows(groups: Sequence[Group], found: Published) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for group, figures in zip(groups, found.figures, strict=True):
        rows.append((*group.keys, *(figures or (None,) * len(group.figures)), int(figures is None)))
    if found.pool is not None:
        first = groups[0].keys  # day or month, and authority; then as many empty cells, and its name last
        rows.append((*first[:2], *([None] * (len(first) - 3)), POOLED, *found.pool, 2))
    return rows


def merged(groups: Sequence[Group]) -> list[Group]:
    """Groups of the same keys as one, in the order in which they first stand."""
    found: dict[tuple[Cell, ...], Group] = {}
    for group in groups:
        before = found.get(group.keys)
        figures = group.figures if before is None else tuple(a + b for a, b in zip(before.figures, group.figures, strict=True))
        found[group.keys] = replace(group, figures=figures)
    return list(found.values())
