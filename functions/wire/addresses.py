"""Which network addresses are public: the rule for repositories that are cloned and for webhooks that are called.

A tenant chooses the host, so a private address would let it reach the platform's own network (server-side request
forgery). Operators allow single private hosts by name.
"""

import ipaddress
from collections.abc import Collection

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_address(text: str) -> IPAddress | None:
    """Return the IP address that the text denotes, without its zone; None for a host name."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def is_public(address: IPAddress) -> bool:
    """Return whether the address is reachable on the internet. An IPv4-mapped IPv6 address counts as the IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast


def is_listed(host: str, port: int, allowed_hosts: Collection[str]) -> bool:
    """Return whether an operator has allowed the host, as `host` or as `host:port`."""
    return host in allowed_hosts or f"{host}:{port}" in allowed_hosts
