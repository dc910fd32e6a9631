"""What every page of the register needs: who sits at the desk, for which purpose, and how work is done and answered."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

import yaml
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from kit import pages
from kit.auth import Actor, require
from kit.civic.dates import wareki
from kit.db import Tx
from kit.errors import CallerError, Forbidden, PurposeRequired, Stale
from kit.forms import Field, Filled, blank, read
from kit.idempotency import once
from kit.requests import REFUSALS, record_refusal
from kit.sessions import Session, Signed, open_session, read_form
from systems.resident_registry.model.measures import Suppression
from systems.resident_registry.model.movements import REASONS
from systems.resident_registry.model.people import Office, Resident
from systems.resident_registry.rules.measures import masked
from systems.resident_registry.rules.people import qualification
from systems.resident_registry.service import measures, people, viewing
from systems.resident_registry.service.office import of_process

T = TypeVar("T")
HERE = Path(__file__).parent
BASE = f"{pages.PREFIX}/resident-registry"
CONTRACT: dict[str, Any] = yaml.safe_load((HERE.parent / "contract.yaml").read_text())
#: purposes (事務) and their Japanese names, as the contract lists them
PURPOSES: dict[str, str] = CONTRACT["purposes"]
STATES = {
    "current": "現存", "leaving": "転出予定", "moved_out": "転出", "dead": "死亡", "removed": "職権消除", "ended": "その他消除",
}  # fmt: skip
NEWER = "いまの版は {n} です。いまの内容を開いて、やり直してください。"
#: field of the alerts that were looked at
CONFIRMED = "confirmed"
#: the menu: path below BASE, name, and the roles that see it (none: everybody)
MENU: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("", "はじめ", frozenset()),
    ("/search", "検索", frozenset({"registry_clerk", "other_office"})),
    ("/search-by-number", "番号", frozenset({"number_officer"})),
    ("/movements", "異動", frozenset({"registry_clerk"})),
    ("/certificates", "証明", frozenset({"registry_clerk", "registry_supervisor", "auditor"})),
    ("/measures", "支援措置", frozenset({"dv_officer"})),
    ("/lists", "一覧", frozenset({"registry_clerk", "registry_supervisor", "dv_officer"})),
    ("/statistics", "統計", frozenset({"statistics_officer", "registry_supervisor"})),
    ("/browsing", "閲覧", frozenset({"registry_clerk"})),
    ("/access-log", "点検", frozenset({"auditor"})),
    ("/imports", "取込", frozenset({"registry_operator"})),
    ("/exports", "出力", frozenset({"registry_operator", "registry_supervisor"})),
    ("/disposals", "廃棄", frozenset({"registry_supervisor"})),
)
Form = Annotated[dict[str, list[str]], Depends(read_form)]


@dataclass(frozen=True)
class Desk:
    """One request of a member of staff."""

    request: Request
    session: Session

    @property
    def office(self) -> Office:
        """The municipality this process works for."""
        return of_process(self.request.app.state.settings)

    @property
    def actor(self) -> Actor:
        return self.session.actor

    def page(self, template: str, *, status: int = 200, **data: Any) -> HTMLResponse:
        menu = [(path, label) for path, label, roles in MENU if not roles or roles & self.actor.roles]
        common: dict[str, Any] = {"base": BASE, "menu": menu, "states": STATES, "reasons": REASONS, "roles": self.actor.roles}
        common |= {"qualification": qualification, "purpose": PURPOSES.get(self.session.purpose or "")}
        return pages.render(self.request, HERE, template, status=status, **common | data)

    def seen(self, found: Iterable[Resident]) -> list[Resident]:
        """Residents as this member of staff may see them: the places of protected ones are empty without the role for it."""
        return [masked(each, self.actor.roles) for each in found]

    def person(self, resident_id: UUID) -> Resident:
        """The resident, seen and recorded."""
        with self.transaction() as tx:
            measures.hold(tx)
            return masked(people.find(tx, resident_id), self.actor.roles)

    def file(self, content: bytes, name: str, media_type: str) -> Response:
        """Something to be downloaded under that name."""
        return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})

    def go(self, path: str) -> Response:
        """Lead on to another page, so that going back or reloading sends nothing twice."""
        return RedirectResponse(BASE + path, 303, pages.headers(self.request))

    def members(self, tx: Tx, person: Resident) -> list[Resident]:
        """Who lives in the resident's household now, head first; nobody when it has ended."""
        return self.seen(viewing.present(tx, person.household_id)) if person.removed_on is None else []

    def must_be(self, role: str) -> None:
        if role not in self.actor.roles:
            raise Forbidden(f"this needs one of the roles {role}")

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """A transaction that is committed when the block ends: before anything is answered."""
        options = {"purpose": self.session.purpose, "request": self.request.state.request_id}
        with self.request.app.state.database.transaction(self.actor.subject, **options) as tx:
            yield tx

    def attempt(self, work: Callable[[Tx], T]) -> tuple[T | None, CallerError | None]:
        """What `work` makes, or why the office cannot: nothing of it is then there, and a refusal is recorded."""
        try:
            with self.transaction() as tx:
                return work(tx), None
        except CallerError as wrong:
            if wrong.status in REFUSALS:
                record_refusal(self.request, wrong.status)
            return None, wrong

    def tell(self, wrong: CallerError | None) -> str:
        """What an error says in the reader's language, with the messages of suppressions it carries."""
        if wrong is None:
            return ""
        said = pages.told(self.request, HERE, wrong.detail, wrong.status)
        if said.endswith(f"({wrong.detail})") and (title := (wrong.__doc__ or "").splitlines()[0]).endswith("。"):
            said = title
        if current := wrong.extra.get("current_version"):
            said += " " + pages.text(HERE, pages.language(self.request), NEWER).format(n=current)
        return " ".join([said, *(each["message"] for each in carried(wrong, "suppressions"))])


