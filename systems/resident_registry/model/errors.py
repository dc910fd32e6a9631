"""What can be wrong at this counter: classes with a Japanese title, each under the class of kit that has its status."""

from kit.errors import Conflict, Invalid, Refused


class TwoHeads(Conflict):
    """世帯主は一世帯に一人です。"""

    slug = "two-heads"


class EventBeforeBirth(Invalid):
    """異動日が生年月日より前です。"""

    slug = "event-before-birth"


class AlreadyRemoved(Conflict):
    """この住民は既に消除されています。"""

    slug = "already-removed"


class RequestIncomplete(Invalid):
    """請求に必要な事項が足りません。"""

    slug = "request-incomplete"


class ItemNotPrintable(Refused):
    """この請求区分では記載できない事項です。"""

    slug = "item-not-printable"


class RemovedAndPresent(Conflict):
    """除票と現在の住民票は一つの証明書にできません。"""

    slug = "removed-and-present"


class StillKept(Conflict):
    """この除票は保存期間中です。"""

    slug = "still-kept"


class MailedToPerson(Conflict):
    """本人へ郵送する証明書です。窓口では交付できません。"""

    slug = "mailed-to-person"


class NotAsIssued(Conflict):
    """交付したときと同じ証明書を作成できません。"""

    slug = "not-as-issued"


class Suppressed(Conflict):
    """この住民には抑止が設定されています。"""

    slug = "suppressed"


class CopyNotConfirmed(Conflict):
    """復元した写しです。支援措置を確認するまで発行できません。"""

    slug = "copy-not-confirmed"
