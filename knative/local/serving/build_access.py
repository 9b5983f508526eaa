"""Which destinations on this machine and in private networks a build may reach.

The operator grants them, never the repository's address: the listed private hosts (REPOSITORY_HOSTS), and the proxies
and mirrors among the inherited variables (BUILD_ENVIRONMENT). Loopback names at the ingress port are hosts that the
ingress serves to the build. Other ports of this machine's loopback are relayed. Private addresses elsewhere get a
route. Applications are granted nothing.
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

GO_WORDS = frozenset({"direct", "off"})
"""Values in GOPROXY and GOSUMDB that are no host (https://go.dev/ref/mod#environment-variables)."""
DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
RESOLVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class BuildAccess:
    ports: frozenset[int] = frozenset()
    """Ports of this machine's loopback."""
    ingress_hosts: frozenset[str] = frozenset()
    """Hosts that the ingress serves to the build."""
    hosts: frozenset[str] = frozenset()
    """Names and addresses elsewhere, private or public."""


NOTHING = BuildAccess()


def of(container: Mapping[str, Any], ingress_port: int) -> BuildAccess:
    """Return what a build's container may reach. A word that is not a host, address or URL grants nothing."""
    env = {entry["name"]: str(entry.get("value", "")) for entry in container.get("env") or []}
    ports, ingress_hosts, hosts = set(), set(), set()
    for host, port in _endpoints(env, ingress_port):
        if not _is_loopback(host):
            hosts.add(host)
        elif port == ingress_port:
            ingress_hosts.add(host)
        else:
            ports.add(port)
    return BuildAccess(frozenset(ports), frozenset(ingress_hosts), frozenset(hosts))


def _endpoints(env: Mapping[str, str], ingress_port: int) -> Iterator[tuple[str, int]]:
    for word in env.get("REPOSITORY_HOSTS", "").split():
        yield from _endpoint(f"//{word}", ingress_port)
    for name in env.get("BUILD_ENVIRONMENT", "").split():
        if name.lower() == "no_proxy":
            continue
        for word in re.split(r"[\s,|]+", env.get(name, "")):
            word = word[word.index("=") + 1 :] if "=" in word.partition("://")[0] else word  # REGISTRY_MIRROR: `registry=URL`
            if word not in GO_WORDS:
                yield from _endpoint(word if "://" in word else f"http://{word}", 0)


def _endpoint(text: str, default_port: int) -> Iterator[tuple[str, int]]:
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").rstrip("."), parts.port or default_port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        log.warning("%r in REPOSITORY_HOSTS or BUILD_ENVIRONMENT is neither a host nor a URL", text)
        return
    if host and port:
        yield host, port


def _is_loopback(host: str) -> bool:
    """Names below localhost are this machine (RFC 6761 section 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def resolve(hosts: Collection[str]) -> list[str]:
    """Return the hosts' IPv4 addresses from this machine's resolver.

    An unknown name is omitted: the build reports it itself.
    """
    loop = asyncio.get_running_loop()
    lookups = [loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_STREAM) for host in sorted(hosts)]
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            answers = await asyncio.gather(*lookups, return_exceptions=True)
    except TimeoutError:
        log.warning("%s not resolved within %g s: if private, they are unreachable for this build", ", ".join(hosts), RESOLVE_SECONDS)
        return []
    return sorted({str(entry[4][0]) for answer in answers if not isinstance(answer, BaseException) for entry in answer})
