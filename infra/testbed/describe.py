"""The testbed's sites as the land wants them described: one stack file each (infra/config.py)."""

from collections.abc import Mapping
from typing import Any

import yaml

from infra.config import PREFIX, parse_site, stack_of_site
from infra.testbed.place import API_PORT, SITES, Place, Testbed
from infra.zones import KEYCLOAK_PORT, PLATFORM, REST_PORT
from tenants.home import LOOPBACK


def description(place: Place, images: Mapping[str, str]) -> dict[str, Any]:
    """A site's `config`: the recovery site leads (docs/decisions/0017), each knows the other's pods and services."""
    other, leads = place.other, place.site == "recovery"
    away = [other.pods, other.services]
    found: dict[str, Any] = {
        "kubeconfig": str(place.kubeconfig),
        "images": {"cloud": images["mcloud"], "keycloak": images["mcloud-keycloak"]},
        "leads": leads,
        "storage_gib": 10,
        # people reach Keycloak through a port on this machine (`kubectl port-forward`)
        "issuer": f"http://{LOOPBACK}:{place.testbed.home.ports.keycloak}",
        "api_server": {"cidrs": [f"{place.node}/32"], "port": API_PORT},
        "peer": {"cidrs": away, "port": REST_PORT},
        "peer_services": f"svc.{other.site}.mcloud",
        "peer_api": {"host": other.link, "cidrs": [f"{other.link}/32"], "port": API_PORT},
    }
    if not leads:
        host = f"keycloak.{PLATFORM}.svc.{other.site}.mcloud"
        found["keycloak"] = {"host": host, "port": KEYCLOAK_PORT, "cidrs": away}
    return {f"{PREFIX}{key}": value for key, value in found.items()}


def write(testbed: Testbed, images: Mapping[str, str]) -> None:
    """Both stack files in the instance's folder; what would not be read is not written."""
    folder = testbed.home.path / "stacks"
    folder.mkdir(mode=0o700, exist_ok=True)
    for place in map(testbed.place, SITES):
        body, name = description(place, images), f"Pulumi.{stack_of_site(place.site)}.yaml"
        parse_site(body, name)
        (folder / name).write_text(yaml.safe_dump({"config": body}, allow_unicode=True))
