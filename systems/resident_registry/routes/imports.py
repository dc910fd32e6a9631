"""Files on their way into the register. Checking and loading is a job's work: a call answers at once with where it stands."""

import tempfile
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Response, UploadFile
from pydantic import BaseModel, Field

from kit.app import problems
from kit.auth import Actor, require
from kit.requests import Transaction
from systems.resident_registry.model.imports import ImportJob
from systems.resident_registry.routes.desk import IdempotencyKey, Office, Strict, counter
from systems.resident_registry.service import imports as service
from systems.resident_registry.store import imports as store

router = counter()
Operator = Annotated[Actor, Depends(require("registry_operator"))]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Import(BaseModel):
    """An import as it stands; `unchanged` when the same file was given before."""

    id: UUID
    state: Literal["uploaded", "checked", "chosen", "loading", "loaded", "based", "refused", "withdrawn"]
    file_sha256: str
    size: int
    encoding: str | None
    rows: int | None
    rows_valid: int | None
    faults: int | None
    refused_for: str | None
    choice: Literal["all", "valid"] | None
    rows_loaded: int | None
    uploaded_at: datetime
    loaded_at: datetime | None
    based_at: datetime | None
    unchanged: bool = False


class Imports(BaseModel):
    imports: list[Import]


class Choice(Strict):
    rows: Literal["all", "valid"] = Field(description="all rows (only when none is faulty), or the valid rows only")


class Fault(BaseModel):
    """A cell that breaks a rule and what to do; the value itself is never repeated."""

    row: int
    column: str | None
    rule: str
    advice: str


class Faults(BaseModel):
    faults: list[Fault]
    next_after: int | None = Field(description="give it as `after` for the rows that follow; none: these were the last")


class Character(BaseModel):
    """A private-use character (外字) of the file; candidates are what it was identified as before."""

    code_point: str
    rows: int
    first_row: int
    first_column: str
    candidates: list[str]
    identified: str | None


class Characters(BaseModel):
    characters: list[Character]


class Identification(Strict):
    character: str = Field(min_length=1, max_length=2, description="one character, with a variation selector where it has one")


def _told(job: ImportJob, *, unchanged: bool = False) -> Import:
    return Import(**{k: v for k, v in asdict(job).items() if k in Import.model_fields}, unchanged=unchanged)


def _place(response: Response, job: ImportJob) -> None:
    response.headers["Location"] = f"{router.prefix}/imports/{job.id}"


@router.post("/imports", status_code=202, summary="Upload a file of residents to be checked", responses=problems(403, 409, 422))
def upload(
    tx: Transaction,
    actor: Operator,
    office: Office,
    response: Response,
    file: UploadFile,
    idempotency_key: IdempotencyKey = None,
) -> Import:
    """The file's bytes are the key: the same file again is the same import, whatever `Idempotency-Key` says."""
    job, is_new = service.receive(tx, office, file.file)
    _place(response, job)
    return _told(job, unchanged=not is_new)


@router.get("/imports", summary="Imports, the newest first", responses=problems(403))
def imports(tx: Transaction, actor: Operator) -> Imports:
    return Imports(imports=[_told(each) for each in store.recent(tx, 50)])


@router.get(
    "/imports/template.xlsx",
    summary="An empty workbook of the layout, to be filled in",
    response_class=Response,
    responses=problems(403) | {200: {"content": {XLSX: {}}}},
)
def template(tx: Transaction, actor: Operator) -> Response:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "residents.xlsx"
        service.write_template(path)
        headers = {"Content-Disposition": 'attachment; filename="residents.xlsx"'}
        return Response(path.read_bytes(), media_type=XLSX, headers=headers)


@router.get("/imports/{import_id}", summary="Where an import stands", responses=problems(403, 404))
def find(tx: Transaction, actor: Operator, import_id: UUID) -> Import:
    return _told(store.job(tx, import_id))


@router.get("/imports/{import_id}/faults", summary="Faults by row, with what to do", responses=problems(403, 404))
def faults(
    tx: Transaction,
    actor: Operator,
    import_id: UUID,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Faults:
    found = service.faults(tx, import_id, after=after, limit=limit)
    following = found[-1].row if len(found) >= limit else None
    told = [Fault(row=each.row, column=each.column, rule=each.rule, advice=service.advice(each)) for each in found]
    return Faults(faults=told, next_after=following)


@router.get(
    "/imports/{import_id}/faults.xlsx",
    summary="The faulty rows as Excel, cells coloured, to be corrected and uploaded again",
    response_class=Response,
    responses=problems(403, 404, 409) | {200: {"content": {XLSX: {}}}},
)
def faults_workbook(tx: Transaction, actor: Operator, office: Office, import_id: UUID) -> Response:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "faults.xlsx"
        service.write_faults(tx, office, import_id, path)
        headers = {"Content-Disposition": 'attachment; filename="faults.xlsx"'}
        return Response(path.read_bytes(), media_type=XLSX, headers=headers)


@router.get("/imports/{import_id}/characters", summary="外字 to be identified", responses=problems(403, 404))
def characters(tx: Transaction, actor: Operator, import_id: UUID) -> Characters:
    found = service.unidentified(tx, import_id)
    fields = Character.model_fields
    return Characters(characters=[Character(**{k: v for k, v in asdict(each).items() if k in fields}) for each in found])


@router.put(
    "/imports/{import_id}/characters/{code_point}",
    status_code=202,
    summary="Say what a private-use character stands for; the file is checked again",
    responses=problems(403, 404, 409, 422),
)
def identify(tx: Transaction, actor: Operator, import_id: UUID, code_point: str, body: Identification) -> Import:
    service.identify(tx, import_id, code_point, body.character)
    return _told(store.job(tx, import_id))


@router.post(
    "/imports/{import_id}:choose",
    status_code=202,
    summary="Load all rows, or the valid rows only",
    responses=problems(403, 404, 409, 422),
)
def choose(tx: Transaction, actor: Operator, response: Response, import_id: UUID, body: Choice) -> Import:
    job = service.choose(tx, import_id, body.rows)
    _place(response, job)
    return _told(job)


@router.post("/imports/{import_id}:withdraw", summary="Throw an import away", responses=problems(403, 404, 409))
def withdraw(tx: Transaction, actor: Operator, import_id: UUID) -> Import:
    return _told(service.withdraw(tx, import_id))
