"""The tenant's identity realm: the only talk with Keycloak's administration.

Tokens are never verified here (docs/decisions/0005-realm-per-municipality.md).
"""

import json
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakConnectionError, KeycloakError

from kit.errors import Unavailable
from tenants.catalog import catalog, tenant
from tenants.home import PREFECTURE, STAFF_ZONES, Home
from tenants.keyring import admin_secret, cli_secret
from tenants.model import Tenant
from tenants.realm_representation import representation, roles_of, staff_secrets, ways_back


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except KeycloakConnectionError:
        raise Unavailable("Keycloak does not answer: `mcloud status` shows whether it runs") from None
    except KeycloakError as wrong:
        raise Unavailable(f"Keycloak refused an administrative call ({wrong.response_code})") from None


def _admin(home: Home, **credentials: Any) -> KeycloakAdmin:
    realm: Any = {"realm_name": "master", "user_realm_name": "master"}
    verify = ssl.get_default_verify_paths().cafile or True  # what SSL_CERT_FILE names, as everywhere else
    connection = KeycloakOpenIDConnection(server_url=home.keycloak_url, timeout=60, verify=verify, **realm, **credentials)
    return KeycloakAdmin(connection=connection)


def exists(home: Home, code: str) -> bool:
    """Whether the realm stands complete: it is enabled as the last act of founding it."""
    with _translated():
        admin = _admin(home, **admin_secret(home))
        realms = {each["realm"]: each for each in admin.get_realms()}
        return code in realms and _is_complete(admin, code)


def _is_complete(admin: KeycloakAdmin, code: str) -> bool:
    admin.change_current_realm(code)
    return bool(admin.get_realm(code).get("browserFlow") == "staff browser")


def ensure_realm(home: Home, body: Tenant) -> bool:
    """Found the realm with its staff; False when it stands. One that a kill left half-founded is founded again.

    The identity that creates it is made for this call and removed at its end.
    """
    if exists(home, body.code):
        return False
    cli = cli_secret(home) if body.code == PREFECTURE else None
    wanted = representation(home, body, staff_secrets(home, body.code), cli)
    with _translated():
        founder = _admin(home, **admin_secret(home))
        if body.code in {each["realm"] for each in founder.get_realms()}:
            founder.delete_realm(body.code)
        with _minted(home, founder, body.code) as creator:
            creator.create_realm(wanted)
            creator.connection.token = None  # the rights in the new realm come with a new token
            creator.connection.get_token()
            creator.change_current_realm(body.code)
            _require_two_factors(creator, body.code)
    return True


def renew(home: Home) -> list[str]:
    """Realms that were not as they should be: gateways may come, or move, and roles may come, after a realm was founded."""
    changed = []
    with _translated():
        admin = _admin(home, **admin_secret(home))
        for code in sorted({each["realm"] for each in admin.get_realms()} & set(catalog(home))):
            admin.change_current_realm(code)
            if _renew_ways_back(admin, home, code) | _renew_roles(admin, code):
                changed.append(code)
    return changed


def _renew_ways_back(admin: KeycloakAdmin, home: Home, code: str) -> bool:
    changed, clients = False, {each["clientId"]: each for each in admin.get_clients()}
    for zone in STAFF_ZONES:
        wanted, client = ways_back(home, code, zone), clients.get(zone)
        if client and set(client["redirectUris"]) != set(wanted):
            admin.update_client(client["id"], client | {"redirectUris": wanted})
            changed = True
    return changed


def _renew_roles(admin: KeycloakAdmin, code: str) -> bool:
    missing = sorted(set(roles_of(code)) - {each["name"] for each in admin.get_realm_roles()})
    for role in missing:
        admin.create_realm_role({"name": role})
    return bool(missing)


def ensure_prefecture(home: Home) -> bool:
    """The prefecture's own realm, where operators live; founded when the cloud comes up."""
    return ensure_realm(home, tenant(PREFECTURE, home))


@contextmanager
def _minted(home: Home, founder: KeycloakAdmin, code: str) -> Iterator[KeycloakAdmin]:
    """A service account with `create-realm`, removed at the end; leftovers of killed calls are removed first."""
    for client in founder.get_clients():
        if client["clientId"].startswith(f"onboard-{code}-"):
            founder.delete_client(client["id"])
    name, secret = f"onboard-{code}-{secrets.token_hex(4)}", secrets.token_urlsafe(32)
    client = {"clientId": name, "secret": secret, "serviceAccountsEnabled": True, "standardFlowEnabled": False}
    number = founder.create_client(client)
    try:
        account = founder.get_client_service_account_user(number)["id"]
        founder.assign_realm_roles(account, [founder.get_realm_role("create-realm")])
        yield _admin(home, client_id=name, client_secret_key=secret)
    finally:
        founder.delete_client(number)


def _require_two_factors(admin: KeycloakAdmin, code: str) -> None:
    """Bind a browser flow in which password and one-time code are both required; its methods reach the token as `amr`."""
    flow = "staff browser"
    admin.create_authentication_flow({"alias": flow, "providerId": "basic-flow", "topLevel": True, "builtIn": False})
    for provider, method in (("auth-username-password-form", "pwd"), ("auth-otp-form", "otp")):
        admin.create_authentication_flow_execution({"provider": provider}, flow)
        step = next(e for e in admin.get_authentication_flow_executions(flow) if e.get("providerId") == provider)
        admin.update_authentication_flow_executions(step | {"requirement": "REQUIRED"}, flow)
        reference = {"default.reference.value": method, "default.reference.maxAge": "36000"}
        admin.connection.raw_post(
            f"admin/realms/{code}/authentication/executions/{step['id']}/config",
            data=json.dumps({"alias": f"{method} reference", "config": reference}),
        )
    admin.update_realm(code, {"browserFlow": flow})
