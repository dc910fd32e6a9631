"""Statistics and lists as tables, and tables as files that machines read, spreadsheets open and printers take."""

import io
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from kit import journal, tables
from kit.civic.dates import due14, wareki
from kit.civic.places import WARDS
from kit.clock import JAPAN, today
from kit.db import Tx
from kit.documents import render
from kit.errors import Invalid
from systems.resident_registry.model.measures import SupportCase
from systems.resident_registry.model.movements import REASONS
from systems.resident_registry.model.people import RESIDENT, Office
from systems.resident_registry.model.statistics import FIGURES, WITHHELD, Cell, Group, ListName, StatisticName, Table
from systems.resident_registry.rules import measures as measure_rules
from systems.resident_registry.rules import statistics as rules
from systems.resident_registry.service.legal import value
from systems.resident_registry.service.measures import hold
from systems.resident_registry.store import measures, people
from systems.resident_registry.store import statistics as store

TEMPLATE = Path(__file__).parents[1] / "templates" / "statistics_1.typ"
TITLES = {
    "population": "人口・世帯数",
    "population_by_town": "町字別人口・世帯数",
    "population_by_age": "年齢別人口（5歳階級）",
    "population_by_single_age": "年齢別人口（各歳）",
    "movements": "人口異動報告",
    "residence_ending": "在留期間満了予定一覧",
    "late_filings": "届出期間経過一覧",
    "measures_ending": "支援措置期限到来一覧",
    "departures_overdue": "転出予定日経過一覧",
    "in_notices_unmatched": "未処理転入通知一覧",
}
FILERS = {"self": "本人", "head": "世帯主", "representative": "代理人", "office": "職権"}
AREA = ("基準日", "市区町村コード", "市区町村")
TOWN = ("基準日", "市区町村コード", "町字コード", "町字")
AGE = ("基準日", "市区町村コード", "年齢階級コード", "年齢下限(歳)", "年齢上限(歳)", "年齢階級")
SINGLE = ("基準日", "市区町村コード", "年齢(歳)", "年齢区分")
MOVED = ("年月", "市区町村コード", "町字コード", "町字", "異動区分")


def statistic(
    tx: Tx,
    name: StatisticName,
    *,
    office: Office,
    day: date | None = None,
    month: date | None = None,
    authority: str | None = None,
    is_published: bool = True,
) -> Table:
    """A statistic of the register as of a day (None: today), as it is believed now, or of the movements processed in a month.

    Small cells are withheld in what is published; the office's own table has them, and that it was made is recorded. `authority`
    leaves the rows of one ward, of a table that was made of the whole city.

    Raises
    ------
    Invalid
        The day lies in the future, or before the register has a history of everybody.
    """
    day = day or today()
    if name != "movements":
        check_day(tx, day)
    groups, header = _counted(tx, name, office, day, month or today())
    if is_published:
        rows = rules.published_rows(groups, value("small_cell_threshold", today(), office.parameters))
        header = (*header, WITHHELD)
    else:
        rows = [(*group.keys, *group.figures) for group in groups]
        journal.record(tx, "event", detail={"act": "statistic with small cells", "name": name})
    rows = [row for row in rows if authority in (None, row[1])]
    return Table(name, TITLES[name], header, rows, is_published)


def check_day(tx: Tx, day: date) -> None:
    """Refuse a day of which the register cannot say who was there.

    Who came in by a file has a history only from that file's day on.
    """
    if day > today():
        raise Invalid("the day lies in the future")
    loaded_at = store.last_loaded_at(tx)
    first = loaded_at.astimezone(JAPAN).date() if loaded_at else day
    if day < first:
        raise Invalid(f"the register has a history of everybody from {first} on: choose that day or a later one")


def _counted(tx: Tx, name: StatisticName, office: Office, day: date, month: date) -> tuple[list[Group], tuple[str, ...]]:
    match name:
        case "population":
            return _whole(tx, office, day), (*AREA, *FIGURES, "世帯数(世帯)")
        case "population_by_town":
            return _by_town(tx, office.tenant, day), (*TOWN, *FIGURES, "世帯数(世帯)")
        case "movements":
            return _moved(tx, office.tenant, month), (*MOVED, *FIGURES)
    is_single = name == "population_by_single_age"
    return _by_age(tx, office.tenant, day, is_single=is_single), (*(SINGLE if is_single else AGE), *FIGURES)


