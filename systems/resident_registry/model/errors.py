"""What can be wrong at this counter: classes with a Japanese title, each under the class of kit that has its status."""

from kit.errors import Conflict, Forbidden, Invalid, PurposeRequired, Refused, Stale


class CheckDigit(Invalid):
    """番号の検査数字が合いません。"""

    slug = "check-digit"


class UnknownAuthority(Invalid):
    """その日に存在しない市区町村コードです。"""

    slug = "unknown-authority"


class PlaceElsewhere(Invalid):
    """この市町村の住所ではありません。"""

    slug = "place-elsewhere"


class EventBeforeBirth(Invalid):
    """異動日が生年月日より前です。"""

    slug = "event-before-birth"


class EventBeforeResidence(Invalid):
    """異動日が住民となった日より前です。"""

    slug = "event-before-residence"


class EventInFuture(Invalid):
    """異動日が先の日付です。"""

    slug = "event-in-future"


class DaysOutOfOrder(Invalid):
    """異動日・届出日・処理日の順序が正しくありません。"""

    slug = "days-out-of-order"


class NationalityMissing(Invalid):
    """外国人住民には国籍・地域が必要です。"""

    slug = "nationality-missing"


class GroundMissing(Invalid):
    """職権による異動の根拠がありません。"""

    slug = "ground-missing"


class NoMoveOutCertificate(Invalid):
    """転出証明書又は転出証明書情報が必要です。"""

    slug = "no-move-out-certificate"


class RepresentativeUnproven(Invalid):
    """代理人の氏名、本人確認書類、代理権を示す書類が必要です。"""

    slug = "representative-unproven"


class PurposeMissing(PurposeRequired):
    """利用目的(事務)を選んでください。"""

    slug = "purpose-missing"


class TwoHeads(Conflict):
    """世帯主は一世帯に一人です。"""

    slug = "two-heads"


class NewHeadNeeded(Conflict):
    """新しい世帯主を決めてください。"""

    slug = "new-head-needed"


class RelationNeeded(Conflict):
    """新しい世帯主との続柄を入力してください。"""

    slug = "relation-needed"


class AlreadyRemoved(Conflict):
    """この住民は既に消除されています。"""

    slug = "already-removed"


class NotRemoved(Conflict):
    """職権で消除された住民ではありません。"""

    slug = "not-removed"


class NotLeaving(Conflict):
    """転出予定の住民ではありません。"""

    slug = "not-leaving"


class InNoticeArrived(Conflict):
    """転入通知が届いているため転出を取り消せません。"""

    slug = "in-notice-arrived"


class AlreadyFixed(Conflict):
    """この住民の転入通知は既に受理しています。前の通知が誤りであれば、先にその異動を取り消してください。"""

    slug = "already-fixed"


class NoPaperForDeparture(Conflict):
    """この転出に転出証明書は交付しません。"""

    slug = "no-paper-for-departure"


class DifferentAddress(Conflict):
    """住所が同じ世帯でなければなりません。"""

    slug = "different-address"


class NotLatest(Conflict):
    """取り消せるのは最も新しい異動だけです。"""

    slug = "not-latest"


class PapersDisposed(Conflict):
    """届出書類を廃棄した異動は取り消せません。職権修正で直してください。"""

    slug = "papers-disposed"


class WrongState(Conflict):
    """異動の状態がこの操作に合いません。"""

    slug = "wrong-state"


class AlertsUnconfirmed(Conflict):
    """確認が必要な事項があります。"""

    slug = "alerts-unconfirmed"


class NumberUsed(Conflict):
    """その番号は使われています、又は使われたことがあります。"""

    slug = "number-used"


class NumberTakenSince(Conflict):
    """この記録の番号は、いま別の記録(再び転入した本人など)で使われています。先にその記録の異動を取り消すか、番号を変更してください。"""

    slug = "number-taken-since"


class RetentionRunning(Conflict):
    """保存期間が満了していません。"""

    slug = "retention-running"


class LegalHold(Conflict):
    """法的保全の対象のため廃棄できません。"""

    slug = "legal-hold"


class DisposalNeeded(Conflict):
    """削除はできません。廃棄の決裁を受けてください。"""

    slug = "disposal-needed"


class NewerVersion(Stale):
    """読み取った後に更新されています。新しい版を確認してください。"""

    slug = "newer-version"


class SecondOfficer(Forbidden):
    """入力した職員とは別の決裁者が必要です。"""

    slug = "second-officer"


class Suppressed(Conflict):
    """この住民には抑止が設定されています。"""

    slug = "suppressed"


class CopyNotConfirmed(Conflict):
    """復元した写しです。支援措置を確認するまで発行できません。"""

    slug = "copy-not-confirmed"


class RequestIncomplete(Invalid):
    """請求に必要な事項が足りません。"""

    slug = "request-incomplete"


class NotOfHousehold(Invalid):
    """請求者の氏名の世帯員がいません。"""

    slug = "not-of-household"


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
