"""Which destinations a pod's network reaches (pure).

A network refuses by routes what the NetworkPolicy of a tenant's namespace excludes on a cluster (functions/deploy/domain/tenancy.py; a test compares
the two): private networks, and what is no unicast address of the internet (RFC 6890). This machine's own addresses are refused one by one, even if an
operator allows the network around them: what listens here is for nobody in a sandbox.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15")
"""RFC 1918, RFC 6598 (shared address space of providers), RFC 2544 (benchmarking, used by overlay networks)."""
NEVER = ("0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "224.0.0.0/4", "240.0.0.0/4")
"""This host, link-local (metadata of most clouds), IETF assignments (192.0.0.192: metadata of Oracle's), multicast, reserved and broadcast."""
REFUSED = (*NEVER, *PRIVATE)

NETWORK, GATEWAY, RESOLVER_ADDRESS = "10.0.2.0/24", "10.0.2.2", "10.0.2.3"
"""slirp4netns's own, slirp4netns(1)."""
HALVES = ("10.0.2.0/25", "10.0.2.128/25")
"""Of its network, all of which is refused but for the two: another address in it would be a machine of that address in our own network."""


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """All in CIDR notation."""

    refused: tuple[str, ...]
    through_gateway: tuple[str, ...] = ()
    """Inside of what is refused, and reachable."""

    @classmethod
    def of(cls, own: Iterable[str], allowed: Iterable[str] = (), given: Iterable[str] = ()) -> Self:
        """`own`: this machine's addresses. `allowed`: networks for every pod. `given`: addresses for this one, of which only private ones count."""
        here = {ipaddress.IPv4Network(each) for each in own}
        networks = [ipaddress.IPv4Network(each) for each in allowed]
        addresses = {ipaddress.IPv4Network(each) for each in given if is_private(each)}
        refused = [each for each in map(ipaddress.IPv4Network, REFUSED) if not any(each.subnet_of(network) for network in networks)]
        reached = {network for network in networks if any(network.subnet_of(each) for each in refused)} | addresses
        return cls(
            tuple(str(each) for each in sorted({*refused, *here})),
            tuple(str(each) for each in sorted(reached - here - {ipaddress.IPv4Network(each) for each in (*HALVES, NETWORK)})),
        )


def is_private(address: str) -> bool:
    """Whether it is an address that an operator can give to a build."""
    found = ipaddress.IPv4Address(address)
    return any(found in ipaddress.IPv4Network(each) for each in PRIVATE)


def allowed_networks(text: str) -> tuple[str, ...]:
    """The networks of CAPSULE_EGRESS_ALLOW, separated by commas or spaces. Raises ValueError with a sentence."""
    found = []
    for word in text.replace(",", " ").split():
        try:
            network = ipaddress.IPv4Network(word)
        except ValueError as error:
            raise ValueError(f"CAPSULE_EGRESS_ALLOW: {word!r} is no IPv4 network in CIDR notation, as 10.1.0.0/16: {error}") from error
        if not any(network.subnet_of(ipaddress.IPv4Network(each)) for each in PRIVATE):
            raise ValueError(f"CAPSULE_EGRESS_ALLOW: {word} is no private network. Private are {', '.join(PRIVATE)} and what is inside of them")
        found.append(str(network))
    return tuple(found)
