"""A realm as Keycloak takes it when it is founded: policy, keys, clients, roles and the staff that a municipality begins with."""

import json
import secrets
from base64 import b64encode
from typing import Any

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tenants.home import AUDIENCE_PLATFORM, PREFECTURE, STAFF_ZONES, Home, Zone
from tenants.keyring import ensure_secret
from tenants.model import Tenant

#: staff that a municipality begins with: user name -> roles
STAFF: dict[str, tuple[str, ...]] = {
    "registry-clerk": ("registry_clerk",),
    "registry-supervisor": ("registry_supervisor", "registry_clerk", "dv_officer"),
    "dv-officer": ("dv_officer", "registry_clerk"),
    "number-officer": ("number_officer", "registry_clerk"),
    "registry-operator": ("registry_operator",),
    "registry-releaser": ("registry_operator", "registry_supervisor"),
    "statistics-officer": ("statistics_officer",),
    "other-office": ("other_office",),
    "procurement-officer": ("procurement_officer",),
    "tenant-admin": ("tenant_admin",),
    "auditor": ("auditor",),
}
#: staff of the prefecture beside these
PREFECTURE_STAFF: dict[str, tuple[str, ...]] = {
    "operator": ("operator",),
    "drill-leader": ("drill_leader",),
    "council-secretary": ("council_secretary",),
}
CLI_ROLES = ("operator", "drill_leader", "council_secretary", "auditor")
#: what every realm begins with; `sslRequired` is none because the `local` target speaks on loopback only
POLICY: dict[str, Any] = {
    "sslRequired": "none",
    "registrationAllowed": False,
    "resetPasswordAllowed": False,
    "editUsernameAllowed": False,
    "bruteForceProtected": True,
    "permanentLockout": False,
    "failureFactor": 10,
    "accessTokenLifespan": 300,
    "revokeRefreshToken": True,
    "refreshTokenMaxReuse": 0,
    "ssoSessionIdleTimeout": 1800,
    "ssoSessionMaxLifespan": 36000,
    "passwordPolicy": "length(12) and notUsername(undefined)",
    "otpPolicyType": "totp",
    "otpPolicyAlgorithm": "HmacSHA1",
    "otpPolicyDigits": 6,
    "otpPolicyPeriod": 30,
    "otpPolicyLookAheadWindow": 1,
    "otpPolicyCodeReusable": False,
    "defaultSignatureAlgorithm": "RS256",
    "eventsEnabled": True,
    "adminEventsEnabled": True,
    "internationalizationEnabled": True,
    "supportedLocales": ["ja", "en"],
    "defaultLocale": "ja",
}
LOOPBACK = "http://127.0.0.1/*"
#: keys of a realm: left to itself, Keycloak makes a second RSA pair, for encrypted requests that nobody sends
KEYS = {
    "org.keycloak.keys.KeyProvider": [
        {"name": name, "providerId": provider, "subComponents": {}, "config": {"priority": ["100"]} | config}
        for name, provider, config in (
            ("rsa", "rsa-generated", {"algorithm": ["RS256"], "keySize": ["2048"]}),
            ("hmac", "hmac-generated", {"algorithm": ["HS512"]}),
            ("aes", "aes-generated", {}),
        )
    ]
}


def staff_of(code: str) -> dict[str, tuple[str, ...]]:
    """User names and roles that the realm begins with."""
    return STAFF | (PREFECTURE_STAFF if code == PREFECTURE else {})


def roles_of(code: str) -> list[str]:
    """Roles that the realm has."""
    more = CLI_ROLES if code == PREFECTURE else ()
    return sorted({role for each in staff_of(code).values() for role in each}.union(more))


def staff_secrets(home: Home, code: str) -> dict[str, dict[str, str]]:
    """First password and one-time secret of each member of staff, made on first call."""

    def make() -> dict[str, str]:
        people = {n: {"password": secrets.token_urlsafe(18), "totp_secret": secrets.token_hex(20)} for n in staff_of(code)}
        return {"staff": json.dumps(people)}

    found: dict[str, dict[str, str]] = json.loads(ensure_secret(home, f"staff-{code}", make)["staff"])
    return found


