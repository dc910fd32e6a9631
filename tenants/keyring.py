"""A tenant's passwords and keys: made once, kept in one file of mode 0600, wrapped for each site.

The wrapped copy is what a site needs to restore a tenant when everything else is gone. It is sealed with AES-256-GCM
under the site's key-encryption key, bound to site and tenant, so that one tenant's copy does not open as another's.
"""

import json
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, Field

from kit.errors import Unavailable
from tenants.home import Home, SiteName, database_name


def _password() -> str:
    return secrets.token_urlsafe(24)


def _key() -> str:
    return secrets.token_hex(32)


class TenantKeys(BaseModel):
    """Everything secret of one tenant; keys are 32 bytes in hexadecimal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    owner_password: str = Field(default_factory=_password, repr=False, description="owns the database, migrates")
    mynumber_password: str = Field(default_factory=_password, repr=False, description="role of zone mynumber")
    lgwan_password: str = Field(default_factory=_password, repr=False, description="role of zone lgwan")
    internet_password: str = Field(default_factory=_password, repr=False, description="role of zone internet")
    backup_password: str = Field(default_factory=_password, repr=False, description="reads everything, seals")
    bulk_password: str = Field(default_factory=_password, repr=False, description="bulk import only")
    restic_password: str = Field(default_factory=_password, repr=False, description="opens the backup repository")
    primary_http_password: str = Field(default_factory=_password, repr=False, description="account at the primary's rest-server")
    recovery_http_password: str = Field(default_factory=_password, repr=False, description="account at the recovery site's")
    data_key: str = Field(default_factory=_key, repr=False, description="encrypts individual numbers")
    blind_index_key: str = Field(default_factory=_key, repr=False, description="finds an individual number unread")
    signing_key: str = Field(default_factory=_key, repr=False, description="Ed25519 seed: segments and manifests")

    def signer(self) -> Ed25519PrivateKey:
        """The tenant's signing key."""
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(self.signing_key))


def ensure_secret(home: Home, name: str, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    """The secret of that name, made on first call; safe against a kill and against two callers at once."""
    home.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = home.secrets / f"{name}.json"
    if not file.exists():
        draft = file.with_name(f".{name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump(make(), out)
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(draft, file)  # fails when somebody was first: theirs counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    found: dict[str, str] = json.loads(file.read_text())
    return found


def tenant_keys(home: Home, code: str) -> TenantKeys:
    """The tenant's keys, made on first call. Keys that came to be needed after that are made once and kept beside them."""
    found = ensure_secret(home, f"tenant-{code}", lambda: TenantKeys().model_dump())
    missing = sorted(set(TenantKeys.model_fields) - set(found))
    if missing:
        added = ensure_secret(home, f"tenant-{code}-{'-'.join(missing)}", lambda: TenantKeys().model_dump(include=set(missing)))
        found = added | found
    return TenantKeys.model_validate(found)


def postgres_password(home: Home, site: SiteName) -> str:
    """Password of the superuser `postgres` of that site's server."""
    return ensure_secret(home, f"postgres-{site}", lambda: {"password": _password()})["password"]


def postgres_url(home: Home, site: SiteName, database: str = "postgres") -> str:
    """Superuser's connection to a site's server; for onboarding and restore only."""
    return f"postgresql://postgres:{postgres_password(home, site)}@{home.postgres_address(site)}/{database}"


def tenant_url(home: Home, code: str, role: str) -> str:
    """Connection of a tenant's role (`owner`, `mynumber`, `lgwan`, `backup`, `bulk`) to its database at the primary."""
    name = database_name(code)
    password = getattr(tenant_keys(home, code), f"{role}_password")
    return f"postgresql://{name}_{role}:{password}@{home.postgres_address('primary')}/{name}"


def database_secret(home: Home, name: str) -> str:
    """Password of the owner of one of the platform's own databases."""
    return ensure_secret(home, f"database-{name}", lambda: {"password": _password()})["password"]


def platform_url(home: Home, name: str) -> str:
    """Owner's connection to one of the platform's own databases, at the recovery site."""
    return f"postgresql://{name}_owner:{database_secret(home, name)}@{home.postgres_address('recovery')}/{name}"


def admin_secret(home: Home) -> dict[str, str]:
    """Name and password of Keycloak's first administrator."""
    return ensure_secret(home, "keycloak-admin", lambda: {"username": "founder", "password": _password()})


def cli_secret(home: Home) -> str:
    """Secret of the client `mcloud-cli` in the prefecture's realm."""
    return ensure_secret(home, "mcloud-cli", lambda: {"secret": _password()})["secret"]


def _site_key(home: Home, site: SiteName) -> bytes:
    return bytes.fromhex(ensure_secret(home, f"kek-{site}", lambda: {"key": _key()})["key"])


def found(home: Home, codes: Iterable[str]) -> list[Path]:
    """Make every secret that the instance needs before its first tenant, and the keys of the tenants; all secrets' files."""
    for site in get_args(SiteName):
        postgres_password(home, site)
        _site_key(home, site)
    for name in ("platform", "platform_dbos", "keycloak"):
        database_secret(home, name)
    admin_secret(home)
    cli_secret(home)
    for code in codes:
        tenant_keys(home, code)
    return sorted(home.secrets.glob("*.json"))


def _wrapped_file(home: Home, site: SiteName, code: str) -> Path:
    return home.site(site) / "keys" / f"{code}.wrapped"


def wrap(home: Home, site: SiteName, code: str) -> Path:
    """Lay the tenant's keys, sealed under the site's key, into the site's folder."""
    file = _wrapped_file(home, site, code)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    nonce = secrets.token_bytes(12)
    text = tenant_keys(home, code).model_dump_json().encode()
    sealed = AESGCM(_site_key(home, site)).encrypt(nonce, text, f"{site}/{code}".encode())
    draft = file.with_suffix(".draft")
    draft.write_bytes(nonce + sealed)
    draft.replace(file)
    return file


def unwrap(home: Home, site: SiteName, code: str) -> TenantKeys:
    """The tenant's keys from the site's own sealed copy alone.

    Raises
    ------
    Unavailable
        The copy is missing, belongs to another tenant or site, or was altered.
    """
    file = _wrapped_file(home, site, code)
    if not file.exists():
        raise Unavailable(f"site {site} holds no wrapped keys of {code}: run `mcloud backup run --tenant {code}` first")
    data = file.read_bytes()
    try:
        text = AESGCM(_site_key(home, site)).decrypt(data[:12], data[12:], f"{site}/{code}".encode())
    except InvalidTag:
        raise Unavailable(f"the wrapped keys of {code} at site {site} do not open: altered, or of another tenant") from None
    return TenantKeys.model_validate_json(text)
