"""A clerk at the counter: signs in at the realm, then calls the tenant's process as a browser would."""

import json
from typing import Any

import httpx2

from tenants.catalog import index
from tenants.home import Home, Zone
from tools.login import login

#: a purpose from the registry's list: issuing certificates at the counter
PURPOSE = "certificate"
Answer = dict[str, Any]


class Counter:
    """One signed-in member of staff of one tenant and zone."""

    def __init__(self, home: Home, code: str, username: str, *, zone: Zone = "mynumber") -> None:
        staff = json.loads((home.secrets / f"staff-{code}.json").read_text())[username]
        tokens = login(
            home.keycloak_url,
            code,
            zone,
            username,
            staff["password"],
            staff["totp_secret"],
            "http://127.0.0.1:8765/callback",
        )
        self.code = code
        self._http = httpx2.Client(
            base_url=f"http://127.0.0.1:{home.tenant_port(index(code), zone)}/resident-registry",
            headers={"Authorization": f"Bearer {tokens['access_token']}", "X-Purpose": PURPOSE},
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
