"""The way to a pod: over the machine's loopback to the platform's own, into a network of its own to a tenant's.

A tenant's pod reaches nothing of this machine, but a build may be meant to: the operator has listed a private host to clone from, or a proxy or
mirror on this machine. For those ports, and for builds only, its network gets a listener whose connections are carried over.
"""

import asyncio
import contextlib
import errno
import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from knative.local.processes_network import Network, connect
from knative.local.sandbox.isolation import Isolation
from knative.local.settings import LOOPBACK

CHUNK = 1 << 16
DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


class Ways:
    """By the port that a pod was given, which is unique over all pods of this machine."""

    def __init__(self) -> None:
        self._networks: dict[int, Network | None] = {}

    def __contains__(self, port: object) -> bool:
        return port in self._networks

    def take(self, port: int, network: Network | None) -> None:
        """None: it will have a network, and has none yet."""
        self._networks[port] = network

    def leave(self, port: int) -> None:
        self._networks.pop(port, None)

    async def connect(self, port: int) -> socket.socket:
        """A connection. Raises OSError when nothing listens there."""
        if port in self._networks:
            network = self._networks[port]
            if network is None:
                raise ConnectionRefusedError(f"the pod of port {port} has no network yet")
            return await dial(network, port)
        return await dial(None, port)


async def dial(network: Network | None, port: int) -> socket.socket:
    """A connection to a port of a loopback, the machine's or a pod's own. Raises OSError when nothing listens there."""
    made = network.socket() if network is not None else socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        if (began := made.connect_ex((LOOPBACK, port))) == errno.EINPROGRESS:
            began = await _connected(made)
        if began:
            raise OSError(began, os.strerror(began))
    except BaseException:
        made.close()
        raise
    return made


async def _connected(made: socket.socket) -> int:
    """0, or the error. (The loop's own sock_connect looks the address up first, in a thread.)"""
    loop = asyncio.get_running_loop()
    writable = asyncio.Event()
    loop.add_writer(made, writable.set)
    try:
        await writable.wait()
    finally:
        loop.remove_writer(made)
    return made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


class Relays:
    """Ports of this machine's loopback, shown in a pod's."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []

    async def show(self, network: Network, port: int) -> None:
        listening = network.socket()
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((LOOPBACK, port))
            self._servers.append(await asyncio.start_server(lambda reader, writer: _carry(reader, writer, port), sock=listening))
        except BaseException:
            listening.close()
            raise

    def close(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()


class Way:
    """One pod's: opened before its first process, kept for those after it. `port`: what requests to it are sent to, unless it was handed a socket."""

    def __init__(self, ways: Ways, isolation: Isolation | None, port: int | None, shown: set[int]) -> None:
        self.network: Network | None = None
        self._ways, self._isolation, self._port, self._shown = ways, isolation, port, shown
        self._relays = Relays()
        if port is not None and isolation is not None:
            ways.take(port, None)

    async def open(self, boxed: bool) -> None:
        """`boxed`: it is a tenant's. Raises Unconnected."""
        if self._port is not None and not boxed:
            self._ways.leave(self._port)
        elif self.network is None and boxed and self._isolation is not None:
            self.network = await connect(self._isolation)
            if self._port is not None:
                self._ways.take(self._port, self.network)
            for port in self._shown:
                await self._relays.show(self.network, port)

    async def dial(self, port: int) -> socket.socket:
        return await dial(self.network, port)

    async def close(self) -> None:
        self._relays.close()
        if self._port is not None:
            self._ways.leave(self._port)
        if self.network is not None:
            network, self.network = self.network, None
            await network.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    try:
        there, back = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_pump(reader, back), _pump(there, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # either end breaks off: so does the other
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def shown_ports(container: Mapping[str, Any], ingress_port: int) -> set[int]:
    """What of this machine's loopback a build is meant to reach, by the operator's own words (never by the repository's address): the private hosts
    that are listed, the ingress where one has no port, and proxies and mirrors among the variables that are passed on."""
    told = {entry["name"]: str(entry.get("value", "")) for entry in container.get("env") or []}
    found = set()
    for word in told.get("REPOSITORY_HOSTS", "").split():
        parts = urlsplit(f"//{word}")
        if _is_here(parts.hostname):
            found.add(parts.port or ingress_port)
    for name in told.get("BUILD_ENVIRONMENT", "").split():
        if name.lower() == "no_proxy":
            continue
        for word in re.split(r"[\s,]+", told.get(name, "")):
            parts = urlsplit(word if "://" in word else f"http://{word}")
            port = _port(parts.netloc) or DEFAULT_PORTS.get(parts.scheme)
            if port and _is_here(parts.hostname):
                found.add(port)
    return found


def _port(netloc: str) -> int | None:
    tail = netloc.rpartition(":")[2]
    return int(tail) if tail.isdigit() and 0 < int(tail) < 65536 else None


def _is_here(host: str | None) -> bool:
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
