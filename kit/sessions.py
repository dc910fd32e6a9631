"""Staff at a browser: an opaque cookie, a row in the tenant's database, the realm asked again every five minutes.

Law of the room: the cookie's value is known to the browser alone. The row is found by its hash, and what is worth stealing in
it (tokens, input kept for later) is encrypted under a key made from it. The CSRF token is made from it as well.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Annotated, Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Depends, Request, Response
from starlette.datastructures import UploadFile

from kit import clock
from kit.auth import Actor
from kit.db import Database, Tx, connect, identifier
from kit.errors import Forbidden, Invalid, Unauthenticated
from kit.oidc import Realm, SignedIn, derived
from kit.settings import ProcessSettings

LONGEST = timedelta(hours=10)
#: who has done nothing for this long is not at the counter
IDLE = timedelta(minutes=30)
#: a session's time of last use is written down at most this often
TOUCH = timedelta(seconds=30)
MAX_FORM_BYTES = 256 * 1024
#: of a form with a file
MAX_FILE_BYTES = (1 << 30) + (1 << 16)
SIGN_IN_AGAIN = "sign in again; what you had entered is kept"
Form = dict[str, list[str]]


@dataclass(frozen=True)
class Session:
    """A member of staff at one browser."""

    id: str
    token: str = field(repr=False)
    actor: Actor
    purpose: str | None
    kept: dict[str, Any] = field(repr=False)
    seen_at: datetime
    started_at: datetime
    verified_until: datetime

    @property
    def csrf(self) -> str:
        """What every form of this session carries."""
        return derived(self.token, "csrf")


def install(url: str, *, zones: Sequence[str], reader: str) -> None:
    """Found the table of sessions, as the database's owner; the zones' roles work in it, the reader (backup) reads."""
    with connect(url) as tx:
        tx.execute("SELECT pg_advisory_xact_lock(hashtext('migrations'))")
        tx.execute((Path(__file__).parent / "sessions.sql").read_text())
        for role in map(identifier, (*zones, reader)):
            tx.execute(f"GRANT USAGE ON SCHEMA session TO {role}; GRANT SELECT ON session.browser TO {role}")
        for role in map(identifier, zones):
            tx.execute(f"GRANT INSERT, UPDATE, DELETE ON session.browser TO {role}")


def cookie_name(settings: ProcessSettings) -> str:
    """Tenants share a host on one machine, and cookies do not know ports. `__Host-` wherever TLS is."""
    prefix = "__Host-" if settings.origin().startswith("https:") else ""
    return f"{prefix}mcloud-{settings.tenant}-{settings.zone}"


def set_cookie(response: Response, settings: ProcessSettings, name: str, value: str, seconds: int | None = None) -> None:
    """A cookie no script reads, that no other site's form carries; until the browser closes or for `seconds`."""
    secure = settings.origin().startswith("https:")
    response.set_cookie(name, value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=secure)


def begin(tx: Tx, signed_in: SignedIn, old: Session | None) -> str:
    """Start a session; the cookie's value. The same person's last one hands over purpose and kept input, then ends."""
    token, now, actor = secrets.token_urlsafe(32), clock.now(), signed_in.actor
    same = old is not None and old.actor.subject == actor.subject
    kept = _tokens(signed_in) | ({"draft": old.kept.get("draft")} if same and old else {})
    tx.execute("DELETE FROM session.browser WHERE id = %s OR started_at < %s", (old.id if old else "", now - LONGEST))
    tx.execute(
        "INSERT INTO session.browser VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (_hash(token), actor.subject, actor.name, sorted(actor.roles), actor.client, old.purpose if same and old else None,
         _seal(token, kept), now, now, signed_in.until),
    )  # fmt: skip
    return token


def find(tx: Tx, token: str, tenant: str) -> Session | None:
    """The session of that cookie, however old; its row is locked until the transaction ends."""
    row = tx.row("SELECT * FROM session.browser WHERE id = %s FOR UPDATE", (_hash(token),))
    if row is None:
        return None
    actor = Actor(tenant, row["subject"], row["name"], frozenset(row["roles"]), row["client"], two_factors=True)
    times = {name: row[name] for name in ("seen_at", "started_at", "verified_until")}
    return Session(row["id"], token, actor, row["purpose"], _unseal(token, row["sealed"]), **times)


def end(tx: Tx, session: Session) -> None:
    tx.execute("DELETE FROM session.browser WHERE id = %s", (session.id,))


def remember(tx: Tx, session: Session, **what: Any) -> None:
    """Keep something for the session's next pages that must not stand in an address, such as the names searched for."""
    tx.execute("UPDATE session.browser SET sealed = %s WHERE id = %s", (_seal(session.token, session.kept | what), session.id))


def choose_purpose(tx: Tx, session: Session, purpose: str) -> None:
    tx.execute("UPDATE session.browser SET purpose = %s WHERE id = %s", (purpose, session.id))


def signed_in(tx: Tx) -> list[tuple[str, str]]:
    """Subject and name of everybody who is signed in at a browser now."""
    rows = tx.rows("SELECT DISTINCT name, subject FROM session.browser WHERE seen_at > %s ORDER BY name", (clock.now() - IDLE,))
    return [(row["subject"], row["name"]) for row in rows]


