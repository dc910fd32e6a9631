"""A real browser (Debian's Chromium) and a member of staff in front of it."""

import shutil
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tenants.catalog import index
from tenants.home import Home
from tenants.realm import staff_secrets
from tools.login import PERIOD, one_time_code


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the run; the tests that need it are skipped where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium on this machine: `make tools` installs it when run as root")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def origin(home: Home, code: str) -> str:
    return f"http://127.0.0.1:{home.tenant_port(index(code), 'mynumber')}"


def sign_in(page: Page, home: Home, code: str, username: str, path: str = "/counter") -> None:
    """Open the page of the tenant and sign in at its realm with password and one-time code, as a person does."""
    secret = staff_secrets(home, code)[username]
    page.goto(origin(home, code) + path)
    page.fill("#username", username)
    page.fill("#password", secret["password"])
    page.click("[type=submit]")
    for _ in range(2):
        page.fill("#otp", one_time_code(secret["totp_secret"], time.time()))
        page.click("[type=submit]")
        if page.url.startswith(origin(home, code)):
            return
        time.sleep(PERIOD - time.time() % PERIOD + 0.5)  # a one-time code serves once: take the next
    raise PermissionError(f"{username} could not sign in at {code}")
