"""Which network addresses are public: one rule for repositories, submodules, images, redirects and webhooks.

A tenant chooses the host, so a private address would let it reach the platform's own network (server-side request
forgery). What a name resolves to is checked where the connection is made, and the checked address is the one that is
connected to; a check of the host alone (`is_public_host`) only refuses sooner. Operators allow single private hosts by
name.

The lists are those of IANA's special-purpose address registries (RFC 6890), not of Python's `ipaddress`, which changed
them between patch releases.
"""

import ipaddress
import re
from collections.abc import Collection

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15")
"""RFC 1918, RFC 6598 (shared address space of providers), RFC 2544 (benchmarking, used by overlay networks)."""
SPECIAL = ("0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "224.0.0.0/4", "240.0.0.0/4")
"""This host, link-local (metadata of most clouds), IETF assignments (192.0.0.192: metadata of Oracle's), multicast,
reserved and broadcast. An operator cannot allow them."""
UNROUTED = ("127.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "192.88.99.0/24")
"""Loopback, documentation (RFC 5737), relays of 6to4 (RFC 7526)."""
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All other IPv6 addresses are none of the internet: loopback, IPv4-compatible, link-local, unique local, multicast, 64:ff9b:1::/48."""
NOT_GLOBAL = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
"""Teredo and other protocol assignments (RFC 2928), documentation (RFC 3849, RFC 9637), 6to4 (RFC 3056)."""
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are the IPv4 address that a translator connects to."""
_NOT_PUBLIC = tuple(map(ipaddress.IPv4Network, (*PRIVATE, *SPECIAL, *UNROUTED)))

INTERNAL_DOMAINS = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "cluster.local", "svc", "home.arpa")
_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}")


def parse_address(text: str) -> IPAddress | None:
    """Return the IP address that the text denotes, without its zone; None for a host name."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def is_public(address: IPAddress) -> bool:
    """Return whether the address is reachable on the internet.

    An IPv6 address that stands for an IPv4 address (IPv4-mapped, NAT64) counts as that one.
    """
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or (ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if address in NAT64 else None)
        if embedded is None:
            return address in GLOBAL_UNICAST and not any(address in network for network in NOT_GLOBAL)
        address = embedded
    return not any(address in network for network in _NOT_PUBLIC)


def is_public_host(host: str) -> bool:
    """Return whether the host is public, without resolving it. A number in any notation that resolvers accept counts as
    the address it stands for."""
    host = host.lower().rstrip(".")
    if address := parse_address(host.strip("[]")):
        return is_public(address)
    if _NUMBERS.fullmatch(host):
        return False  # 127.1, 0x7f000001, 2130706433
    return "." in host and not any(host == each or host.endswith(f".{each}") for each in INTERNAL_DOMAINS)


def is_listed(host: str, port: int, allowed_hosts: Collection[str]) -> bool:
    """Return whether an operator has allowed the host, as `host` or as `host:port`."""
    host = host.lower().rstrip(".")
    return host in allowed_hosts or f"{host}:{port}" in allowed_hosts


def parse_allowed_hosts(text: str) -> frozenset[str]:
    """Read an operator's list of `host` and `host:port`, separated by commas or spaces."""
    return frozenset(each.lower().rstrip(".") for each in text.replace(",", " ").split())


def parse_private_networks(text: str) -> tuple[str, ...]:
    """Read an operator's list of private networks in CIDR notation, separated by commas or spaces. Raises ValueError."""
    networks = []
    for word in text.replace(",", " ").split():
        try:
            network = ipaddress.IPv4Network(word)
        except ValueError as error:
            raise ValueError(f"{word!r} is not an IPv4 network in CIDR notation such as 10.1.0.0/16: {error}") from error
        if not any(network.subnet_of(ipaddress.IPv4Network(each)) for each in PRIVATE):
            raise ValueError(f"{word} is not a private network. Private networks: {', '.join(PRIVATE)} and their subnets")
        networks.append(str(network))
    return tuple(networks)
