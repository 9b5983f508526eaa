"""Carries connections of a pod's network to a port of this machine's loopback, byte by byte.

For what an operator named to builds: proxies, package mirrors, private git servers. A connection ends when both sides have said so, when nothing
passes for IDLE_SECONDS, or with the pod.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from knative.local.serving.listeners import Listener
from knative.local.settings import LOOPBACK

CHUNK_BYTES = 1 << 16
CONNECTIONS = 128
"""At a time, for one port of one build. Installers fetch with up to 50 (uv) connections."""
IDLE_SECONDS = 300.0
CONNECT_SECONDS = 10.0


def relay(listening: socket.socket, port: int, *, limit: int = CONNECTIONS, idle_seconds: float = IDLE_SECONDS) -> Listener:
    """Serve `listening` by connections to `port` of this machine's loopback. The listener owns the socket."""

    async def carry(connection: socket.socket) -> None:
        await _carry(connection, port, idle_seconds)

    return Listener(listening, carry, limit, f"relay to port {port}")


async def _carry(connection: socket.socket, port: int, idle_seconds: float) -> None:
    """Raises OSError when nothing listens on the port, or a side breaks off."""
    loop = asyncio.get_running_loop()
    connection.setblocking(False)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as there:
        there.setblocking(False)
        async with asyncio.timeout(CONNECT_SECONDS):
            await loop.sock_connect(there, (LOOPBACK, port))
        try:
            async with asyncio.timeout(idle_seconds) as idle, asyncio.TaskGroup() as both:

                def passed() -> None:
                    idle.reschedule(loop.time() + idle_seconds)

                both.create_task(_pump(connection, there, passed))
                both.create_task(_pump(there, connection, passed))
        except* OSError as errors:
            raise OSError(f"the connection broke off: {errors.exceptions[0]}") from errors


async def _pump(source: socket.socket, target: socket.socket, passed: Callable[[], None]) -> None:
    """Until the source sends no more; the target is then told so (RFC 9293 section 3.6), and may go on sending."""
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, CHUNK_BYTES):
        passed()
        await loop.sock_sendall(target, data)
        passed()
    with contextlib.suppress(OSError):  # it is closed already
        target.shutdown(socket.SHUT_WR)
