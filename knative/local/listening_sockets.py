"""Listening sockets that outlive this process: the next one of the same state folder inherits them, so no connection is refused in between.

`up` takes them over a Unix socket (`take`), stops this process and starts the next one with them (as sd_listen_fds(3) does). Connections
that arrive while neither accepts wait in the kernel's backlog.
"""

import asyncio
import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
BACKLOG = 2048
MAX_SOCKETS = 64
TAKE_TIMEOUT_SECONDS = 5.0
MAX_LIST_BYTES = 4096


class ListeningSockets:
    """A Runnable. Start it before what listens, and stop it after."""

    def __init__(self, path: Path, inherited: Mapping[int, int]) -> None:
        """`path`: of the Unix socket. `inherited`: port → descriptor."""
        self._path = path
        self._open = {port: socket.socket(fileno=descriptor) for port, descriptor in inherited.items()}
        self._offer: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        self._offer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        with _short_address(self._path) as address:
            self._offer.bind(address)
        self._path.chmod(0o600)
        self._offer.listen()
        self._accepting = asyncio.create_task(self._give(self._offer), name="hand over listening sockets")

    async def stop(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        if self._offer is not None:
            self._offer.close()
            self._path.unlink(missing_ok=True)
        for port in list(self._open):
            self.close(port)

    def open(self, port: int, address: str = LOOPBACK) -> socket.socket:
        """Return a descriptor of the socket that listens on a port. The caller closes it; the socket listens until `close`.

        `address`: an inherited socket that listens elsewhere is replaced. Raises OSError.
        """
        if port in self._open and self._open[port].getsockname()[0] != address:
            self.close(port)
        if port not in self._open:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            opened = socket.create_server((address, port), family=family, backlog=BACKLOG, dualstack_ipv6=address == "::")
            opened.setblocking(False)
            self._open[port] = opened
        return self._open[port].dup()

    def close(self, port: int) -> None:
        """Stop listening, unless a next process has taken the socket. Idempotent."""
        if (found := self._open.pop(port, None)) is not None:
            found.close()

    async def _give(self, offer: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(offer)
            with client, suppress(OSError):  # a client that has left gets nothing
                ports = list(self._open)[:MAX_SOCKETS]
                socket.send_fds(client, [json.dumps(ports).encode()], [self._open[port].fileno() for port in ports])


def take(path: Path) -> dict[int, socket.socket]:
    """Return the sockets of a running process by port. None of a process that does not run, or of a version without them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(TAKE_TIMEOUT_SECONDS)
        try:
            with _short_address(path) as address:
                client.connect(address)
            data, descriptors, _, _ = socket.recv_fds(client, MAX_LIST_BYTES, MAX_SOCKETS)
        except OSError as error:
            log.info("no listening sockets from %s: %s", path, error)
            return {}
    ports = json.loads(data) if data else []
    return {port: socket.socket(fileno=descriptor) for port, descriptor in zip(ports, descriptors, strict=True)}


@contextmanager
def _short_address(path: Path) -> Iterator[str]:
    """An address of a Unix socket whose path may be longer than the 107 bytes of sun_path (unix(7)). Raises OSError."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def describe(sockets: Mapping[int, socket.socket]) -> str:
    """Return the value of the environment variable with which the next process finds them."""
    return ",".join(f"{port}={each.fileno()}" for port, each in sockets.items())


def parse(text: str) -> dict[int, int]:
    """Return port → descriptor. Raises ValueError."""
    pairs = dict((int(port), int(descriptor)) for port, _, descriptor in (each.partition("=") for each in text.split(",") if each))
    for descriptor in pairs.values():
        os.set_inheritable(descriptor, False)
    return pairs
