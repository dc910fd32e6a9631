"""A tenant's place in a cluster: `TenantSpace` is its Pulumi component, `graph` what it leaves there."""

from pulumi import ComponentResource, Resource, ResourceOptions

from infra import keyring_secrets, landing
from infra.config import SiteConfig, TenantConfig, kubeconfig
from infra.manifests import Graph
from infra.providers import objects, release, walls
from infra.zones import namespace
from tenants.home import ZONES, Home
from tenants.model import Tenant


def releases(home: Home, tenant: Tenant, config: SiteConfig, wanted: TenantConfig) -> list[landing.Release]:
    """The tenant's releases as they land: the pods bear the versions of its secrets."""
    secrets = keyring_secrets.versions(home, tenant.code, tenant.zones) if wanted.onboarded else {}
    return landing.tenant_releases(tenant, config, processes_too=wanted.onboarded, secrets=secrets)


def graph(tenant: Tenant, config: SiteConfig, wanted: TenantConfig) -> Graph:
    found = landing.tenant_releases(tenant, config, processes_too=wanted.onboarded)
    return [each for one in found for each in one.objects()]


class TenantSpace(ComponentResource):
    """Ground first, then secrets, then processes, and nothing beside them.

    The ground is protected: destroying the stack takes the processes away, the walls and namespaces stay until the tenant
    is off-boarded.
    """

    def __init__(self, home: Home, tenant: Tenant, config: SiteConfig, wanted: TenantConfig) -> None:
        super().__init__("mcloud:land:TenantSpace", tenant.code)
        at = str(kubeconfig(home, config)), config.context
        first, *others = releases(home, tenant, config, wanted)
        ground = release.HelmRelease(
            "ground", release.inputs(first, *at), ResourceOptions(parent=self, protect=True, retain_on_delete=True)
        )
        after: list[Resource] = [ground]
        if wanted.onboarded:
            zones = list(tenant.zones)
            after += [
                objects.KubeObject(
                    f"{each['metadata']['namespace']}-{each['metadata']['name']}",
                    objects.inputs(each, *at),
                    ResourceOptions(parent=self, depends_on=[ground]),
                )
                for each in keyring_secrets.tenant_secrets(home, tenant.code, zones)
            ]
        made = [
            release.HelmRelease(each.name, release.inputs(each, *at), ResourceOptions(parent=self, depends_on=after))
            for each in others
        ]
        inside = [namespace(tenant.code, zone) for zone in ZONES]
        walls.Walls(
            "walls",
            walls.inputs(graph(tenant, config, wanted), inside, *at),
            ResourceOptions(parent=self, depends_on=[*after, *made]),
        )
        self.register_outputs({"tenant": tenant.code, "namespaces": inside})
