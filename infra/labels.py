"""What every object of the land says of itself. Pure.

Labels tell people and meters whose something is; no wall rests on them (docs/decisions/0046).
"""

from collections.abc import Mapping

#: how a tenant's namespaces and releases begin: t-CODE-ZONE
TENANTS = "t-"
TENANT, ZONE, SYSTEM = "mcloud/tenant", "mcloud/zone", "mcloud/system-"
#: of every object
COMMON = (*(f"app.kubernetes.io/{key}" for key in ("name", "instance", "managed-by", "part-of")), ZONE)


def label_faults(labels: Mapping[str, str], place: str, *, works: bool) -> list[str]:
    """What is missing or untrue.

    `place`: the namespace; empty for what lies in none. `works`: whether it is a workload, or made by one.
    """
    ours, told = place.startswith(TENANTS), dict.fromkeys(COMMON, "")
    if ours:
        told[TENANT], _, told[ZONE] = place.removeprefix(TENANTS).partition("-")
    elif labels.get("app.kubernetes.io/instance", "").startswith(TENANTS):
        told[TENANT] = ""
    found = [f"lacks label {key}" for key in told if not labels.get(key)]
    found += [
        f"says {key} {labels[key]}, but lies in {place}"
        for key, value in told.items()
        if value and labels.get(key, value) not in ("", value)
    ]
    if ours and works and not any(key.startswith(SYSTEM) for key in labels):
        found.append(f"lacks a label {SYSTEM}NAME")
    return found
