"""Accepts the connections of one listening socket, a bounded number at a time; the next ones wait in the kernel's backlog.

asyncio's own servers accept without a bound and do not wait for what they began. Here a connection is a task that the listener owns: `close` ends
them all, and returns when each has closed its descriptors.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

SERIOUS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""The machine is out of descriptors or memory (accept(2)): it may have some later."""
PAUSE_SECONDS = 1.0
GONE = frozenset((errno.EBADF, errno.EINVAL, errno.ENOTSOCK))

Handle = Callable[[socket.socket], Awaitable[None]]
"""Serves one connection and closes it, however it ends."""


class Listener:
    def __init__(self, listening: socket.socket, handle: Handle, limit: int, name: str) -> None:
        """Takes ownership of `listening`, a bound TCP socket. `limit`: connections at a time."""
        listening.setblocking(False)
        listening.listen(128)
        self._listening, self._handle, self._name = listening, handle, name
        self._places = asyncio.Semaphore(limit)
        self._connections: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.create_task(self._accept(), name=f"accept {name}")

    @property
    def connections(self) -> int:
        return len(self._connections)

    async def close(self) -> None:
        """No more connections, and those that are there end."""
        tasks = [self._accepting, *self._connections]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listening.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._places.acquire()
            try:
                connection, _ = await loop.sock_accept(self._listening)
            except OSError as error:
                self._places.release()
                if error.errno in GONE:
                    log.error("%s accepts no more connections: %s", self._name, error)
                    return
                if error.errno in SERIOUS:
                    await asyncio.sleep(PAUSE_SECONDS)
                continue
            task = asyncio.create_task(self._serve(connection), name=f"connection of {self._name}")
            self._connections.add(task)
            task.add_done_callback(self._ended)

    async def _serve(self, connection: socket.socket) -> None:
        try:
            await self._handle(connection)
        except OSError as error:
            log.debug("%s: %s", self._name, error)
        finally:
            connection.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        self._places.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: a connection failed", self._name, exc_info=error)
