"""What a clerk must look at and confirm before a movement goes on. Nothing here blocks.

References
----------
標準仕様書 (alerts), office practice; unlike errors they tell what is unusual, not what is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from kit.civic.dates import age
from systems.resident_registry.model.people import HEAD, Resident


@dataclass(frozen=True)
class Alert:
    """Its slug is what the clerk confirms."""

    slug: str
    title: str


LATE = Alert("late-filing", "届出期間を過ぎています。届出期間経過通知書を作成します。")
SAME_PERSON = Alert("same-person", "氏名と生年月日が同じ住民がいます(二重登録の疑い)。")
AGE = Alert("very-old", "120歳以上です。")
LARGE = Alert("large-household", "世帯員が15人を超えます。")
MINOR = Alert("minor-head", "世帯主が15歳未満です。")
BUILDING = Alert("building-missing", "同じ番地に方書のある世帯があります。方書を確認してください。")
STAY = Alert("stay-expired", "在留期間が満了しています。")
OLD_DEPARTURE = Alert("old-departure", "転出の日から14日を過ぎています。")
SUPPRESSED = Alert("suppression-read", "抑止が設定されています。内容を確認してください。")
NO_DEPARTURE = Alert(
    "no-departure", "転出の届出がありません。通知は、一覧「転出と結び付いていない転入通知」に下書きのまま残ります。"
)
WORKED_OUT = Alert("relation-worked-out", "続柄を計算しました。確認してください。")
CODE_DRAWN = Alert(
    "resident-code-drawn", "転入する人の住民票コードがありません。新しいコードを割り当てます。転出証明書を確認してください。"
)
GOES_ON_LIVING_HERE = Alert(
    "record-as-foreign", "国籍を失った後も住み続ける人は、外国人住民として職権記載が要ります(経過滞在者など)。確認してください。"
)
UNPRINTABLE = Alert("not-printable", "証明書に出力できない文字があります。文字を同定してください。")
NOT_COMPARED = Alert(
    "address-not-compared", "支援措置のため、住所が同じかどうかを照合していません。支援措置の担当者に確かめてください。"
)
MARRIED = Alert(
    "still-married", "夫・妻の続柄がなくなりますが、離婚の記入がありません。離婚なら「離婚した相手」を選んでください。"
)


def of_person(one: Resident, on: date) -> list[Alert]:
    """Alerts about a record as it is to be."""
    found = []
    if age(one.born_on, max(on, one.born_on)) >= 120:
        found.append(AGE)
    if one.relation == HEAD and age(one.born_on, max(on, one.born_on)) < 15:
        found.append(MINOR)
    if one.residence_until is not None and one.residence_until < on:
        found.append(STAY)
    return found


def of_household(members: Sequence[Resident]) -> list[Alert]:
    """Alerts about a household as it is to be."""
    return [LARGE] if len(members) > 15 else []


def of_departure(event_on: date, today: date) -> list[Alert]:
    """A departure that lies more than 14 days back."""
    return [OLD_DEPARTURE] if event_on < today - timedelta(days=14) else []
