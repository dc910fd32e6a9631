"""アクセスログ点検表: how often each account looked at residents in a month, for the audit. Nobody who was looked at is named."""

from datetime import date, datetime, time

from kit import journal
from kit.clock import JAPAN
from kit.db import Tx
from systems.resident_registry.model.people import Office
from systems.resident_registry.model.statistics import Table
from systems.resident_registry.rules import access_log as rules
from systems.resident_registry.service.legal import value
from systems.resident_registry.service.statistics import month_of
from systems.resident_registry.store import access_log as store

TITLE = "アクセスログ点検表"
NOTE = (
    "職員はサインインの識別子です。自動処理の名前も出ます。職員と宛名番号を結び付ける記録がないため、本人や親族の閲覧は数えられません。"
    "支援対象者は、閲覧の日に措置のあった人と、いま保護されている人です。"
)


def inspected(tx: Tx, office: Office, month: date) -> Table:
    """The month's looks by account; that they were inspected is recorded.

    Raises
    ------
    Invalid
        The month lies ahead.
    """
    first, after = month_of(month)
    hours = value("office_hours", first, office.parameters)
    start, end = (datetime.combine(day, time(), JAPAN) for day in (first, after))
    days = store.looks(tx, start, end, opens=hours["from"], closes=hours["until"])
    journal.record(tx, "event", detail={"act": "access log", "month": f"{first:%Y-%m}"})
    return Table("access_log", TITLE, rules.HEADER, rules.rows(f"{first:%Y-%m}", office.tenant, days), note=NOTE)
