"""A client of HTTP/2 that a test drives frame by frame, and an ingress with TLS in front of one pod."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    SettingsAcknowledged,
    StreamEnded,
    StreamReset,
)
from hyperframe.frame import GoAwayFrame

from knative.local.serving.http.http2.frame_gate import GOAWAY
from knative.local.serving.http.tls_contexts import server_context
from knative.local.serving.http.upstreams import Upstreams
from knative.local.serving.ingress import Ingress
from knative.local.serving.pods.network import PodNetworks
from tests.certificates import Authority
from tests.knative.serving.one_pod import WAIT_SECONDS, OneRoute, Pod

HOST = "shop.localhost"


@dataclass
class Response:
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    interim: list[int] = field(default_factory=list)
    is_whole: bool = False
    reset: int | None = None
    """The code of RST_STREAM."""

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


class Client:
    """`reads_bodies`: whether it gives room for more of a response when it has received data."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False))
        self.responses: dict[int, Response] = {}
        self.goaways: list[GoAwayFrame] = []
        self._rest = b""
        self.reads_bodies = True
        self.is_closed = self.is_acknowledged = False
        self._changed = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def begin(self) -> None:
        self.h2.initiate_connection()
        await self.flush()

    async def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())
        await self.writer.drain()

    async def send_raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def request(self, *headers: tuple[str, str], method: str = "GET", path: str = "/", host: str = HOST, end: bool = True) -> int:
        """Return the id of the stream."""
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "https"), (":authority", host), (":path", path), *headers]
        self.h2.send_headers(stream, fields, end_stream=end)
        self.responses[stream] = Response()
        await self.flush()
        return stream

    async def send(self, stream: int, data: bytes, end: bool = False) -> None:
        self.h2.send_data(stream, data, end_stream=end)
        await self.flush()

    async def response(self, stream: int) -> Response:
        """Wait until it is whole, or was reset."""
        found = self.responses[stream]
        await self.until(lambda: found.is_whole or found.reset is not None)
        return found

    async def get(self, *headers: tuple[str, str], method: str = "GET", path: str = "/", host: str = HOST) -> Response:
        return await self.response(await self.request(*headers, method=method, path=path, host=host))

    async def until(self, is_true: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_SECONDS), self._changed:
            await self._changed.wait_for(lambda: is_true() or self.is_closed)
        assert is_true(), "the connection was closed"

    async def until_closed(self) -> None:
        await self.until(lambda: self.is_closed)

    async def _read(self) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            while data := await self.reader.read(1 << 16):
                for event in self.h2.receive_data(self._without_goaway(data)):
                    self._handle(event)
                with suppress(ConnectionError):
                    await self.flush()
                async with self._changed:
                    self._changed.notify_all()
        self.is_closed = True
        async with self._changed:
            self._changed.notify_all()

    def _without_goaway(self, data: bytes) -> bytes:
        """h2 takes nothing more after GOAWAY, but streams that have begun go on (RFC 9113 section 6.8)."""
        self._rest += data
        passed = bytearray()
        while len(self._rest) >= 9 and len(self._rest) >= (size := 9 + int.from_bytes(self._rest[:3], "big")):
            frame, self._rest = self._rest[:size], self._rest[size:]
            if frame[3] == GOAWAY:
                parsed, _ = GoAwayFrame.parse_frame_header(memoryview(frame[:9]))
                parsed.parse_body(memoryview(frame[9:]))
                self.goaways.append(parsed)
            else:
                passed += frame
        return bytes(passed)

    def _handle(self, event: Event) -> None:
        if isinstance(event, SettingsAcknowledged):
            self.is_acknowledged = True
        response = self.responses.get(getattr(event, "stream_id", None) or 0)
        if response is None:
            return
        if isinstance(event, InformationalResponseReceived):
            response.interim.append(int(dict(event.headers)[":status"]))
        elif isinstance(event, ResponseReceived):
            response.headers = [(str(name), str(value)) for name, value in event.headers]
            response.status = int(response.header(":status") or 0)
        elif isinstance(event, DataReceived):
            response.body += event.data
            if self.reads_bodies:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            response.is_whole = True
        elif isinstance(event, StreamReset):
            response.reset = int(event.error_code)

    def close(self) -> None:
        self._reading.cancel()
        self.writer.close()


@dataclass
class Server:
    port: int
    routing: OneRoute
    ingress: Ingress
    trust: ssl.SSLContext
    clients: list[Client] = field(default_factory=list)

    async def connect(self, begin: bool = True) -> Client:
        context = self.trust
        context.set_alpn_protocols(["h2"])
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=HOST, limit=1 << 24))
        self.clients.append(client)
        assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        if begin:
            await client.begin()
        return client

    @property
    def connections(self) -> list[Any]:
        return list(self.ingress._clients)

    async def connection_of(self, client: Client) -> Any:
        """The ingress's side of the only client."""
        await client.until(lambda: client.is_acknowledged)
        (found,) = self.connections
        return found

    async def expire(self, seconds: float) -> None:
        """Let time pass for the connections that are open."""
        for each in self.ingress._clients:
            each.expire(asyncio.get_running_loop().time() + seconds)


@asynccontextmanager
async def https_ingress(pod: Pod, folder: Path) -> AsyncIterator[Server]:
    """An ingress that speaks TLS, in front of the pod."""
    authority = Authority()
    context = server_context()
    context.load_cert_chain(*authority.write(folder, HOST))
    backend = await asyncio.start_server(pod.serve, "127.0.0.1", 0)
    routing = OneRoute(backend.sockets[0].getsockname()[1])
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    ingress = Ingress(routing, Upstreams(PodNetworks().connect), port, open_port=lambda _: listening, tls=context)  # type: ignore[arg-type]
    await ingress.start()
    server = Server(port, routing, ingress, ssl.create_default_context(cafile=authority.trust(folder)))
    try:
        yield server
    finally:
        for client in server.clients:
            client.close()
        await ingress.stop()
        backend.close()
