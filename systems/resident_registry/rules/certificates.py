"""Who may have a certificate, what it costs, how long a removed record is kept, whom an issue is told to."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from kit.civic.dates import wareki
from kit.civic.names import fold
from kit.errors import Conflict
from systems.resident_registry.model.certificates import (
    DOCUMENTS,
    DOCUMENTS_WITH_PHOTO,
    KINDS,
    MANDATES,
    REQUESTERS,
    DayLine,
    NoticeRegistration,
    Request,
)
from systems.resident_registry.model.errors import RemovedAndPresent, RequestIncomplete
from systems.resident_registry.model.people import Resident

JAPAN = ZoneInfo("Asia/Tokyo")
#: requesters who say why they ask (arts. 12-2, 12-3)
WITH_GROUND = ("public_body", "third_party", "listed_profession")
#: requesters of whose certificates a registered person is told; never for official use (本人通知制度)
TOLD_OF = {"representative": "代理人", "third_party": "第三者", "listed_profession": "第三者"}


def check_request(request: Request) -> None:
    """Whether the request says who asks, why, and shows who they are (住民基本台帳法 arts. 12(2)(3), 12-2(2), 12-3(4)).

    Raises
    ------
    RequestIncomplete
        Something is missing; `missing` names it.
    """
    missing = [name for name in ("name", "address") if not getattr(request, name)]
    if request.requester in WITH_GROUND and not request.ground:
        missing.append("ground")
    unknown = [each for each in request.documents if each not in DOCUMENTS]
    shown = set(request.documents) - set(MANDATES) - set(unknown)
    if unknown or (not shown & set(DOCUMENTS_WITH_PHOTO) and len(shown) < 2):
        missing.append("documents")
    if request.requester == "representative" and not set(request.documents) & set(MANDATES):
        missing.append("mandate")
    if missing:
        told = {
            "name": "請求者の氏名",
            "address": "請求者の住所",
            "ground": "請求の理由",
            "documents": "本人確認書類(顔写真付き1点、又はそれ以外2点)",
            "mandate": "代理権を示す書類",
        }
        raise RequestIncomplete("、".join(told[each] for each in missing) + "が必要です。", missing=missing)


def bears(one: Resident, name: str) -> bool:
    """Whether it is one of the resident's names, compared as the search does: without spaces, 異体字 as the common form."""
    return bool(fold(name)) and fold(name) in {
        fold(each) for each in (one.name, one.kanji_name, one.roman_name, one.alias) if each
    }


def check_may_issue(request: Request, people: Sequence[Resident]) -> None:
    """Whether these records can be certified so; a removed one is certified alone (標準仕様書 5.1).

    Raises
    ------
    RequestIncomplete
        Somebody who belonged to the household asks for a removed record without saying why.
    RemovedAndPresent
        The kind of certificate does not fit records that are removed, or are not.
    Conflict
        A removed record in the household form, or for another municipality.

    References
    ----------
    住民基本台帳法 arts. 12 to 12-4, 15-4.
    """
    removed = {each.removed_on is not None for each in people}
    if removed != {request.kind == "removed_copy"}:
        way = "除票の写し" if True in removed else "住民票の写し"
        raise RemovedAndPresent(f"この記録は{way}で証明します。")
    if request.kind != "removed_copy":
        return
    if request.form != "individual" or len(people) != 1:
        raise Conflict("除票の写しは個人票のみです。")
    if request.requester == "other_municipality":
        raise Conflict("除票の写しは広域交付の対象ではありません。")
    if request.requester == "household_member" and not request.ground:
        raise RequestIncomplete("同一世帯であった者の請求には理由が必要です。", missing=["ground"])


def fee_yen(request: Request, fee_each: int) -> int:
    """Fee of the copies (地方自治法 art. 227 and municipal ordinances); public bodies pay none, a 転出証明書 costs none."""
    return 0 if request.requester == "public_body" or request.kind == "move_out" else fee_each * request.copies


def registration_ends_on(registered_on: date, years: int) -> date | None:
    """First day on which a registration no longer counts; None without limit (0 years)."""
    if years == 0:
        return None
    try:
        return registered_on.replace(year=registered_on.year + years)
    except ValueError:  # 29 February
        return date(registered_on.year + years, 3, 1)


def counts_on(registration: NoticeRegistration, day: date) -> bool:
    """Whether a registration is in force on that day."""
    until = registration.ended_on or registration.ends_on
    return registration.registered_on <= day and (until is None or day < until)


def notice_content(request: Request, kind_name: str, issued_on: date) -> dict[str, object] | None:
    """What a registered person is told of an issue; None when it is not told. Never who asked (本人通知制度)."""
    told = TOLD_OF.get(request.requester)
    if told is None:
        return None
    return {"issued_on": issued_on.isoformat(), "kind": kind_name, "copies": request.copies, "requester_class": told}


def account(lines: Sequence[DayLine], office: str, day: date, made_at: datetime) -> dict[str, Any]:
    """The day's account as its page prints it."""

    def figures(some: Sequence[DayLine]) -> dict[str, str]:
        sums = (sum(getattr(line, name) for line in some) for name in ("certificates", "copies", "fee_yen"))
        return dict(zip(("certificates", "copies", "fee"), (f"{n:,}" for n in sums), strict=True))

    shown = [{"kind": KINDS[one.kind], "requester": REQUESTERS.get(one.requester, "")} | figures([one]) for one in lines]
    return {
        "key": f"account {day.isoformat()}",
        "day": [day.year, day.month, day.day],
        "day_text": wareki(day),
        "office": office,
        "lines": shown,
        "total": figures(lines),
        "made": f"{made_at.astimezone(JAPAN):%Y-%m-%d %H:%M}",
    }
