"""The land on paper: a site's description and the graphs of tenants, for tests without a cluster."""

from collections.abc import Mapping

from infra import landing, sites
from infra.config import SiteConfig
from infra.policy import Manifest
from tenants.catalog import catalog, check, tenant
from tenants.home import Zone
from tenants.model import Tenant

DIGEST = "sha256:" + "a1" * 32
SITE = SiteConfig.model_validate(
    {
        "kubeconfig": "kubeconfig",
        "images": {"cloud": f"localhost/mcloud@{DIGEST}", "keycloak": f"localhost/keycloak@{DIGEST}"},
        "dns": {"cidrs": ["10.80.0.2/32"]},
        "peer": {"cidrs": ["10.81.0.2/32"], "port": 8000},
        "api_server": {"cidrs": ["10.80.0.2/32"], "port": 6443},
        "gateway": {
            "classes": {"mynumber": "mynumber", "internet": "internet"},
            "namespaces": {"mynumber": "gateway-mynumber", "lgwan": "gateway-lgwan", "internet": "gateway-internet"},
            "domain": "example.jp",
            "tls_secret": "gateway",
        },
    }
)
ISHINOMAKI, PREFECTURE = "042021", "040002"


def split(code: str = ISHINOMAKI) -> Tenant:
    """A tenant that has outgrown its pod: the registry apart, twice, beside the joint procurement."""
    changed = {
        "systems": ["resident_registry", "joint_procurement"],
        "scale": {"resident_registry": {"replicas": 2, "memory_mib": 512, "apart": True}},
    }
    return check(tenant(code).model_dump(mode="json") | changed, "test")


def graph_of(body: Tenant, site: SiteConfig = SITE, secrets: Mapping[Zone, str] = landing.NO_SECRETS) -> list[Manifest]:
    return [each for release in landing.tenant_releases(body, site, secrets=secrets) for each in release.objects()]


def whole(site: SiteConfig = SITE) -> list[Manifest]:
    """A site with every tenant."""
    found = list(sites.graph("primary", site))
    for body in catalog().values():
        found += graph_of(body, site)
    return found
