"""The counter for people: layout, languages, security headers, sign-in and sign-out. No script anywhere.

Japanese is the text in templates and forms; `english.yaml` beside the templates holds the English of each. A page is rendered
whole on the server, so it works in any browser, by keyboard, and on paper.
"""

import re
import secrets
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import jinja2
import yaml
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup, escape

from kit import clock, journal, sessions
from kit.civic.dates import wareki
from kit.db import Database
from kit.errors import Unauthenticated
from kit.oidc import Realm
from kit.settings import PAGES, ProcessSettings

PREFIX = PAGES
FOLDER = Path(__file__).parent / "pages"
LANGUAGES = ("ja", "en")
ENVIRONMENTS = {"production": "本番", "drill": "訓練", "training": "研修"}
TITLES = {
    401: "サインインしてください。", 403: "この操作はできません。", 404: "見つかりません。", 409: "いまの登録内容と合いません。",
    412: "ほかの職員が先に変更しました。", 422: "入力に誤りがあります。", 428: "利用目的を選んでください。",
    503: "いま応答できません。しばらくしてからもう一度お試しください。", 500: "システムの不具合です。",
}  # fmt: skip

router = APIRouter(prefix=PREFIX, include_in_schema=False)


@cache
def english(folder: Path) -> dict[str, str]:
    """English of every Japanese text of a folder of templates and of the kit's own."""
    texts: dict[str, str] = {}
    for each in dict.fromkeys((FOLDER, folder)):
        texts |= yaml.safe_load((each / "english.yaml").read_text())
    return texts


@cache
def _templates(folder: Path) -> jinja2.Environment:
    loader = jinja2.FileSystemLoader([folder, FOLDER])
    found = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.globals["one_key"] = lambda: secrets.token_urlsafe(12)
    return found


def language(request: Request) -> str:
    """The reader's language: as chosen, else Japanese."""
    chosen = request.cookies.get("language")
    return chosen if chosen in LANGUAGES else "ja"


def text(folder: Path, lang: str, japanese: str) -> str:
    """The text in the reader's language; a text without English stays Japanese."""
    if lang != "en":
        return japanese
    known = english(folder).get(japanese)
    return known if known else _said(_patterns(folder, from_japanese=True), japanese) or japanese


def day(lang: str, value: date | None) -> Markup:
    """Both calendars, the reader's first; each stays on one line."""
    if value is None:
        return Markup("")
    pair = (str(value), f"({wareki(value)})") if lang == "en" else (wareki(value), f"({value})")
    return Markup('<span class="day">{}</span> <span class="day second">{}</span>').format(*pair)


def moment(value: datetime) -> str:
    """Time of day in Japan, with the day before it when that is not today."""
    here = value.astimezone(clock.JAPAN)
    return f"{here:%H:%M}" if here.date() == clock.today() else f"{here:%Y-%m-%d %H:%M}"


def render(request: Request, folder: Path, template: str, *, status: int = 200, **data: Any) -> HTMLResponse:
    """A whole page from a template of `folder`, under a policy that lets nothing foreign and no script in."""
    lang, settings = language(request), request.app.state.settings
    session: sessions.Session | None = getattr(request.state, "session", None)

    def translated(japanese: str, **values: object) -> Markup:
        return escape(text(folder, lang, japanese)).format(**values) if values else escape(text(folder, lang, japanese))

    shown = {
        "t": translated,
        "lang": lang,
        "day": lambda value: day(lang, value),
        "moment": moment,
        "stamp": lambda value: f"{value.astimezone(clock.JAPAN):%Y-%m-%d %H:%M}",
        "now": clock.now(),
        "today": clock.today(),
        "settings": settings,
        "environment": ENVIRONMENTS[settings.environment],
        "session": session,
        "ends": sessions.ends_at(session, settings) if session else None,
        "path": request.url.path,
        "number": getattr(request.state, "request_id", ""),
    }
    body = _templates(folder).get_template(template).render(shown | data)
    return HTMLResponse(body, status, headers=headers(request))


def headers(request: Request) -> dict[str, str]:
    """No script, no foreign origin, no frame; forms go to this process and, by redirect, to the realm."""
    realm: Realm = request.app.state.realm
    place = urlsplit(realm.verifier.issuer)
    policy = f"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {place.scheme}://{place.netloc}"
    return {
        "Content-Security-Policy": f"{policy}; frame-ancestors 'none'; base-uri 'none'",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Content-Language": language(request),
    }


def own_path(wanted: str, home: str = PREFIX) -> str:
    """The path when it is one of our pages, else `home`: a sign-in never sends anybody elsewhere."""
    plain = wanted.isascii() and wanted.isprintable() and not set(wanted) & set("\\@ ")
    is_own = plain and (wanted == PREFIX or wanted.startswith(PREFIX + "/")) and "//" not in wanted and ".." not in wanted
    return wanted if is_own else home


def problem(request: Request, status: int, detail: str) -> Response:
    """A refusal as a page; who is not signed in is led to the realm and back."""
    if status == 428:
        return RedirectResponse(f"{request.app.state.home}/purpose?next={quote(request.url.path)}", 303, headers(request))
    if status == 401:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        wanted = PREFIX if request.method == "POST" else here
        return RedirectResponse(f"{PREFIX}/sign-in?next={quote(wanted, safe='/')}", 303, headers(request))
    title = TITLES.get(status, TITLES[500])
    return render(
        request, FOLDER, "problem.html", status=status, title=title, told=told(request, FOLDER, detail, status), code=status
    )