def carried(wrong: CallerError | None, what: str) -> list[dict[str, str]]:
    """A list that an error carries: suppressions, alerts."""
    found = wrong.extra.get(what, []) if wrong else []
    return found if isinstance(found, list) else []


def purpose_chosen(session: Signed) -> None:
    """No personal data before a purpose is chosen."""
    if session.purpose not in PURPOSES:
        raise PurposeRequired(f"choose a purpose: {', '.join(PURPOSES)}")


def desk(request: Request, session: Signed) -> Desk:
    return Desk(request, session)


def router(*, with_purpose: bool) -> APIRouter:
    """A router whose pages need a session and, `with_purpose`, a chosen purpose before anything else."""
    needed = [Depends(open_session), *([Depends(purpose_chosen)] if with_purpose else [])]
    return APIRouter(prefix=BASE, tags=["mynumber"], include_in_schema=False, dependencies=needed)


AtDesk = Annotated[Desk, Depends(desk)]


@dataclass(frozen=True)
class Guide:
    """A guided form: asked, checked, done. `work` does it in one transaction, `then` says where to go afterwards."""

    title: str
    fields: Sequence[Field]
    verb: str
    work: Callable[[Tx, Filled], dict[str, Any]]
    then: Callable[[dict[str, Any]], str]
    back: str = ""
    person: Resident | None = None
    note: str = ""
    #: suppressions to be read, and the words for them
    stops: Sequence[Suppression] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    about: str = ""
    #: the work is tried and taken back before the confirmation, so that errors and alerts show there
    rehearsed: bool = False
    #: what it would change, shown with the confirmation
    preview: Callable[[Tx, Filled], Sequence[Any]] | None = None
    #: further buttons: value of `step`, label
    steps: Sequence[tuple[str, str]] = ()


def begin(desk: Desk, guide: Guide, **values: object) -> Response:
    """The form, beginning with these values, days in the reader's calendar; at once its confirmation when nothing is asked."""
    japanese = pages.language(desk.request) == "ja"
    written = {name: wareki(value) if japanese and isinstance(value, date) else value for name, value in values.items()}
    filled = blank(guide.fields, **written)
    if any(each.kind != "hidden" for each in guide.fields):
        return _asked(desk, guide, filled)
    return _checked(desk, guide, filled)


