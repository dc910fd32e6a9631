"""What a stack is told, typed. A site's stack file is the one description of its cluster; tenants' stacks read the same file.

Secrets never stand here: they lie in the instance's keyring, and the kubeconfig names its own credentials.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import yaml
from cryptography.x509 import load_pem_x509_certificates
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from infra.networks import network_faults
from kit.errors import Invalid, NotFound
from tenants.home import Home, SiteName, Zone

ROOT = Path(__file__).resolve().parents[1]
#: stack files that come with the code; an instance's own lie in its folder
STACKS = ROOT / "infra" / "stacks"
PREFIX = "mcloud:"
#: oldest version let in: the charts are valid against its schemas; what runs in the tests is tools.cluster.KUBERNETES
OLDEST = (1, 33)
#: where tenants' processes run; of their stack at the other site there is the ground alone
RUNS: SiteName = "primary"

DIGEST = r"^[a-z0-9][a-z0-9./:_-]*@sha256:[0-9a-f]{64}$"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Images(Strict):
    """Images by digest: a tag can be moved after it was examined."""

    cloud: str = Field(pattern=DIGEST, description="all Python: systems, platform API, jobs, PostgreSQL's wheel")
    keycloak: str = Field(pattern=DIGEST)


class Gateway(Strict):
    """The ingress controllers, one for each zone: a shared one would hold every zone's traffic and certificates."""

    classes: dict[Zone, str] = Field(default={}, description="ingress class of each zone; a zone without one has no ingress")
    namespaces: dict[Zone, str] = Field(default={}, description="where each zone's controller runs")
    domain: str = Field("", description="hosts are <code>-<zone>.<domain>; the counter is cloud.<domain>")
    tls_secret: str = Field(
        "", description="name of the certificate's Secret in each namespace; empty: TLS ends before the ingress"
    )

    def host(self, code: str, zone: str) -> str:
        """Host of a tenant's pages in the zone."""
        return f"{code}-{zone}.{self.domain}"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """An ingress that no wall opens to, or without a host, would be landed and answer nobody, or everybody."""
        for zone in (zone for zone, name in self.classes.items() if name):
            if not self.namespaces.get(zone):
                raise ValueError(f"zone {zone} has a class, but no namespace: say under namespaces where its controller runs")
            if not self.domain:
                raise ValueError(f"zone {zone} has a class, but there is no domain: hosts are <code>-{zone}.<domain>")
        if ours := [name for name in self.namespaces.values() if name.startswith(("mcloud-", "t-"))]:
            raise ValueError(
                f"namespace {', '.join(ours)} is named like ours (mcloud-…, t-…), whose accounts lose what others gave them: "
                "name it otherwise"
            )
        for what, names in (("class", self.classes), ("namespace", self.namespaces)):
            given = [name for name in names.values() if name]
            if shared := {name for name in given if given.count(name) > 1}:
                raise ValueError(
                    f"{what} {', '.join(sorted(shared))} serves several zones: each zone has a controller of its own"
                )
        return self


class Outside(Strict):
    """Where something outside the cluster answers."""

    host: str = ""
    port: int = Field(0, ge=0, le=65535)
    cidrs: tuple[str, ...] = ()

    @field_validator("cidrs")
    @classmethod
    def _networks(cls, cidrs: tuple[str, ...]) -> tuple[str, ...]:
        if faults := network_faults(cidrs):
            raise ValueError("; ".join(faults))
        return cidrs


class Server(Outside):
    """A server of one's own instead of the bundled one: host, port and addresses, or nothing."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if any((self.host, self.port, self.cidrs)) and not all((self.host, self.port, self.cidrs)):
            raise ValueError(
                "a server of your own needs host, port and cidrs: its name, and the addresses that walls let through"
            )
        return self


class SiteConfig(Strict):
    """Stack `site-primary` or `site-recovery`."""

    kubeconfig: str = Field(description="path; relative to the instance's folder")
    context: str = Field("", description="context in the kubeconfig; empty: its current one")
    images: Images
    landing: tuple[str, ...] = Field(
        ("system:masters",), min_length=1, description="groups and user names that may build walls; nobody else may touch them"
    )
    storage_class: str = Field("", description="empty: the cluster's default")
    storage_gib: int = Field(20, ge=1, description="volume of each bundled server")
    bundled: bool = Field(True, description="run the platform's servers in the cluster; false: guards and walls alone")
    postgres: Server = Field(Server(), description="a server of one's own for this site; empty: the bundled one")
    keycloak: Server = Field(Server(), description="a Keycloak of one's own, or the one at the site that leads")
    keycloak_tls: bool = Field(False, description="Keycloak is asked over TLS; who signs its certificate stands in authorities")
    authorities: str = Field("", description="certificates (PEM) that processes trust over TLS; empty: those of the image")
    issuer: str = Field("http://keycloak.mcloud-platform.svc:8080", description="Keycloak as people's browsers name it")
    dns: Outside = Field(Outside(), description="without addresses: the pods of kube-system; port: theirs behind the service")
    api_server: Outside = Field(Outside(), description="addresses and port of the API server behind its service")
    leads: bool = Field(True, description="counter, Keycloak, the instance's folder and backup jobs run here; one site leads")
    peer: Outside = Field(Outside(), description="the other site's backup server; cidrs: its pods and services")
    peer_services: str = Field("", description="how its services are named from here: <service>.<namespace>.<this>")
    peer_postgres: Server = Field(Server(), description="the other site's PostgreSQL when it is not in its cluster")
    peer_api: Outside = Field(Outside(), description="addresses and port of the other site's API server")
    gateway: Gateway = Gateway()

    @field_validator("authorities")
    @classmethod
    def _certificates(cls, text: str) -> str:
        if text:
            try:
                load_pem_x509_certificates(text.encode())
            except ValueError:
                raise ValueError("no certificates in PEM: put their text here, -----BEGIN CERTIFICATE----- …") from None
        return text

    @model_validator(mode="after")
    def _has_keycloak(self) -> Self:
        """No Keycloak stands at a site that does not lead: processes would send people who sign in to nobody."""
        if self.bundled and not self.leads and not self.keycloak.host:
            away, cidrs = self.peer_services or "<peer_services>", ", ".join(self.peer.cidrs) or "the peer's"
            raise ValueError(
                f"{PREFIX}keycloak: this site does not lead, so no Keycloak runs here: name the one at the site that leads, "
                f"{{host: keycloak.mcloud-platform.{away}, port: 8080, cidrs: [{cidrs}]}}, or your own"
            )
        return self

    def servers(self) -> list[str]:
        """The platform's servers that stand in this site's cluster."""
        wanted = {
            "rest-server": True,
            "postgres": not self.postgres.host,
            "keycloak": self.leads and not self.keycloak.host,
            "platform-api": self.leads,
        }
        return [name for name, stands in wanted.items() if self.bundled and stands]


class TenantConfig(Strict):
    """Stack `tenant-<code>` or `tenant-<code>-recovery`; everything else is in the tenant's definition."""

    onboarded: bool = Field(description="run the tenant's processes; false: its ground alone")


