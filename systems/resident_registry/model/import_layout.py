"""What is said about the layout of imports, for `docs/formats/resident_import.md` and the page to print."""

from systems.resident_registry.model.imports import Column, Kind

KIND_NAMES: dict[Kind, str] = {
    "text": "文字",
    "name": "氏名",
    "kana": "カタカナ",
    "day": "日付",
    "number": "整数",
    "digits": "数字",
    "padded": "番号",
    "authority": "市区町村コード",
    "resident_code": "住民票コード",
    "individual_number": "個人番号",
    "id": "識別子",
    "choice": "選択",
    "pairs": "名前と内容",
}
#: how a file is written, in sentences; a text between backticks is written as it stands
NOTES = (
    "一行に一人。一行目は見出しで、欄の順は問わない。使わない欄は見出しごと省いてよい。知らない見出しは誤りになる。",
    "CSV(UTF-8 BOM 有無、UTF-16、CP932 を自動で判別)又は Excel(一枚のシートだけに記入)。CSV の引用符は二つ重ねる。",
    "日付は `2026-04-01`、`2026/4/1`、`20260401`、`令和8年4月1日`、`R8.4.1`。全角数字・半角カナは直す。氏名は一字も直さない。",
    "同じ世帯の行は、同じ世帯番号と同じ住所を持つ。現存者のうち一人だけが世帯主。",
    "`=`、`+`、`@` で始まる値は数式とみなして取り込まない。書き出した CSV の先頭の `'` は取り除いて読む。",
    "行に誤りがあれば、その世帯の行はどれも取り込まない。選べるのは「すべて」(誤りがないときだけ)か「誤りのない行だけ」。",
    "外字(私用領域の文字)は一覧になり、同定した文字に置き換えて読み直す。候補は、この団体で以前に同定したものだけ。",
)


def words(column: Column) -> str:
    """What may be written in a cell of the column, when it is a choice."""
    return "、".join(written for written, _ in column.choices)


def longest(column: Column) -> str:
    """Most characters of a cell; empty where the kind says it already."""
    return "" if column.kind in ("day", "choice", "id", "number") else str(column.length)
