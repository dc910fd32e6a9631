"""What can be wrong at this counter: classes with a Japanese title, each under the class of kit that has its status."""

from kit.errors import Conflict, Invalid


class TwoHeads(Conflict):
    """世帯主は一世帯に一人です。"""

    slug = "two-heads"


class EventBeforeBirth(Invalid):
    """異動日が生年月日より前です。"""

    slug = "event-before-birth"


class AlreadyRemoved(Conflict):
    """この住民は既に消除されています。"""

    slug = "already-removed"


class Suppressed(Conflict):
    """この住民には抑止が設定されています。"""

    slug = "suppressed"


class CopyNotConfirmed(Conflict):
    """復元した写しです。支援措置を確認するまで発行できません。"""

    slug = "copy-not-confirmed"
