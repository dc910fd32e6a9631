"""create_app: problem+json, health, metrics, request log and an offline page of the API."""

import time
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.middleware.base import RequestResponseEndpoint
from swagger_ui_bundle import swagger_ui_path

from kit import errors, log, pages
from kit.auth import TokenVerifier
from kit.db import Database
from kit.oidc import Realm
from kit.requests import REFUSALS, record_refusal

TYPE = "urn:mcloud:problem:"


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    request: str


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: which problems it may answer with, beside those every route has."""
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    by_status = {each.status: each for each in errors.CallerError.__subclasses__()}
    return {n: {"description": (by_status[n].__doc__ or "").splitlines()[0], "content": content} for n in statuses}


def create_app(
    *,
    title: str,
    routers: Sequence[APIRouter],
    verifier: TokenVerifier,
    database: Database | None,
    settings: object = None,
    lifespan: Any = None,
    realm: Realm | None = None,
    home: str = pages.PREFIX,
) -> FastAPI:
    """An application with the given routers and everything every application has.

    With a `realm` it is a counter for people too: they sign in there and begin at `home`.
    """
    app = FastAPI(title=title, docs_url=None, redoc_url=None, lifespan=lifespan, responses=problems(401, 422, 503))
    app.state.verifier, app.state.database, app.state.settings = verifier, database, settings
    app.state.counts = Counter[str]()
    app.state.realm, app.state.home = realm, home
    for router in (*routers, *([pages.router] if realm else [])):
        app.include_router(router)
    app.middleware("http")(_observe)
    app.add_exception_handler(errors.CallerError, _caller_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
    _add_pages(app)
    return app


def _add_pages(app: FastAPI) -> None:
    app.mount("/assets", StaticFiles(directory=swagger_ui_path), name="assets")

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url="/assets/swagger-ui-bundle.js",
            swagger_css_url="/assets/swagger-ui.css",
            swagger_favicon_url="/assets/favicon-32x32.png",
        )

    @app.get("/health", include_in_schema=False)
    def health() -> dict[str, str]:
        if app.state.database is not None:
            with app.state.database.transaction("health") as tx:
                tx.value("SELECT 1")
        return {"status": "ok"}

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> PlainTextResponse:
        lines = [f'mcloud_requests_total{{status="{status}"}} {n}' for status, n in sorted(app.state.counts.items())]
        return PlainTextResponse("\n".join(["# TYPE mcloud_requests_total counter", *lines, ""]))


async def _observe(request: Request, call_next: RequestResponseEndpoint) -> Response:
    request.state.request_id = uuid.uuid4().hex
    started = time.perf_counter()
    response = await call_next(request)
    route = request.scope.get("route")
    request.app.state.counts[str(response.status_code)] += 1
    response.headers["X-Request-Id"] = request.state.request_id
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    log.logger().info(
        "request",
        request=request.state.request_id,
        method=request.method,
        route=getattr(route, "path", "-"),  # the template: an id in a path is personal data
        status=response.status_code,
        milliseconds=round((time.perf_counter() - started) * 1000, 1),
    )
    return response


def _answer(request: Request, status: int, slug: str, title: str, detail: str, extra: dict[str, Any]) -> Response:
    if request.app.state.realm and request.url.path.startswith(pages.PREFIX):
        return pages.problem(request, status, detail)
    told = detail.encode("utf-8", "replace").decode()  # half a pair in what was sent must not undo the refusal
    body = {"type": TYPE + slug, "title": title, "status": status, "detail": told, **extra}
    body["request"] = getattr(request.state, "request_id", "")
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse(body, status_code=status, headers=headers, media_type="application/problem+json")


def _caller_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, errors.CallerError):  # pragma: no cover
        raise error
    if error.status in REFUSALS:
        try:
            record_refusal(request, error.status)
        except errors.Unavailable as down:
            error = down
    title = (type(error).__doc__ or "").splitlines()[0]
    return _answer(request, error.status, error.slug, title, error.detail, dict(error.extra))


def _validation_error(request: Request, error: Exception) -> Response:
    wrong = error.errors() if isinstance(error, RequestValidationError) else []
    # Places and rules only: what was sent may be personal data.
    places = [{"field": ".".join(map(str, each["loc"])), "rule": each["type"]} for each in wrong]
    named = "; ".join(f"{each['field']} ({each['rule']})" for each in places)
    title = (errors.Invalid.__doc__ or "").splitlines()[0]
    return _answer(request, 422, "invalid", title, f"not valid: {named}", {"errors": places})


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = str(error.detail) if isinstance(error, HTTPException) else ""
    if status == 400:  # the framework's word for a body it cannot take apart: to the caller one more value that is not valid
        return _caller_error(request, errors.Invalid(f"{detail}: send JSON in UTF-8, or the form that the documentation names"))
    return _answer(request, status, f"http-{status}", detail, detail, {})


def _unexpected(request: Request, error: Exception) -> Response:
    told = {"error_class": type(error).__name__, "where": log.where(error)}
    log.logger().error("unexpected", **told, request=getattr(request.state, "request_id", ""))
    return _answer(request, 500, "unexpected", "It is our fault.", "an unexpected error; the request number finds it", {})
