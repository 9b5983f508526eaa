"""Accept the connections of a listening socket, a bounded number at a time.

Further connections wait in the kernel's backlog.

asyncio's own servers accept without a bound and do not wait for their connections when they close. Here each connection
is a task that the listener owns: `close` ends them all and returns when each has closed its descriptors.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

EXHAUSTED_ERRORS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""The machine is out of descriptors or memory (accept(2)). It may have some later."""
PAUSE_SECONDS = 1.0
CLOSED_ERRORS = frozenset((errno.EBADF, errno.EINVAL, errno.ENOTSOCK))
BACKLOG = 128

Handle = Callable[[socket.socket], Awaitable[None]]
"""Serves one connection and closes it, however it ends."""


class Listener:
    def __init__(
        self,
        listening: socket.socket,
        handle: Handle,
        max_connections: int,
        name: str,
        backlog: int = BACKLOG,
        begins: asyncio.Event | None = None,
    ) -> None:
        """Take ownership of `listening`, a bound TCP socket. `max_connections`: at a time. `name`: for log lines.

        `begins`: accept nothing before; connections wait in the backlog.
        """
        listening.setblocking(False)
        listening.listen(backlog)
        self._begins = begins
        self._listening, self._handle, self._name = listening, handle, name
        self._slots = asyncio.Semaphore(max_connections)
        self._connections: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.create_task(self._accept(), name=f"accept {name}")

    @property
    def connections(self) -> int:
        return len(self._connections)

    def stop_accepting(self) -> None:
        """Leave further connections in the kernel's backlog. Those that were accepted go on."""
        self._accepting.cancel()  # it waits without a connection in hand, so none that was accepted is lost

    async def close(self) -> None:
        """Stop accepting and end all connections."""
        tasks = [self._accepting, *self._connections]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listening.close()

    async def _accept(self) -> None:
        if self._begins is not None:
            await self._begins.wait()
        while True:
            await self._slots.acquire()
            try:
                connection = await self._next_connection()
            except OSError as error:
                self._slots.release()
                if error.errno in CLOSED_ERRORS:
                    log.error("%s accepts no more connections: %s", self._name, error)
                    return
                if error.errno in EXHAUSTED_ERRORS:
                    await asyncio.sleep(PAUSE_SECONDS)
                continue
            task = asyncio.create_task(self._serve(connection), name=f"connection of {self._name}")
            self._connections.add(task)
            task.add_done_callback(self._on_end)

    async def _next_connection(self) -> socket.socket:
        """Not `sock_accept`: cancelled in the moment after it has accepted, it drops the connection. Raises OSError."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = self._listening.accept()
            except BlockingIOError:
                readable = asyncio.Event()
                loop.add_reader(self._listening, readable.set)
                try:
                    await readable.wait()
                finally:
                    loop.remove_reader(self._listening)
            else:
                connection.setblocking(False)
                return connection

    async def _serve(self, connection: socket.socket) -> None:
        try:
            await self._handle(connection)
        except OSError as error:
            log.debug("%s: %s", self._name, error)
        finally:
            connection.close()

    def _on_end(self, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: a connection failed", self._name, exc_info=error)
