"""This machine's own IPv4 addresses, and a word when they change.

A lease that is renewed, a VPN or a new interface gives the machine an address that was not refused when a pod's network was made; rtnetlink(7) tells
of it, and the networks that are there refuse it from then on. One that the machine gave up stays refused in them.
"""

import asyncio
import re
import socket
from collections.abc import Callable
from pathlib import Path

RTMGRP_IPV4_IFADDR = 0x10
WORD_BYTES = 1 << 16


def own_addresses() -> list[str]:
    """This machine's, without its loopback."""
    table = Path("/proc/net/fib_trie").read_text()
    found = set(re.findall(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL", table))
    return sorted(address for address in found if not address.startswith("127."))


class AddressWatch:
    """Calls `changed` on the running loop when an address came or went."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.bind((0, RTMGRP_IPV4_IFADDR))
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def _read(self) -> None:
        """What exactly happened is not read: the addresses are looked up."""
        try:
            while self._socket.recv(WORD_BYTES):
                continue
        except BlockingIOError:
            self._changed()
        except OSError:  # ENOBUFS: words were lost, so something has changed
            self._changed()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
