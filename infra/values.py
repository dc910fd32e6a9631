"""The values of the three charts, typed. Their `values.schema.json` is generated from here (`python -m infra.charts`).

`SystemValues.config` is `kit.settings.ProcessSettings` itself: what the schema lets through, the process can read.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from infra.config import DIGEST
from kit.settings import ProcessSettings
from tenants.home import SiteName, Zone

CODE = r"^\d{6}$"
NAME = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
CRON = r"^(\S+ ){4}\S+$"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Door(Strict):
    """A NetworkPolicy compiled from the zone model."""

    namespace: str = Field(pattern=r"^[a-z0-9-]{1,63}$")
    name: str = Field(pattern=r"^[a-z0-9-]{1,63}$")
    spec: dict[str, Any]


class CronJob(Strict):
    """Something by the clock (Asia/Tokyo)."""

    name: str = Field(pattern=NAME)
    system: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="whose job it is")
    schedule: str = Field(pattern=CRON)
    arguments: tuple[str, ...] = Field(description="of `python -m`")


class Ingress(Strict):
    """How browsers reach the process; no class, no ingress."""

    class_name: str = ""
    host: str = ""
    tls_secret: str = ""
    paths: tuple[str, ...] = ("/",)


class PlatformIngress(Ingress):
    """How a zone's browsers reach one of the platform's servers."""

    name: str = Field(pattern=NAME)
    service: Literal["keycloak", "platform-api"]


class SystemValues(Strict):
    """One process of one tenant in one zone."""

    tenant: str = Field(pattern=CODE, description="authority code")
    zone: Zone
    process: str = Field(pattern=NAME, description="unique in the zone; the release's name")
    image: str = Field(pattern=DIGEST)
    replicas: int = Field(1, ge=1, le=10)
    cpu_millis: int = Field(100, ge=10, description="requested; no limit, so that a free core may be used")
    memory_mib: int = Field(256, ge=64, description="requested and limit")
    secret: str = Field("process", pattern=NAME, description="Secret with the process's passwords and keys")
    secret_version: str = Field("", pattern=r"^[0-9a-f]{0,16}$", description="its fingerprint; another one replaces the pods")
    migrate: bool = Field(False, description="run the systems' migrations before each upgrade")
    cron: tuple[CronJob, ...] = ()
    ingress: Ingress = Ingress()
    policies: tuple[Door, ...] = Field(description="compiled from the zone model (infra/zones.py)")
    authorities: str = Field("", description="certificates (PEM) trusted over TLS; empty: those of the image")
    config: ProcessSettings


class QuotaValues(Strict):
    """Of each of the tenant's zones."""

    cpu_millis: int = Field(ge=100)
    memory_mib: int = Field(ge=256)
    pods: int = Field(ge=4)
    storage_gib: int = Field(ge=0)


class BackupValues(Strict):
    """The tenant's nightly backup, run beside the site's backup server."""

    schedule: str = Field(pattern=CRON)
    image: str = Field(pattern=DIGEST)
    suspended: bool = False
    here: bool = Field(description="whether this site leads: backups run there alone, beside the instance's folder")


class TenantValues(Strict):
    """The ground of one tenant: namespaces, quotas, walls, roles."""

    tenant: str = Field(pattern=CODE)
    name: str = Field(description="in Japanese, for people reading the cluster")
    quota: QuotaValues
    policies: tuple[Door, ...]
    backup: BackupValues


class Database(Strict):
    """A PostgreSQL server."""

    host: str
    port: int = Field(ge=1, le=65535)


class PlatformValues(Strict):
    """What stands once at a site."""

    site: SiteName
    image: str = Field(pattern=DIGEST)
    keycloak_image: str = Field(pattern=DIGEST)
    servers: tuple[Literal["rest-server", "postgres", "keycloak", "platform-api"], ...] = Field(
        description="those that stand here"
    )
    database: Database = Field(description="the site's PostgreSQL, for the bundled Keycloak")
    authorities: str = Field("", description="certificates (PEM) trusted over TLS; empty: those of the image")
    secret_version: str = Field("", pattern=r"^[0-9a-f]{0,16}$", description="of the instance's settings and secrets")
    issuer: str = Field(description="Keycloak's address as browsers name it")
    ingresses: tuple[PlatformIngress, ...] = ()
    landing: tuple[str, ...] = Field(min_length=1, description="groups and user names that may build walls")
    storage_class: str = ""
    storage_gib: int = Field(ge=1)
    postgres_memory_mib: int = Field(1024, ge=256)
    keycloak_memory_mib: int = Field(1024, ge=640)
    api_memory_mib: int = Field(512, ge=256)
    policies: tuple[Door, ...]
