"""What of a statistic may be published, and into which groups persons fall."""

from collections.abc import Sequence
from dataclasses import replace

from systems.resident_registry.model.statistics import Cell, Group

#: movements by what they do to the number of residents; the others change nothing that is counted here
CHANGES = {
    "move_in": "転入", "move_in_abroad": "転入", "address_setting": "転入",
    "move_out": "転出", "move_out_abroad": "転出", "move_out_cancel": "転出取消",
    "birth": "出生", "death": "死亡",
    "office_entry": "職権記載", "office_restoration": "職権回復", "office_removal": "職権消除",
    "move_within": "転居", "nationality_gained": "帰化・国籍取得", "nationality_lost": "国籍喪失",
}  # fmt: skip
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


def publish(groups: Sequence[Group], threshold: int) -> tuple[list[Group], list[int], Group | None]:
    """The rows that may be shown, the places of those withheld, and the sum of the withheld.

    A row with a small figure is withheld whole, and its figures go into one pooled row, as in the census's small areas. The pool
    takes further rows, the smallest first, until it has two at least and no small figure of its own. So nothing can be
    computed back from totals: the withheld rows are known by their sum alone, and every share of the sum among them is possible.
    When even the whole has a small figure, its column is withheld everywhere: the pool then shows the total alone.

    References
    ----------
    統計法 (平成19年法律第53号) art. 41 (no disclosure of single persons); the pooling follows 国勢調査小地域集計's 秘匿・合算.
    """
    withheld = {place for place, group in enumerate(groups) if any(is_small(each, threshold) for each in group.figures)}
    if not withheld:
        return list(groups), [], None
    rest = sorted((g for g in range(len(groups)) if g not in withheld), key=lambda g: (groups[g].figures[0], g))
    pool = _sum(groups, withheld)
    while rest and (len(withheld) < 2 or any(is_small(each, threshold) for each in pool)):
        withheld.add(rest.pop(0))
        pool = _sum(groups, withheld)
    shown = [group for place, group in enumerate(groups) if place not in withheld]
    if any(is_small(each, threshold) for each in pool) or len(withheld) < 2:
        # everything is in the pool, and it is still too small: at most how many there are may be told
        pool = (pool[0] if not is_small(pool[0], threshold) else 0, *([0] * (len(pool) - 1)))
    return shown, sorted(withheld), Group((POOLED,), pool)


def _sum(groups: Sequence[Group], places: set[int]) -> tuple[int, ...]:
    return tuple(sum(column) for column in zip(*(groups[place].figures for place in sorted(places)), strict=True))


def published_rows(groups: Sequence[Group], threshold: int) -> list[tuple[Cell, ...]]:
    """Rows with 秘匿 behind them: 0 shown, 1 withheld (its figures are empty), 2 the sum of the withheld."""
    shown, withheld, pool = publish(groups, threshold)
    rows: list[tuple[Cell, ...]] = []
    hidden = set(withheld)
    for place, group in enumerate(groups):
        figures: tuple[Cell, ...] = (None,) * len(group.figures) if place in hidden else group.figures
        rows.append((*group.keys, *figures, int(place in hidden)))
    if pool is not None:
        width = len(groups[0].keys)
        keys: tuple[Cell, ...] = (*groups[0].keys[:2], *([None] * (width - 3)), POOLED)[:width]
        alone = pool.figures[0] != 0 and not any(pool.figures[1:]) and len(hidden) == len(groups)
        told: tuple[Cell, ...] = (pool.figures[0], *([None] * (len(pool.figures) - 1))) if alone else pool.figures
        if not any(pool.figures):
            told = (None,) * len(pool.figures)
        rows.append((*keys, *told, 2))
    assert len(shown) + len(hidden) == len(groups)  # noqa: S101  # nothing is lost
    return rows


def merged(groups: Sequence[Group]) -> list[Group]:
    """Groups of the same keys as one, in the order in which they first stand."""
    found: dict[tuple[Cell, ...], Group] = {}
    for group in groups:
        before = found.get(group.keys)
        figures = group.figures if before is None else tuple(a + b for a, b in zip(before.figures, group.figures, strict=True))
        found[group.keys] = replace(group, figures=figures)
    return list(found.values())
