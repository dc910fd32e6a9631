"""How wide a network may be that a wall or a stack file names. Pure."""

from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

#: IP version -> shortest prefix. 10.0.0.0/8 is the widest network that somebody has to himself; for IPv6 nobody has a /16.
WIDEST = {4: 8, 6: 16}


def network_faults(cidrs: Collection[str]) -> list[str]:
    """What is no network, or wider than any server's own: by itself, or together with the others."""
    try:
        networks = {ip_network(each) for each in cidrs}
    except ValueError as wrong:
        return [f"{wrong}: write a network as ADDRESS/LENGTH"]
    joined: list[IPv4Network | IPv6Network] = [
        *collapse_addresses(each for each in networks if isinstance(each, IPv4Network)),
        *collapse_addresses(each for each in networks if isinstance(each, IPv6Network)),
    ]
    return [
        f"{each}{'' if each in networks else ', which several blocks are together,'} is wider than /{WIDEST[each.version]}, "
        "more of the world than any server's own network: name the server's own address"
        for each in joined
        if each.prefixlen < WIDEST[each.version]
    ]
