"""Pages of a town's counter (tests.support.desk) as its clerks ask for them, and what they say."""

import html
import re
from typing import Any

import httpx2

from tests.support.desk import Desk


def ask(town: Desk, who: str, path: str, form: dict[str, Any] | None = None, **cookies: str) -> httpx2.Response:
    """A page as `who`, for notifications; with a form it is posted."""
    if form is None:
        return town.look(who, path, purpose="notification", cookies=cookies)
    return town.send(who, path, form, purpose="notification")


def text_of(page: str) -> str:
    """What the page says, without tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def rows_of(page: str, table: str) -> list[list[str]]:
    """Cells of the body of the table with that class; none when there is no such table."""
    found = re.search(rf'<table class="{table}">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    lines = re.findall(r"<tr>(.*?)</tr>", found[1], re.DOTALL) if found else []
    return [[text_of(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.DOTALL)] for line in lines]
