"""Writes the documentation of file formats from the tables that the code reads: `python -m tools.formats`."""

from pathlib import Path

from systems.resident_registry.model.imports import LAYOUT, Column
from systems.resident_registry.rules.imports import ADVICE

RESIDENT_IMPORT = Path(__file__).resolve().parents[1] / "docs" / "formats" / "resident_import.md"
KINDS = {
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
}
HEAD = """# 住民データの取込レイアウト (resident import)

この文書は `python -m tools.formats` が取込プログラムと同じ表から書き出す。手で直さない。

* 一行に一人。一行目は見出しで、欄の順は問わない。使わない欄は見出しごと省いてよい。知らない見出しは誤りになる。
* CSV(UTF-8 BOM 有無、UTF-16、CP932 を自動で判別)又は Excel(一枚のシートだけに記入)。CSV の引用符は二つ重ねる。
* 日付は `2026-04-01`、`2026/4/1`、`20260401`、`令和8年4月1日`、`R8.4.1`。全角数字・半角カナは直す。氏名は一字も直さない。
* 同じ世帯の行は、同じ世帯番号と同じ住所を持つ。現存者のうち一人だけが世帯主。
* `=`、`+`、`@` で始まる値は数式とみなして取り込まない。書き出した CSV の先頭の `'` は取り除いて読む。
* 行に誤りがあれば、その世帯の行はどれも取り込まない。選べるのは「すべて」(誤りがないときだけ)か「誤りのない行だけ」。
* 外字(私用領域の文字)は一覧になり、同定した文字に置き換えて読み直す。候補は、この団体で以前に同定したものだけ。

## 欄

| 見出し | 必須 | 型 | 最大 | 説明 | 例 |
| --- | --- | --- | --- | --- | --- |
"""


def resident_import() -> str:
    """The documentation of the layout of residents, Markdown."""
    rows = "".join(_row(column) for column in LAYOUT)
    rules = "".join(f"| `{rule}` | {advice} |\n" for rule, advice in ADVICE.items())
    return f"{HEAD}{rows}\n## 誤りと直し方\n\n| 規則 | 直し方 |\n| --- | --- |\n{rules}"


def _row(column: Column) -> str:
    words = "、".join(written for written, _ in column.choices)
    described = "。".join(filter(None, (words, column.description)))
    length = "" if column.kind in ("day", "choice", "id", "number") else str(column.length)
    cells = (column.name, "○" if column.required else "", KINDS[column.kind], length, described, column.example)
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    RESIDENT_IMPORT.write_text(resident_import())
