"""Where things lie: the instance's folder, and the addresses of its servers: all on this machine, or in clusters.

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
#: zones in which staff sign in to pages; whoever comes in zone internet does not
STAFF_ZONES: tuple[Zone, ...] = ("mynumber", "lgwan")
LOOPBACK = "127.0.0.1"
PREFECTURE = "040002"
AUDIENCE_PLATFORM = "platform-api"


class Ports(BaseModel):
    """TCP ports, on one machine all on 127.0.0.1; `tenants_from` begins a block of 36 x 3."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    postgres_primary: int = Field(15432, ge=1, le=65000)
    postgres_recovery: int = Field(15433, ge=1, le=65000)
    keycloak: int = Field(18080, ge=1, le=65000)
    keycloak_management: int = Field(19000, ge=1024, le=65000)
    restic_primary: int = Field(18001, ge=1024, le=65000)
    restic_recovery: int = Field(18002, ge=1024, le=65000)
    platform_api: int = Field(18100, ge=1024, le=65000)
    tenants_from: int = Field(18200, ge=1024, le=65000)


class Hosts(BaseModel):
    """Where each server answers; the ports are those of `ports`. On one machine everything is loopback."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    postgres_primary: str = LOOPBACK
    postgres_recovery: str = LOOPBACK
    restic_primary: str = LOOPBACK
    restic_recovery: str = LOOPBACK
    keycloak: str = LOOPBACK
    platform_api: str = LOOPBACK
    listen: str = Field(LOOPBACK, description="address on which the platform API listens")
    processes: str = Field(
        "", description="tenants' processes in a cluster: {process}, {code} and {zone} are filled in; empty: a port each"
    )


class HomeConfig(BaseModel):
    """`config.yaml` of the folder. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: Literal["local", "kubernetes"] = "local"
    ports: Ports = Ports()
    hosts: Hosts = Hosts()
    issuer: str = Field("", description="Keycloak as people's browsers name it; empty: as we do")
    keycloak_tls: bool = Field(False, description="Keycloak is asked over TLS")
    browsers: tuple[str, ...] = Field((), description="where browsers reach tenants; {code} and {zone} are filled in")


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

    @property
    def hosts(self) -> Hosts:
        return self.config.hosts

    def postgres_address(self, site: SiteName) -> str:
        """Host and port of a site's PostgreSQL."""
        host = self.hosts.postgres_primary if site == "primary" else self.hosts.postgres_recovery
        return f"{host}:{self.postgres_port(site)}"

    def restic_url(self, site: SiteName) -> str:
        """Address of a site's backup server."""
        host = self.hosts.restic_primary if site == "primary" else self.hosts.restic_recovery
        return f"http://{host}:{self.restic_port(site)}"

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
        return f"{'https' if self.config.keycloak_tls else 'http'}://{self.hosts.keycloak}:{self.ports.keycloak}"

    @property
    def platform_api_url(self) -> str:
        return f"http://{self.hosts.platform_api}:{self.ports.platform_api}"

    def issuer(self, code: str) -> str:
        """The realm's name is the authority code; the issuer is compared byte by byte."""
        return f"{self.config.issuer or self.keycloak_url}/realms/{code}"

    def jwks_url(self, code: str) -> str:
        """Where the platform reads the realm's keys; browsers may know Keycloak by another name."""
        return f"{self.keycloak_url}/realms/{code}/protocol/openid-connect/certs"

    def origins(self, code: str, zone: Zone) -> list[str]:
        """Scheme and host of the tenant's pages in the zone, as browsers see them: at both sites, behind their gateways."""
        return [each.format(code=code, zone=zone) for each in self.config.browsers]

    def tenant_port(self, index: int, zone: Zone) -> int:
        """`index`: place of the tenant in the catalogue, 0–35."""
        return self.ports.tenants_from + index * len(ZONES) + ZONES.index(zone)

    def process_url(self, index: int, code: str, zone: Zone, process: str) -> str:
        """Address of one process of a tenant."""
        if self.hosts.processes:
            return f"http://{self.hosts.processes.format(process=process, code=code, zone=zone)}"
        return f"http://{LOOPBACK}:{self.tenant_port(index, zone)}"


def home() -> Home:
    """The instance this process works for."""
    return Home(Path(os.environ.get("MCLOUD_HOME", "var")).resolve())


def kill_at() -> str:
    """Point at which the process ends itself (`before:realm`, `after:realm`, or `every`); set by tests only."""
    return os.environ.get("MCLOUD_KILL_AT", "")


def database_name(code: str) -> str:
    """Name of the tenant's database; its roles are `<name>_<what>`."""
    return f"t_{code}"
