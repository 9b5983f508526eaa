"""Which destinations a pod's network reaches (pure).

Routes refuse what the NetworkPolicy of a tenant's namespace excludes on a cluster (functions/deploy/domain/tenancy.py;
a test compares the two): private networks, and everything that is not a unicast address of the internet (RFC 6890).
This machine's own addresses are refused one by one, even when an operator allows the network around them, so that no
sandbox reaches what listens here.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from functions.wire.addresses import PRIVATE, SPECIAL

REFUSED = (*SPECIAL, *PRIVATE)

SLIRP_NETWORK, GATEWAY, RESOLVER_ADDRESS = "10.0.2.0/24", "10.0.2.2", "10.0.2.3"
"""slirp4netns's own, slirp4netns(1)."""
SLIRP_HALVES = ("10.0.2.0/25", "10.0.2.128/25")
"""slirp4netns's network is refused but for gateway and resolver: it would forward other addresses in it to machines
of this machine's network."""


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """Networks in CIDR notation."""

    refused: tuple[str, ...]
    through_gateway: tuple[str, ...] = ()
    """Exceptions inside refused networks that are reachable."""

    @classmethod
    def of(cls, own_addresses: Iterable[str], allowed_networks: Iterable[str] = (), granted_addresses: Iterable[str] = ()) -> Self:
        """`own_addresses`: this machine's.

        `allowed_networks`: for every pod. `granted_addresses`: for this pod; public ones need no grant.
        """
        here = {ipaddress.IPv4Network(each) for each in own_addresses}
        allowed = [ipaddress.IPv4Network(each) for each in allowed_networks]
        granted = {ipaddress.IPv4Network(each) for each in granted_addresses if is_private(each)}
        refused = [each for each in map(ipaddress.IPv4Network, REFUSED) if not any(each.subnet_of(network) for network in allowed)]
        reachable = {network for network in allowed if any(network.subnet_of(each) for each in refused)} | granted
        return cls(
            tuple(str(each) for each in sorted({*refused, *here})),
            tuple(str(each) for each in sorted(reachable - here - {ipaddress.IPv4Network(each) for each in (*SLIRP_HALVES, SLIRP_NETWORK)})),
        )


def is_private(address: str) -> bool:
    """Return whether an address is one that an operator can grant to a build."""
    parsed = ipaddress.IPv4Address(address)
    return any(parsed in ipaddress.IPv4Network(each) for each in PRIVATE)
