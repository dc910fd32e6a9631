"""Typed client of the platform API."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2

from kit import errors
from kit.trust import authorities
from tenants.home import PREFECTURE, Home
from tenants.keyring import cli_secret

Answer = dict[str, Any]
#: seconds that the API may be away while an operation is waited for
PATIENCE = 120


class Client:
    """Speaks for one machine account; takes a new token when the old one runs out."""

    def __init__(self, api_url: str, *, issuer: str, client_id: str, client_secret: str) -> None:
        self._http = httpx2.Client(base_url=api_url, timeout=60, verify=authorities())
        self._token_url = f"{issuer}/protocol/openid-connect/token"
        self._credentials = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        self._token, self._until = "", 0.0

    @classmethod
    def of(cls, home: Home) -> "Client":
        """For whoever holds the instance's keyring."""
        secret = cli_secret(home)
        return cls(home.platform_api_url, issuer=home.issuer(PREFECTURE), client_id="mcloud-cli", client_secret=secret)

    def _bearer(self) -> dict[str, str]:
        if time.monotonic() > self._until:
            try:
                answer = httpx2.post(self._token_url, data=self._credentials, timeout=20, verify=authorities())
            except httpx2.HTTPError:
                raise errors.Unavailable("Keycloak does not answer: `mcloud up` starts the cloud") from None
            if answer.status_code != 200:
                raise errors.Unauthenticated("Keycloak does not accept the machine account `mcloud-cli`")
            found = answer.json()
            self._token, self._until = found["access_token"], time.monotonic() + found["expires_in"] - 30
        return {"Authorization": f"Bearer {self._token}"}

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The body of a good answer.

        Raises
        ------
        CallerError
            The class of the answer's status, with the problem's detail; `Unavailable` when nobody answers.
        """
        headers = self._bearer() | options.pop("headers", {})
        try:
            answer = self._http.request(method, f"/v1{path}", headers=headers, **options)
        except httpx2.HTTPError as wrong:
            raise errors.Unavailable(f"the platform API does not answer ({type(wrong).__name__}): `mcloud up`") from None
        if answer.is_success:
            return answer.json()
        raise problem(answer)

    def tenants(self) -> list[Answer]:
        return list(self.call("GET", "/tenants"))

    def tenant(self, code: str) -> Answer:
        return dict(self.call("GET", f"/tenants/{code}"))

    def apply(self, code: str, definition: Answer, *, dry_run: bool) -> Answer:
        return dict(self.call("PUT", f"/tenants/{code}", json=definition, params={"dry_run": dry_run}))

    def onboard(self, code: str, *, synthetic_scale: int | None) -> Answer:
        return dict(self.call("POST", f"/tenants/{code}/onboarding", json={"synthetic_scale": synthetic_scale}))

    def back_up(self, code: str, *, base: bool = False) -> Answer:
        return dict(self.call("POST", f"/tenants/{code}/backups", json={"base": base}))

    def backups(self, code: str) -> list[Answer]:
        return list(self.call("GET", f"/tenants/{code}/backups"))

    def restore_plan(self, code: str, *, at: str | None = None) -> Answer:
        return dict(self.call("GET", f"/tenants/{code}/restore-plan", params={"at": at} if at else {}))

    def restore(self, code: str, *, at: str | None = None) -> Answer:
        return dict(self.call("POST", f"/tenants/{code}/restores", json={"at": at}))

    def destroy(self, code: str, database: str) -> Answer:
        return dict(self.call("DELETE", f"/tenants/{code}/restores/{database}"))

    def drill(self, codes: list[str]) -> Answer:
        return dict(self.call("POST", "/drills", json={"tenants": codes}))

    def drills(self) -> list[Answer]:
        return list(self.call("GET", "/drills"))

    def drill_report(self, number: str) -> Answer:
        return dict(self.call("GET", f"/drills/{number}"))

    def journal(self, code: str) -> Answer:
        return dict(self.call("GET", f"/tenants/{code}/journal"))

    def shares(self, asked: Answer) -> Answer:
        return dict(self.call("POST", "/reports/shares", json=asked))

    def operation(self, number: str) -> Answer:
        return dict(self.call("GET", f"/operations/{number}"))

    def steps(self, number: str) -> Iterator[Answer]:
        """Steps of an operation as they end; returns when it has ended."""
        path = f"/v1/operations/{number}/events"
        with self._http.stream("GET", path, headers=self._bearer(), timeout=httpx2.Timeout(20, read=600)) as answer:
            kind = ""
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: ") and kind == "step":
                    yield json.loads(line.removeprefix("data: "))

    def wait(self, operation: Answer, on_step: Callable[[Answer], None] = lambda _: None) -> Answer:
        """Wait for the operation's end; it goes on asking while the API restarts.

        Raises
        ------
        CallerError
            The operation failed; its reason.
        """
        told: set[str] = set()
        answered = time.monotonic()
        while operation["state"] == "running":
            try:
                for step in self.steps(operation["id"]):
                    answered = time.monotonic()
                    if step["name"] not in told:
                        told.add(step["name"])
                        on_step(step)
                operation, answered = self.operation(operation["id"]), time.monotonic()
            except (httpx2.HTTPError, errors.Unavailable):
                if time.monotonic() - answered > PATIENCE:
                    raise errors.Unavailable("the platform API does not come back: `mcloud status`") from None
                time.sleep(0.5)
        if operation["state"] == "failed":
            raise errors.CallerError(f"operation {operation['id']} failed: {operation['error']}")
        return operation


def problem(answer: httpx2.Response) -> errors.CallerError:
    """The error that an answer tells, as the class of its status."""
    try:
        told = answer.json()
        detail = str(told.get("detail", ""))
    except ValueError:
        detail = f"status {answer.status_code}"
    classes = {each.status: each for each in errors.CallerError.__subclasses__() if each is not errors.Refused}
    return classes.get(answer.status_code, errors.CallerError)(detail)
