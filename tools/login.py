"""Sign in at Keycloak as a browser would: authorization code with PKCE, password, one-time code."""

import base64
import hashlib
import hmac
import html
import re
import secrets
import struct
import time
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

PERIOD = 30


def one_time_code(secret: str, at: float) -> str:
    """Time-based one-time code of six digits (RFC 6238, SHA-1, 30 s); the secret's UTF-8 bytes are the key."""
    digest = hmac.new(secret.encode(), struct.pack(">Q", int(at) // PERIOD), hashlib.sha1).digest()
    start = digest[-1] & 15
    number: int = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def wait_for_next_code() -> None:
    """A one-time code serves once: who signs in again within half a minute waits for the next."""
    time.sleep(PERIOD - time.time() % PERIOD + 0.5)


def login(
    keycloak_url: str, realm: str, client_id: str, username: str, password: str, totp_secret: str, redirect_uri: str
) -> dict[str, Any]:
    """The tokens that Keycloak hands out for the code.

    Raises
    ------
    PermissionError
        Keycloak did not accept the user, the password or the one-time code.
    """
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    base = f"{keycloak_url}/realms/{realm}/protocol/openid-connect"
    asked = {"response_type": "code", "client_id": client_id, "redirect_uri": redirect_uri, "scope": "openid"}
    asked |= {"state": secrets.token_urlsafe(8), "nonce": secrets.token_urlsafe(8)}
    asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    # a browser sends secure cookies to loopback, which it trusts without TLS
    jar = CookieJar(DefaultCookiePolicy(secure_protocols=("https", "http")))
    with httpx2.Client(timeout=30, cookies=jar) as browser:
        page = browser.get(f"{base}/auth", params=asked)
        page = browser.post(_form(page), data={"username": username, "password": password})
        page = browser.post(_form(page), data={"otp": one_time_code(totp_secret, time.time())})
        if page.status_code != 302:
            raise PermissionError(f"sign-in as {username} at realm {realm} was not accepted: {_said(page)}")
        answer = parse_qs(urlsplit(page.headers["location"]).query)
        if answer.get("state") != [asked["state"]] or "code" not in answer:
            raise PermissionError(f"sign-in as {username} at realm {realm}: the answer does not belong to the question")
        form = {"grant_type": "authorization_code", "client_id": client_id, "redirect_uri": redirect_uri}
        tokens = browser.post(f"{base}/token", data=form | {"code": answer["code"][0], "code_verifier": verifier})
        tokens.raise_for_status()
        found: dict[str, Any] = tokens.json()
        return found


def _form(page: httpx2.Response) -> str:
    found = re.search(r'<form[^>]*\saction="([^"]+)"', page.text)
    if page.status_code != 200 or not found:
        raise PermissionError(f"Keycloak shows no sign-in form (status {page.status_code})")
    return html.unescape(found.group(1))


def _said(page: httpx2.Response) -> str:
    """What Keycloak shows beside the field or above the form."""
    found = re.search(r'<[^>]*(?:id="input-error|class="[^"]*kc-feedback-text)[^>]*>([^<]*)', page.text)
    return html.unescape(found.group(1)).strip() if found else f"status {page.status_code}"