def _figures(row: dict[str, Any]) -> tuple[int, ...]:
    return tuple(row[name] for name in ("total", "male", "female", "japanese", "foreigners"))


def _past(day: date) -> date | None:
    """None for today, which needs no history."""
    return None if day == today() else day


def _whole(tx: Tx, office: Office, day: date) -> list[Group]:
    names = {office.tenant: office.tenant_name} | WARDS
    towns = _by_town(tx, office.tenant, day)
    return rules.merged([Group((*each.keys[:2], names.get(str(each.keys[1]), "")), each.figures) for each in towns])


def _by_town(tx: Tx, tenant: str, day: date) -> list[Group]:
    return [
        Group((day.isoformat(), row["authority"] or tenant, row["town_code"], row["town"]), (*_figures(row), row["households"]))
        for row in store.by_town(tx, _past(day))
    ]


def _by_age(tx: Tx, tenant: str, day: date, *, is_single: bool) -> list[Group]:
    groups = []
    for row in store.by_age(tx, day + timedelta(days=1), _past(day)):
        authority, age = row["authority"] or tenant, row["age"]
        if is_single:
            keys: tuple[Cell, ...] = (day.isoformat(), authority, age, "年齢不詳" if age is None else f"{age}歳")
        else:
            code, low, high = rules.age_class(age)
            named = "年齢不詳" if low is None else f"{low}～{high}歳" if high is not None else f"{low}歳以上"
            keys = (day.isoformat(), authority, code, low, high, named)
        groups.append(Group(keys, _figures(row)))
    return rules.merged(groups)


def _moved(tx: Tx, tenant: str, month: date) -> list[Group]:
    first, after = month_of(month)
    found = store.movements(tx, first, after, but=rules.NOT_COUNTED, leaving=rules.LEAVING, moving=rules.MOVING)
    return rules.merged(
        [
            Group(
                (f"{first:%Y-%m}", row["authority"] or tenant, row["town_code"], row["town"], rules.change_of(row["reason"])),
                _figures(row),
            )
            for row in found
        ]
    )


def month_of(day: date) -> tuple[date, date]:
    """The first day of the month, and the day after its last; `Invalid` when it lies ahead."""
    if day.replace(day=1) > today():
        raise Invalid("the month lies ahead: choose this one or one before it")
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def listed(tx: Tx, name: ListName, *, roles: frozenset[str], month: date | None = None, days: int = 90) -> Table:
    """A list of persons to be seen to; each is recorded as looked at before the list leaves.

    Places of protected residents are shown to the role for measures alone.
    """
    hold(tx)
    if name == "residence_ending":
        return _stays(tx, roles, today() + timedelta(days=days))
    if name == "late_filings":
        return _late(tx, month or today())
    if name == "departures_overdue":
        return _overdue(tx, roles)
    if name == "in_notices_unmatched":
        return _unmatched(tx)
    return _measures(tx, today() + timedelta(days=days))


def _stays(tx: Tx, roles: frozenset[str], until: date) -> Table:
    found = [measure_rules.masked(each, roles) for each in store.stays_ending(tx, until, today())]
    journal.record_access(tx, RESIDENT, [each.id for each in found], {"act": "list", "list": "residence_ending"})
    header = ("宛名番号", "氏名", "国籍・地域", "在留資格", "在留期間満了日", "満了までの日数(日)", "市区町村コード", "住所")
    rows: list[tuple[Cell, ...]] = [
        (
            each.atena_no, each.name, each.nationality, each.residence_status, str(each.residence_until),
            (each.residence_until - today()).days, each.authority_code, each.address,
        )
        for each in found if each.residence_until
    ]  # fmt: skip
    about = tuple(each.id for each in found if each.residence_until)
    return Table("residence_ending", TITLES["residence_ending"], header, rows, about=about)


