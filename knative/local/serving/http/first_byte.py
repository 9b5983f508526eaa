"""Tell TLS from plain HTTP by the first byte of a connection, without taking it."""

import asyncio
import socket

HANDSHAKE = b"\x16"
"""The content type of the record that a client begins TLS with (RFC 8446 section 5.1)."""


async def is_tls(connection: socket.socket, timeout_seconds: float) -> bool | None:
    """Whether the client begins TLS; None if it closes or sends nothing in time. `connection` does not block. Raises OSError."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await asyncio.wait_for(readable.wait(), timeout_seconds)
        first = connection.recv(1, socket.MSG_PEEK)
        return first == HANDSHAKE if first else None
    except TimeoutError:
        return None
    finally:
        loop.remove_reader(connection)
