"""Writes the documentation of file formats from the tables that the code reads: `python -m tools.formats`."""

from pathlib import Path

from systems.resident_registry.model.import_layout import KIND_NAMES, NOTES, longest, words
from systems.resident_registry.model.imports import LAYOUT, Column
from systems.resident_registry.rules.imports import ADVICE

RESIDENT_IMPORT = Path(__file__).resolve().parents[1] / "docs" / "formats" / "resident_import.md"
HEAD = """# 住民データの取込レイアウト (resident import)

この文書は `python -m tools.formats` が取込プログラムと同じ表から書き出す。手で直さない。

{notes}
## 欄

| 見出し | 必須 | 型 | 最大 | 説明 | 例 |
| --- | --- | --- | --- | --- | --- |
"""


def resident_import() -> str:
    """The documentation of the layout of residents, Markdown."""
    rows = "".join(_row(column) for column in LAYOUT)
    rules = "".join(f"| `{rule}` | {advice} |\n" for rule, advice in ADVICE.items())
    notes = "".join(f"* {note}\n" for note in NOTES)
    return f"{HEAD.format(notes=notes)}{rows}\n## 誤りと直し方\n\n| 規則 | 直し方 |\n| --- | --- |\n{rules}"


def _row(column: Column) -> str:
    described = "。".join(filter(None, (words(column), column.description)))
    cells = (
        column.name,
        "○" if column.required else "",
        KIND_NAMES[column.kind],
        longest(column),
        described,
        column.example,
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    RESIDENT_IMPORT.write_text(resident_import())