def _late(tx: Tx, month: date) -> Table:
    found = store.late_filings(tx, *month_of(month))
    journal.record_access(tx, RESIDENT, [n for each in found for n in each.residents], {"act": "list", "list": "late_filings"})
    header = ("異動番号", "異動事由", "異動日", "届出期限", "届出日", "処理日", "届出人", "人数(人)")
    rows: list[tuple[Cell, ...]] = []
    for each in found:
        due = due14(each.event_on, value("filing_days", each.event_on))
        days = [str(day) for day in (each.event_on, due, each.filed_on, each.processed_on)]
        rows.append((each.number, REASONS.get(each.reason, each.reason), *days, FILERS[each.filer], len(each.residents)))
    return Table("late_filings", TITLES["late_filings"], header, rows, about=tuple(each.id for each in found))


def _overdue(tx: Tx, roles: frozenset[str]) -> Table:
    found = [measure_rules.masked(each, roles) for each in store.departures_overdue(tx, today())]
    journal.record_access(tx, RESIDENT, [each.id for each in found], {"act": "list", "list": "departures_overdue"})
    header = ("宛名番号", "氏名", "転出予定日", "経過日数(日)", "転出先", "市区町村コード", "住所")
    rows: list[tuple[Cell, ...]] = [
        (
            each.atena_no, each.name, str(each.out_planned_on), (today() - each.out_planned_on).days, each.out_planned_to,
            each.authority_code, each.address,
        )
        for each in found if each.out_planned_on
    ]  # fmt: skip
    return Table("departures_overdue", TITLES["departures_overdue"], header, rows, about=tuple(each.id for each in found))


def _unmatched(tx: Tx) -> Table:
    """A row for each resident of each notice; where they moved stands on the movement's own page, for whom it may be shown."""
    notices = store.in_notices_unmatched(tx)
    known = people.residents(tx, {number for each in notices for number in each.residents}, today())
    journal.record_access(tx, RESIDENT, list(known), {"act": "list", "list": "in_notices_unmatched"})
    header = ("異動番号", "宛名番号", "氏名", "異動日", "通知を受けた日", "転出の届出")
    rows, about = [], []
    for each in notices:
        for one in (known[number] for number in each.residents if number in known):
            filed = "届出あり" if one.state in ("leaving", "moved_out") else "届出なし"
            row: tuple[Cell, ...] = (each.number, one.atena_no, one.name, str(each.event_on), each.details["received_on"], filed)
            rows.append(row)
            about.append(each.id)
    return Table("in_notices_unmatched", TITLES["in_notices_unmatched"], header, rows, about=tuple(about))


def _measures(tx: Tx, until: date) -> Table:
    found = measures.ending(tx, until)
    for case in found:
        journal.record_access(tx, RESIDENT, measures.protected_by(tx, case.id), {"act": "list", "list": "measures_ending"})
    header = ("措置番号", "申出者", "開始日", "終了日", "終了までの日数(日)", "状態")
    rows, about = [_measure(case) for case in found], tuple(case.id for case in found)
    return Table("measures_ending", TITLES["measures_ending"], header, rows, about=about)


def _measure(case: SupportCase) -> tuple[Cell, ...]:
    left = (case.ends_on - today()).days if case.ends_on else None
    state = measure_rules.shown_state(case, today())
    return str(case.id), case.applicant_name, str(case.starts_on), str(case.ends_on), left, state


def as_csv(table: Table) -> bytes:
    """UTF-8 with a byte order mark; nothing but the table."""
    out = io.BytesIO()
    tables.write_csv_to(out, table.header, table.rows)
    return out.getvalue()


def as_xlsx(table: Table) -> bytes:
    """One sheet, nothing but the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.xlsx"
        tables.write_xlsx(path, table.title, table.header, table.rows)
        return path.read_bytes()


def as_pdf(table: Table, *, tenant_name: str, operator: str) -> bytes:
    """The printed form: A4 across, heading on every page, day, operator and page at its foot."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else cell or "" for cell in row] for row in table.rows]
    numeric = [any(isinstance(row[n], int) for row in table.rows) for n in range(len(table.header))]
    data: dict[str, object] = {"title": table.title, "tenant_name": tenant_name, "operator": operator, "day": wareki(today())}
    data |= {"header": list(table.header), "rows": cells, "numeric": numeric, "is_published": table.is_published}
    data["note"] = table.note
    return render(TEMPLATE, data)
