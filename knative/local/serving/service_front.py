"""The servers of one kind of data services, and the listeners through which their clients come."""

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

from knative.local.serving.http.listeners import Listener
from knative.local.serving.on_demand_server import OnDemandServer
from knative.local.settings import LOOPBACK

MAX_CONNECTIONS = 1024
MAX_POD_CONNECTIONS = 128
IDLE_CONNECTION_SECONDS = 24 * 3600.0
"""Pools of connections keep idle ones for long."""

Server = TypeVar("Server", bound=OnDemandServer)


class ServiceFront(ABC, Generic[Server]):
    """A Runnable that listens on a port of this machine's loopback, and in the networks of pods that are bound."""

    title: str
    """What it serves, in the plural, for messages."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._servers: dict[str, Server] = {}
        self._listener: Listener | None = None

    @abstractmethod
    def create_server(self, name: str) -> Server:
        """Return an object for the server of a service, which may not exist."""

    @abstractmethod
    async def handle_platform(self, connection: socket.socket) -> None:
        """Serve one connection at the port of the loopback. Raises OSError when it breaks."""

    @abstractmethod
    async def handle_pod(self, connection: socket.socket) -> None:
        """Serve one connection of a pod. Raises OSError when it breaks."""

    async def start(self) -> None:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((LOOPBACK, self._port))
        except OSError as fault:
            listening.close()
            raise OSError(f"port {self._port} of {self.title}: {fault}") from fault
        self._listener = Listener(listening, self.handle_platform, MAX_CONNECTIONS, self.title)

    async def stop(self) -> None:
        if self._listener is not None:
            await self._listener.close()
        await asyncio.gather(*(each.stop() for each in list(self._servers.values())))

    def listen_for_pod(self, listening: socket.socket) -> Listener:
        """Serve connections of one pod. The listener owns the socket."""
        return Listener(listening, self.handle_pod, MAX_POD_CONNECTIONS, f"{self.title} of a pod")

    def server(self, name: str) -> Server:
        """Return the server of a service, which may not exist. Those that nobody uses are forgotten."""
        for each, found in list(self._servers.items()):
            if each != name and not found.is_used:
                del self._servers[each]
        if name not in self._servers:
            self._servers[name] = self.create_server(name)
        return self._servers[name]

    def running(self) -> Iterator[Server]:
        return (each for each in self._servers.values() if each.is_running)
