"""The land on paper: a site's description and the graphs of tenants, for tests without a cluster."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from infra import landing, sites
from infra.config import SiteConfig
from infra.manifests import Manifest
from tenants.catalog import catalog, check, tenant
from tenants.home import Zone
from tenants.model import Tenant


def made_authority() -> str:
    """A certificate that signs itself, always the same: its key is made from a number and signs nothing else."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority of a test")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(begin).not_valid_after(begin + timedelta(days=3650))
    return made.sign(key, None).public_bytes(Encoding.PEM).decode()


DIGEST = "sha256:" + "a1" * 32
SITE = SiteConfig.model_validate(
    {
        "kubeconfig": "kubeconfig",
        "images": {"cloud": f"localhost/mcloud@{DIGEST}", "keycloak": f"localhost/keycloak@{DIGEST}"},
        "dns": {"cidrs": ["10.80.0.2/32"]},
        "peer": {"cidrs": ["10.81.0.2/32"], "port": 8000},
        "api_server": {"cidrs": ["10.80.0.2/32"], "port": 6443},
        "issuer": "https://login.example.jp",
        "gateway": {
            "classes": {"mynumber": "mynumber", "internet": "internet"},
            "namespaces": {"mynumber": "gateway-mynumber", "lgwan": "gateway-lgwan", "internet": "gateway-internet"},
            "domain": "example.jp",
            "tls_secret": "gateway",
        },
    }
)
#: a certificate of nobody's: it only has to be one
AUTHORITY = made_authority()
#: the same site on servers of one's own
OWN_SERVERS = SiteConfig.model_validate(
    SITE.model_dump(mode="json")
    | {
        "postgres": {"host": "db.example.jp", "port": 5432, "cidrs": ["10.90.0.10/32"]},
        "keycloak": {"host": "login.example.jp", "port": 443, "cidrs": ["10.90.0.11/32"]},
        "peer_postgres": {"host": "db.recovery.example.jp", "port": 5433, "cidrs": ["10.91.0.10/32"]},
        "keycloak_tls": True,
        "authorities": AUTHORITY,
    }
)
GUARDS_ALONE = SITE.model_copy(update={"bundled": False, "leads": False})
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
