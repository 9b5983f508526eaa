"""Connections through a tunnel: the command's own client, the function that serves terminals, and TCP servers of the test."""

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from socket import SO_LINGER, SO_RCVBUF, SOL_SOCKET, socket

import pytest

from cli.failures import Failure
from cli.tunnel import TunnelClosed
from functions.edge.terminal import tunnels
from tests.edge.tunnel_server import TunnelServer, tunnel_server, until
from tests.waiting import wait_limit

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
MIB = 1 << 20


@pytest.fixture
async def server() -> AsyncIterator[TunnelServer]:
    async with tunnel_server() as opened:
        yield opened


@asynccontextmanager
async def service(handle: Handler) -> AsyncIterator[int]:
    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    writer.close()


async def digest_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers after the end of the client's direction, as a program in a pipe does."""
    hashed = sha256()
    while data := await reader.read(65536):
        hashed.update(data)
    writer.write(hashed.hexdigest().encode())
    await writer.drain()
    writer.close()


async def test_bytes_come_back_unchanged_through_many_connections_at_once(server: TunnelServer) -> None:
    async def exchange(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        content = os.urandom(100_000)
        writer.write(content)
        writer.write_eof()
        assert await reader.read() == content
        writer.close()

    async with service(echo) as target, server.tunnel(target) as tunnel:
        await asyncio.gather(*(exchange(tunnel.port) for _ in range(20)))
        await until(lambda: server.open_connections == 0)
    assert server.notes == [] and len(server.deploy.ids) == 1


async def test_the_end_of_one_direction_leaves_the_other_open(server: TunnelServer) -> None:
    async with service(digest_at_the_end) as target, server.tunnel(target) as tunnel:
        reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
        content = os.urandom(MIB)
        writer.write(content)
        writer.write_eof()
        assert await reader.read() == sha256(content).hexdigest().encode()
        writer.close()


async def test_the_service_may_end_its_direction_first(server: TunnelServer) -> None:
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def greet_and_listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"ready")
        writer.write_eof()
        data = await reader.read()
        if data:
            received.set_result(data)
        writer.close()

    async with service(greet_and_listen) as target, server.tunnel(target) as tunnel:
        reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
        assert await reader.read() == b"ready"
        writer.write(b"still written")
        writer.write_eof()
        assert await asyncio.wait_for(received, wait_limit(10)) == b"still written"
        writer.close()
        await until(lambda: server.open_connections == 0)


async def test_a_slow_reader_slows_its_writer_down(server: TunnelServer) -> None:
    """Sends 64 MiB to a client that reads nothing: what is on the way stays small. Then all of it arrives."""
    size, sent = 64 * MIB, 0

    async def send_much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with contextlib.suppress(OSError):
            while sent < size and await reader.read(1):  # the check at the start of a tunnel sends nothing
                while sent < size:
                    writer.write(bytes(65536))
                    await writer.drain()
                    sent += 65536
        writer.close()

    async with service(send_much) as target, server.tunnel(target) as tunnel:
        slow = socket()
        slow.setsockopt(SOL_SOCKET, SO_RCVBUF, 65536)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, ("127.0.0.1", tunnel.port))
        await loop.sock_sendall(slow, b"x")
        await until(lambda: sent > 0)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.3)
        assert sent < 40 * MIB, "buffers of kernels and of the way"
        received = 0
        while data := await loop.sock_recv(slow, MIB):
            received += len(data)
        assert received == size
        slow.close()


async def test_a_slow_service_slows_its_client_down_and_a_client_that_leaves_is_noticed(server: TunnelServer) -> None:
    reading, outcome = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def read_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await reader.read(1):
            return writer.close()
        await reading.wait()
        try:
            count = 1
            while data := await reader.read(MIB):
                count += len(data)
            outcome.set_result(count)
        except OSError as error:
            outcome.set_result(error)
        writer.close()

    async with service(read_late) as target, server.tunnel(target) as tunnel:
        _, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                for _ in range(64):
                    writer.write(bytes(MIB))
                    await writer.drain()
        writer.transport.abort()
        reading.set()
        ended = await asyncio.wait_for(outcome, wait_limit(10))
        assert isinstance(ended, OSError) or ended < 64 * MIB
        await until(lambda: server.open_connections == 0)


async def test_a_reset_of_either_side_ends_the_other(server: TunnelServer) -> None:
    ended = asyncio.Event()

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1)
        if first == b"r":
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        elif first:
            with contextlib.suppress(OSError):
                await reader.read()
            ended.set()
        writer.close()

    async with service(reset) as target, server.tunnel(target) as tunnel:
        reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
        writer.write(b"r")
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        await until(lambda: bool(server.notes))
        assert "broke the connection" in server.notes[0]
        _, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
        writer.write(b"c")
        await writer.drain()
        await until(lambda: server.open_connections == 1)
        writer.transport.abort()
        await asyncio.wait_for(ended.wait(), wait_limit(10))
        await until(lambda: server.open_connections == 0)


