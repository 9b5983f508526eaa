"""Outgoing HTTP to hosts that others choose: never to an address inside of the platform's own network.

The host is resolved here, every address that it has must be public (`functions.wire.addresses`), and the connection goes to the address that was
looked at: a name that answers differently the second time leads nowhere. Redirects are not followed. Hosts that an operator lists are reached
wherever they are.
"""

import asyncio
import socket
from collections.abc import Collection

import httpx

from functions.kernel import Permanent, Transient
from functions.wire.addresses import is_listed, is_public, parse_address

PORTS = {"http": 80, "https": 443}
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=0)
"""No connection is used again: the pool knows connections by address, and another host at the address has another certificate."""


async def checked_address(url: httpx.URL, listed: Collection[str], setting: str) -> str:
    """Return the address to connect to. `setting`: with which an operator lists private hosts.

    Raises Permanent if the address is not allowed, Transient if the name does not resolve.
    """
    host, port = host_of(url), url.port or PORTS[url.scheme]
    try:
        resolved = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise Permanent(f"{host[:80]} is not a host name") from error
    except OSError as error:
        raise Transient(f"cannot resolve {host}: {error.strerror or error}") from error
    addresses = [str(each[4][0]) for each in resolved]
    if not is_listed(host, port, listed) and not all(map(_is_public, addresses)):
        raise Permanent(f"{host} is a private address; an operator can list it in {setting}")
    return addresses[0]


def host_of(url: httpx.URL) -> str:
    """The host in ASCII. `url.host` decodes an internationalized name, and raises IDNAError for one that it cannot decode."""
    return url.raw_host.decode("ascii")


def _is_public(address: str) -> bool:
    parsed = parse_address(address)
    return parsed is not None and is_public(parsed)


class CheckedTransport(httpx.AsyncHTTPTransport):
    """Connects to checked addresses only. A host that is not listed needs https."""

    def __init__(self, listed: Collection[str], setting: str) -> None:
        super().__init__(trust_env=False, limits=LIMITS)
        self._listed = listed
        self._setting = setting

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url, host = request.url, host_of(request.url)
        if url.scheme not in PORTS:
            raise Permanent(f"{url.scheme or 'an address without a scheme'} cannot be called")
        if url.scheme == "http" and not is_listed(host, url.port or PORTS["http"], self._listed):
            raise Permanent(f"{host} needs https; an operator can list it in {self._setting}")
        address = await checked_address(url, self._listed, self._setting)
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = url.copy_with(host=address)  # the header Host keeps the name
        return await super().handle_async_request(request)
