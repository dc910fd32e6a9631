"""Where things lie on one machine: the `local` target's folder, its ports and its addresses.

Every door reads the same book. Nothing here starts, writes or connects.
"""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

Zone = Literal["mynumber", "lgwan", "internet"]
SiteName = Literal["primary", "recovery"]

ZONES: tuple[Zone, ...] = ("mynumber", "lgwan", "internet")
PREFECTURE = "040002"
AUDIENCE_PLATFORM = "platform-api"


class Ports(BaseModel):
    """TCP ports on 127.0.0.1; `tenants_from` begins a block of 36 x 3."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    postgres_primary: int = Field(15432, ge=1024, le=65000)
    postgres_recovery: int = Field(15433, ge=1024, le=65000)
    keycloak: int = Field(18080, ge=1024, le=65000)
    keycloak_management: int = Field(19000, ge=1024, le=65000)
    restic_primary: int = Field(18001, ge=1024, le=65000)
    restic_recovery: int = Field(18002, ge=1024, le=65000)
    platform_api: int = Field(18100, ge=1024, le=65000)
    tenants_from: int = Field(18200, ge=1024, le=65000)


class HomeConfig(BaseModel):
    """`config.yaml` of the folder. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ports: Ports = Ports()


@dataclass(frozen=True)
class Home:
    """One instance of the cloud on one machine (`MCLOUD_HOME`, default `./var`)."""

    path: Path

    @cached_property
    def config(self) -> HomeConfig:
        """The folder's settings; defaults when the file is not there."""
        file = self.path / "config.yaml"
        return HomeConfig.model_validate(yaml.safe_load(file.read_text()) or {}) if file.exists() else HomeConfig()

    @property
    def ports(self) -> Ports:
        return self.config.ports

    @property
    def run(self) -> Path:
        """Sockets, logs and configuration of the supervised processes."""
        return self.path / "run"

    @property
    def secrets(self) -> Path:
        """Mode 0700; one JSON file of mode 0600 each."""
        return self.path / "secrets"

    @property
    def platform(self) -> Path:
        """The prefecture's own things: Keycloak, definitions added by API, reports."""
        return self.path / "platform"

    def site(self, site: SiteName) -> Path:
        return self.path / "sites" / site

    def postgres_port(self, site: SiteName) -> int:
        return self.ports.postgres_primary if site == "primary" else self.ports.postgres_recovery

    def restic_port(self, site: SiteName) -> int:
        return self.ports.restic_primary if site == "primary" else self.ports.restic_recovery

    def segments(self, code: str) -> Path:
        """The tenant's sealed segments at the primary."""
        return self.site("primary") / "segments" / code

    def manifests(self, code: str) -> Path:
        """Signed lists of what must be there, kept at the recovery site apart from the repository."""
        return self.site("recovery") / "manifests" / code

    @property
    def reports(self) -> Path:
        """Reports of drills and of the council."""
        return self.platform / "reports"

    @property
    def keycloak_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.keycloak}"

    @property
    def platform_api_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.platform_api}"

    def issuer(self, code: str) -> str:
        """The realm's name is the authority code; the issuer is compared byte by byte."""
        return f"{self.keycloak_url}/realms/{code}"

    def tenant_port(self, index: int, zone: Zone) -> int:
        """`index`: place of the tenant in the catalogue, 0–35."""
        return self.ports.tenants_from + index * len(ZONES) + ZONES.index(zone)


def home() -> Home:
    """The instance this process works for."""
    return Home(Path(os.environ.get("MCLOUD_HOME", "var")).resolve())


def kill_at() -> str:
    """Point at which the process ends itself (`before:realm`, `after:realm`, or `every`); set by tests only."""
    return os.environ.get("MCLOUD_KILL_AT", "")


def database_name(code: str) -> str:
    """Name of the tenant's database; its roles are `<name>_<what>`."""
    return f"t_{code}"
