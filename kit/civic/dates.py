"""Eras, ages and periods as the law counts them. Pure: the day is always given.

References
----------
Eras: 元号法 (昭和54年法律第43号) and the orders of 1989 and 2019.
Ages: 年齢計算ニ関スル法律 (明治35年法律第50号), 民法 art. 143: a year is reached at the end of the day before the birthday.
Periods: 民法 arts. 138–143; 住民基本台帳法 arts. 22–25 (fourteen days).
Closed days: 行政機関の休日に関する法律 art. 1, 地方自治法 art. 4-2.
"""

import re
import unicodedata
from datetime import date, timedelta

import jpholiday

from kit.errors import Invalid

ERAS = (
    (date(2019, 5, 1), "令和"),
    (date(1989, 1, 8), "平成"),
    (date(1926, 12, 25), "昭和"),
    (date(1912, 7, 30), "大正"),
    (date(1868, 1, 25), "明治"),
)


def wareki(day: date) -> str:
    """The day in the Japanese calendar: 令和8年11月23日; the first year is 元年. Days before Meiji stay in the common era."""
    for first, name in ERAS:
        if day >= first:
            year = day.year - first.year + 1
            return f"{name}{'元' if year == 1 else year}年{day.month}月{day.day}日"
    return f"西暦{day.year}年{day.month}月{day.day}日"


_WRITTEN = re.compile(
    r"(?:(?P<era>令和|平成|昭和|大正|明治|西暦|[RHSTM令平昭大明])\s*(?P<of_era>元|\d{1,4})|(?P<year>\d{4}))"
    r"\s*[年./-]\s*(?P<month>\d{1,2})\s*[月./-]\s*(?P<day>\d{1,2})\s*日?"
)
_PACKED = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})")
_LETTERS = {"令": "令和", "平": "平成", "昭": "昭和", "大": "大正", "明": "明治"} | dict(
    zip("RHSTM", (n for _, n in ERAS), strict=True)
)
#: dashes that keyboards and word processors write in a date, all read as one
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−ー"), "-")


def parse_day(text: str) -> date:
    """The day of a date written in any usual form: 令和8年11月23日, R8.11.23, 2026-11-23, 20261123, full-width or half.

    Raises
    ------
    Invalid
        It is none of these forms, no such day exists, or the day does not lie in the era named; says which.
    """
    plain = unicodedata.normalize("NFKC", text).translate(_DASHES).strip().upper()
    found = _WRITTEN.fullmatch(plain) or _PACKED.fullmatch(plain)
    if not found:
        raise Invalid("日付は 令和8年11月23日、R8.11.23、2026-11-23 のように入力してください。")
    parts = found.groupdict()
    name = _LETTERS.get(parts.get("era") or "", parts.get("era") or "西暦")
    year = int((parts.get("of_era") or parts["year"]).replace("元", "1"))
    first = {era: day for day, era in ERAS}.get(name)
    try:
        day = date(year + (first.year - 1 if first else 0), int(parts["month"]), int(parts["day"]))
    except ValueError:
        raise Invalid("その日付は暦にありません。") from None
    if first and not wareki(day).startswith(name):
        raise Invalid("その日は、書かれた元号の日ではありません。")
    return day


def both_calendars(day: date) -> str:
    """The day for people: 令和8年11月23日(2026-11-23)."""
    return f"{wareki(day)}({day})"


def age(born: date, on: date) -> int:
    """Whole years of age by law on that day, counted at its end: the birthday's eve completes the year.

    Raises
    ------
    ValueError
        The day is before the birth.
    """
    if on < born:
        raise ValueError("the day lies before the birth")
    eve = on + timedelta(days=1)
    years = eve.year - born.year - ((eve.month, eve.day) < (born.month, born.day))
    return max(years, 0)


def is_closed(day: date) -> bool:
    """Whether public offices are closed: Saturday, Sunday, holiday, 29 December to 3 January."""
    year_end = (day.month, day.day) >= (12, 29) or (day.month, day.day) <= (1, 3)
    return day.weekday() >= 5 or year_end or bool(jpholiday.is_holiday(day))


def next_open(day: date) -> date:
    """The day itself, or the first open day after it."""
    while is_closed(day):
        day += timedelta(days=1)
    return day


def due14(event_on: date, days: int = 14) -> date:
    """Last day of a filing period of `days` days that the event begins; a closed day moves it to the next open one.

    The day of the event is not counted (民法 art. 140).
    """
    return next_open(event_on + timedelta(days=days))
