"""Letters that the office itself mails: what stands on them. Everything else waits for the hub.

References
----------
本人通知制度 is an ordinance or guideline of each municipality: the person is told that, what and which class of requester, never
to whom. 住民基本台帳法 art. 52 (2): a late filing without good reason is fined by the summary court, to which the municipality
gives notice of the facts.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from kit.civic.dates import wareki
from systems.resident_registry.model.movements import REASONS, Movement, Notice
from systems.resident_registry.model.people import Resident

#: kind -> title
LETTERS = {
    "third_party_issue": "住民票の写し等の交付のお知らせ",
    "late_filing": "届出期間経過通知書",
    "late_filing_withdrawal": "届出期間経過通知書の取消し",
}
HIDDEN = "(住所は支援措置の担当が記入)"


def letter(
    notice: Notice, person: Resident | None, movement: Movement | None, *, office: str, issuer: str, on: date
) -> dict[str, Any]:
    """The letter as its page prints it; `person` as the reader may see one: of a protected resident the address is left out."""
    if notice.kind == "third_party_issue":
        to, lines = _to(person), _issue(notice.content)
        body = "本人通知制度により、あなたに係る次の証明書を交付したことをお知らせします。"
        foot = "請求した方の氏名、住所など、これ以外の事項はこの制度ではお知らせできません。"
    else:
        to, lines = [f"{notice.addressee} 御中"], _late_filing(notice.content, person, movement)
        body = "次の者は、住民基本台帳法に定める期間を過ぎて届出をしましたので、通知します。"
        foot = "過料に処するかどうかは、裁判所が決定します(住民基本台帳法第52条第2項)。"
        if notice.kind == "late_filing_withdrawal":
            body = "さきに届出期間の経過を通知した次の届出による異動は、取り消しましたので、通知します。"
            foot = "この届出についての届出期間経過通知書は、なかったものとしてください。"
    return {
        "key": str(notice.id),
        "day": [on.year, on.month, on.day],
        "day_text": wareki(on),
        "title": LETTERS[notice.kind],
        "to": to,
        "office": office,
        "issuer": issuer,
        "body": body,
        "lines": [{"label": label, "value": value} for label, value in lines],
        "foot": foot,
    }


def _issue(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("交付した日", wareki(date.fromisoformat(content["issued_on"]))),
        ("証明書の種類", content["kind"]),
        ("通数", f"{content['copies']}通"),
        ("請求者の区分", content["requester_class"]),
    ]


def _late_filing(content: Mapping[str, Any], person: Resident | None, movement: Movement | None) -> list[tuple[str, str]]:
    others = f"(ほか{content['residents'] - 1}人)" if content["residents"] > 1 else ""
    return [
        ("届出の種類", REASONS.get(movement.reason, movement.reason) if movement else ""),
        ("届出の番号", content["number"]),
        ("異動の日", wareki(date.fromisoformat(content["event_on"]))),
        ("届出の日", wareki(date.fromisoformat(content["filed_on"]))),
        ("届出をした者", (movement.filer_name or ("本人" if movement.filer == "self" else "")) if movement else ""),
        ("異動した者", person.name + others if person else ""),
        ("生年月日", wareki(person.born_on) if person and person.born_on else ""),
        ("住所", _address(person)),
    ]


def _to(person: Resident | None) -> list[str]:
    if person is None:
        return []
    code = f"〒{person.postal_code[:3]}-{person.postal_code[3:]}" if person.postal_code else ""
    return [line for line in (code, _address(person), f"{person.name} 様") if line]


def _address(person: Resident | None) -> str:
    if person is None:
        return ""
    return HIDDEN if person.restricted and not person.address else person.address
