"""A tunnel to a data service: a listener on this machine's loopback, and a WebSocket for each connection that it accepts.

Binary messages are the bytes of a connection; an empty one ends its sender's direction. Each direction reads only what the other side has accepted.
"""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from cli.client import Json
from cli.failures import ExitCode, Failure
from cli.tickets import NOT_OPENED, failure_of, options_of

PROTOCOL = Subprotocol("v1.tunnel.capsule.dev")
LOOPBACK = "127.0.0.1"
END = b""
OPEN_SECONDS = 30
"""The function may have to start first."""
CLOSE_SECONDS = 2
PONG_SECONDS = 600
"""Pings wait behind data, and data behind a slow reader, such as a COPY behind a lock."""
CHUNK_BYTES = 1 << 16
RENEW_SECONDS = 60
"""Before a ticket accepts no new connections, the next one is requested."""
MAX_QUEUE = 4
"""Messages of a service that wait for a slow local client."""
REFUSED_CODES = (4401, 4403)
"""The session or the permission has ended."""


class TunnelClosed(Failure):
    """The tunnel was refused. The text says why."""


class Tunnel:
    """Accepts connections in a thread of its own while the block runs.

    `open_ticket`: requests a ticket of the API; it is called from the thread too. `note`: prints a message for people.
    """

    def __init__(self, open_ticket: Callable[[], Json], ca_file: str, note: Callable[[str], None], port: int = 0) -> None:
        self._open_ticket, self._ca_file, self._note = open_ticket, ca_file, note
        self.grant: Json = {}
        """The newest answer of the API: the ticket, the user, the password, the database."""
        self.port = port
        self.failure: Failure | None = None
        """Why it accepts no more connections."""
        self.closed = threading.Event()
        """Set with `failure`."""
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()
        self._renewing = asyncio.Lock()
        self._notes: set[str] = set()

    def __enter__(self) -> Self:
        """Raises Failure if the API or the service refuses, or the port is not free."""
        self.grant = self._open_ticket()
        listening = _listen(self.port)
        self.port = listening.getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._check(), self._loop).result()
            starting = asyncio.start_server(self._accept, sock=listening, limit=CHUNK_BYTES)
            self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        except BaseException:
            listening.close()
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _check(self) -> None:
        """Connect once, so that what is wrong is known before a client reports it as a lost connection."""
        async with self._connection():
            return

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._renew()
            async with self._connection() as connection:
                await self._relay(connection, reader, writer)
        except Failure as failure:
            self._report(failure.detail or failure.title)
            if failure.exit_code is not ExitCode.UNAVAILABLE:
                self._fail(failure)
        except OSError:
            return  # the local client has left
        finally:
            writer.transport.abort()

    async def _relay(self, connection: ClientConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Return when both directions have ended. Raises OSError when the local side breaks."""
        directions = (asyncio.ensure_future(_send(connection, reader)), asyncio.ensure_future(_receive(connection, writer)))
        try:
            await asyncio.gather(*directions)
            writer.close()
            await writer.wait_closed()
        except ConnectionClosed as closed:
            self._report_end(closed)
        finally:
            for task in directions:
                task.cancel()
            await asyncio.gather(*directions, return_exceptions=True)

    def _report_end(self, closed: ConnectionClosed) -> None:
        """A connection that ends before both directions have ended was ended by the other side."""
        reason = closed.rcvd.reason if closed.rcvd else ""
        self._report(reason or "A connection of the tunnel was lost.")
        if closed.rcvd and closed.rcvd.code in REFUSED_CODES:
            self._fail(TunnelClosed("The tunnel is closed", reason, exit_code=ExitCode.REFUSED))

    async def _renew(self) -> None:
        """Request another ticket when the present one is about to end. Raises Failure."""
        async with self._renewing:
            if datetime.fromisoformat(self.grant["acceptsUntil"]).timestamp() - time.time() < RENEW_SECONDS:
                self.grant = await asyncio.to_thread(self._open_ticket)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[ClientConnection]:
        """Connect to the service. Raises TunnelClosed when it is refused."""
        options = options_of(self.grant, PROTOCOL, self._ca_file)
        try:
            connection = await connect(
                **options, open_timeout=OPEN_SECONDS, close_timeout=CLOSE_SECONDS, ping_timeout=PONG_SECONDS, max_queue=MAX_QUEUE
            )
        except NOT_OPENED as error:
            raise failure_of(error, self.grant, "Cannot connect to the data service", TunnelClosed) from error
        try:
            yield connection
        finally:
            await connection.close()

    def _fail(self, failure: Failure) -> None:
        self.failure = self.failure or failure
        self._server.close()
        self.closed.set()

    def _report(self, text: str) -> None:
        """Print each message once: a pool of connections ends with one reason."""
        if text not in self._notes:
            self._notes.add(text)
            self._note(text)


def _listen(port: int) -> socket.socket:
    """Raises Failure."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise Failure(f"Cannot listen on {LOOPBACK}:{port}", reason, hint="Choose another port with --port, or none for a free one.") from error
    return listening


async def _send(connection: ClientConnection, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(CHUNK_BYTES):
        await connection.send(data)
    await connection.send(END)


async def _receive(connection: ClientConnection, writer: asyncio.StreamWriter) -> None:
    while data := await connection.recv(decode=False):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
