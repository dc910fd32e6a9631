"""Sign in at the realm by authorization code with PKCE (RFC 7636): what is asked, what comes back, and that it is ours.

State, nonce and PKCE verifier are derived from one secret that only the asking browser's cookie holds: nothing is stored
until the realm has answered, and an answer that another browser asked for is refused.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import httpx2

from kit.auth import Actor, Verifier, bearer, read_part
from kit.errors import Unauthenticated, Unavailable
from kit.trust import authorities

NOT_OURS = "the sign-in does not belong to this browser: begin again"


@dataclass(frozen=True)
class SignedIn:
    """What the realm vouches for: who, until when it need not be asked again, and the tokens for the next question."""

    actor: Actor
    until: datetime
    refresh_token: str
    id_token: str


@dataclass(frozen=True)
class Realm:
    """One client of one realm, and the only address it may send a browser back to."""

    verifier: Verifier
    client: str
    callback: str

    def question(self, secret: str) -> str:
        """Address at the realm to which a browser that holds `secret` is sent."""
        challenge = _base64url(hashlib.sha256(derived(secret, "pkce").encode()).digest())
        asked = {"response_type": "code", "client_id": self.client, "redirect_uri": self.callback, "scope": "openid"}
        asked |= {"state": derived(secret, "state"), "nonce": derived(secret, "nonce")}
        asked |= {"code_challenge": challenge, "code_challenge_method": "S256", "ui_locales": "ja en"}
        return f"{self._front('auth')}?{urlencode(asked)}"

    def answer(self, secret: str, *, state: str, code: str) -> SignedIn:
        """Who signed in, when the answer belongs to the question.

        Raises
        ------
        Unauthenticated
            State, code, nonce, client, signature or factors are not right; which one is told to nobody.
        """
        if not hmac.compare_digest(state.encode(), derived(secret, "state").encode()):
            raise Unauthenticated(NOT_OURS)
        form = {"grant_type": "authorization_code", "redirect_uri": self.callback, "code": code}
        signed_in = self._tokens(form | {"code_verifier": derived(secret, "pkce")})
        claims = self.verifier.decode(bearer(f"Bearer {signed_in.id_token}"), self.client)
        told = (claims.get("typ"), claims.get("nonce"), claims["sub"])
        if told != ("ID", derived(secret, "nonce"), signed_in.actor.subject):
            raise Unauthenticated(NOT_OURS)
        return signed_in

    def again(self, refresh_token: str) -> SignedIn:
        """The same person with the roles of today; `Unauthenticated` when the realm no longer vouches for them."""
        return self._tokens({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def farewell(self, id_token: str, back: str) -> str:
        """Address at the realm that ends the sign-in there too."""
        return f"{self._front('logout')}?{urlencode({'id_token_hint': id_token, 'post_logout_redirect_uri': back})}"

    def _front(self, what: str) -> str:
        """Where a browser finds it."""
        return f"{self.verifier.issuer}/protocol/openid-connect/{what}"

    def _tokens(self, form: dict[str, str]) -> SignedIn:
        token = f"{self.verifier.back_channel}/token"  # the realm as processes reach it: browsers may know it by another name
        try:
            response = httpx2.post(token, data=form | {"client_id": self.client}, timeout=5, verify=authorities())
        except httpx2.HTTPError:
            raise Unavailable("the identity server does not answer") from None
        if response.status_code >= 500:
            raise Unavailable("the identity server does not answer")
        try:
            found: dict[str, Any] = response.json() if response.status_code == 200 else {}
            access, refresh, identity = (str(found[f"{kind}_token"]) for kind in ("access", "refresh", "id"))
        except (ValueError, KeyError, TypeError):
            raise Unauthenticated(NOT_OURS) from None
        actor = self.verifier.verify(f"Bearer {access}")
        return SignedIn(actor, datetime.fromtimestamp(read_part(access, 1)["exp"], UTC), refresh, identity)


def derived(secret: str, what: str) -> str:
    """A value for one use, from which neither the secret nor another value follows."""
    return _base64url(hmac.digest(secret.encode(), what.encode(), "sha256"))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
