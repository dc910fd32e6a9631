"""What can be done with one stack: plan, diff, apply, drift, destroy; each in a process of its own (infra/run.py)."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from infra import drift, foreign, helm, keyring_secrets, landing, lease, lockout, policy, program, sites, state, tenant_space
from infra.cluster import Cluster, names
from infra.config import SiteConfig, TenantConfig, kubeconfig, parse_stack, parse_tenant, read_site
from infra.labels import TENANTS
from infra.manifests import Manifest
from infra.zones import DR, PLATFORM, RELEASES, namespace
from kit.errors import Conflict, Unavailable
from tenants.catalog import tenant
from tenants.home import ZONES, Home

Answer = dict[str, Any]
Told = Callable[[str, bool], None]


@dataclass(frozen=True)
class Land:
    """A stack with its site's description and cluster, checked: it answers, is new enough, and no rule is broken."""

    home: Home
    stack: str
    config: SiteConfig
    wanted_of_tenant: TenantConfig
    cluster: Cluster

    @classmethod
    def open(cls, home: Home, stack: str, wanted: TenantConfig | None = None) -> "Land":
        _, _, site = parse_stack(stack)
        config, wanted = read_site(home, site), wanted or parse_tenant({}, stack)
        program.check(home, stack, config, wanted)
        cluster = Cluster(kubeconfig(home, config), config.context)
        cluster.check()
        return cls(home, stack, config, wanted, cluster)

    @property
    def is_site(self) -> bool:
        return parse_stack(self.stack)[0] == "site"

    @property
    def releases(self) -> list[landing.Release]:
        _, code, site = parse_stack(self.stack)
        if self.is_site:
            return [sites.release_of(self.home, site, self.config)]
        return tenant_space.releases(self.home, tenant(code, self.home), self.config, self.wanted_of_tenant)

    @property
    def namespaces(self) -> list[str]:
        _, code, _ = parse_stack(self.stack)
        return [PLATFORM, DR, RELEASES] if self.is_site else [namespace(code, zone) for zone in ZONES]

    def secrets(self) -> list[Manifest]:
        """Its Secrets, filled from the keyring: they go nowhere but to the API server."""
        _, code, site = parse_stack(self.stack)
        described: list[Manifest] = []
        if self.is_site:
            described = keyring_secrets.site_secrets(self.home, site)
        elif self.wanted_of_tenant.onboarded:
            described = keyring_secrets.tenant_secrets(self.home, code, list(tenant(code, self.home).zones))
        return [keyring_secrets.manifest_of(each) for each in described]

    def wanted(self) -> list[Manifest]:
        """Everything that lasts, as defined."""
        found = [each for release in self.releases for each in helm.wanted(release)] + self.secrets()
        return found + (sites.namespaces() if self.is_site else [])

    def applied(self) -> list[Manifest]:
        """Everything that lasts, as it was last applied; nothing when the stack never was.

        Nothing remembers what was in a Secret: where pods run, it should be as the keyring has it.
        """
        found = [each for release in self.releases for each in helm.manifest(self.cluster, release.name) or []]
        running = {each["metadata"]["namespace"] for each in found if policy.pod_spec(each)}
        found += [each for each in self.secrets() if each["metadata"]["namespace"] in running]
        return found + (sites.namespaces() if found and self.is_site else [])

    def foreign(self) -> list[drift.Difference]:
        """Walls in the stack's namespaces that are not ours; at a site also rights that somebody gave to accounts of ours."""
        found = foreign.walls(self.cluster, self.namespaces, self.wanted())
        return found + (foreign.rights(self.cluster) if self.is_site else [])

    def check_lander(self) -> None:
        """Refuse whom a site's own guards would refuse (infra/lockout.py)."""
        if self.is_site:
            lockout.check(self.cluster, self.config)

    def check_deserted(self) -> None:
        """Refuse to take a site from under its tenants."""
        there = names(self.cluster.list("Namespace")) if self.is_site else ()
        codes = sorted({each.split("-")[1] for each in there if each.startswith(TENANTS)})
        if codes:
            raise Conflict(
                f"stack {self.stack}: tenants {', '.join(codes)} stand at this site: destroy their stacks, then delete their "
                "namespaces (t-CODE-…)"
            )

    def warnings(self) -> list[str]:
        """Why `apply` would refuse us."""
        told = lockout.words(self.cluster, self.config) if self.is_site else ""
        return [told] if told else []


def diff(home: Home, stack: str) -> Answer:
    """What the cluster has against the definition, object by object, by a server-side dry run."""
    land = Land.open(home, stack)
    found = drift.compare(land.cluster, land.wanted()) + land.foreign()
    return {"stack": stack, "differs": bool(found), "differences": drift.report(found), "words": [each.told() for each in found]}


def plan(home: Home, stack: str) -> Answer:
    """What `apply` would do: the engine's steps, the manifest diff, plain words, and a digest that `apply` can be held to."""
    from infra.engine import Engine

    found = diff(home, stack)
    land = Land.open(home, stack)
    state.check(home, land.cluster, stack)
    steps = Engine(home, stack).preview()
    digest = hashlib.sha256(json.dumps([steps, found["differences"]], sort_keys=True).encode()).hexdigest()
    words = land.warnings()
    words += [_WORDS[each["operation"]].format(each["resource"]) for each in steps if each["operation"] in _WORDS]
    words += [word for word in found["words"] if word not in words]
    return found | {
        "differs": bool(found["differs"] or steps),
        "steps": steps,
        "words": words or ["nothing would change"],
        "digest": digest[:16],
    }


