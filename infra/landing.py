"""From a tenant's definition and a site's description to releases of charts with their values. Pure.

Values, later wins: chart defaults, `systems/<name>/values.yaml`, the tenant's definition, the site.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from infra import charts, zones
from infra.config import SiteConfig
from infra.manifests import Graph
from kit.settings import PAGES
from tenants.catalog import index
from tenants.home import STAFF_ZONES, ZONES, SiteName, Zone, database_name
from tenants.model import Tenant
from tenants.processes import Process, check_quota, jobs, processes

#: the counter's host name below the gateway's domain
COUNTER_HOST = "cloud"
NO_SECRETS: Mapping[Zone, str] = {}


@dataclass(frozen=True)
class Release:
    """A release of a chart; `name` is unique in the cluster."""

    name: str
    chart: str
    values: dict[str, Any]

    def objects(self) -> Graph:
        """What it would leave in the cluster."""
        return charts.render(self.chart, self.name, self.values)


def site_release(site: SiteName, config: SiteConfig, secret_version: str = "") -> Release:
    """What stands once at a site. `secret_version`: of what is laid into the instance's folder, which the counter's pod bears."""
    policies = zones.compile_policies(zones.site_crossings(config), (zones.PLATFORM, zones.DR), "platform")
    values = {
        "site": site,
        "image": config.images.cloud,
        "keycloak_image": config.images.keycloak,
        "servers": config.servers(),
        "database": {"host": config.postgres.host or zones.POSTGRES_SERVICE, "port": config.postgres.port or zones.POSTGRES_PORT},
        "authorities": config.authorities,
        "secret_version": secret_version,
        "issuer": config.issuer,
        "ingresses": ingresses(config),
        "landing": list(config.landing),
        "storage_class": config.storage_class,
        "storage_gib": config.storage_gib,
        "policies": policies,
    }
    return Release("platform", "platform", values)


def ingresses(config: SiteConfig) -> list[dict[str, Any]]:
    """How browsers of each zone of staff reach Keycloak's pages (never its administration) and the counter."""
    found, standing = [], config.servers()
    login = urlsplit(config.issuer).hostname if config.issuer.startswith("https:") else None
    for zone, class_name in sorted(config.gateway.classes.items()):
        common = {"class_name": class_name, "tls_secret": config.gateway.tls_secret}
        if zone in STAFF_ZONES and login and "keycloak" in standing:
            found.append(
                common | {"name": f"keycloak-{zone}", "service": "keycloak", "host": login, "paths": ["/realms", "/resources"]}
            )
        if zone in STAFF_ZONES and "platform-api" in standing:
            host = f"{COUNTER_HOST}.{config.gateway.domain}"
            found.append(common | {"name": f"platform-api-{zone}", "service": "platform-api", "host": host, "paths": ["/"]})
    return found


def tenant_releases(
    tenant: Tenant, config: SiteConfig, *, processes_too: bool = True, secrets: Mapping[Zone, str] = NO_SECRETS
) -> list[Release]:
    """The tenant's ground, then its processes. `secrets`: the version of each zone's secret, which the pods bear.

    Raises
    ------
    Invalid
        The processes do not fit the tenant's quota.
    """
    check_quota(tenant)
    found = [ground(tenant, config)]
    if processes_too:
        found += [system(tenant, each, config, secrets.get(each.zone, "")) for each in processes(tenant)]
    return found


def ground(tenant: Tenant, config: SiteConfig) -> Release:
    """Namespaces, quota, walls, roles and the backup's schedule."""
    code = tenant.code
    inside = [*(zones.namespace(code, zone) for zone in ZONES), zones.PLATFORM]
    values = {
        "tenant": code,
        "name": tenant.name,
        "quota": tenant.quota.model_dump(),
        "policies": zones.compile_policies(zones.tenant_crossings(code, config), inside, f"t-{code}"),
        "backup": {"schedule": backup_schedule(tenant), "image": config.images.cloud, "here": config.leads},
    }
    return Release(f"t-{code}", "tenant", values)


