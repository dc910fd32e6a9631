"""The Pulumi program: the stack's name and the catalogue in, a site or a tenant's space out."""

import os
from collections.abc import Mapping

import pulumi

from infra import lease, lockout, policy, sites, tenant_space
from infra.cluster import Cluster
from infra.config import (
    SiteConfig,
    TenantConfig,
    kubeconfig,
    parse_site,
    parse_stack,
    parse_tenant,
    read_site,
)
from infra.manifests import Graph
from kit.errors import Invalid
from tenants.catalog import tenant
from tenants.home import Home, SiteName, home


def main(wanted: TenantConfig | None = None, *, ordinary: bool = True) -> None:
    """Declare what the stack's name asks for. Rules are checked before anything is declared.

    `wanted`: of a tenant's stack when `infra.run` starts it; the ordinary CLI gives it as configuration. `ordinary`: no
    operation of ours stands around it that has checked the state and holds the lease.
    """
    here, stack = home(), pulumi.get_stack()
    kind, code, site = parse_stack(stack)
    own: Mapping[str, str] = pulumi.runtime.config.CONFIG.get()  # what the engine was given for this stack
    config = _site(here, site, own if kind == "site" else {})
    wanted = wanted or parse_tenant(own if kind == "tenant" else {}, stack)
    check(here, stack, config, wanted)
    cluster = Cluster(kubeconfig(here, config), config.context)
    cluster.check()
    if ordinary:
        begin(cluster, stack, config)
    if kind == "site":
        sites.Site(here, site, config)
        pulumi.export("issuer", config.issuer)
    else:
        tenant_space.TenantSpace(here, tenant(code, here), config, wanted)
    pulumi.export("site", site)
    pulumi.export("operation", os.environ.get(lease.VARIABLE, "").rpartition(":")[2])


def _site(here: Home, site: SiteName, own: Mapping[str, str]) -> SiteConfig:
    """A site's stack is told by the engine, or by its file when `infra.run` starts it; a tenant's stack reads the file."""
    given = {key: value for key, value in own.items() if key.startswith("mcloud:")}
    return parse_site(given, "stack configuration") if given else read_site(here, site)


def check(here: Home, stack: str, config: SiteConfig, wanted: TenantConfig) -> Graph:
    """The graph that the stack would leave.

    Raises
    ------
    Invalid
        A rule of infra/policy.py is broken; names all faults.
    """
    kind, code, site = parse_stack(stack)
    if kind == "site":
        graph = sites.graph(site, config)
    else:
        graph = tenant_space.graph(tenant(code, here), config, wanted)
    found = policy.faults(graph)
    if found:
        raise Invalid(f"stack {stack} breaks {len(found)} rules: " + "; ".join(found[:10]))
    return graph


def begin(cluster: Cluster, stack: str, config: SiteConfig) -> None:
    """Who lands is let in, has the lease for the engine that runs this program (not for a preview), and the state is checked.

    Providers are the engine's children too and see by its number that the lease is theirs. The program ends after the
    engine's last step, and gives the lease back.
    """
    import atexit

    from infra import state  # knows the engine, which knows this program

    if not pulumi.runtime.is_dry_run():
        if parse_stack(stack)[0] == "site":
            lockout.check(cluster, config)
        sites.ensure_place_for_leases(cluster, stack)
        held = lease.acquire(cluster, stack, lease.Holder.engine())
        atexit.register(lambda: lease.give_back(cluster, held, applied=False))
        os.environ[lease.VARIABLE] = str(held)
    state.check_as_told(cluster, stack)