def ends_at(session: Session, settings: ProcessSettings) -> datetime:
    """When the session ends unless something is done in it before."""
    return min(session.seen_at + timedelta(minutes=settings.session_idle_minutes), session.started_at + LONGEST)


async def read_form(request: Request) -> Form:
    """Fields of a posted form; each may come more than once. Nothing for other methods.

    Of a form with a file no byte is read before the session is known: its token stands in the address, `read_file` reads on.
    """
    if request.method != "POST":
        return {}
    if _has_file(request):
        return {"csrf": [request.query_params.get("csrf", "")]}
    if int(request.headers.get("content-length") or MAX_FORM_BYTES + 1) > MAX_FORM_BYTES:
        raise Invalid(f"a form has at most {MAX_FORM_BYTES // 1024} KiB")
    form: Form = {}
    for name, value in (await request.form(max_files=0, max_fields=500)).multi_items():
        form.setdefault(name, []).append(str(value))
    return form


def _has_file(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


def open_session(request: Request, form: Annotated[Form, Depends(read_form)]) -> Session:
    """The session of this request: alive, vouched for by the realm within five minutes, and really posting its own form.

    Raises
    ------
    Unauthenticated
        No session, or its time is over. A form that was posted is kept for the same person's next sign-in.
    Forbidden
        A form without the session's CSRF token.
    """
    database: Database = request.app.state.database
    settings: ProcessSettings = request.app.state.settings
    token = request.cookies.get(cookie_name(settings), "")
    with database.transaction("session") as tx:
        session = find(tx, token, settings.tenant)
        if session is None:
            raise Unauthenticated(SIGN_IN_AGAIN)
        request.state.actor = session.actor  # whom a refusal names
        is_alive = clock.now() < ends_at(session, settings)
        if request.method == "POST":
            check_csrf(session, request, form)
        if is_alive and session.verified_until <= clock.now():
            is_alive = _ask_realm_again(tx, session, request.app.state.realm)
        if is_alive:
            session = _touched(tx, session, request)
        elif form and not _has_file(request):
            _keep(tx, session, request.url.path, form)
    if not is_alive:
        raise Unauthenticated(SIGN_IN_AGAIN)
    request.state.session, request.state.actor, request.state.purpose = session, session.actor, session.purpose
    return session


def check_csrf(session: Session, request: Request, form: Form) -> None:
    """Refuse a form that another site's page may have sent."""
    sent = form.get("csrf", [""])[0]
    own = request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
    if not own or not hmac.compare_digest(sent.encode(), session.csrf.encode()):
        raise Forbidden("this form does not come from a page of this session: open the page again and send it from there")


def _ask_realm_again(tx: Tx, session: Session, realm: Realm) -> bool:
    """Whether the realm still vouches for the person; the roles are then today's. A refresh token serves once."""
    try:
        again = realm.again(session.kept["refresh_token"])
    except Unauthenticated:
        return False
    if again.actor.subject != session.actor.subject:
        return False
    tx.execute(
        "UPDATE session.browser SET roles = %s, verified_until = %s, sealed = %s WHERE id = %s",
        (sorted(again.actor.roles), again.until, _seal(session.token, session.kept | _tokens(again)), session.id),
    )
    return True


def _touched(tx: Tx, session: Session, request: Request) -> Session:
    if clock.now() - session.seen_at > TOUCH:
        tx.execute("UPDATE session.browser SET seen_at = %s WHERE id = %s", (clock.now(), session.id))
    draft = session.kept.get("draft")
    if draft and request.method == "POST" and draft["path"] == request.url.path:
        remember(tx, session, draft=None)
    found = find(tx, session.token, session.actor.tenant)
    if found is None:  # pragma: no cover
        raise Unauthenticated(SIGN_IN_AGAIN)
    return found


def _keep(tx: Tx, session: Session, path: str, form: Form) -> None:
    """Keep what was entered. The journal sees ciphertext whose key is the cookie."""
    draft = {"path": path, "form": {name: values for name, values in form.items() if name != "csrf"}}
    remember(tx, session, draft=draft)


def _tokens(signed_in: SignedIn) -> dict[str, Any]:
    return {"refresh_token": signed_in.refresh_token, "id_token": signed_in.id_token}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _seal(token: str, kept: dict[str, Any]) -> bytes:
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(_key(token)).encrypt(nonce, json.dumps(kept).encode(), None)


def _unseal(token: str, sealed: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(AESGCM(_key(token)).decrypt(sealed[:12], sealed[12:], None))
    return found


def _key(token: str) -> bytes:
    return hmac.digest(token.encode(), b"seal", "sha256")


Signed = Annotated[Session, Depends(open_session)]


async def read_file(request: Request, session: Signed) -> IO[bytes]:
    """The file of a posted form; `Invalid` when there is none. The session was checked before: only staff can fill the disk."""
    if request.method != "POST" or not _has_file(request):
        raise Invalid("choose a file")
    if int(request.headers.get("content-length") or MAX_FILE_BYTES + 1) > MAX_FILE_BYTES:
        raise Invalid(f"a file has at most {MAX_FILE_BYTES >> 30} GiB")
    found = (await request.form(max_files=1, max_fields=10)).get("file")
    if not isinstance(found, UploadFile):
        raise Invalid("choose a file")
    return found.file


Uploaded = Annotated[IO[bytes], Depends(read_file)]
