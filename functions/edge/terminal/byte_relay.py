"""Pass the bytes of one TCP connection on, between a client's WebSocket and a data service (`functions.wire.tunnel_messages`).

Each direction reads only what the other side has accepted, so a slow reader slows its writer down, and nothing is collected here.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field

from starlette.websockets import WebSocket, WebSocketDisconnect

from functions.edge.terminal.stream_proxy import Ending
from functions.wire.tunnel_messages import CHUNK_BYTES, END


@dataclass
class ByteRelay:
    """One connection. `ending`: done when the user may not stay connected; its result says why."""

    client: WebSocket
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    ending: Awaitable[Ending]
    idle_seconds: float
    sent_bytes: int = 0
    """To the service."""
    received_bytes: int = 0
    _client_has_ended: asyncio.Event = field(default_factory=asyncio.Event)
    _last_at: float = 0.0

    async def run(self) -> Ending:
        """Return when both directions have ended, one side is gone, or something else ends the connection."""
        self._touch()
        endings = (self._to_service(), self._to_client(), self._await_silence(), self._await_ending())
        tasks = [asyncio.ensure_future(each) for each in endings]
        ending = None
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            ending = next(task for task in tasks if task in done).result()
            return ending
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if ending is not Ending.COMPLETE:
                self.writer.transport.abort()  # what has not been written concerns nobody

    async def _to_service(self) -> Ending:
        """Return only when one side is gone: the end of the client's direction leaves the other one open."""
        try:
            while (data := await self._receive()) is not None:
                if self._client_has_ended.is_set():
                    continue
                if data == END:
                    self._client_has_ended.set()
                    self.writer.write_eof()
                    continue
                self.writer.write(data)
                await self.writer.drain()
                self.sent_bytes += len(data)
                self._touch()
        except OSError:
            return Ending.SERVICE_LOST
        return Ending.CLIENT_LEFT

    async def _receive(self) -> bytes | None:
        """Return the client's next message; None when it has disconnected."""
        while True:
            received = await self.client.receive()
            if received["type"] == "websocket.disconnect":
                return None
            if received.get("bytes") is not None:
                return bytes(received["bytes"])

    async def _to_client(self) -> Ending:
        try:
            while data := await self.reader.read(CHUNK_BYTES):
                await self.client.send_bytes(data)
                self.received_bytes += len(data)
                self._touch()
            await self.client.send_bytes(END)
        except WebSocketDisconnect:
            return Ending.CLIENT_LEFT
        except OSError:
            return Ending.SERVICE_LOST
        await self._client_has_ended.wait()
        return Ending.COMPLETE

    async def _await_silence(self) -> Ending:
        loop = asyncio.get_running_loop()
        while True:
            remaining_seconds = self._last_at + self.idle_seconds - loop.time()
            if remaining_seconds <= 0:
                return Ending.IDLE
            await asyncio.sleep(remaining_seconds)

    async def _await_ending(self) -> Ending:
        return await self.ending

    def _touch(self) -> None:
        self._last_at = asyncio.get_running_loop().time()
