"""Files on their way into the register: uploaded, checked, corrected, chosen. Nothing is saved before the operator chose."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import Response

from kit.civic.repertoire import code_point
from kit.db import Tx
from kit.errors import Invalid, NotFound
from kit.forms import Field, Filled
from kit.sessions import Uploaded
from systems.resident_registry.model.import_layout import KIND_NAMES, NOTES, longest, words
from systems.resident_registry.model.imports import LAYOUT
from systems.resident_registry.model.statistics import Table
from systems.resident_registry.pages import sheets
from systems.resident_registry.pages.desk import AtDesk, Desk, Form, Guide, Operator, begin, proceed
from systems.resident_registry.pages.desk import router as new_router
from systems.resident_registry.rules.imports import ADVICE
from systems.resident_registry.service import import_reports as reports
from systems.resident_registry.service import imports as service
from systems.resident_registry.store import imports as store

router = new_router(with_purpose=True)
PAGE = 100
STATES = {
    "uploaded": "検査待ち", "checked": "検査済み", "chosen": "登録待ち", "loading": "登録中",
    "loaded": "登録済み(基準バックアップ待ち)", "based": "完了", "refused": "読めないファイル", "withdrawn": "取下げ済み",
}  # fmt: skip
STEPS = ("1 受取", "2 検査", "3 選択", "4 登録", "5 基準バックアップ")
#: state -> how many of the steps are done
DONE = {"uploaded": 1, "checked": 2, "chosen": 3, "loading": 3, "loaded": 4, "based": 5}
CHARACTER = Field(
    "character", "同定した文字", hint="一文字。異体字セレクタを付けられます。原本の字形と見比べてください。", longest=2
)
REPORTS: dict[str, Callable[[Tx, UUID], Table]] = {"faults": reports.faults, "characters": reports.characters}


@router.get("/imports", summary="Imports, and a file to be uploaded")
def imports(desk: AtDesk, actor: Operator) -> Response:
    return _imports(desk)


def _imports(desk: Desk, told: str = "", status: int = 200) -> Response:
    with desk.transaction() as tx:
        found = store.recent(tx, 50)
    return desk.page("imports.html", status=status, imports=found, names=STATES, told=told)


@router.post("/imports", summary="Upload a file to be checked")
def upload(desk: AtDesk, actor: Operator, file: Uploaded) -> Response:
    done, wrong = desk.attempt(lambda tx: service.receive(tx, desk.office, file))
    if done is None:
        return _imports(desk, desk.tell(wrong), wrong.status if wrong else 500)
    job, is_new = done
    return desk.go(f"/imports/{job.id}{'' if is_new else '?known=1'}")


@router.get("/imports/layout", summary="The layout, to be printed")
def layout(desk: AtDesk, actor: Operator) -> Response:
    columns = [(each, KIND_NAMES[each.kind], longest(each), words(each)) for each in LAYOUT]
    return desk.page("import_layout.html", columns=columns, notes=NOTES, advice=ADVICE)


@router.get("/imports/template.xlsx", summary="An empty workbook of the layout")
def template(desk: AtDesk, actor: Operator) -> Response:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "residents.xlsx"
        service.write_template(path)
        return desk.file(path.read_bytes(), "residents.xlsx", sheets.MEDIA["xlsx"])


@router.get("/imports/{import_id}", summary="Where an import stands")
def one(desk: AtDesk, actor: Operator, import_id: UUID, known: bool = False) -> Response:
    with desk.transaction() as tx:
        job = store.job(tx, import_id)
        faults = service.faults(tx, import_id, after=0, limit=10)
        characters = service.unidentified(tx, import_id)
    shown: dict[str, Any] = {"job": job, "names": STATES, "steps": STEPS, "done": DONE.get(job.state, 0), "known": known}
    shown |= {"first": [(each, service.advice(each)) for each in faults], "characters": characters}
    refused_for = desk.tell(Invalid(job.refused_for)) if job.refused_for else ""
    return desk.page("import.html", **shown, refused_for=refused_for)


@router.get("/imports/{import_id}/faults", summary="Faults by row, with what to do")
def faults(desk: AtDesk, actor: Operator, import_id: UUID, after: int = 0) -> Response:
    with desk.transaction() as tx:
        job = store.job(tx, import_id)
        found = service.faults(tx, import_id, after=max(after, 0), limit=PAGE)
    following = found[-1].row if len(found) >= PAGE else None
    return desk.page("import_faults.html", job=job, faults=[(each, service.advice(each)) for each in found], following=following)


@router.get("/imports/{import_id}/faults.xlsx", summary="The faulty rows as Excel, cells coloured")
def faults_workbook(desk: AtDesk, actor: Operator, import_id: UUID) -> Response:
    with desk.transaction() as tx, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "faults.xlsx"
        service.write_faults(tx, desk.office, import_id, path)
        content = path.read_bytes()
    return desk.file(content, "faults.xlsx", sheets.MEDIA["xlsx"])


@router.get("/imports/{import_id}/{report}.csv", summary="Faults or private-use characters as CSV")
def report_csv(desk: AtDesk, actor: Operator, import_id: UUID, report: str) -> Response:
    if report not in REPORTS:
        raise NotFound("there is no such report")
    with desk.transaction() as tx:
        table = REPORTS[report](tx, import_id)
    return sheets.file(desk, table, "csv")


@router.get("/imports/{import_id}/characters", summary="Private-use characters to be identified")
def characters(desk: AtDesk, actor: Operator, import_id: UUID) -> Response:
    with desk.transaction() as tx:
        job, found = store.job(tx, import_id), service.unidentified(tx, import_id)
    return desk.page("import_characters.html", job=job, characters=found)


def _identification(import_id: UUID, point: str, character: str = "") -> Guide:
    def work(tx: Tx, filled: Filled) -> dict[str, Any]:
        service.identify(tx, import_id, point, filled.values["character"])
        return {}

    return Guide(
        title="外字の同定",
        fields=(CHARACTER,),
        verb="この文字に同定する",
        work=work,
        then=lambda _: f"/imports/{import_id}/characters",
        back=f"/imports/{import_id}/characters",
        about=f"{point} → {' '.join(map(code_point, character))} {character}" if character else point,
        rehearsed=True,
    )


@router.get("/imports/{import_id}/characters/{point}", summary="What a private-use character stands for")
def ask_character(desk: AtDesk, actor: Operator, import_id: UUID, point: str) -> Response:
    with desk.transaction() as tx:
        known = {each.code_point: each.identified for each in service.unidentified(tx, import_id)}
    if point not in known:
        raise NotFound("this import has no such private-use character")
    return begin(desk, _identification(import_id, point), character=known[point])


@router.post("/imports/{import_id}/characters/{point}", summary="Identify it")
def identify(desk: AtDesk, actor: Operator, import_id: UUID, point: str, form: Form) -> Response:
    return proceed(desk, _identification(import_id, point, form.get("character", [""])[0].strip()), form)


def _choice(desk: Desk, import_id: UUID) -> Guide:
    with desk.transaction() as tx:
        job = store.job(tx, import_id)
    valid = ("valid", f"誤りのない行だけ({job.rows_valid or 0:,}行)")
    options = (valid,) if job.faults else (("all", f"すべての行({job.rows or 0:,}行)"), valid)
    return Guide(
        title="登録する行の選択",
        fields=(Field("rows", "登録する行", "radio", "誤りのある行と、同じ世帯の行は登録しません。", options=options),),
        verb="この行を登録する",
        work=lambda tx, filled: {"state": service.choose(tx, import_id, filled.values["rows"]).state},
        then=lambda _: f"/imports/{import_id}",
        back=f"/imports/{import_id}",
        rehearsed=True,
    )


@router.get("/imports/{import_id}/choice", summary="Which rows are to be registered")
def ask_choice(desk: AtDesk, actor: Operator, import_id: UUID) -> Response:
    return begin(desk, _choice(desk, import_id))


@router.post("/imports/{import_id}/choice", summary="Choose them")
def choose(desk: AtDesk, actor: Operator, import_id: UUID, form: Form) -> Response:
    return proceed(desk, _choice(desk, import_id), form)


def _withdrawal(import_id: UUID) -> Guide:
    return Guide(
        title="取込の取下げ",
        fields=(),
        verb="取り下げて、ファイルを消す",
        work=lambda tx, filled: {"state": service.withdraw(tx, import_id).state},
        then=lambda _: f"/imports/{import_id}",
        back=f"/imports/{import_id}",
    )


@router.get("/imports/{import_id}/withdrawal", summary="Throw an import away")
def ask_withdrawal(desk: AtDesk, actor: Operator, import_id: UUID) -> Response:
    with desk.transaction() as tx:
        store.job(tx, import_id)
    return begin(desk, _withdrawal(import_id))


@router.post("/imports/{import_id}/withdrawal", summary="Throw it away")
def withdraw(desk: AtDesk, actor: Operator, import_id: UUID, form: Form) -> Response:
    return proceed(desk, _withdrawal(import_id), form)
