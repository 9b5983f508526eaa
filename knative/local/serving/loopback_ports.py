"""Ports of this machine's loopback that lead to one Service of the platform, by the annotation `local.capsule.dev/loopback-port` of the Service.

It is how a function of the platform calls another Service of the platform over HTTP: no host name is looked up, so no Route can come in between, and
the Service needs no public host. Requests go through the scaler like those of the ingress, so the Service scales from zero. On a cluster the
annotation means nothing: there the Service's cluster-local address is called. A tenant's annotation is ignored, and a tenant's sandbox has a loopback
of its own, on which these ports are not open.
"""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

from knative.local.serving.destinations import service
from knative.local.serving.ingress import Ingress
from knative.local.serving.listeners import Listener
from knative.local.serving.node import PLATFORM_NAMESPACES
from knative.local.serving.routing import Key, Table
from knative.local.settings import LOOPBACK

ANNOTATION = "local.capsule.dev/loopback-port"


class PortUnavailable(Exception):
    """The port cannot be opened."""


class LoopbackPorts:
    """A Part."""

    def __init__(self, ingress: Ingress, table: Table, port_offset: int) -> None:
        self._ingress, self._table, self._offset = ingress, table, port_offset
        self._open: dict[Key, tuple[int, Listener]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Ports are opened as Routes are reconciled."""

    async def stop(self) -> None:
        for key in list(self._open):
            self.release(key)
        await asyncio.gather(*self._closing)

    def assign(self, key: Key, annotations: Mapping[str, Any]) -> int | None:
        """Open the port that the annotations name, with the installation's offset, or close the one that they no longer name. Idempotent.

        Returns the port. Raises PortUnavailable: the annotation is no port, or the port is somebody else's.
        """
        named = annotations.get(ANNOTATION) if key[0] in PLATFORM_NAMESPACES else None
        if named is None:
            self.release(key)
            return None
        port = _port(named, self._offset)
        if key in self._open and self._open[key][0] == port:
            return port
        if holder := next((each for each, (held, _) in self._open.items() if held == port and each != key), None):
            raise PortUnavailable(f"Port {port} of this machine's loopback is that of Service {'/'.join(holder)}.")
        self.release(key)
        try:
            listening = socket.create_server((LOOPBACK, port), backlog=128)
        except OSError as error:
            raise PortUnavailable(f"Port {port} of this machine's loopback cannot be opened: {error.strerror or error}.") from error
        self._open[key] = port, self._ingress.listen(listening, service(self._table, *key), f"loopback port {port}")
        return port

    def release(self, key: Key) -> None:
        found = self._open.pop(key, None)
        if found is not None:
            task = asyncio.create_task(found[1].close(), name=f"close loopback port {found[0]}")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def _port(text: Any, offset: int) -> int:
    if not (str(text).isascii() and str(text).isdigit() and 0 < int(text) + offset < 65536):
        raise PortUnavailable(f"The annotation {ANNOTATION} is a port number, not {str(text)[:40]!r}.")
    return int(text) + offset
