"""Loopback ports of single Services of the platform, by the Service's annotation `local.capsule.dev/loopback-port`.

A function of the platform calls another Service of the platform over HTTP this way: no host name is resolved, so no
other Route can take its place, and the Service needs no public host. Requests go through the scaler like those of the
ingress, so the Service scales from zero. On a cluster the annotation has no effect: functions call the Service's
cluster-local address. A tenant's annotation is ignored, and a tenant's sandbox has a loopback of its own, on which
these ports are not open.

Host ports of the platform (`local.capsule.dev/host-port`) are opened here too, with HTTPS, where TLS ends at the ingress, and of
Services that scale to zero. Pods then listen on ports of their own. Other pods inherit the host port (`scaler`).
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from knative.local.listening_sockets import ListeningSockets
from knative.local.serving.destinations import one_service
from knative.local.serving.http.listeners import Listener
from knative.local.serving.ingress import Ingress
from knative.local.serving.node import PLATFORM_NAMESPACES
from knative.local.serving.routing import Key, RoutingTable

ANNOTATION = "local.capsule.dev/loopback-port"


class PortUnavailable(Exception):
    """The port cannot be opened."""


class LoopbackPorts:
    """A Runnable."""

    def __init__(self, ingress: Ingress, table: RoutingTable, port_offset: int, sockets: ListeningSockets) -> None:
        self._ingress, self._table, self._offset, self._sockets = ingress, table, port_offset, sockets
        self._open: dict[Key, tuple[int, Listener]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Nothing to do: ports are opened when Routes are reconciled."""

    async def stop(self) -> None:
        for key in list(self._open):
            self._close(key)
        await asyncio.gather(*self._closing)

    def assign(self, key: Key, annotations: Mapping[str, Any], host_port: str | None = None) -> int | None:
        """Open the annotated port plus the installation's offset, or close the port that is no longer annotated.

        `host_port`: opened instead, for clients outside the platform; with TLS if the ingress has certificates. Idempotent.

        Returns the port. Raises PortUnavailable: the annotation is not a port, or the port is in use.
        """
        annotation = (host_port or annotations.get(ANNOTATION)) if key[0] in PLATFORM_NAMESPACES else None
        if annotation is None:
            self.release(key)
            return None
        port = _parse_port(annotation, self._offset)
        if key in self._open and self._open[key][0] == port:
            return port
        if owner := next((each for each, (opened, _) in self._open.items() if opened == port and each != key), None):
            raise PortUnavailable(f"Port {port} of this machine's loopback belongs to Service {'/'.join(owner)}.")
        self.release(key)
        try:
            listening = self._sockets.open(port)
        except OSError as error:
            raise PortUnavailable(f"Port {port} of this machine's loopback cannot be opened: {error.strerror or error}.") from error
        lookup, name = one_service(self._table, *key), f"loopback port {port}"
        outside = self._ingress.listen_outside(listening, lookup, name, self._ingress.tls) if host_port else None
        self._open[key] = port, outside or self._ingress.listen(listening, lookup, name)
        return port

    def release(self, key: Key) -> None:
        if key in self._open:
            self._sockets.close(self._open[key][0])
            self._close(key)

    def _close(self, key: Key) -> None:
        found = self._open.pop(key, None)
        if found is not None:
            task = asyncio.create_task(found[1].close(), name=f"close loopback port {found[0]}")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def _parse_port(text: Any, offset: int) -> int:
    if not (str(text).isascii() and str(text).isdigit() and 0 < int(text) + offset < 65536):
        raise PortUnavailable(f"The annotation {ANNOTATION} must be a port number, not {str(text)[:40]!r}.")
    return int(text) + offset
