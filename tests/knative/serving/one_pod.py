"""An ingress in front of one pod, over real sockets: what the pod receives, what the client gets and what is measured."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from knative.local.serving.http.clients import Clients
from knative.local.serving.http.server import ClientConnection
from knative.local.serving.http.upstreams import Upstreams
from knative.local.serving.ingress import Ingress
from knative.local.serving.pods.network import PodNetworks
from knative.local.serving.request_queue import NotReadyInTime
from knative.local.serving.routing import RouteEntry

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
WAIT_SECONDS = 60.0


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until(self, end: bytes) -> bytes:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.reader.readuntil(end)

    async def response(self) -> tuple[int, bytes, bytes]:
        """Return (status, head in lower case, body) of a response with a Content-Length."""
        head = (await self.until(b"\r\n\r\n")).lower()
        length = re.search(rb"content-length: (\d+)", head)
        async with asyncio.timeout(WAIT_SECONDS):
            body = await self.reader.readexactly(int(length[1])) if length else b""
        return int(head.split()[1]), head, body

    async def is_closed(self) -> bool:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.reader.read(1) == b""


@dataclass
class Pod:
    """A server that records what it receives and answers as its script says."""

    answer: Callable[["Pod", asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                await self.answer(self, reader, writer, head)
        writer.close()


async def read_body(pod: Pod, reader: asyncio.StreamReader, head: bytes) -> None:
    length = re.search(rb"content-length: (\d+)", head.lower())
    if length:
        pod.bodies.append(await reader.readexactly(int(length[1])))
    elif b"transfer-encoding: chunked" in head.lower():
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        pod.bodies.append(body)


def answers(data: bytes, close: bool = False) -> Pod:
    async def answer(pod: Pod, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        await read_body(pod, reader, head)
        writer.write(data)
        await writer.drain()
        if close:
            writer.close()

    return Pod(answer)


class OneRoute:
    """Routing with one Service, whose host is shop.localhost and whose pod listens on a port."""

    def __init__(self, port: int) -> None:
        pod = SimpleNamespace(port=port)

        async def acquire(timeout: float) -> Any:
            if timeout < self.start_seconds:
                raise NotReadyInTime("No pod was ready in time.")
            return pod

        scaler = SimpleNamespace(
            name="shop-00001", timeout_seconds=WAIT_SECONDS, ready_pods=0, failure=None, acquire=acquire, release=lambda pod: None
        )
        self.start_seconds = 0.0
        """A request that may wait this long gets the pod; any other is refused at once."""
        route = RouteEntry("app-x", "shop", "uid", "shop.localhost", ())
        self._route = route
        self.table = SimpleNamespace(domain=lambda host: None, by_host=lambda host: (self._route, None) if host == route.host else None)
        self.scaler = lambda route, target: scaler
        self.scaler_of_request = lambda route, target, exchange: scaler
        self.clients = Clients()
        """The connections of its ingress."""
        self.measured: list[int] = []
        """The status of each measured request."""

    def change(self, **fields: Any) -> None:
        """Change fields of the Route."""
        self._route = replace(self._route, **fields)

    def record_request(self, route: object, revision: str, status: int, seconds: float) -> None:
        self.measured.append(status)


@asynccontextmanager
async def measuring_ingress(pod: Pod, *health_check_keys: str) -> AsyncIterator[tuple[int, OneRoute]]:
    """Yield the port of an ingress in front of the pod, and what it routes and measures."""
    backend = await asyncio.start_server(pod.serve, "127.0.0.1", 0)
    upstreams = Upstreams(PodNetworks().connect)
    routing = OneRoute(backend.sockets[0].getsockname()[1])
    clients = routing.clients
    found = Ingress(routing, upstreams, 0, lambda: health_check_keys)  # type: ignore[arg-type]
    server = await asyncio.get_running_loop().create_server(lambda: ClientConnection(found.serve, clients), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], routing
    finally:
        for connection in clients:
            connection.close()
        upstreams.close()
        server.close()
        backend.close()


@asynccontextmanager
async def ingress(pod: Pod) -> AsyncIterator[Callable[[], Awaitable[Client]]]:
    """Yield a function that connects to an ingress in front of the pod."""
    opened: list[Client] = []
    async with measuring_ingress(pod) as (port, _):

        async def connect() -> Client:
            client = Client(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 24))
            opened.append(client)
            return client

        try:
            yield connect
        finally:
            for client in opened:
                client.writer.close()


def head(*lines: str, first: str = "GET / HTTP/1.1") -> bytes:
    return "\r\n".join([first, "Host: shop.localhost", *lines, "", ""]).encode()


def names(request: bytes) -> list[bytes]:
    return [line.partition(b":")[0] for line in request.split(b"\r\n")[1:] if line]