def stacks_folder(home: Home) -> Path:
    """Where this instance's stack files lie."""
    own = home.path / "stacks"
    return own if own.exists() else STACKS


def stack_of_site(site: SiteName) -> str:
    return f"site-{site}"


def stack_of_tenant(code: str, site: SiteName = "primary") -> str:
    return f"tenant-{code}" + ("" if site == "primary" else f"-{site}")


def parse_stack(stack: str) -> tuple[Literal["site", "tenant"], str, SiteName]:
    """Kind, authority code (or nothing) and site of a stack's name.

    Raises
    ------
    Invalid
        The name is of no known form.
    """
    match stack.split("-"):
        case ["site", ("primary" | "recovery") as site]:
            return "site", "", site
        case ["tenant", code] if code.isdigit():
            return "tenant", code, "primary"
        case ["tenant", code, "recovery"] if code.isdigit():
            return "tenant", code, "recovery"
    raise Invalid(f"stack {stack}: the names are site-primary, site-recovery, tenant-CODE and tenant-CODE-recovery")


def stack_options(stack: str) -> str:
    """How commands are told a stack."""
    _, code, site = parse_stack(stack)
    return f"--tenant {code}" + (f" --site {site}" if site != RUNS else "") if code else f"--site {site}"


def read_site(home: Home, site: SiteName) -> SiteConfig:
    """The description of a site's cluster.

    Raises
    ------
    NotFound
        There is no stack file; says where it must lie.
    Invalid
        An unknown, missing or wrong key; names file and key.
    """
    file = stacks_folder(home) / f"Pulumi.{stack_of_site(site)}.yaml"
    if not file.exists():
        raise NotFound(f"site {site} is not described: {file} is missing (docs/runbooks/clusters.md)")
    try:
        body = yaml.safe_load(file.read_text()) or {}
    except yaml.YAMLError:
        raise Invalid(f"{file.name}: not YAML") from None
    return parse_site(body.get("config") or {}, file.name)


def parse_site(config: Mapping[str, object], source: str) -> SiteConfig:
    """A site's configuration from Pulumi's keys (`mcloud:kubeconfig` …); structured values may be JSON texts."""
    found = _values(config, source)
    try:
        return SiteConfig.model_validate(found)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        key = ".".join(map(str, first["loc"]))
        told = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        if first["type"] == "string_pattern_mismatch" and key.startswith("images"):
            told = "write an image by digest, name@sha256:…: a tag can be moved after it was examined"
        raise Invalid(f"{source}: {PREFIX}{key}: {told}" if key else f"{source}: {told}") from None


def parse_tenant(config: Mapping[str, object], stack: str) -> TenantConfig:
    """A tenant stack's configuration from Pulumi's keys; where they say nothing, processes run at their site alone."""
    found = {"onboarded": parse_stack(stack)[2] == RUNS} | _values(config, stack)
    try:
        return TenantConfig.model_validate(found)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise Invalid(f"{stack}: {PREFIX}{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _values(config: Mapping[str, object], source: str) -> dict[str, object]:
    """Our keys without their prefix; of another program's, nothing."""
    return {
        key.removeprefix(PREFIX): _value(value, f"{source}: {key}") for key, value in config.items() if key.startswith(PREFIX)
    }


def _value(value: object, where: str) -> object:
    """The engine hands structures and booleans over as JSON texts."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except json.JSONDecodeError as wrong:
            raise Invalid(f"{where}: not JSON, {wrong}: write the structure as YAML, without quotes around it") from None
    return value


def kubeconfig(home: Home, config: SiteConfig) -> Path:
    """The kubeconfig's file.

    Raises
    ------
    NotFound
        It is not there; names it and the way out.
    """
    path = Path(os.path.expanduser(config.kubeconfig))
    path = path if path.is_absolute() else home.path / path
    if not path.exists():
        raise NotFound(f"kubeconfig {path} is not there: set mcloud:kubeconfig in the site's stack file, or raise the testbed")
    return path
