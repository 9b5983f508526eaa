"""What a probe says of a server that closes the connection, with and without a reset."""

import asyncio
import socket
import struct

import pytest

from knative.local.serving.pods.probes import Probe, run_probe


async def connect(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    return connection


async def execute(command: object, timeout_seconds: float) -> str:
    raise NotImplementedError


@pytest.mark.parametrize("is_reset", [False, True])
async def test_a_connection_that_is_closed_has_no_answer(is_reset: bool) -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if is_reset:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async with await asyncio.start_server(close, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        probe = Probe.of({"httpGet": {"path": "/"}, "timeoutSeconds": 60})
        reason = await run_probe(probe, port, execute, connect)
    assert reason == f"GET / on port {port}: the connection was closed without an answer"