def representation(home: Home, tenant: Tenant, people: dict[str, dict[str, str]], cli: str | None) -> dict[str, Any]:
    """The realm as Keycloak takes it."""
    code = tenant.code
    clients = [_public_client(zone, f"{code}-{zone}", ways_back(home, code, zone)) for zone in STAFF_ZONES]
    clients.append(_public_client("platform", AUDIENCE_PLATFORM, [LOOPBACK]))
    users = [_user(name, staff_of(code)[name], secret) for name, secret in people.items()]
    if cli:
        clients.append(_cli_client(cli))
        account = {"username": "service-account-mcloud-cli", "enabled": True, "serviceAccountClientId": "mcloud-cli"}
        users.append(account | {"realmRoles": list(CLI_ROLES)})
    return {
        "realm": code,
        "displayName": tenant.name,
        "enabled": True,
        **POLICY,
        "roles": {"realm": [{"name": role} for role in roles_of(code)]},
        "clients": clients,
        "users": users,
        "components": KEYS,
    }


def ways_back(home: Home, code: str, zone: Zone) -> list[str]:
    """Where the realm may send a browser that signed in to the zone: its pages, and programs on the person's own machine."""
    return [LOOPBACK, *(f"{origin}/*" for origin in home.origins(code, zone))]


def _public_client(name: str, audience: str, ways_back: list[str]) -> dict[str, Any]:
    return {
        "clientId": name,
        "publicClient": True,
        "standardFlowEnabled": True,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "serviceAccountsEnabled": False,
        "redirectUris": ways_back,
        "attributes": {"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": "+"},
        "defaultClientScopes": ["basic", "roles", "profile"],
        "optionalClientScopes": [],
        "protocolMappers": [_audience(audience), _methods()],
    }


def _cli_client(secret: str) -> dict[str, Any]:
    return {
        "clientId": "mcloud-cli",
        "secret": secret,
        "publicClient": False,
        "standardFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "serviceAccountsEnabled": True,
        "defaultClientScopes": ["basic", "roles", "profile"],
        "optionalClientScopes": [],
        "protocolMappers": [_audience(AUDIENCE_PLATFORM)],
    }


def _audience(audience: str) -> dict[str, Any]:
    config = {"included.custom.audience": audience, "access.token.claim": "true", "id.token.claim": "false"}
    return {"name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper", "config": config}


def _methods() -> dict[str, Any]:
    config = {"access.token.claim": "true", "id.token.claim": "true"}
    return {"name": "methods", "protocol": "openid-connect", "protocolMapper": "oidc-amr-mapper", "config": config}


def _user(name: str, roles: tuple[str, ...], secret: dict[str, str]) -> dict[str, Any]:
    otp = {"subType": "totp", "digits": 6, "counter": 0, "period": 30, "algorithm": "HmacSHA1"}
    return {
        "username": name,
        "enabled": True,
        "email": f"{name}@example.invalid",
        "emailVerified": True,
        "firstName": name,
        "lastName": "架空",
        "realmRoles": list(roles),
        "credentials": [
            {"type": "password", **_hashed(secret["password"]), "temporary": False},
            {"type": "otp", "secretData": json.dumps({"value": secret["totp_secret"]}), "credentialData": json.dumps(otp)},
        ],
    }


def _hashed(password: str) -> dict[str, str]:
    """The password as Keycloak keeps it (argon2id, its own parameters): it need not hash ten of them while it warms up."""
    salt = secrets.token_bytes(16)
    kept = Argon2id(salt=salt, length=32, iterations=5, lanes=1, memory_cost=7168).derive(password.encode())
    parameters = {"hashLength": ["32"], "memory": ["7168"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"]}
    data = {"hashIterations": 5, "algorithm": "argon2", "additionalParameters": parameters}
    secret = {"value": b64encode(kept).decode(), "salt": b64encode(salt).decode(), "additionalParameters": {}}
    return {"credentialData": json.dumps(data), "secretData": json.dumps(secret)}
