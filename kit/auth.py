"""Verify an access token strictly; who acts, with which roles.

The checks and their order are those of docs/decisions/0005-realm-per-municipality.md. A token that fails any of them gets the
same answer; which check failed is told to nobody.
"""

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import httpx2
import jwt
from fastapi import Depends, Request

from kit.errors import Forbidden, Unauthenticated, Unavailable
from kit.trust import authorities

ALGORITHM = "RS256"
MAX_BYTES = 8 * 1024
MAX_LIFETIME = 300
LEEWAY = 10
KEYS_SERVE = 300
REFETCH_EVERY = 10
REFUSED = "the access token is not valid here: sign in again"


@dataclass(frozen=True)
class Actor:
    """Who acts: always staff of the tenant whose realm signed the token."""

    tenant: str
    subject: str
    name: str
    roles: frozenset[str]
    client: str
    two_factors: bool


class TokenVerifier(Protocol):
    def verify(self, authorization: str | None) -> Actor: ...


class KeySet:
    """Signing keys of one issuer. Known keys go on serving for five minutes while the issuer does not answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str, Any] = {}
        self._fetched = self._tried = float("-inf")
        self._lock = threading.Lock()

    def key(self, kid: str) -> Any:
        """The key of that id, or None; asks the issuer at most once in ten seconds.

        Raises
        ------
        Unavailable
            The issuer has not answered for five minutes.
        """
        with self._lock:
            age = time.monotonic() - self._fetched
            may_ask = time.monotonic() - self._tried >= REFETCH_EVERY
            if (kid not in self._keys or age > KEYS_SERVE) and may_ask:
                self._fetch()
            if time.monotonic() - self._fetched > KEYS_SERVE:
                raise Unavailable("the identity server does not answer")
            return self._keys.get(kid)

    def _fetch(self) -> None:
        self._tried = time.monotonic()
        try:
            response = httpx2.get(self._url, timeout=3, follow_redirects=False, verify=authorities())
            if response.status_code != 200 or len(response.content) > 256 * 1024:
                return
            found = {
                each["kid"]: jwt.PyJWK(each, algorithm=ALGORITHM).key
                for each in response.json()["keys"]
                if each.get("kty") == "RSA" and each.get("use") == "sig" and each.get("alg") == ALGORITHM
            }
        except (httpx2.HTTPError, ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError):
            return
        self._keys, self._fetched = found, self._tried


class Verifier:
    """Accepts access tokens of exactly one issuer, for one audience, from listed clients."""

    def __init__(
        self, *, issuer: str, jwks_url: str, audience: str, clients: frozenset[str], tenant: str, two_factors: bool = False
    ) -> None:
        self.issuer = issuer
        self.back_channel = jwks_url.rpartition("/")[0]
        self.audience = audience
        self.clients = clients
        self.tenant = tenant
        self.two_factors = two_factors
        self._keys = KeySet(jwks_url)

    def verify(self, authorization: str | None) -> Actor:
        """The actor of an `Authorization` header.

        Raises
        ------
        Unauthenticated
            No token, or one that fails any check.
        Unavailable
            The issuer's keys cannot be had.
        """
        claims = self.decode(bearer(authorization))
        self._check_claims(claims)
        return self._actor(claims)

    def decode(self, token: str, audience: str | None = None) -> dict[str, Any]:
        """Claims of a token that the issuer signed and that has not expired; for `audience` when one is given.

        Good for an ID token; an access token goes through `verify`, which asks more.
        """
        header = read_part(token, 0)
        if not set(header) <= {"alg", "kid", "typ"} or header.get("alg") != ALGORITHM:
            raise Unauthenticated(REFUSED)
        if read_part(token, 1).get("iss") != self.issuer or not isinstance(header.get("kid"), str):
            raise Unauthenticated(REFUSED)
        key = self._keys.key(header["kid"])
        if key is None:
            raise Unauthenticated(REFUSED)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=self.issuer,
                leeway=LEEWAY,
                audience=audience,
                options={"require": ["exp", "iat", "sub", "iss", "aud"], "verify_aud": audience is not None},
            )
        except (jwt.PyJWTError, ValueError):
            raise Unauthenticated(REFUSED) from None
        return dict(claims)

    def _check_claims(self, claims: dict[str, Any]) -> None:
        exp, iat = claims["exp"], claims["iat"]
        numbers = all(isinstance(n, int | float) and not isinstance(n, bool) for n in (exp, iat))
        sound = (
            numbers
            and 0 < exp - iat <= MAX_LIFETIME
            and claims["aud"] == self.audience  # exactly one string: a list is refused
            and isinstance(claims["sub"], str)
            and claims["sub"] != ""
            and claims.get("typ") == "Bearer"
            and claims.get("azp") in self.clients
            and (not self.two_factors or _two_factors(claims))
        )
        if not sound:
            raise Unauthenticated(REFUSED)

    def _actor(self, claims: dict[str, Any]) -> Actor:
        access = claims.get("realm_access")
        roles = access.get("roles", []) if isinstance(access, dict) else []
        name = claims.get("preferred_username", "")
        client = claims["azp"]
        return Actor(self.tenant, claims["sub"], str(name), frozenset(map(str, roles)), client, _two_factors(claims))


def _two_factors(claims: dict[str, Any]) -> bool:
    amr = claims.get("amr")
    return isinstance(amr, list) and {"pwd", "otp"} <= set(map(str, amr))


def bearer(authorization: str | None) -> str:
    """The one token of the header, not yet verified."""
    kind, _, token = (authorization or "").partition(" ")
    if kind.lower() != "bearer" or not token or " " in token or "," in token or len(token) > MAX_BYTES:
        raise Unauthenticated(REFUSED)
    if token.count(".") != 2:
        raise Unauthenticated(REFUSED)
    return token


def read_part(token: str, part: int) -> dict[str, Any]:
    """Header (0) or claims (1), unverified: good for choosing whom to ask, for nothing else."""
    text = token.split(".")[part]
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = json.loads(decoded)
    except (ValueError, binascii.Error, RecursionError):
        raise Unauthenticated(REFUSED) from None
    if not isinstance(found, dict):
        raise Unauthenticated(REFUSED)
    return found


def current_actor(request: Request) -> Actor:
    """The actor of this request; verified once."""
    headers = request.headers.getlist("authorization")
    if len(headers) > 1:
        raise Unauthenticated(REFUSED)
    if not hasattr(request.state, "actor"):
        verifier: TokenVerifier = request.app.state.verifier
        request.state.actor = verifier.verify(headers[0] if headers else None)
    actor: Actor = request.state.actor
    return actor


def require(*roles: str) -> Callable[[Request, Actor], Actor]:
    """A dependency that admits actors with at least one of the roles."""

    def check(request: Request, actor: Annotated[Actor, Depends(current_actor)]) -> Actor:
        if not actor.roles & set(roles):
            raise Forbidden(f"this needs one of the roles {', '.join(roles)}")
        return actor

    check.roles = roles  # type: ignore[attr-defined]
    return check