@pytest.mark.parametrize(("case", "reason"), [("session", "session has ended"), ("access", "no longer connect"), ("time", "12 hours")])
async def test_a_connection_ends_with_session_permission_and_time(
    server: TunnelServer, case: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnels, "CHECK_SECONDS", 0.02)
    if case == "time":
        server.deploy.ends_after = timedelta(seconds=0.5)
    async with service(echo) as target, server.tunnel(target) as tunnel:
        reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
        writer.write(b"x")
        assert await reader.read(1) == b"x"
        server.deploy.is_unavailable = True
        await asyncio.sleep(0.1)
        writer.write(b"y")
        assert await reader.read(1) == b"y", "an unreachable check ends nothing"
        server.deploy.is_unavailable = False
        if case == "session":
            server.sessions.ended.add(server.deploy.session_id)
        elif case == "access":
            server.deploy.refusal = "This needs the permission service.connect."
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), wait_limit(10)) == b""
        await until(lambda: bool(server.notes))
        assert reason in server.notes[0]
        assert await asyncio.to_thread(tunnel.closed.wait, 5 if case != "time" else 0) == (case != "time")
        writer.close()


async def test_silence_ends_a_connection(server: TunnelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "IDLE_SECONDS", 0.3)
    async with service(echo) as target, server.tunnel(target) as tunnel:
        reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
        for _ in range(4):
            writer.write(b"x")
            assert await reader.read(1) == b"x"
            await asyncio.sleep(0.15)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), wait_limit(10)) == b""
        await until(lambda: bool(server.notes))
        assert "Nothing was sent" in server.notes[0] and not tunnel.closed.is_set()
        writer.close()


async def test_what_is_refused_at_the_start_is_an_error_of_the_command(server: TunnelServer, unused_tcp_port: int) -> None:
    with pytest.raises(TunnelClosed) as refused:
        async with server.tunnel(unused_tcp_port):
            pass
    assert "does not accept connections" in refused.value.detail
    server.deploy.refusal = "This needs the permission service.connect."
    async with service(echo) as target:
        with pytest.raises(TunnelClosed, match="Cannot connect to the data service") as refused:
            async with server.tunnel(target):
                pass
        assert refused.value.detail == server.deploy.refusal
        server.deploy.refusal = ""
        server.deploy.accepts_for = timedelta(seconds=-1)
        with pytest.raises(TunnelClosed) as refused:
            async with server.tunnel(target):
                pass
        assert "hour is over" in refused.value.detail


async def test_a_port_in_use_is_named(server: TunnelServer) -> None:
    from cli.tunnel import Tunnel

    async with service(echo) as target:
        with pytest.raises(Failure, match=f"Cannot listen on 127.0.0.1:{target}"):
            await asyncio.to_thread(Tunnel(lambda: server.grant(target), "", server.notes.append, target).__enter__)


async def test_a_ticket_is_renewed_before_its_hour_is_over(server: TunnelServer) -> None:
    async with service(echo) as target, server.tunnel(target) as tunnel:
        requested, open_ticket = [], tunnel._open_ticket

        def count() -> dict[str, object]:
            requested.append(1)
            return open_ticket()

        tunnel._open_ticket = count
        for seconds, expected in ((3600, 0), (30, 1)):
            tunnel.grant = {**tunnel.grant, "acceptsUntil": server.grant(target)["acceptsUntil"]}
            if seconds == 30:
                server.deploy.accepts_for = timedelta(seconds=30)
                tunnel.grant = server.grant(target)
                server.deploy.accepts_for = timedelta(hours=1)
            reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
            writer.write(b"x")
            assert await reader.read(1) == b"x"
            writer.close()
            assert len(requested) == expected


async def test_an_account_has_a_bounded_number_of_connections(server: TunnelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "MAX_CONNECTIONS_OF_ACCOUNT", 3)
    async with service(echo) as target, server.tunnel(target) as tunnel:
        await until(lambda: server.open_connections == 0)
        opened = [await asyncio.open_connection("127.0.0.1", tunnel.port) for _ in range(4)]
        for _, writer in opened:
            writer.write(b"x")
        answers = await asyncio.gather(*(reader.read(1) for reader, _ in opened), return_exceptions=True)
        assert sum(each == b"x" for each in answers) == 3
        await until(lambda: bool(server.notes))
        assert server.notes == ["Too many connections are open, 3 of them in your account."]
        for _, writer in opened:
            writer.transport.abort()
        await until(lambda: server.open_connections == 0)


async def test_one_task_watches_all_connections_of_a_tunnel(server: TunnelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "CHECK_SECONDS", 0.1)
    async with service(echo) as target, server.tunnel(target) as tunnel:
        opened = [await asyncio.open_connection("127.0.0.1", tunnel.port) for _ in range(10)]
        for _, writer in opened:
            writer.write(b"x")
        await asyncio.gather(*(reader.read(1) for reader, _ in opened))
        before = server.deploy.questions
        await asyncio.sleep(0.55)
        assert 2 <= server.deploy.questions - before <= 7
        for _, writer in opened:
            writer.close()
        await until(lambda: server.open_connections == 0)
        assert server.terminal._tunnels._open == {}
