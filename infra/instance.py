"""The instance's folder as it is in the pods of the site that leads: addresses, and the descriptions of both sites."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import yaml

from infra import manifests
from infra.config import PREFIX, RUNS, SiteConfig, kubeconfig, read_site, stack_of_site
from infra.zones import API_PORT, DR, KEYCLOAK_PORT, KEYCLOAK_SERVICE, PLATFORM, POSTGRES_PORT, PROCESS_PORT, REST_PORT
from kit.errors import Invalid, NotFound
from tenants.home import Home, HomeConfig, SiteName

#: where a landing job finds the kubeconfigs
LANDING = Path("/etc/mcloud/landing")
#: what a kubeconfig may name by path; the same key with `-data` has it in the file
_BY_PATH = ("certificate-authority", "client-certificate", "client-key")
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


def described(home: Home) -> dict[SiteName, SiteConfig]:
    """The sites that have a stack file."""
    found: dict[SiteName, SiteConfig] = {}
    for site in get_args(SiteName):
        try:
            found[site] = read_site(home, site)
        except NotFound:
            continue
    return found


def grounds(home: Home) -> list[SiteName]:
    """Where a tenant's ground lies without its processes: at the site that leads, for its backup, when they run elsewhere."""
    return [site for site, config in described(home).items() if config.leads and site != RUNS]


def files(home: Home, site: SiteName) -> Files:
    """Settings and the sites' descriptions, with kubeconfigs where a landing job finds them."""
    own, both = read_site(home, site), described(home)
    browsers = sorted({f"https://{each.gateway.host('{code}', '{zone}')}" for each in both.values() if each.gateway.classes})
    found = {"config.yaml": yaml.safe_dump(settings(site, own, browsers).model_dump(mode="json"))}
    if own.authorities:
        found["authorities.crt"] = own.authorities
    for each, config in both.items():
        body: dict[str, Any] = config.model_dump(mode="json") | {"kubeconfig": str(LANDING / f"{each}.kubeconfig"), "context": ""}
        lines = {"config": {f"{PREFIX}{key}": value for key, value in body.items()}}
        found[f"Pulumi.{stack_of_site(each)}.yaml"] = yaml.safe_dump(lines, allow_unicode=True)
    return found


def kubeconfigs(home: Home, site: SiteName) -> Files:
    """The landing credentials of both sites, the other's with the address at which its API server answers over the link.

    Raises
    ------
    Invalid
        The other site's API server has no address for us, or a kubeconfig does not serve in a pod.
    """
    own, found = read_site(home, site), {}
    for each, config in described(home).items():
        body = _alone(kubeconfig(home, config), config.context)
        if each != site:
            if not (own.peer_api.host and own.peer_api.port):
                raise Invalid(f"site {site} leads: mcloud:peer_api must say host and port of site {each}'s API server")
            body["clusters"][0]["cluster"]["server"] = f"https://{own.peer_api.host}:{own.peer_api.port}"
        found[f"{each}.kubeconfig"] = yaml.safe_dump(body)
    return found


def _alone(file: Path, context: str) -> dict[str, Any]:
    """The kubeconfig with the chosen context's cluster and user alone, and in it what it names by path.

    Raises
    ------
    Invalid
        It lacks one of the three, names a file that cannot be read, or has credentials that a program makes.
    """
    try:
        told = yaml.safe_load(file.read_text())
        chosen = _named(told, "context", context or told["current-context"])
        cluster, user = (_named(told, kind, chosen[kind]) for kind in ("cluster", "user"))
        if programs := {"exec", "auth-provider"} & user.keys():
            raise Invalid(
                f"kubeconfig {file}: user {chosen['user']} has his credentials by {programs.pop()}, a program that landing jobs "
                "do not have: name a service account with its token instead (docs/runbooks/clusters.md)"
            )
        for part in (cluster, user):
            for key in part.keys() & set(_BY_PATH):
                data = base64.b64encode((file.parent / part.pop(key)).read_bytes()).decode()
                part.setdefault(f"{key}-data", data)
        if "tokenFile" in user:
            user["token"] = (file.parent / user.pop("tokenFile")).read_text().strip()
    except KeyError as wrong:
        raise Invalid(f"kubeconfig {file}: it has no {wrong.args[0]}") from None
    except (OSError, TypeError, AttributeError, yaml.YAMLError) as wrong:
        raise Invalid(f"kubeconfig {file}: {str(wrong).splitlines()[0]}") from None
    return manifests.kubeconfig("landing", cluster, user)


def _named(told: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    for each in told[f"{kind}s"]:
        if each["name"] == name:
            return dict(each[kind])
    raise KeyError(f"{kind} {name}")
