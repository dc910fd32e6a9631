"""What `mcloud` prints: data on standard output in the form asked for, everything else on standard error."""

import csv
import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import yaml
from cyclopts import Parameter

Format = Literal["table", "json", "yaml", "csv"]
Output = Annotated[Format, Parameter(name=["-o", "--output"])]
Row = dict[str, Any]


def say(text: str) -> None:
    """One line for people, on standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def emit(
    data: Row | Sequence[Row], output: Format, *, columns: Sequence[str] | None = None, rows: Sequence[Row] | None = None
) -> None:
    """Print `data`. Table and CSV show `rows` (default: `data` as rows), with `columns` or all keys of the first row."""
    if output == "json":
        sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=1, default=str) + "\n")
        return
    if output == "yaml":
        plain = json.loads(json.dumps(data, ensure_ascii=False, default=str))
        sys.stdout.write(yaml.safe_dump(plain, allow_unicode=True, sort_keys=False))
        return
    lines = list(rows if rows is not None else ([data] if isinstance(data, dict) else data))
    names = list(columns or (lines[0] if lines else []))
    cells = [[_cell(line.get(name)) for name in names] for line in lines]
    if output == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(cells)
    else:
        _table(names, cells)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _table(names: list[str], cells: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(*names, box=SIMPLE_HEAD)
    for line in cells:
        table.add_row(*line)
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)