def reopen(desk: Desk, guide: Guide, raw: dict[str, list[str]]) -> Response:
    """The form with what was entered before, days in the reader's calendar."""
    filled = read(guide.fields, raw)
    if pages.language(desk.request) == "ja":
        days = {each.name: filled.values.get(each.name) for each in guide.fields if each.kind == "day"}
        filled.raw |= {name: [wareki(day)] for name, day in days.items() if day}
    filled.errors.clear()
    return _asked(desk, guide, filled)


def proceed(desk: Desk, guide: Guide, form: dict[str, list[str]]) -> Response:
    """The next page of a guided form: again with its errors, the confirmation, or what was done."""
    filled, step = read(guide.fields, form), form.get("step", ["check"])[0]
    if step == "edit":
        filled.errors.clear()
    if step == "edit" or filled.errors:
        return _asked(desk, guide, filled)
    filled.raw[CONFIRMED] = form.get(CONFIRMED, [])
    if step != "do":
        wrong = _rehearsed(desk, guide, filled) if guide.rehearsed else None
    else:
        body = repr((desk.request.url.path, sorted(filled.raw.items()))).encode()
        key = f"page/{form.get('key', [''])[0]}"
        done, wrong = desk.attempt(lambda tx: once(tx, key, body, lambda: guide.work(tx, filled)))
        if done is not None:
            return desk.go(guide.then(done))
    alerts = carried(wrong, "alerts")
    if wrong and not alerts:
        return _asked(desk, guide, filled, wrong=wrong)
    return _checked(desk, guide, filled, alerts=alerts, told=desk.tell(wrong) if step == "do" else "")


def _checked(desk: Desk, guide: Guide, filled: Filled, *, alerts: Sequence[Any] = (), told: str = "") -> Response:
    """The confirmation; when what it would change cannot be told, the form with the reason."""
    effects, wrong, look = None, None, guide.preview
    if look:
        effects, wrong = desk.attempt(lambda tx: look(tx, filled))
    if wrong:
        return _asked(desk, guide, filled, wrong=wrong)
    shown = {"guide": guide, "filled": filled, "alerts": alerts, "told": told, "effects": effects}
    return desk.page("guided_check.html", status=409 if told else 200, **shown)


def number(text: str | None) -> int:
    """A number that a page put into its own form; 0, which no version has, when somebody changed it."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


class _TakenBack(Exception):
    """Ends a rehearsal."""


def _rehearsed(desk: Desk, guide: Guide, filled: Filled) -> CallerError | None:
    """What would be wrong; nothing of it stays."""

    def work(tx: Tx) -> None:
        guide.work(tx, filled)
        raise _TakenBack

    try:
        return desk.attempt(work)[1]
    except _TakenBack:
        return None


def _asked(desk: Desk, guide: Guide, filled: Filled, *, wrong: CallerError | None = None) -> Response:
    is_stale = isinstance(wrong, Stale)
    status = 412 if is_stale else 422 if filled.errors or wrong else 200
    told = desk.tell(wrong)
    return desk.page("guided_form.html", status=status, guide=guide, filled=filled, told=told, is_stale=is_stale)


Clerk = Annotated[Actor, Depends(require("registry_clerk"))]
Finder = Annotated[Actor, Depends(require("registry_clerk", "other_office"))]
Supervisor = Annotated[Actor, Depends(require("registry_supervisor"))]
DvOfficer = Annotated[Actor, Depends(require("dv_officer"))]
Anyone = Annotated[Actor, Depends(require("registry_clerk", "registry_supervisor", "dv_officer", "number_officer", "auditor"))]
Listed = Annotated[Actor, Depends(require("registry_clerk", "registry_supervisor", "dv_officer"))]
Counted = Annotated[Actor, Depends(require("statistics_officer", "registry_supervisor"))]
Auditor = Annotated[Actor, Depends(require("auditor"))]
Operator = Annotated[Actor, Depends(require("registry_operator"))]
#: every role of the office: who may see where work begins
Staff = Annotated[Actor, Depends(require(*CONTRACT["roles"]))]
