"""Which secrets go into the cluster. They are described to the engine and filled from the keyring when they are applied, so
that no state, plan or release holds one."""

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from infra import instance
from infra.config import read_site
from infra.manifests import Manifest
from infra.zones import DR, PLATFORM, namespace
from kit.errors import NotFound
from tenants import keyring
from tenants.catalog import catalog
from tenants.home import Home, SiteName, Zone
from tenants.keyring import admin_secret, database_secret, postgres_password, tenant_keys

OWNER = "process-owner"


def site_secrets(home: Home, site: SiteName) -> list[Manifest]:
    """Described secrets of the servers that stand at a site.

    Raises
    ------
    NotFound
        A password of a server of one's own was not laid into the keyring; names the file.
    """
    servers = read_site(home, site).servers()
    mounted = {"keyring": "platform-api", "landing": "platform-api", "keycloak": "keycloak", "postgres": "postgres"}
    found = [_described(home, name, PLATFORM, {"of": name, "site": site}) for name, who in mounted.items() if who in servers]
    return [*found, _described(home, "rest-server", DR, {"of": "rest-server", "site": site})] if servers else []


def _given(home: Home, site: SiteName) -> None:
    """Passwords of servers of one's own must be given: made ones would be refused there, and much later."""
    config = read_site(home, site)
    away: SiteName = "recovery" if site == "primary" else "primary"
    needed = {
        f"postgres-{site}": (config.postgres, '{"password": …} of its superuser postgres'),
        f"postgres-{away}": (config.peer_postgres, '{"password": …} of its superuser postgres'),
        "keycloak-admin": (config.keycloak, '{"username": …, "password": …} of an administrator of its realm master'),
    }
    for name, (server, what) in needed.items():
        file = home.secrets / f"{name}.json"
        if server.host and not file.exists():
            raise NotFound(f"{server.host} is your own server: write {file} (mode 0600) with {what}")


def tenant_secrets(home: Home, code: str, zones: list[Zone]) -> list[Manifest]:
    """Described secrets of a tenant's processes: one of the process, one of its migrations, in each zone."""
    found = []
    for zone in zones:
        place = namespace(code, zone)
        found.append(_described(home, "process", place, {"of": "process", "code": code, "zone": zone}))
        found.append(_described(home, OWNER, place, {"of": OWNER, "code": code, "zone": zone}))
    return found


def _described(home: Home, name: str, place: str, facts: dict[str, str]) -> Manifest:
    """The fingerprint makes a changed secret a change; the secrets are random, so it tells nothing of them."""
    labels = {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/instance": place,
        "app.kubernetes.io/managed-by": "mcloud",
        "app.kubernetes.io/part-of": "mcloud",
    }
    if "code" in facts:
        labels |= {"mcloud/tenant": facts["code"], "mcloud/zone": facts["zone"]}
    facts = {**facts, "home": str(home.path)}
    return {
        "kind": "KeyringSecret",
        "metadata": {"name": name, "namespace": place, "labels": labels},
        "facts": facts,
        "fingerprint": _fingerprint(facts),
    }


def _fingerprint(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(_values(facts), sort_keys=True).encode()).hexdigest()[:16]


def site_version(home: Home, site: SiteName) -> str:
    """Fingerprint of what is laid into the instance's folder at the site that leads; empty at the other.

    Raises
    ------
    NotFound
        As `site_secrets`.
    """
    stands = "platform-api" in read_site(home, site).servers()
    return _fingerprint({"of": "keyring", "site": site, "home": str(home.path)}) if stands else ""


def versions(home: Home, code: str, zones: Iterable[Zone]) -> dict[Zone, str]:
    """Fingerprint of the process's secret in each zone: pods that bear another one are replaced."""
    return {zone: _fingerprint({"of": "process", "code": code, "zone": zone, "home": str(home.path)}) for zone in zones}


def manifest_of(described: Manifest) -> Manifest:
    """The Secret itself. It must go nowhere but to the API server."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in _values(described["facts"]).items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": described["metadata"], "type": "Opaque", "data": data}


def _values(facts: dict[str, Any]) -> dict[str, str]:
    home = Home(Path(facts["home"]))
    match facts["of"]:
        case "postgres":
            return {"password": postgres_password(home, facts["site"])}
        case "keycloak":
            admin = admin_secret(home)
            return {
                "KC_DB_PASSWORD": database_secret(home, "keycloak"),
                "KC_BOOTSTRAP_ADMIN_USERNAME": admin["username"],
                "KC_BOOTSTRAP_ADMIN_PASSWORD": admin["password"],
            }
        case "keyring":
            _given(home, facts["site"])  # first: what is asked of the keyring and not there is made
            files = {file.name: file.read_text() for file in keyring.found(home, catalog(home))}
            return files | instance.files(home, facts["site"])
        case "landing":
            return instance.kubeconfigs(home, facts["site"])
        case "rest-server":
            return {"accounts": "".join(_account(home, code, facts["site"]) for code in catalog(home))}
    keys = tenant_keys(home, facts["code"])
    if facts["of"] == OWNER:
        return {"MCLOUD_OWNER_PASSWORD": keys.owner_password}
    password = {"MCLOUD_DATABASE_PASSWORD": getattr(keys, f"{facts['zone']}_password")}
    if facts["zone"] == "internet":  # the public's process holds no key to what is sealed
        return password
    return password | {"MCLOUD_DATA_KEY": keys.data_key, "MCLOUD_BLIND_INDEX_KEY": keys.blind_index_key}


def _account(home: Home, code: str, site: SiteName) -> str:
    keys = tenant_keys(home, code)
    password = keys.primary_http_password if site == "primary" else keys.recovery_http_password
    return f"{code}:{{SHA}}{base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()}\n"  # noqa: S324