@cache
def _patterns(folder: Path, *, from_japanese: bool = False) -> list[tuple[re.Pattern[str], str]]:
    """Sentences of one language as patterns, with the other's beside: `{n}` stands for a number, another name for anything."""
    marks = re.compile(r"\\{(\w+)\\}")

    def mark(found: re.Match[str]) -> str:
        return f"(?P<{found[1]}>{'[0-9,]+' if found[1] == 'n' else '.+'})"

    pairs = ((ja, en) if from_japanese else (en, ja) for ja, en in english(folder).items())
    return [(re.compile(marks.sub(mark, re.escape(one))), other) for one, other in pairs if "{" in one or not from_japanese]


def _said(patterns: list[tuple[re.Pattern[str], str]], sentence: str) -> str | None:
    for pattern, other in patterns:
        if found := pattern.fullmatch(sentence):
            return other.format(**found.groupdict())
    return None


def told(request: Request, folder: Path, detail: str, status: int = 422) -> str:
    """What an error says, in the reader's language: services speak English, the catalogue knows the Japanese.

    A sentence that the catalogue does not know is shown as it is, behind what the status means.
    """
    if language(request) == "en":
        return english(folder).get(detail, detail)
    if known := _said(_patterns(folder), detail):
        return known
    return detail if any("ぁ" <= each <= "ん" for each in detail) else f"{TITLES.get(status, TITLES[500])}({detail})"


@router.get("", summary="Start")
def start(request: Request, session: sessions.Signed) -> Response:
    return RedirectResponse(request.app.state.home, 303)


@router.get("/style.css", summary="The one style sheet")
def style() -> Response:
    return Response((FOLDER / "style.css").read_bytes(), media_type="text/css")


@router.get("/language/{chosen}", summary="Choose the language")
def choose_language(request: Request, chosen: str, next: str = PREFIX) -> Response:
    answer = RedirectResponse(own_path(next), 303)
    if chosen in LANGUAGES:
        sessions.set_cookie(answer, request.app.state.settings, "language", chosen, 365 * 24 * 3600)
    return answer


def _asking(settings: ProcessSettings) -> str:
    return sessions.cookie_name(settings) + "-asking"


@router.get("/sign-in", summary="To the realm")
def sign_in(request: Request, next: str = PREFIX) -> Response:
    secret = secrets.token_urlsafe(32)
    answer = RedirectResponse(request.app.state.realm.question(secret), 303)
    settings = request.app.state.settings
    sessions.set_cookie(answer, settings, _asking(settings), f"{secret}.{quote(own_path(next), safe='')}", 600)
    return answer


@router.get("/sign-in/callback", summary="Back from the realm")
def signed_in(request: Request, state: str = "", code: str = "") -> Response:
    settings: ProcessSettings = request.app.state.settings
    database: Database = request.app.state.database
    secret, _, wanted = request.cookies.get(_asking(settings), "").partition(".")
    try:
        if not secret:
            raise Unauthenticated("the sign-in took too long, or was begun in another browser: begin again")
        who = request.app.state.realm.answer(secret, state=state, code=code)
    except Unauthenticated as wrong:
        shown = {"title": "サインインできませんでした。", "told": told(request, FOLDER, wrong.detail, 401), "code": 401}
        return render(request, FOLDER, "problem.html", status=401, **shown)
    with database.transaction(who.actor.subject) as tx:
        old = sessions.find(tx, request.cookies.get(sessions.cookie_name(settings), ""), settings.tenant)
        token = sessions.begin(tx, who, old)
        journal.record(tx, "event", detail={"event": "sign_in", "client": who.actor.client})
        new = sessions.find(tx, token, settings.tenant)
    keeps = new is not None and new.kept.get("draft")
    answer = RedirectResponse(f"{PREFIX}/resume" if keeps else own_path(unquote(wanted)), 303)
    sessions.set_cookie(answer, settings, sessions.cookie_name(settings), token)
    answer.delete_cookie(_asking(settings), path="/")
    return answer


@router.get("/resume", summary="What had been entered when the session ended")
def resume(request: Request, session: sessions.Signed) -> Response:
    draft = session.kept.get("draft")
    if not draft:
        return RedirectResponse(PREFIX, 303)
    return render(request, FOLDER, "resume.html", draft=draft)


@router.post("/sign-out", summary="Sign out here and at the realm")
def sign_out(request: Request, session: sessions.Signed) -> Response:
    with request.app.state.database.transaction(session.actor.subject) as tx:
        sessions.end(tx, session)
        journal.record(tx, "event", detail={"event": "sign_out"})
    settings: ProcessSettings = request.app.state.settings
    back = f"{settings.origin()}{PREFIX}/signed-out"
    answer = RedirectResponse(request.app.state.realm.farewell(session.kept["id_token"], back), 303, headers(request))
    answer.delete_cookie(sessions.cookie_name(settings), path="/")
    return answer


@router.get("/signed-out", summary="After signing out")
def signed_out(request: Request) -> Response:
    return render(request, FOLDER, "signed_out.html")
