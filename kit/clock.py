"""The only clock. Instants are aware and UTC; days are Japan's."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

JAPAN = ZoneInfo("Asia/Tokyo")


def now() -> datetime:
    """This instant, aware, UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The calendar day in Japan."""
    return datetime.now(JAPAN).date()
