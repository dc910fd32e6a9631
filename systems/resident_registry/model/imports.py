"""The layout in which residents come in and go out, and the states of an import.

The table `LAYOUT` is all there is: checking, loading, exporting and `docs/formats/resident_import.md` are made from it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

Kind = Literal[
    "text", "name", "kana", "day", "number", "digits", "padded", "authority", "resident_code", "individual_number", "id",
    "choice", "pairs",
]  # fmt: skip
JobState = Literal["uploaded", "checked", "chosen", "loading", "loaded", "based", "refused", "withdrawn"]
Choice = Literal["all", "valid"]


@dataclass(frozen=True)
class Column:
    """One column: its heading, the item it fills, what a cell may hold. `choices` maps what is written to what is stored."""

    name: str
    item: str
    kind: Kind
    description: str
    example: str = ""
    required: bool = False
    length: int = 200
    choices: tuple[tuple[str, str], ...] = ()


STATES = (
    ("現存", "current"),
    ("転出予定", "leaving"),
    ("転出", "moved_out"),
    ("死亡", "dead"),
    ("職権消除", "removed"),
    ("その他消除", "ended"),
)
SEXES = (("男", "male"), ("女", "female"))
KINDS = (("日本人", "japanese"), ("外国人", "foreign"))
#: states of a record that is still on the register
PRESENT = ("current", "leaving")

#: 個別事項 whose days of 資格取得 and 資格喪失 have columns of their own; `Resident.qualifications` has them under these names
QUALIFIED = ("選挙", "国保", "後期", "介護", "年金", "児童手当")
_PERIODS = tuple(
    Column(f"{name}_資格{word}日", f"{name}_{key}", "day", "")
    for name in QUALIFIED
    for key, word in (("since", "取得"), ("until", "喪失"))
)

LAYOUT: tuple[Column, ...] = (
    Column("世帯番号", "household_no", "padded", "15桁。短ければ左に0を補う。世帯ごとに同じ番号", "000000000000123", True, 15),
    Column("宛名番号", "atena_no", "padded", "15桁。短ければ左に0を補う。重複しない", "000000000000456", True, 15),
    Column("住民種別", "kind", "choice", "日本人又は外国人。空欄は日本人", "日本人", choices=KINDS),
    Column("住民状態", "state", "choice", "空欄は現存", "現存", choices=STATES),
    Column("氏名", "name", "name", "氏と名の間に空白一つ。異体字セレクタ・拡張漢字はそのまま保存する", "架空　太朗", True),
    Column("氏名フリガナ", "kana", "kana", "全角カタカナ", "カクウ　タロウ", True),
    Column("氏名ローマ字", "roman_name", "name", "外国人住民の在留カードの氏名", "KAKUU TARO"),
    Column("氏名漢字", "kanji_name", "name", "外国人住民の漢字氏名"),
    Column("旧氏", "former_surname", "name", "住民票に記載した旧氏"),
    Column("旧氏フリガナ", "former_surname_kana", "kana", "全角カタカナ"),
    Column("通称", "alias", "name", "外国人住民の通称"),
    Column("通称フリガナ", "alias_kana", "kana", "全角カタカナ"),
    Column("性別", "sex", "choice", "男又は女", "男", True, choices=SEXES),
    Column("性別表記", "sex_text", "text", "性別欄に印字する文字(男・女と異なるときのみ)"),
    Column("生年月日", "born_on", "day", "西暦又は和暦。不詳のときは最も早い日", "1980-01-02", True),
    Column("生年月日不詳表記", "born_unknown", "text", "印字する文字", "昭和年月日不詳"),
    Column("続柄", "relation", "text", "世帯主との続柄。世帯主は「世帯主」", "世帯主", True, 50),
    Column("表示順", "position", "number", "世帯内の順。空欄は0", "1"),
    Column("住民となった年月日", "became_resident_on", "day", "", "2020-04-01", True),
    Column("住民となった年月日不詳表記", "became_resident_unknown", "text", "印字する文字"),
    Column("住民となった事由", "became_resident_reason", "text", "異動事由", "転入"),
    Column("住所を定めた年月日", "address_since", "day", "市区町村内で転居したときのみ"),
    Column("届出年月日", "filed_on", "day", "空欄は住民となった年月日", "2020-04-01"),
    Column("郵便番号", "postal_code", "digits", "ハイフンなし7桁", "9862261", True, 7),
    Column("市区町村コード", "authority_code", "authority", "検査数字を含む6桁。指定都市は区のコード", "045811", False, 6),
    Column("町字コード", "town_code", "digits", "町字を表す数字"),
    Column("住所", "address", "text", "都道府県から方書まで、住民票に印字する全体", "宮城県牡鹿郡女川町女川1番地1", True),
    Column("町字", "town", "text", "町字名", "女川"),
    Column("番地号", "lot", "text", "番地、番、号", "1番地1"),
    Column("方書", "building", "text", "建物名・部屋番号"),
    Column("転入前住所", "previous_address", "text", "この市区町村の外での最後の住所"),
    Column("転入前市区町村コード", "previous_authority", "authority", "検査数字を含む6桁。廃止後も可", "041009", False, 6),
    Column("転入前国名", "previous_country", "text", "国外から転入したとき"),
    Column("転入前世帯主氏名", "previous_head", "text", ""),
    Column("転居前住所", "before_move_address", "text", "市区町村内の直前の住所"),
    Column("本籍", "registered_domicile", "text", "日本人のみ"),
    Column("筆頭者", "family_register_head", "text", "日本人のみ"),
    Column("住民票コード", "resident_code", "resident_code", "検査数字を含む11桁", "24727059608", True, 11),
    Column("個人番号", "individual_number", "individual_number", "検査数字を含む12桁。暗号化して保存", "123456789018", False, 12),
    Column("国籍・地域", "nationality", "text", "外国人は必須"),
    Column("在留資格", "residence_status", "text", ""),
    Column("在留期間", "residence_period", "text", "", "3年"),
    Column("在留期間満了日", "residence_until", "day", "特別永住者・永住者は空欄"),
    Column("在留カード等番号", "residence_card_no", "text", "", "AB12345678CD", False, 20),
    Column("第30条45区分", "foreign_class", "text", "中長期在留者、特別永住者 など"),
    Column("外国人住民となった年月日", "foreign_since", "day", ""),
    Column("個別事項", "qualifications", "pairs", "「名前: 内容」を ; で区切る", "年金: 2号; 国保: 退職者", length=2000),
    *_PERIODS,
    Column("地区", "districts", "pairs", "「種類: 名又はコード」を ; で区切る", "学校区: 女川小; 投票区: 03", length=2000),
    Column("消除の異動年月日", "removed_on", "day", "除票は必須、現存・転出予定は空欄"),
    Column("消除の異動年月日不詳表記", "removed_unknown", "text", "印字する文字"),
    Column("消除の届出年月日", "removed_filed_on", "day", ""),
    Column("消除事由", "removed_reason", "text", "異動事由"),
    Column("転出予定年月日", "out_planned_on", "day", "転出予定は必須"),
    Column("転出予定先", "out_planned_to", "text", ""),
    Column("転出予定先市区町村コード", "out_planned_authority", "authority", "検査数字を含む6桁", length=6),
    Column("転出確定年月日", "out_fixed_on", "day", "転入通知による"),
    Column("転出確定先", "out_fixed_to", "text", ""),
    Column("転出確定先市区町村コード", "out_fixed_authority", "authority", "検査数字を含む6桁", length=6),
    Column("転入通知年月日", "in_notice_on", "day", ""),
    Column("異動年月日", "valid_from", "day", "この内容になった日。空欄は住民となった・住所を定めた・消除の日のうち最も遅い日"),
    Column("世帯の異動年月日", "household_from", "day", "世帯がこの内容になった日。空欄は世帯主の異動年月日"),
    Column("支援措置_相手方氏名", "opponent_name", "text", "支援措置を受けている住民のみ。三つの欄をすべて書く"),
    Column("支援措置_開始日", "protected_from", "day", ""),
    Column("支援措置_終了日", "protected_until", "day", ""),
    Column("住民識別子", "id", "id", "UUID。空欄は宛名番号から作る。書き出したファイルを戻すときに使う"),
    Column("世帯識別子", "household_id", "id", "UUID。空欄は世帯番号から作る"),
)  # fmt: skip
BY_NAME = {column.name: column for column in LAYOUT}
NAMES = tuple(column.name for column in LAYOUT)
#: what stands for the household; only its head's row and removed records need to carry it into the register
PLACE_ITEMS = ("postal_code", "authority_code", "town_code", "address", "town", "lot", "building")
#: items in which a private-use character is looked for and identified
NAME_ITEMS = ("name", "kanji_name", "former_surname", "alias", "family_register_head", "previous_head", "address", "building")


@dataclass(frozen=True)
class Wrong:
    """A cell that breaks a rule; `column` is its heading, None for the row as a whole. Never carries what stands in it."""

    row: int
    column: str | None
    rule: str


@dataclass(frozen=True, kw_only=True)
class ImportJob:
    """One file on its way into the register.

    uploaded → checked → chosen → loading → loaded → based; or refused (cannot be read), or withdrawn by the operator.
    """

    id: UUID
    state: JobState
    file_sha256: str
    size: int
    uploaded_by: str
    uploaded_at: datetime
    encoding: str | None = None
    check_id: UUID | None = None
    rows: int | None = None
    rows_valid: int | None = None
    faults: int | None = None
    refused_for: str | None = None
    choice: Choice | None = None
    chosen_by: str | None = None
    chosen_at: datetime | None = None
    rows_loaded: int | None = None
    loaded_at: datetime | None = None
    based_at: datetime | None = None


@dataclass(frozen=True)
class Unidentified:
    """A private-use character (外字) of an import: where it first stands, and what it was identified as elsewhere before."""

    code_point: str
    rows: int
    first_row: int
    first_column: str
    candidates: list[str]
    identified: str | None
    identified_on: date | None = None
