"""Connections to pods: over the machine's loopback to the platform's own, into a network namespace to a tenant's.

A tenant's pod reaches nothing on this machine. A build may, if the operator has listed a private host to clone from, or
a proxy or mirror on this machine (`build_access`). For builds only, the network namespace gets listeners: the ingress
itself on its port, for the granted hosts, and relays to other granted ports. An instance that is bound to data services gets a
listener for each kind.
"""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from knative.local.processes.network.addresses import AddressWatch, own_addresses
from knative.local.processes.network.namespaces import Network, NetworkSetupError, create_network
from knative.local.sandbox.plan import Isolation
from knative.local.serving.build_access import BuildAccess, resolve
from knative.local.serving.http.listeners import Listener
from knative.local.serving.http.relays import relay
from knative.local.settings import LOOPBACK

log = logging.getLogger(__name__)

LOOPBACK_IPV6 = "::1"
Listen = Callable[[socket.socket], Listener]
"""Serves the connections of a bound socket, which it owns from then on."""


class BuildIngress(Protocol):
    """The part of the ingress that builds use."""

    port: int

    def listen_for_build(self, listening: socket.socket, hosts: Collection[str]) -> Listener: ...


class PodNetworks:
    """The networks of all pods, by the port that a pod received as PORT.

    Ports are unique over all pods of this machine.
    """

    def __init__(self) -> None:
        self.ingress: BuildIngress | None = None
        self.allowed_networks: tuple[str, ...] = ()
        """Private networks that every pod reaches, in CIDR notation."""
        self._networks: dict[int, Network | None] = {}
        self._inner_ports: dict[int, int] = {}
        self._open: set[Network] = set()
        self._watch: AddressWatch | None = None

    def __contains__(self, port: object) -> bool:
        return port in self._networks

    def assign(self, port: int, network: Network | None, inner_port: int = 0) -> None:
        """Connect `port` through this network.

        None: the pod will have a network, which does not exist yet. `inner_port`: on which the pod listens; 0: `port`.
        """
        self._networks[port] = network
        self._inner_ports[port] = inner_port or port

    def unassign(self, port: int) -> None:
        self._networks.pop(port, None)
        self._inner_ports.pop(port, None)

    async def open(self, isolation: Isolation, access: BuildAccess) -> Network:
        """Create a network.

        While one exists, new addresses of this machine are refused in it. Raises NetworkSetupError.
        """
        if self._watch is None:
            self._watch = AddressWatch(self._refuse_own_addresses)
        network = await create_network(isolation, self.allowed_networks, await resolve(access.hosts) if access.hosts else ())
        self._open.add(network)
        self._refuse_own_addresses()
        return network

    async def close(self, network: Network) -> None:
        self._open.discard(network)
        if not self._open and self._watch is not None:
            self._watch.close()
            self._watch = None
        await network.close()

    def _refuse_own_addresses(self) -> None:
        addresses = own_addresses()
        for network in list(self._open):
            try:
                network.refuse(addresses)
            except OSError as error:
                log.error("a pod's network does not refuse this machine's addresses (%s): %s", ", ".join(addresses), error)

    async def connect(self, port: int) -> socket.socket:
        """Connect to a pod. Raises OSError when nothing listens on the port."""
        if port in self._networks:
            network = self._networks[port]
            if network is None:
                raise ConnectionRefusedError(f"the pod of port {port} has no network yet")
            return await connect(network, self._inner_ports[port])
        return await connect(None, port)


async def connect(network: Network | None, port: int) -> socket.socket:
    """Connect to a port of a loopback: that of the network, None: the machine's.

    A program that listens on `localhost` may have chosen IPv6 only, so ::1 is tried where 127.0.0.1 refuses. Raises
    OSError when nothing listens on the port.
    """
    try:
        return await _connect_to(network, socket.AF_INET, (LOOPBACK, port))
    except ConnectionRefusedError as refused:
        try:
            return await _connect_to(network, socket.AF_INET6, (LOOPBACK_IPV6, port))
        except OSError:  # or the machine has no IPv6
            raise refused from None


async def _connect_to(network: Network | None, family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
    connection = network.socket(family) if network is not None else socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        if (code := connection.connect_ex(address)) == errno.EINPROGRESS:
            code = await _connect_result(connection)
        if code:
            raise OSError(code, os.strerror(code))
    except BaseException:
        connection.close()
        raise
    return connection


async def _connect_result(connection: socket.socket) -> int:
    """Return 0 or an errno. The loop's own sock_connect would first resolve the address in a thread."""
    loop = asyncio.get_running_loop()
    writable = asyncio.Event()
    loop.add_writer(connection, writable.set)
    try:
        await writable.wait()
    finally:
        loop.remove_writer(connection)
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


class PodNetwork:
    """One pod's network: opened before its first process, kept until the pod ends.

    `port`: where requests to the pod go, None for a pod without.
    """

    def __init__(
        self, networks: PodNetworks, isolation: Isolation | None, port: int | None, access: BuildAccess, services: Mapping[int, Listen]
    ) -> None:
        """`isolation` None: tenants share the machine's network. `services`: port of the pod's loopback → what serves connections to it."""
        self.network: Network | None = None
        self._networks, self._isolation, self._port, self._access = networks, isolation, port, access
        self._services = services
        self._listeners: list[Listener] = []
        self._inner_port = 0
        if port is not None and isolation is not None:
            networks.assign(port, None)

    async def open(self, is_sandboxed: bool, inner_port: int = 0) -> None:
        """Create the network of a tenant's pod. Idempotent. Raises NetworkSetupError.

        `inner_port`: the pod's PORT inside its network; 0: the number by which this machine knows it.
        """
        if self._port is not None and not is_sandboxed:
            self._networks.unassign(self._port)
        elif self.network is None and is_sandboxed and self._isolation is not None:
            network = await self._networks.open(self._isolation, self._access)
            try:
                self._open_listeners(network)
            except OSError as error:
                await self._close_listeners()
                await self._networks.close(network)
                raise NetworkSetupError(f"the pod's access to this machine cannot be opened: {error}") from error
            self.network = network
            if self._port is not None:
                self._inner_port = inner_port
                self._networks.assign(self._port, network, inner_port)

    def _open_listeners(self, network: Network) -> None:
        for port in sorted(self._access.ports):
            self._listeners.append(relay(_bind(network, port), port))
        for inner, listen in self._services.items():
            self._listeners.append(listen(_bind(network, inner)))
        if self._access.ingress_hosts and (ingress := self._networks.ingress) is not None:
            self._listeners.append(ingress.listen_for_build(_bind(network, ingress.port), self._access.ingress_hosts))

    async def connect(self, port: int) -> socket.socket:
        """Connect to a port of the pod, by the pod's own number. Raises OSError."""
        return await connect(self.network, port)

    @property
    def inner_port(self) -> int | None:
        """The pod's PORT, as the pod knows it; None for a pod without."""
        return self._inner_port or self._port

    async def close(self) -> None:
        await self._close_listeners()
        if self._port is not None:
            self._networks.unassign(self._port)
        if self.network is not None:
            network, self.network = self.network, None
            await self._networks.close(network)

    async def _close_listeners(self) -> None:
        listeners, self._listeners = self._listeners, []
        await asyncio.gather(*(listener.close() for listener in listeners))


def _bind(network: Network, port: int) -> socket.socket:
    """Return a socket bound to the network's loopback. Raises OSError."""
    created = network.socket()
    try:
        created.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        created.bind((LOOPBACK, port))
    except BaseException:
        created.close()
        raise
    return created
