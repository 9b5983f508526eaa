"""The way to a pod: over the machine's loopback to the platform's own, into a network of its own to a tenant's.

A tenant's pod reaches nothing of this machine, but a build may be meant to (`build_access`): the operator has listed a private host to clone from,
or a proxy or mirror on this machine. For builds only, its network gets listeners. That of the ingress port is the ingress itself, for the hosts that
were given; what connects to another port is carried over to that port.
"""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Collection
from typing import Protocol

from knative.local.processes_network import Network, Unconnected, connect, own_addresses
from knative.local.processes_network_addresses import AddressWatch
from knative.local.sandbox.isolation import Isolation
from knative.local.serving.build_access import BuildAccess, resolve
from knative.local.serving.listeners import Listener
from knative.local.serving.relays import relay
from knative.local.settings import LOOPBACK

log = logging.getLogger(__name__)


class BuildIngress(Protocol):
    """The ingress, as a build has it."""

    port: int

    def listen_for_build(self, listening: socket.socket, hosts: Collection[str]) -> Listener: ...


class Ways:
    """By the port that a pod was given, which is unique over all pods of this machine."""

    def __init__(self) -> None:
        self.ingress: BuildIngress | None = None
        self.allowed: tuple[str, ...] = ()
        """Private networks that every pod reaches, in CIDR notation."""
        self._networks: dict[int, Network | None] = {}
        self._live: set[Network] = set()
        self._watch: AddressWatch | None = None

    def __contains__(self, port: object) -> bool:
        return port in self._networks

    def take(self, port: int, network: Network | None) -> None:
        """None: it will have a network, and has none yet."""
        self._networks[port] = network

    def leave(self, port: int) -> None:
        self._networks.pop(port, None)

    async def open(self, isolation: Isolation, access: BuildAccess) -> Network:
        """A new network; as long as there is one, this machine's new addresses are refused in it. Raises Unconnected."""
        if self._watch is None:
            self._watch = AddressWatch(self._refuse_own)
        network = await connect(isolation, self.allowed, await resolve(access.hosts) if access.hosts else ())
        self._live.add(network)
        self._refuse_own()
        return network

    async def close(self, network: Network) -> None:
        self._live.discard(network)
        if not self._live and self._watch is not None:
            self._watch.close()
            self._watch = None
        await network.close()

    def _refuse_own(self) -> None:
        own = own_addresses()
        for network in list(self._live):
            try:
                network.refuse(own)
            except OSError as error:
                log.error("a pod's network does not refuse this machine's addresses (%s): %s", ", ".join(own), error)

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


class Way:
    """One pod's: opened before its first process, kept for those after it. `port`: what requests to it are sent to, unless it was handed a socket."""

    def __init__(self, ways: Ways, isolation: Isolation | None, port: int | None, access: BuildAccess) -> None:
        self.network: Network | None = None
        self._ways, self._isolation, self._port, self._access = ways, isolation, port, access
        self._listeners: list[Listener] = []
        if port is not None and isolation is not None:
            ways.take(port, None)

    async def open(self, boxed: bool) -> None:
        """`boxed`: it is a tenant's. Raises Unconnected."""
        if self._port is not None and not boxed:
            self._ways.leave(self._port)
        elif self.network is None and boxed and self._isolation is not None:
            network = await self._ways.open(self._isolation, self._access)
            try:
                self._show(network)
            except OSError as error:
                await self._close_listeners()
                await self._ways.close(network)
                raise Unconnected(f"what the build was given cannot be shown to it: {error}") from error
            self.network = network
            if self._port is not None:
                self._ways.take(self._port, network)

    def _show(self, network: Network) -> None:
        for port in sorted(self._access.ports):
            self._listeners.append(relay(_bound(network, port), port))
        if self._access.ingress_hosts and (ingress := self._ways.ingress) is not None:
            self._listeners.append(ingress.listen_for_build(_bound(network, ingress.port), self._access.ingress_hosts))

    async def dial(self, port: int) -> socket.socket:
        return await dial(self.network, port)

    async def close(self) -> None:
        await self._close_listeners()
        if self._port is not None:
            self._ways.leave(self._port)
        if self.network is not None:
            network, self.network = self.network, None
            await self._ways.close(network)

    async def _close_listeners(self) -> None:
        listeners, self._listeners = self._listeners, []
        await asyncio.gather(*(listener.close() for listener in listeners))


def _bound(network: Network, port: int) -> socket.socket:
    """A socket on the network's loopback. Raises OSError."""
    made = network.socket()
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((LOOPBACK, port))
    except BaseException:
        made.close()
        raise
    return made
