"""Relay connections from a pod's network to a port of this machine's loopback.

For destinations that an operator granted to builds: proxies, package mirrors, private git servers. A connection ends
when both sides have closed it, after IDLE_SECONDS without data, or with the pod.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from knative.local.serving.http.listeners import Listener
from knative.local.settings import LOOPBACK

CHUNK_BYTES = 1 << 16
MAX_CONNECTIONS = 128
"""At a time, for one port of one build. Installers open up to 50 (uv)."""
IDLE_SECONDS = 300.0
CONNECT_SECONDS = 10.0


def relay(listening: socket.socket, port: int, *, max_connections: int = MAX_CONNECTIONS, idle_seconds: float = IDLE_SECONDS) -> Listener:
    """Relay connections to `listening` to `port` of this machine's loopback. The listener owns the socket."""

    async def handle(connection: socket.socket) -> None:
        await _relay_connection(connection, port, idle_seconds)

    return Listener(listening, handle, max_connections, f"relay to port {port}")


async def _relay_connection(connection: socket.socket, port: int, idle_seconds: float) -> None:
    """Raises OSError when nothing listens on the port or a connection fails, TimeoutError when it is idle."""
    loop = asyncio.get_running_loop()
    connection.setblocking(False)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as upstream:
        upstream.setblocking(False)
        async with asyncio.timeout(CONNECT_SECONDS):
            await loop.sock_connect(upstream, (LOOPBACK, port))
        await copy_both_ways(connection, upstream, idle_seconds)


async def copy_both_ways(connection: socket.socket, upstream: socket.socket, idle_seconds: float) -> None:
    """Copy until both sides have closed. Raises OSError when one fails, TimeoutError when both are idle."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(idle_seconds) as idle, asyncio.TaskGroup() as directions:

            def on_data() -> None:
                idle.reschedule(loop.time() + idle_seconds)

            directions.create_task(_copy(connection, upstream, on_data))
            directions.create_task(_copy(upstream, connection, on_data))
    except ExceptionGroup as group:  # not `except*`: what that raises is a group again
        if not all(isinstance(error, OSError) for error in group.exceptions):
            raise
        raise OSError(f"a relayed connection failed: {group.exceptions[0]}") from group


async def _copy(source: socket.socket, target: socket.socket, on_data: Callable[[], None]) -> None:
    """Copy until the source ends, then close that direction of the target (RFC 9293 section 3.6).

    The other direction stays open.
    """
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, CHUNK_BYTES):
        on_data()
        await loop.sock_sendall(target, data)
        on_data()
    with contextlib.suppress(OSError):  # the target is closed already
        target.shutdown(socket.SHUT_WR)
