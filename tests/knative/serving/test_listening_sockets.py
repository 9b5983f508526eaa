"""Listening sockets outlive their process: what connects in between is accepted by the next one. The ingress answers what has begun."""

import asyncio
import socket
from pathlib import Path

import pytest

from knative.local import listening_sockets
from knative.local.listening_sockets import ListeningSockets


async def test_a_connection_between_two_processes_is_accepted_by_the_second(tmp_path: Path, unused_tcp_port: int) -> None:
    first = ListeningSockets(tmp_path / "sock", {})
    await first.start()
    used = first.open(unused_tcp_port)
    assert (tmp_path / "sock").stat().st_mode & 0o777 == 0o600
    held = await asyncio.to_thread(listening_sockets.take, tmp_path / "sock")
    assert list(held) == [unused_tcp_port]
    used.close()
    await first.stop()
    assert not (tmp_path / "sock").exists()

    client = socket.create_connection(("127.0.0.1", unused_tcp_port), timeout=5)  # nobody accepts now
    client.sendall(b"hello")
    passed = {port: each.dup() for port, each in held.items()}
    second = ListeningSockets(tmp_path / "sock", listening_sockets.parse(listening_sockets.describe(passed)))
    for each in passed.values():
        each.detach()  # the second one owns them, as a process owns what it inherits
    await second.start()
    accepted, _ = await asyncio.get_running_loop().sock_accept(second.open(unused_tcp_port))
    assert accepted.recv(5) == b"hello"
    for each in (accepted, client, *held.values()):
        each.close()
    await second.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", unused_tcp_port), timeout=5)


async def test_a_state_folder_may_have_a_long_path(tmp_path: Path, unused_tcp_port: int) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    sockets = ListeningSockets(folder / "listening.sock", {})
    await sockets.start()
    sockets.open(unused_tcp_port).close()
    held = await asyncio.to_thread(listening_sockets.take, folder / "listening.sock")
    assert list(held) == [unused_tcp_port]
    held[unused_tcp_port].close()
    await sockets.stop()


def test_a_process_that_does_not_run_gives_none(tmp_path: Path) -> None:
    assert listening_sockets.take(tmp_path / "sock") == {}


@pytest.mark.parametrize("text", ["7080", "7080=x", "=3"])
def test_a_wrong_description_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        listening_sockets.parse(text)
