"""The counter for everybody: zone internet, no sign-in, nothing personal."""

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel

from kit.app import problems
from kit.civic.dates import wareki
from kit.requests import PublicTransaction
from kit.settings import ProcessSettings
from systems.certificate_check import model, service

router = APIRouter(tags=["internet"])
routers = (router,)

PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
#: no script, no foreign source, and a form that speaks to this place only
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
Sha256 = Annotated[str | None, Query(pattern="^[0-9A-Fa-f]{64}$", description="SHA-256 of a PDF to compare, hexadecimal")]


class Answer(BaseModel):
    """Same shape for every code; kind and day are null when no such certificate was issued here."""

    tenant: str
    kind: str | None
    issued_on: date | None
    hash_match: bool | None


def _page(request: Request, answer: model.Answer | None) -> HTMLResponse:
    settings: ProcessSettings = request.app.state.settings
    told = asdict(answer) if answer else {}
    if answer and answer.issued_on:
        told["issued_on"] = wareki(answer.issued_on)
    text = PAGES.get_template("check_1.html").render(name=settings.tenant_name, asked=answer is not None, **told)
    return HTMLResponse(text, headers={"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"})


@router.get("/verify", summary="A page to type a code into", response_class=HTMLResponse, responses=problems(422))
def ask(tx: PublicTransaction, request: Request, code: Annotated[str | None, Query(max_length=60)] = None) -> HTMLResponse:
    settings: ProcessSettings = request.app.state.settings
    return _page(request, None if code is None else service.check(tx, settings.tenant, code, None))


@router.get(
    "/verify/{code}",
    summary="Whether a certificate with this code was issued here; a page for browsers, JSON for programs",
    response_model=Answer,
    responses=problems(422) | {200: {"content": {"text/html": {}}}},
)
def verify(
    tx: PublicTransaction,
    request: Request,
    code: str,
    sha256: Sha256 = None,
    accept: Annotated[str, Header()] = "application/json",
) -> Response:
    settings: ProcessSettings = request.app.state.settings
    answer = service.check(tx, settings.tenant, code, sha256)
    if "text/html" in accept:
        return _page(request, answer)
    return JSONResponse(Answer(**asdict(answer)).model_dump(mode="json"))
