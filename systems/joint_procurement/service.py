"""The council secretariat's procedure: compute a run, write its report."""

from pathlib import Path
from typing import Any

from kit.documents import render
from kit.tables import Cell, write_csv, write_xlsx
from systems.joint_procurement.model import Run
from systems.joint_procurement.rules import DEGRESSIVE, EQUAL, FIXED, POPULATION, USAGE

HERE = Path(__file__).parent
BASES = {"census2020": "令和2年国勢調査 (2020年10月1日)", "est2023": "推計人口 (2023年10月1日)"}
LABELS = {EQUAL: "均等割", POPULATION: "人口割", DEGRESSIVE: "処理費逓減 (人口^log2(1.5))", FIXED: "固定額"}


def label(kind: str) -> str:
    """The component's name for people."""
    return LABELS.get(kind, f"利用量 ({kind.removeprefix(USAGE)})")


def write_report(run: Run, folder: Path, *, year: int, name: str) -> dict[str, Path]:
    """負担金算定書 as PDF, Excel and CSV; paths by format. The same run gives the same PDF."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {kind: folder / f"{name}.{kind}" for kind in ("pdf", "xlsx", "csv")}
    parts = [f"{label(c.kind)} {c.percent}%" for c in run.components]
    header = ["団体コード", "団体名", "人口", *parts, "負担金(円)", "1人当たり(円)"]
    rows: list[list[Cell]] = [[s.code, s.name, s.population, *s.parts, s.yen, s.yen_per_head] for s in run.shares]
    total: list[Cell] = ["", "合計", sum(s.population for s in run.shares), *run.part_yen, sum(s.yen for s in run.shares), ""]
    paths["pdf"].write_bytes(render(HERE / "templates" / "shares_1.typ", _content(run, header, rows, total, year)))
    write_xlsx(paths["xlsx"], "負担金算定書", header, [*rows, total])
    write_csv(paths["csv"], header, [*rows, total])
    return paths


def _content(run: Run, header: list[str], rows: list[list[Cell]], total: list[Cell], year: int) -> dict[str, Any]:
    return {
        "year": f"令和{year - 2018}年度",
        "total_yen": f"{run.total_yen:,}",
        "basis": BASES.get(run.basis, run.basis),
        "formula": " + ".join(header[3:-2]),
        "header": header,
        "rows": [_printed(row) for row in rows],
        "total": _printed(total),
        "members": len(run.shares),
        "difference": f"{run.total_yen - sum(s.yen for s in run.shares):,}",
    }


def _printed(row: list[Cell]) -> list[str]:
    return [f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row]
