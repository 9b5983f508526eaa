"""What of this machine and of private networks a build may reach, by the operator's own words and never by the repository's address: the private
hosts that are listed (REPOSITORY_HOSTS), and the proxies and mirrors among the variables that are passed on (BUILD_ENVIRONMENT).

Loopback names at the ingress port are hosts that the ingress serves to this build; other ports of this machine's loopback are relayed; private
addresses elsewhere get a route. Applications are given nothing.
"""

import asyncio
import ipaddress
import logging
import re
import socket
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

log = logging.getLogger(__name__)

DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
RESOLVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class BuildAccess:
    ports: frozenset[int] = frozenset()
    """Of this machine's loopback."""
    ingress_hosts: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    """Names and addresses elsewhere, private or not."""


NOTHING = BuildAccess()


def of(container: Mapping[str, Any], ingress_port: int) -> BuildAccess:
    """A word that is no host, address or URL gives access to nothing."""
    told = {entry["name"]: str(entry.get("value", "")) for entry in container.get("env") or []}
    ports, ingress_hosts, hosts = set(), set(), set()
    for host, port in _endpoints(told, ingress_port):
        if not _is_here(host):
            hosts.add(host)
        elif port == ingress_port:
            ingress_hosts.add(host)
        else:
            ports.add(port)
    return BuildAccess(frozenset(ports), frozenset(ingress_hosts), frozenset(hosts))


def _endpoints(told: Mapping[str, str], ingress_port: int) -> Iterator[tuple[str, int]]:
    for word in told.get("REPOSITORY_HOSTS", "").split():
        yield from _endpoint(f"//{word}", ingress_port)
    for name in told.get("BUILD_ENVIRONMENT", "").split():
        if name.lower() == "no_proxy":
            continue
        for word in re.split(r"[\s,]+", told.get(name, "")):
            yield from _endpoint(word if "://" in word else f"http://{word}", 0)


def _endpoint(text: str, default_port: int) -> Iterator[tuple[str, int]]:
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").rstrip("."), parts.port or default_port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        log.warning("%r in what builds are given is neither a host nor a URL", text)
        return
    if host and port:
        yield host, port


def _is_here(host: str) -> bool:
    """RFC 6761 section 6.3: names below localhost are this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def resolve(hosts: Collection[str]) -> list[str]:
    """Their IPv4 addresses, as this machine's resolver has them now. A name that it does not know is left out: the build says so itself."""
    loop = asyncio.get_running_loop()
    lookups = [loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_STREAM) for host in sorted(hosts)]
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            answers = await asyncio.gather(*lookups, return_exceptions=True)
    except TimeoutError:
        log.warning("the addresses of %s are not found within %g s; a private one is not reachable for this build", ", ".join(hosts), RESOLVE_SECONDS)
        return []
    return sorted({str(entry[4][0]) for answer in answers if not isinstance(answer, BaseException) for entry in answer})
