"""Only an access token of the tenant's own realm, for this zone, lets anybody in."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kit.auth import Verifier
from kit.errors import Unauthenticated, Unavailable
from tests.support.bent import bent
from tests.support.cloud import MINAMISANRIKU, ONAGAWA, TENANTS, Cloud
from tests.support.postgres import free_port
from tools.demo.counter import tokens

MINE = rsa.generate_private_key(65537, 2048)


def part(data: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


def split(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    head, body, signature = token.split(".")
    decoded = [json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) for text in (head, body)]
    return decoded[0], decoded[1], signature


def keycloak_key(cloud: Cloud, code: str) -> Any:
    keys = httpx2.get(f"{cloud.home.issuer(code)}/protocol/openid-connect/certs", timeout=20).json()["keys"]
    return next(key for key in keys if key.get("use") == "sig")


def hmac_signed(token: str, secret: bytes) -> str:
    head, body, _ = split(token)
    text = f"{part(head | {'alg': 'HS256'})}.{part(body)}"
    signature = base64.urlsafe_b64encode(hmac.digest(secret, text.encode(), hashlib.sha256)).rstrip(b"=").decode()
    return f"{text}.{signature}"


def forged(token: str, jwk: dict[str, Any]) -> dict[str, str]:
    """Everything an attacker who holds a good token and the public key may try."""
    head, body, signature = split(token)
    public = jwt.PyJWK(jwk).key
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def mine(headers: dict[str, Any] | None = None, **claims: Any) -> str:
        return jwt.encode(body | claims, MINE, algorithm="RS256", headers={"kid": head["kid"]} | (headers or {}))

    own = jwt.algorithms.RSAAlgorithm.to_jwk(MINE.public_key(), as_dict=True)
    return {
        **{alg: f"{part(head | {'alg': alg})}.{part(body)}." for alg in ("none", "None", "nOnE")},
        "none with signature": f"{part(head | {'alg': 'none'})}.{part(body)}.{signature}",
        "HS256 PEM": hmac_signed(token, pem),
        "HS256 DER": hmac_signed(token, der),
        "HS256 JWK": hmac_signed(token, json.dumps(jwk).encode()),
        "wrong key": mine(),
        "unknown kid": mine({"kid": "mine"}),
        "jwk": mine({"jwk": own}),
        "jku": mine({"jku": "http://127.0.0.1:9/keys"}),
        "x5u": mine({"x5u": "http://127.0.0.1:9/keys"}),
        "crit": mine({"crit": ["x"], "x": 1}),
        "changed claims": f"{part(head)}.{part(body | {'sub': 'somebody'})}.{signature}",
        "issuer slash": f"{part(head)}.{part(body | {'iss': body['iss'] + '/'})}.{signature}",
        "cut signature": token[:-4],
        "no signature": token.rsplit(".", 1)[0] + ".",
        "two signatures": token + "." + signature,
        "a megabyte": token + "A" * 1_000_000,
        "two tokens": f"{token}, {token}",
        "not base64": token.replace(".", ".!", 1),
        "one word": "token",
    }


def knock(url: str, token: str) -> httpx2.Response:
    return httpx2.get(f"{url}/statistics", headers={"Authorization": f"Bearer {token}"}, timeout=20)


@pytest.mark.proves("IDP-1")
@pytest.mark.parametrize("code", [ONAGAWA, MINAMISANRIKU])
def test_forged_tokens_are_refused(cloud: Cloud, code: str) -> None:
    url, token = cloud.registry_url(code), cloud.token(code, "registry-clerk")
    assert knock(url, token).status_code == 200
    for kind, forgery in forged(token, keycloak_key(cloud, code)).items():
        if kind == "a megabyte":
            try:
                status = knock(url, forgery).status_code
            except httpx2.HTTPError:
                continue  # the server closes the connection on headers of that size
            assert status in (400, 401, 431), kind
            continue
        answer = knock(url, forgery)
        assert answer.status_code == 401, kind
        assert answer.headers["www-authenticate"] == "Bearer", kind


@pytest.mark.proves("IDP-1")
def test_keycloaks_other_tokens_are_no_access_tokens_here(cloud: Cloud) -> None:
    issued = tokens(cloud.home, ONAGAWA, "auditor")
    url = cloud.registry_url(ONAGAWA)
    assert knock(url, issued["access_token"]).status_code == 200
    assert knock(url, issued["id_token"]).status_code == 401
    assert knock(url, issued["refresh_token"]).status_code == 401
    assert knock(url, cloud.token(ONAGAWA, "tenant-admin", "platform")).status_code == 401
    assert knock(url, cloud.token(ONAGAWA, "procurement-officer", "lgwan")).status_code == 401


@pytest.mark.proves("IDP-2")
def test_a_good_token_of_one_realm_opens_no_other_tenant(cloud: Cloud) -> None:
    towns = [code for code in TENANTS if code != "040002"]
    for own in towns:
        token = cloud.token(own, "registry-clerk")
        for other in towns:
            for headers in ({}, {"X-Tenant": own}, {"Host": f"{own}.example"}):
                answer = httpx2.get(
                    f"{cloud.registry_url(other)}/statistics", headers={"Authorization": f"Bearer {token}", **headers}, timeout=20
                )
                assert answer.status_code == (200 if own == other else 401)
    prefecture = cloud.token("040002", "operator", "platform")
    assert knock(cloud.registry_url(ONAGAWA), prefecture).status_code == 401


@pytest.mark.proves("IDP-2")
def test_mutant_a_process_that_trusts_another_realm_lets_its_staff_in(cloud: Cloud) -> None:
    own, other = (code for code in TENANTS if code != "040002")
    with bent(cloud, own, "registry-clerk", realm_of=other) as clerk:
        assert clerk.get("/statistics").status_code == 200


class Issuer:
    """An issuer of our own over real HTTP, for tokens that Keycloak would never sign."""

    def __init__(self) -> None:
        own = jwt.algorithms.RSAAlgorithm.to_jwk(MINE.public_key(), as_dict=True)
        keys = json.dumps({"keys": [own | {"kid": "k", "use": "sig", "alg": "RS256"}]}).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(keys)

            def log_message(self, *_: object) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", free_port()), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def verifier(self, **changes: Any) -> Verifier:
        facts: dict[str, Any] = {"issuer": self.url, "jwks_url": self.url, "audience": "045811-mynumber", "tenant": "045811"}
        return Verifier(**facts | {"clients": frozenset({"mynumber"}), "two_factors": True} | changes)

    def token(self, *, without: str = "", **claims: Any) -> str:
        now = int(time.time())
        body = {"iss": self.url, "aud": "045811-mynumber", "sub": "s", "iat": now, "exp": now + 200, "typ": "Bearer"}
        body |= {"azp": "mynumber", "amr": ["pwd", "otp"], "realm_access": {"roles": ["registry_clerk"]}} | claims
        body.pop(without, None)
        return "Bearer " + jwt.encode(body, MINE, algorithm="RS256", headers={"kid": "k"})


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    one = Issuer()
    yield one
    one.server.shutdown()


NOW = int(time.time())
WRONG: dict[str, dict[str, Any]] = {
    "expired": {"iat": NOW - 400, "exp": NOW - 100},
    "lives too long": {"exp": NOW + 86_400},
    "not yet valid": {"nbf": NOW + 3600},
    "issued in the future": {"iat": NOW + 3600, "exp": NOW + 3700},
    "no exp": {"without": "exp"},
    "no iat": {"without": "iat"},
    "no sub": {"without": "sub"},
    "empty sub": {"sub": ""},
    "no audience": {"without": "aud"},
    "other audience": {"aud": "045811-lgwan"},
    "list of audiences": {"aud": ["045811-mynumber"]},
    "other issuer": {"iss": "http://127.0.0.1:1"},
    "ID token": {"typ": "ID"},
    "refresh token": {"typ": "Refresh"},
    "other client": {"azp": "account-console"},
    "one factor": {"amr": ["pwd"]},
    "exp as text": {"exp": str(NOW + 100)},
    "exp as truth": {"exp": True},
}


@pytest.mark.proves("IDP-1")
@pytest.mark.parametrize("kind", WRONG)
def test_well_signed_tokens_with_wrong_claims_are_refused(issuer: Issuer, kind: str) -> None:
    with pytest.raises(Unauthenticated):
        issuer.verifier().verify(issuer.token(**WRONG[kind]))


MUTANTS: dict[str, Callable[[dict[str, Any]], None]] = {
    "audience check off": lambda claims: claims.update(aud="045811-mynumber"),
    "typ check off": lambda claims: claims.update(typ="Bearer"),
}


@pytest.mark.proves("IDP-1")
@pytest.mark.parametrize(("mutant", "kind"), [("audience check off", "other audience"), ("typ check off", "ID token")])
def test_mutant_verifiers_let_them_in(issuer: Issuer, mutant: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Verifier._check_claims

    def blind(self: Verifier, claims: dict[str, Any]) -> None:
        changed = dict(claims)
        MUTANTS[mutant](changed)
        sound(self, changed)

    monkeypatch.setattr(Verifier, "_check_claims", blind)
    assert issuer.verifier().verify(issuer.token(**WRONG[kind])).subject == "s"


def test_a_good_token_names_the_actor_and_an_issuer_that_is_away_is_unavailable(issuer: Issuer) -> None:
    actor = issuer.verifier().verify(issuer.token())
    assert (actor.tenant, actor.roles, actor.two_factors) == ("045811", frozenset({"registry_clerk"}), True)
    with pytest.raises(Unavailable):
        issuer.verifier(jwks_url="http://127.0.0.1:1/").verify(issuer.token())
