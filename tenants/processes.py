"""Which processes a tenant has in each zone, and what each asks for. Pure but for the systems' own `values.yaml`."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

import systems
from kit.db import POOL
from kit.errors import Invalid
from tenants.home import ZONES, Zone
from tenants.model import Scale, Tenant

SYSTEMS_FOLDER = Path(systems.__path__[0])
#: for backup, bulk import, night jobs and migrations together
NIGHT_SESSIONS = 24


@dataclass(frozen=True)
class Process:
    """One process of a tenant in a zone; `name` is unique in the zone."""

    name: str
    zone: Zone
    systems: tuple[str, ...]
    replicas: int
    cpu_millis: int
    memory_mib: int

    @property
    def copies_at_most(self) -> int:
        """One more than `replicas`, while upgrading."""
        return self.replicas + 1


@cache
def defaults(system: str) -> tuple[int, int]:
    """Thousandths of a core and MiB that a system asks for when the tenant says nothing."""
    values = yaml.safe_load((SYSTEMS_FOLDER / system / "values.yaml").read_text())
    return values["cpu_millis"], values["memory_mib"]


@cache
def jobs(system: str) -> dict[str, str]:
    """Jobs that a system's contract names, with the time in Japan (HH:MM) at which each is due every day."""
    return yaml.safe_load((SYSTEMS_FOLDER / system / "contract.yaml").read_text()).get("jobs", {})  # type: ignore[no-any-return]


def processes(tenant: Tenant) -> tuple[Process, ...]:
    """The tenant's processes, by zone: one for all its systems there, and one for each system that stands apart.

    A shared process asks for the sum of what its systems ask for, in as many copies as the most wanted of them.
    """
    found: list[Process] = []
    for zone in ZONES:
        here = tenant.zones.get(zone, ())
        apart = [name for name in here if tenant.scale.get(name, Scale()).apart]
        together = [name for name in here if name not in apart]
        if together:
            found.append(_process(tenant, zone, "shared", together))
        found += [_process(tenant, zone, name.replace("_", "-"), [name]) for name in apart]
    return tuple(found)


def _process(tenant: Tenant, zone: Zone, name: str, names: list[str]) -> Process:
    scales = {each: tenant.scale.get(each, Scale()) for each in names}
    cpu = sum(scale.cpu_millis or defaults(each)[0] for each, scale in scales.items())
    memory = sum(scale.memory_mib or defaults(each)[1] for each, scale in scales.items())
    return Process(name, zone, tuple(names), max(scale.replicas for scale in scales.values()), cpu, memory)


def sessions_at_most(tenant: Tenant) -> int:
    """Sessions at the tenant's database: pools of its processes, and the night's work."""
    return POOL * sum(each.copies_at_most for each in processes(tenant)) + NIGHT_SESSIONS


def check_quota(tenant: Tenant) -> None:
    """Refuse a definition whose processes do not fit its quota, also while they are upgraded.

    Raises
    ------
    Invalid
        Names the zone, what is asked, what the quota gives, and the way out.
    """
    for zone in ZONES:
        here = [each for each in processes(tenant) if each.zone == zone]
        asked = {
            "cpu_millis": sum(each.cpu_millis * each.copies_at_most for each in here),
            "memory_mib": sum(each.memory_mib * each.copies_at_most for each in here),
            "pods": sum(each.copies_at_most for each in here),
        }
        for name, amount in asked.items():
            given = getattr(tenant.quota, name)
            if amount > given:
                raise Invalid(
                    f"{tenant.code} {tenant.name}: the processes of zone {zone} need {name} {amount} (one copy more while "
                    f"upgrading), the quota gives {given}: raise quota.{name} or lower scale"
                )