def backup_schedule(tenant: Tenant) -> str:
    """Twice as often as the plan's RPO asks, so that one failed night is no breach; tenants are spread over the hour."""
    minute, hours = index(tenant.code) * 60 // 36, tenant.plan.rpo_minutes // 120
    if hours >= 24:
        return f"{minute} 1 * * *"
    return f"{minute} */{hours} * * *" if hours else f"*/{max(5, tenant.plan.rpo_minutes // 2)} * * * *"


def system(tenant: Tenant, process: Process, config: SiteConfig, secret_version: str = "") -> Release:
    """One process of the tenant."""
    code, zone = tenant.code, process.zone
    crossings = zones.process_crossings(code, zone, process.name, config)
    label = f"t-{code}-{zone}-{process.name}"
    first = next(each for each in processes(tenant) if each.zone == zone)
    host = browsers_reach(config, code, zone)
    values = {
        "tenant": code,
        "zone": zone,
        "process": process.name,
        "image": config.images.cloud,
        "replicas": process.replicas,
        "cpu_millis": process.cpu_millis,
        "memory_mib": process.memory_mib,
        "secret_version": secret_version,
        "migrate": True,
        "cron": [cron(name, job, at) for name in process.systems for job, at in jobs(name).items()],
        "policies": zones.compile_policies(crossings, (zones.namespace(code, zone), zones.PLATFORM), label),
        "ingress": {
            "class_name": config.gateway.classes.get(zone, ""),
            "host": host,
            "paths": paths(process, first=process == first),
            "tls_secret": config.gateway.tls_secret if host else "",
        },
        "authorities": config.authorities,
        "config": settings(tenant, process, config),
    }
    return Release(label, "system", values)


def browsers_reach(config: SiteConfig, code: str, zone: Zone) -> str:
    """Host under which browsers reach the tenant in the zone; empty without an ingress."""
    return config.gateway.host(code, zone) if config.gateway.classes.get(zone) else ""


def paths(process: Process, *, first: bool) -> list[str]:
    """Beginnings of paths that lead to the process: a zone's first takes what no other is named by (sign-in, public pages)."""
    if first:
        return ["/"]
    names = [each.replace("_", "-") for each in process.systems]
    return [f"{before}/{name}" for name in names for before in ("", PAGES)]


def cron(system: str, job: str, at: str) -> dict[str, Any]:
    """A job of a system's contract, as the chart runs it with the settings of the process."""
    hour, minute = (int(part) for part in at.split(":"))
    arguments = [f"systems.{system}.jobs.{job}", "/etc/mcloud/config.yaml"]
    name, schedule = f"{system.replace('_', '-')}-{job}", f"{minute} {hour} * * *"
    return {"name": name, "system": system, "schedule": schedule, "arguments": arguments}


def keycloak_url(config: SiteConfig) -> str:
    """Keycloak as processes in the site's cluster reach it."""
    scheme = "https" if config.keycloak_tls else "http"
    return f"{scheme}://{config.keycloak.host or zones.KEYCLOAK_SERVICE}:{config.keycloak.port or zones.KEYCLOAK_PORT}"


def settings(tenant: Tenant, process: Process, config: SiteConfig) -> dict[str, Any]:
    """The `config:` block, as `kit.settings` reads it."""
    code, zone = tenant.code, process.zone
    issuer = f"{config.issuer}/realms/{code}"
    counter, public = browsers_reach(config, code, zone), browsers_reach(config, code, "internet")
    found = {"counter_url": f"https://{counter}"} if counter else {}
    found |= {"public_url": f"https://{public}"} if public else {}
    return {
        **found,
        "tenant": code,
        "tenant_name": tenant.name,
        "zone": zone,
        "systems": list(process.systems),
        "database_host": config.postgres.host or zones.POSTGRES_SERVICE,
        "database_port": config.postgres.port or zones.POSTGRES_PORT,
        "database_name": database_name(code),
        "database_role": f"{database_name(code)}_{zone}",
        "issuer": issuer,
        "jwks_url": f"{keycloak_url(config)}/realms/{code}/protocol/openid-connect/certs",
        "audience": f"{code}-{zone}",
        "clients": [zone],
        "two_factors": True,
        "host": "0.0.0.0",  # noqa: S104  # the pod's own address; its walls decide who reaches it
        "port": zones.PROCESS_PORT,
        "parameters": tenant.model_dump(mode="json")["parameters"],
    }
