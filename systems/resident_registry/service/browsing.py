"""Browsing of the extract of the register (閲覧), and what is published of it every year.

References
----------
住民基本台帳法 art. 11 (state and municipal bodies), art. 11-2 (persons and corporations, for surveys of public benefit and
the like; items: 氏名, 生年月日, 性別, 住所), art. 11 (3), art. 11-2 (12) (published once a year at least); in what detail:
住民基本台帳の一部の写しの閲覧等に関する省令 (to be verified). Protected residents are left out: 事務処理要領 第6-10.
"""

from datetime import date
from uuid import UUID, uuid4

from kit import journal
from kit.clock import today
from kit.db import Tx
from kit.errors import Invalid
from systems.resident_registry.model.browsing import KINDS, BrowserKind, BrowsingApplication
from systems.resident_registry.model.errors import SecondOfficer, WrongState
from systems.resident_registry.model.people import RESIDENT
from systems.resident_registry.model.statistics import Table
from systems.resident_registry.rules.certificate_cells import SEXES
from systems.resident_registry.service import measures
from systems.resident_registry.store import browsing as store
from systems.resident_registry.store import people

EXTRACT = ("氏名", "生年月日", "性別", "住所")
PUBLISHED = (
    "年度", "閲覧年月日", "申出番号", "区分", "機関・申出者の名称", "代表者", "請求事由・利用目的の概要", "閲覧に係る住民の範囲",
)  # fmt: skip


def apply(
    tx: Tx, kind: BrowserKind, applicant: str, *, represented_by: str | None, purpose: str, towns: list[str], applied_on: date
) -> BrowsingApplication:
    """Enter an application; `Invalid` when it lies ahead or names a neighbourhood in which nobody lives."""
    if applied_on > today():
        raise Invalid("the application lies ahead")
    unknown = set(towns) - set(store.towns(tx))
    if unknown:
        raise Invalid(f"nobody lives in {'、'.join(sorted(unknown))}: choose from the neighbourhoods of the register")
    one = BrowsingApplication(
        id=uuid4(),
        number=f"{today().year}-{people.draw(tx, f'browsing/{today().year}'):04d}",
        kind=kind,
        applicant=applicant,
        represented_by=represented_by,
        purpose=purpose,
        towns=list(dict.fromkeys(towns)),
        applied_on=applied_on,
        entered_by=tx.actor,
    )
    store.add(tx, one)
    return one


def decide(tx: Tx, number: UUID, *, approved: bool, ground: str) -> BrowsingApplication:
    """Approve or refuse an application that another officer entered, on a written ground."""
    one = store.application(tx, number)
    if one.state != "applied":
        raise WrongState("this application was decided already")
    if one.entered_by == tx.actor:
        raise SecondOfficer("another officer than the one who entered the application decides it")
    state = "approved" if approved else "refused"
    store.update(tx, number, state=state, decided_by=tx.actor, decided_on=today(), ground=ground)
    return store.application(tx, number)


def extract(tx: Tx, number: UUID) -> Table:
    """閲覧用の写し: who lives in the neighbourhoods of an approved application now; each is recorded as looked at.

    Raises
    ------
    WrongState
        Nobody approved it.
    CopyNotConfirmed
        This is a restored copy in which nobody has confirmed the measures yet.
    """
    one = store.application(tx, number)
    if one.state != "approved":
        raise WrongState("only an approved application is browsed")
    measures.hold_confirmed(tx)
    found = store.residents(tx, one.towns, today())
    journal.record_access(tx, RESIDENT, [each.id for each in found], {"act": "browsing", "number": one.number})
    store.update(tx, number, browsed_on=one.browsed_on or today(), browsed=len(found))
    rows = [(each.name, each.born_unknown or str(each.born_on), SEXES[each.sex], each.address) for each in found]
    return Table(f"browsing_{one.number}", f"住民基本台帳の一部の写し（閲覧用）{one.number}", EXTRACT, list(rows))


def published(tx: Tx, year: int) -> Table:
    """閲覧状況の公表: who browsed in the fiscal year that begins in April of `year`, with no resident named."""
    found = store.browsed(tx, date(year, 4, 1), date(year + 1, 4, 1))
    rows = [
        (
            f"{year}", str(each.browsed_on), each.number, KINDS[each.kind], each.applicant, each.represented_by, each.purpose,
            "、".join(each.towns),
        )
        for each in found
    ]  # fmt: skip
    return Table(f"browsing_published_{year}", "住民基本台帳の閲覧状況", PUBLISHED, list(rows))
