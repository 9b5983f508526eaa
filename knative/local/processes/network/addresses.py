"""This machine's own IPv4 addresses, and a notification when they change (rtnetlink(7)).

A renewed lease, a VPN or a new interface gives the machine an address that was not refused when a pod's network was
created. Existing networks refuse it from then on. An address that the machine gave up stays refused in them.
"""

import asyncio
import re
import socket
from collections.abc import Callable
from pathlib import Path

RTMGRP_IPV4_IFADDR = 0x10
MAX_MESSAGE_BYTES = 1 << 16


def own_addresses() -> list[str]:
    """Return this machine's IPv4 addresses without those of its loopback, sorted."""
    table = Path("/proc/net/fib_trie").read_text()
    found = set(re.findall(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL", table))
    return sorted(address for address in found if not address.startswith("127."))


class AddressWatch:
    """Calls `on_change` on the running loop when the machine gains or loses an address."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.bind((0, RTMGRP_IPV4_IFADDR))
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def _readable(self) -> None:
        """The messages are discarded: the callback reads the addresses anew."""
        try:
            while self._socket.recv(MAX_MESSAGE_BYTES):
                continue
        except BlockingIOError:
            self._on_change()
        except OSError:  # ENOBUFS: messages were lost, so something has changed
            self._on_change()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
