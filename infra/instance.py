"""The instance's folder as it is in the pods of the site that leads: addresses, and the descriptions of both sites."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import yaml

from infra.config import PREFIX, SiteConfig, kubeconfig, read_site, stack_of_site
from infra.zones import API_PORT, DR, KEYCLOAK_PORT, KEYCLOAK_SERVICE, PLATFORM, POSTGRES_PORT, PROCESS_PORT, REST_PORT
from kit.errors import Invalid, NotFound
from tenants.home import Home, HomeConfig, SiteName

#: where a landing job finds the kubeconfigs
LANDING = Path("/etc/mcloud/landing")
Files = dict[str, str]


def settings(site: SiteName, config: SiteConfig, browsers: Sequence[str] = ()) -> HomeConfig:
    """`config.yaml` of the instance: its own servers by their services, the other site's by the names that the site knows."""
    away = config.peer_services or "svc"
    where = {each: "svc" if each == site else away for each in get_args(SiteName)}
    own = {each: config.postgres if each == site else config.peer_postgres for each in where}
    hosts = {f"postgres_{each}": own[each].host or f"postgres.{PLATFORM}.{suffix}" for each, suffix in where.items()}
    hosts |= {f"restic_{each}": f"rest-server.{DR}.{suffix}" for each, suffix in where.items()}
    ports = {f"postgres_{each}": own[each].port or POSTGRES_PORT for each in where} | {
        f"restic_{each}": REST_PORT for each in where
    }
    hosts |= {
        "keycloak": config.keycloak.host or KEYCLOAK_SERVICE,
        "platform_api": f"platform-api.{PLATFORM}.svc",
        "listen": "0.0.0.0",  # noqa: S104  # of the pod; its walls decide who reaches it
        "processes": f"{{process}}.t-{{code}}-{{zone}}.{where['primary']}:{PROCESS_PORT}",
    }
    ports |= {"keycloak": config.keycloak.port or KEYCLOAK_PORT, "platform_api": API_PORT}
    told = {"target": "kubernetes", "hosts": hosts, "ports": ports, "issuer": config.issuer, "keycloak_tls": config.keycloak_tls}
    told["browsers"] = browsers
    return HomeConfig.model_validate(told)


def _sites(home: Home) -> dict[SiteName, SiteConfig]:
    found: dict[SiteName, SiteConfig] = {}
    for site in get_args(SiteName):
        try:
            found[site] = read_site(home, site)
        except NotFound:
            continue
    return found


def files(home: Home, site: SiteName) -> Files:
    """Settings and the sites' descriptions, with kubeconfigs where a landing job finds them."""
    own, described = read_site(home, site), _sites(home)
    browsers = sorted({f"https://{each.gateway.host('{code}', '{zone}')}" for each in described.values() if each.gateway.classes})
    found = {"config.yaml": yaml.safe_dump(settings(site, own, browsers).model_dump(mode="json"))}
    if own.authorities:
        found["authorities.crt"] = own.authorities
    for each, config in described.items():
        body: dict[str, Any] = config.model_dump(mode="json") | {"kubeconfig": str(LANDING / f"{each}.kubeconfig"), "context": ""}
        lines = {"config": {f"{PREFIX}{key}": value for key, value in body.items()}}
        found[f"Pulumi.{stack_of_site(each)}.yaml"] = yaml.safe_dump(lines, allow_unicode=True)
    return found


def kubeconfigs(home: Home, site: SiteName) -> Files:
    """The landing credentials of both sites, the other's with the address at which its API server answers over the link.

    Raises
    ------
    Invalid
        The other site's API server has no address for us.
    """
    own, found = read_site(home, site), {}
    for each, config in _sites(home).items():
        body = yaml.safe_load(kubeconfig(home, config).read_text())
        if each != site:
            if not own.peer_api.host:
                raise Invalid(f"site {site} leads: mcloud:peer_api must say where the API server of site {each} answers")
            for cluster in body["clusters"]:
                cluster["cluster"]["server"] = f"https://{own.peer_api.host}:{own.peer_api.port}"
        found[f"{each}.kubeconfig"] = yaml.safe_dump(body)
    return found
