"""Who may see and do what at the counter: staff of the prefecture, and of a municipality for its own tenant."""

from typing import Annotated

from fastapi import Depends, Request

from kit.auth import REFUSED, Actor, Verifier, bearer, current_actor, read_part
from kit.civic.codes import check_authority_code
from kit.errors import Forbidden, NotFound, Unauthenticated
from tenants.catalog import catalog
from tenants.home import AUDIENCE_PLATFORM, PREFECTURE, Home

MACHINE = "mcloud-cli"


class PlatformVerifier:
    """Accepts tokens for the platform API from the realm of any tenant; each realm has its own keys."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._by_issuer: dict[str, Verifier] = {}

    def verify(self, authorization: str | None) -> Actor:
        """The actor; people need two factors, the prefecture's own machine account has a secret instead."""
        issuer = read_part(bearer(authorization), 1).get("iss")
        code = str(issuer).rpartition("/")[2]
        if code not in catalog(self._home) or issuer != self._home.issuer(code):
            raise Unauthenticated(REFUSED)
        if issuer not in self._by_issuer:
            self._by_issuer[issuer] = self._verifier(code)
        actor = self._by_issuer[issuer].verify(authorization)
        if actor.client != MACHINE and not actor.two_factors:
            raise Unauthenticated(REFUSED)
        return actor

    def _verifier(self, code: str) -> Verifier:
        issuer = self._home.issuer(code)
        return Verifier(
            issuer=issuer,
            jwks_url=self._home.jwks_url(code),
            audience=AUDIENCE_PLATFORM,
            clients=frozenset({"platform"} | ({MACHINE} if code == PREFECTURE else set())),
            tenant=code,
        )


def own_or_prefecture(request: Request, code: str, actor: Annotated[Actor, Depends(current_actor)]) -> str:
    """The code of the path, when the actor may see that tenant; another's tenant is not there.

    Raises
    ------
    Invalid
        A wrong check digit.
    NotFound
        No such municipality, or another one's.
    """
    home: Home = request.app.state.settings
    check_authority_code(code)
    if code not in catalog(home) or actor.tenant not in (PREFECTURE, code):
        raise NotFound(f"there is no municipality {code} in the catalogue")
    return code


def prefecture(*roles: str) -> object:
    """A dependency that admits staff of the prefecture with one of the roles."""

    def check(actor: Annotated[Actor, Depends(current_actor)]) -> Actor:
        if actor.tenant != PREFECTURE or not actor.roles & set(roles):
            raise Forbidden(f"this needs one of the prefecture's roles {', '.join(roles)}")
        return actor

    check.roles = roles  # type: ignore[attr-defined]
    return Depends(check)
