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
    port = url.port or PORTS[url.scheme]
    try:
        resolved = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise Permanent(f"{url.host[:80]} is not a host name") from error
    except OSError as error:
        raise Transient(f"cannot resolve {url.host}: {error.strerror or error}") from error
    addresses = [str(each[4][0]) for each in resolved]
    if not is_listed(url.host, port, listed) and not all(map(_is_public, addresses)):
        raise Permanent(f"{url.host} is a private address; an operator can list it in {setting}")
    return addresses[0]


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
        url = request.url
        if url.scheme not in PORTS:
            raise Permanent(f"{url.scheme or 'an address without a scheme'} cannot be called")
        if url.scheme == "http" and not is_listed(url.host, url.port or PORTS["http"], self._listed):
            raise Permanent(f"{url.host} needs https; an operator can list it in {self._setting}")
        address = await checked_address(url, self._listed, self._setting)
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        request.url = url.copy_with(host=address)  # the header Host keeps the name
        return await super().handle_async_request(request)
