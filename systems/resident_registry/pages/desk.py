"""What every page of the register needs: who sits at the desk, for which purpose, and how work is done and answered."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from kit import pages
from kit.auth import Actor, require
from kit.db import Tx
from kit.errors import CallerError, PurposeRequired
from kit.idempotency import once
from kit.requests import REFUSALS, record_refusal
from kit.sessions import Session, Signed, open_session, read_form
from kit.settings import secret
from systems.resident_registry.model.movements import REASONS
from systems.resident_registry.model.people import Office

T = TypeVar("T")
HERE = Path(__file__).parent
BASE = f"{pages.PREFIX}/resident-registry"
#: purposes (事務) and their Japanese names, as the contract lists them
PURPOSES: dict[str, str] = yaml.safe_load((HERE.parent / "contract.yaml").read_text())["purposes"]
STATES = {
    "current": "現存", "leaving": "転出予定", "moved_out": "転出", "dead": "死亡", "removed": "職権消除", "ended": "その他消除",
}  # fmt: skip
#: the menu: path below BASE and name
MENU = (("", "はじめ"), ("/search", "検索"))
Form = Annotated[dict[str, list[str]], Depends(read_form)]


@dataclass(frozen=True)
class Desk:
    """One request of a member of staff."""

    request: Request
    session: Session

    @property
    def office(self) -> Office:
        """The municipality this process works for."""
        settings = self.request.app.state.settings
        keys = [bytes.fromhex(secret(name)) for name in ("MCLOUD_DATA_KEY", "MCLOUD_BLIND_INDEX_KEY")]
        return Office(settings.tenant, settings.tenant_name, keys[0], keys[1])

    @property
    def actor(self) -> Actor:
        return self.session.actor

    def page(self, template: str, *, status: int = 200, **data: Any) -> HTMLResponse:
        common: dict[str, Any] = {"base": BASE, "menu": MENU, "states": STATES, "reasons": REASONS, "roles": self.actor.roles}
        common |= {"purpose": PURPOSES.get(self.session.purpose or ""), "may_see": self.may_see}
        return pages.render(self.request, HERE, template, status=status, **common | data)

    @property
    def may_see(self) -> bool:
        """Whether the address of a protected resident is shown to this member of staff."""
        return "registry_supervisor" in self.actor.roles

    def go(self, path: str) -> Response:
        """Lead on to another page, so that going back or reloading sends nothing twice."""
        return RedirectResponse(BASE + path, 303, pages.headers(self.request))

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """A transaction that is committed when the block ends: before anything is answered."""
        options = {"purpose": self.session.purpose, "request": self.request.state.request_id}
        with self.request.app.state.database.transaction(self.actor.subject, **options) as tx:
            yield tx

    def attempt(self, work: Callable[[Tx], T]) -> tuple[T | None, str]:
        """What `work` makes, or why the office cannot: nothing of it is then there, and a refusal is recorded."""
        try:
            with self.transaction() as tx:
                return work(tx), ""
        except CallerError as wrong:
            if wrong.status in REFUSALS:
                record_refusal(self.request, wrong.status)
            return None, pages.told(self.request, HERE, wrong.detail)

    def attempt_once(self, key: str, body: object, work: Callable[[Tx], dict[str, Any]]) -> tuple[dict[str, Any] | None, str]:
        """`attempt`, and a form that is sent twice does its work once."""
        return self.attempt(lambda tx: once(tx, f"page/{key}", repr(body).encode(), lambda: work(tx)))


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
Clerk = Annotated[Actor, Depends(require("registry_clerk"))]
Anyone = Annotated[Actor, Depends(require("registry_clerk", "registry_supervisor", "tenant_admin", "auditor"))]
