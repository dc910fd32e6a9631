"""How looks at residents are added up for whoever examines them.

References
----------
住民記録システム標準仕様書 (アクセスログ), 個人情報保護法 art. 66 (安全管理措置), 番号利用法 art. 12; what is counted is office
practice.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from kit.civic.dates import is_closed
from systems.resident_registry.model.statistics import Cell

HEADER = (
    "年月", "市区町村コード", "職員", "閲覧(件)", "閲覧した日数(日)", "一日の最多(件)", "支援対象者の閲覧(件)",
    "執務時間外の閲覧(件)", "個人番号の閲覧(件)",
)  # fmt: skip


def rows(month: str, authority: str, days: Iterable[Mapping[str, Any]]) -> list[tuple[Cell, ...]]:
    """A row for each account, of its days; every look of a closed day is out of hours."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for each in days:
        found.setdefault(each["actor"], []).append(each)
    return [(month, authority, actor, *_sums(of)) for actor, of in found.items()]


def _sums(days: list[Mapping[str, Any]]) -> tuple[int, ...]:
    late = sum(each["looks"] if is_closed(each["day"]) else each["late"] for each in days)
    looks = [each["looks"] for each in days]
    protected, numbers = (sum(each[name] for each in days) for name in ("protected", "numbers"))
    return sum(looks), len(days), max(looks), protected, late, numbers
