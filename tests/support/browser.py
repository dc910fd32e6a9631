"""A real browser (Debian's Chromium) and members of staff in front of it. JavaScript is off unless a test asks for it."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from kit.db import connect
from tenants.catalog import index
from tenants.home import Home
from tenants.keyring import tenant_url
from tenants.realm_representation import staff_secrets
from tests.support.cloud import ONAGAWA, Cloud
from tools.login import one_time_code, wait_for_next_code

START = "/counter/resident-registry"
#: an A4 sheet in points
A4 = (210 / 25.4 * 72, 297 / 25.4 * 72)


class Staff:
    """People at browsers; each signs in once, with password and one-time code, and goes on with that session."""

    def __init__(self, browser: Browser, home: Home) -> None:
        self.browser, self.home = browser, home
        self._states: dict[tuple[str, str], Any] = {}

    def origin(self, code: str) -> str:
        return f"http://127.0.0.1:{self.home.tenant_port(index(code), 'mynumber')}"

    def forget(self, code: str, username: str) -> None:
        self._states.pop((code, username), None)

    @contextmanager
    def at(
        self, code: str, username: str, path: str = "", *, purpose: str | None = "notification", **options: Any
    ) -> Iterator[Page]:
        """A page of the counter, signed in; `purpose` is chosen when it is not None."""
        state = self._states.get((code, username))
        settings = {"java_script_enabled": False, "viewport": {"width": 1280, "height": 900}, "locale": "ja-JP"} | options
        context = self.browser.new_context(base_url=self.origin(code), storage_state=state, **settings)
        try:
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.goto("/counter")
            if not page.url.startswith(self.origin(code)):
                sign_in(page, self.home, code, username)
            if purpose:
                page.goto(f"{START}/purpose")
                page.check(f"input[value={purpose}]")
                press(page, "main button")
            page.goto(START + path)
            yield page
            self._states[code, username] = context.storage_state()
        finally:
            context.close()


def press(page: Page, selector: str) -> None:
    """Click what leads to another page, and wait for that page."""
    with page.expect_navigation():
        page.click(selector)


def take_application(page: Page) -> str:
    """Take the application for a measure whose form is open; id of the case, whose page is open then."""
    page.check("input[name=kind][value=A]")
    page.fill("#opponent_name", "架空　相手")
    page.check("input[name=scope][value=residence]")
    press(page, "button[value=check]")
    press(page, "button[value=do]")
    return page.url.rpartition("/")[2]


def sign_in(page: Page, home: Home, code: str, username: str) -> None:
    """Fill in the realm's sign-in as a person does; the page leads there."""
    secret, realm = staff_secrets(home, code)[username], home.keycloak_url
    page.fill("#username", username)
    page.fill("#password", secret["password"])
    press(page, "[type=submit]")
    for _ in range(2):
        page.fill("#otp", one_time_code(secret["totp_secret"], time.time()))
        press(page, "[type=submit]")
        if not page.url.startswith(realm):
            return
        wait_for_next_code()
    raise PermissionError(f"{username} could not sign in at {code}")


@pytest.fixture(scope="module")
def staff(cloud: Cloud) -> Iterator[Staff]:
    """One Chromium for the module; tests that need it are skipped where there is none.

    Not for the whole run: while Playwright's event loop lives, no other test can run one in this thread.
    """
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium on this machine: `make tools` installs it when run as root")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield Staff(chromium, cloud.home)
        chromium.close()


def ask(cloud: Cloud, sql: str, *values: object) -> Any:
    """One value out of 女川町's database."""
    with connect(tenant_url(cloud.home, ONAGAWA, "backup")) as tx:
        return tx.value(sql, values)


def violations(page: Page) -> list[str]:
    """What axe finds wrong on the page by WCAG 2.2 AA."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    told = Axe().run(page, options={"runOnly": tags}).response["violations"]
    return [f"{page.url} {each['id']}: {each['nodes'][0]['html']}" for each in told]


def looked_at(page: Page, address: str) -> list[str]:
    """Open the page and return its violations; it has one heading, and never scrolls sideways on a small screen (WCAG 1.4.10)."""
    page.goto(address)
    assert page.locator("h1").count() == 1, address
    wrong = violations(page)
    page.set_viewport_size({"width": 400, "height": 800})
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 400, f"{page.url} is {wide} px wide"
    page.set_viewport_size({"width": 1280, "height": 900})
    return wrong
