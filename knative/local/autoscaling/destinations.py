"""Which servers outside of this machine triggers may connect to: those that applications reach too.

The reader runs outside of sandboxes, and a tenant chooses the host. So the addresses that it has are compared with what the network of a pod
reaches (`processes/network/routes.py`), and the connection goes to the address that was compared.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence

from functions.wire.addresses import is_public
from knative.local.autoscaling.decision import MetricUnavailable
from knative.local.processes.network.addresses import own_addresses


class Destinations:
    def __init__(self, allowed_networks: Sequence[str] = (), own: Callable[[], Sequence[str]] = own_addresses) -> None:
        """`allowed_networks`: private ones that every pod reaches, in CIDR notation. `own`: addresses of this machine, which none reaches."""
        self._allowed, self._own = tuple(map(ipaddress.IPv4Network, allowed_networks)), own

    async def address_of(self, host: str, port: int) -> str:
        """Return an IPv4 address to connect to. Raises MetricUnavailable."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise MetricUnavailable(f"{host} has no IPv4 address: {error}") from None
        addresses = [str(each[4][0]) for each in found]
        for each in addresses:
            if self._is_reachable(each):
                return each
        raise MetricUnavailable(f"{host} is {', '.join(dict.fromkeys(addresses))}, which applications do not reach from here")

    def _is_reachable(self, text: str) -> bool:
        address = ipaddress.IPv4Address(text)
        return (is_public(address) or any(address in each for each in self._allowed)) and text not in self._own()