_WORDS = {
    "create": "{} would be made",
    "update": "{} would be changed",
    "delete": "{} would be taken away",
    "replace": "{} would be made anew",
}


def apply(home: Home, stack: str, told: Told, *, digest: str | None = None, adopt: bool = False, ground: bool = False) -> Answer:
    """Make the stack so, under its lease. What a killed operation left is found and finished.

    `ground`: a tenant without its processes.

    Raises
    ------
    Conflict
        Somebody else works on the stack, the state cannot be trusted, or the plan is no longer the one of `digest`.
    """
    from infra.engine import Engine

    land = Land.open(home, stack, TenantConfig(onboarded=False) if ground else None)
    land.check_lander()
    first = land.cluster.get("Namespace", "", RELEASES) is None  # nobody can hold a lease yet
    if first:
        _hold_to(home, stack, digest)
    sites.ensure_place_for_leases(land.cluster, stack)
    held = lease.acquire(land.cluster, stack)
    done = False
    try:
        broken = state.break_dead_lock(home, stack)  # first: an engine that is ending still writes
        if not first:
            _hold_to(home, stack, digest)  # under the lease: nobody else makes another plan of it meanwhile
        if not adopt:
            state.check(home, land.cluster, stack)
        engine = Engine(home, stack, str(held), land.wanted_of_tenant)
        changes = engine.up(told)
        state.keep_copy(home, engine, held.number)
        taken = _take_foreign(land, told) if land.is_site else []  # of a tenant's stack the engine does it
        changed = bool(taken) or any(changes.get(kind) for kind in ("create", "update", "delete", "replace"))
        left = drift.compare(land.cluster, land.wanted()) if changed else []  # else the engine has just compared
        if left:
            raise Unavailable(f"stack {stack} was applied, yet {left[0].told()}: somebody works against it")
        done = True
    finally:
        lease.give_back(land.cluster, held, applied=done)
    return {"stack": stack, "operation": held.number, "changed": changed, "changes": changes, "resumed": broken}


def _hold_to(home: Home, stack: str, digest: str | None) -> None:
    """Refuse when the plan is no longer the one that was read."""
    if digest and plan(home, stack)["digest"] != digest:
        raise Conflict(f"stack {stack}: the plan is no longer {digest}: read `mcloud infra plan` again")


def _take_foreign(land: Land, told: Told = lambda *_: None) -> list[str]:
    """Take away what stands beside ours; what was taken."""
    found = land.foreign()
    for each in found:
        foreign.take_away(land.cluster, each)
        told(f"{each.object} taken away", True)
    return [each.object for each in found]


def find_drift(home: Home, stack: str, *, mend: bool = False) -> Answer:
    """What somebody changed by hand since the last apply; `mend` puts it back at once and takes away what is foreign."""
    land = Land.open(home, stack)
    with _leased(land) if mend else nullcontext():  # what was last applied is read under the lease: an apply may just have ended
        applied = land.applied()
        if not applied:
            raise Conflict(f"stack {stack} was never applied: there is nothing to drift from")
        found = drift.compare(land.cluster, applied) + land.foreign()
        mended = drift.mend(land.cluster, applied) + _take_foreign(land) if mend and found else []
    return {
        "stack": stack,
        "differs": bool(found) and not mended,
        "differences": drift.report(found),
        "words": [each.told() for each in found] or ["nothing was changed by hand"],
        "mended": mended,
    }


def destroy(home: Home, stack: str) -> Answer:
    """Take the stack's processes away. Namespaces, walls, quotas, guards and volumes stay, and the servers that write them.

    Raises
    ------
    Conflict
        Tenants stand at the site, somebody else works on the stack, or the state cannot be trusted.
    """
    from infra.engine import Engine

    land = Land.open(home, stack)
    with _leased(land) as held:
        land.check_deserted()
        state.break_dead_lock(home, stack)
        state.check(home, land.cluster, stack)
        engine = Engine(home, stack, str(held))
        changes = engine.destroy()
        left = _take_left(land)
        state.keep_copy(home, engine, held.number)
    changed = bool(left or changes.get("delete"))
    return {"stack": stack, "operation": held.number, "changed": changed, "changes": changes}


def _take_left(land: Land) -> list[str]:
    """Take away releases of processes that an apply made before it failed: the engine does not know of them; their names."""
    processes = land.releases if land.is_site else land.releases[1:]  # the ground stays
    left = [each.name for each in processes if helm.stored(land.cluster, each.name)]
    for each in left:
        helm.delete(land.cluster, each)
    return left


@contextmanager
def _leased(land: Land) -> Iterator[lease.Held]:
    """The stack's lease; that the stack was brought to its end is not recorded."""
    held = lease.acquire(land.cluster, land.stack)
    try:
        yield held
    finally:
        lease.give_back(land.cluster, held, applied=False)


def restore_state(home: Home, stack: str) -> Answer:
    """Put the newest copy of the stack's state in force. The lock of a dead engine goes first: nothing is put in under one."""
    land = Land.open(home, stack)
    with _leased(land):
        state.break_dead_lock(home, stack)
        return {"stack": stack, "operation": state.restore(home, land.cluster, stack)}


def unlock(home: Home, stack: str, host: str) -> Answer:
    """Take the lease, and the engine's own lock, from a process on a machine that is gone for good."""
    land = Land.open(home, stack)
    held = lease.unlock(land.cluster, stack, host)
    return {"stack": stack, "changed": state.unlock(home, stack, host) or held}
