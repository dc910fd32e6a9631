"""A clerk at the counter: signs in at the realm, then calls the tenant's process as a browser would."""

from typing import Any

import httpx2

from tenants.catalog import index
from tenants.home import Home
from tenants.realm_representation import staff_secrets
from tools.login import login, wait_for_next_code

#: where a browser would come back to; nobody listens there, the code is read from the address
CALLBACK = "http://127.0.0.1:8765/callback"
Answer = dict[str, Any]


def tokens(home: Home, code: str, username: str, client: str = "mynumber") -> Answer:
    """What Keycloak hands a member of staff who signs in."""
    secret = staff_secrets(home, code)[username]

    def sign_in() -> Answer:
        return login(home.keycloak_url, code, client, username, secret["password"], secret["totp_secret"], CALLBACK)

    for _ in range(2):
        try:
            return sign_in()
        except PermissionError:
            wait_for_next_code()
    return sign_in()


def token(home: Home, code: str, username: str, client: str = "mynumber") -> str:
    """Access token of a member of staff."""
    return str(tokens(home, code, username, client)["access_token"])


class Counter:
    """One signed-in member of staff of one tenant, in the registry's zone."""

    def __init__(self, home: Home, code: str, username: str, *, purpose: str = "certificate") -> None:
        self.code = code
        self._http = httpx2.Client(
            base_url=f"http://127.0.0.1:{home.tenant_port(index(code), 'mynumber')}/resident-registry",
            headers={"Authorization": f"Bearer {token(home, code, username)}", "X-Purpose": purpose},
            timeout=30,
        )

    def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """The answer, whatever its status."""
        return self._http.request(method, path, **options)

    def ask(self, method: str, path: str, **options: Any) -> Answer:
        """The body of an answer that must be good.

        Raises
        ------
        RuntimeError
            The answer was not 2xx; names the status and the problem's title.
        """
        response = self.call(method, path, **options)
        if not response.is_success:
            problem = response.json()
            raise RuntimeError(f"{method} {path}: {response.status_code} {problem.get('title')}: {problem.get('detail')}")
        body: Answer = response.json()
        return body
