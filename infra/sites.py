"""What stands once at a site: `Site` is its Pulumi component, `graph` what it leaves in the cluster."""

from pulumi import ComponentResource, ResourceOptions

from infra import keyring_secrets, landing
from infra.cluster import Cluster
from infra.config import SiteConfig, kubeconfig
from infra.drift import MANAGER
from infra.manifests import Graph, Manifest
from infra.providers import objects, release
from infra.zones import DR, PLATFORM, RELEASES
from tenants.home import Home, SiteName


def namespaces() -> list[Manifest]:
    """The platform's own namespaces. They come before the release whose record lies in one of them, and outlive it."""
    return [_namespace(name) for name in (RELEASES, PLATFORM, DR)]


def _namespace(name: str) -> Manifest:
    level = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
    labels = {
        "app.kubernetes.io/name": "ground",
        "app.kubernetes.io/instance": "platform",
        "app.kubernetes.io/managed-by": "mcloud",
        "app.kubernetes.io/part-of": "mcloud",
        "mcloud/zone": "platform",
        "pod-security.kubernetes.io/enforce-version": "latest",
    }
    metadata = {"name": name, "labels": labels | level, "annotations": {"helm.sh/resource-policy": "keep"}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def release_of(home: Home, site: SiteName, config: SiteConfig) -> landing.Release:
    """The site's release as it lands: the counter's pod bears the version of what is laid into its folder."""
    return landing.site_release(site, config, keyring_secrets.site_version(home, site))


def graph(site: SiteName, config: SiteConfig) -> Graph:
    return [*namespaces(), *landing.site_release(site, config).objects()]


def ensure_place_for_leases(cluster: Cluster, stack: str) -> None:
    """A site's first operation needs a place for its lease before anything is landed."""
    if stack.startswith("site-") and cluster.get("Namespace", "", RELEASES) is None:
        cluster.apply(_namespace(RELEASES), manager=MANAGER)


class Site(ComponentResource):
    """Guards, servers and the platform API of one site. Taking the stack away leaves its namespaces and volumes."""

    def __init__(self, home: Home, site: SiteName, config: SiteConfig) -> None:
        super().__init__("mcloud:land:Site", site)
        at = str(kubeconfig(home, config)), config.context
        below = ResourceOptions(parent=self)
        made = [
            objects.KubeObject(
                each["metadata"]["name"],
                objects.inputs(each, *at),
                ResourceOptions(parent=self, protect=True, retain_on_delete=True),
            )
            for each in namespaces()
        ]
        if config.servers():
            made += [
                objects.KubeObject(
                    f"secret-{each['metadata']['name']}",
                    objects.inputs(each, *at),
                    ResourceOptions.merge(below, ResourceOptions(depends_on=made)),
                )
                for each in keyring_secrets.site_secrets(home, site)
            ]
        release.HelmRelease(
            "platform",
            release.inputs(release_of(home, site, config), *at),
            ResourceOptions.merge(below, ResourceOptions(depends_on=made)),
        )
        self.register_outputs({"site": site})
