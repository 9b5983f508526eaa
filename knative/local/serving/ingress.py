"""The door: a request's Host names a Route, the Route a revision, the revision's scaler a pod.

It says nothing about what else is there: an unknown host is told that it is unknown and no more. Besides the public port it serves listeners that
lead to less (`listen`): a build's, to the hosts that it was given, and a loopback port of one Service of the platform (`destinations`). Each request
of a connection is looked up by itself.
"""

import asyncio
import socket
from collections.abc import Collection
from functools import partial

from knative.local.serving.authority import BadAuthority, authority_of
from knative.local.serving.destinations import Lookup, Refused, only, public
from knative.local.serving.http_client import Broken
from knative.local.serving.http_exchange import HOP, Exchange
from knative.local.serving.http_server import Client
from knative.local.serving.http_upstreams import Upstreams
from knative.local.serving.listeners import Listener
from knative.local.serving.pods import Pod
from knative.local.serving.routing import PATIENCE, Routing, Unavailable
from knative.local.serving.scaler import Scaler
from knative.local.settings import LOOPBACK

TRIES = 4
KEEP_ALIVE = 75.0
CONNECTIONS = 128
"""At a time, of a listener that is not the public one."""
SWEEP = 15.0
SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
INTERNAL = (b"k-", b"k_", b"knative-")
"""Knative's own headers: a client does not set them."""
DROPPED = HOP | {b"host", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}


class Ingress:
    """A Part: the listener on the ingress port."""

    def __init__(self, routing: Routing, upstreams: Upstreams, port: int) -> None:
        self._routing, self._upstreams, self.port = routing, upstreams, port
        self._clients: set[Client] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        listener = socket.create_server((LOOPBACK, self.port), backlog=2048)
        self._server = await loop.create_server(lambda: Client(self.serve, self._clients), sock=listener)
        self._sweeper = asyncio.create_task(self._sweep(), name="ingress keep-alive")

    async def stop(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.close()
        self._upstreams.close()

    async def _sweep(self) -> None:
        """Connections on which nothing was asked for long, or a request never ended its head."""
        while True:
            await asyncio.sleep(SWEEP)
            before = asyncio.get_running_loop().time() - KEEP_ALIVE
            for client in [each for each in self._clients if not each.busy and each.active < before]:
                client.close()

    def listen(self, listening: socket.socket, lookup: Lookup, name: str, limit: int = CONNECTIONS) -> Listener:
        """Serve another socket, for the destinations that `lookup` knows. The listener owns the socket; whoever made it closes it."""

        async def handle(connection: socket.socket) -> None:
            client = Client(partial(self._serve, lookup), self._clients)
            try:
                await asyncio.get_running_loop().connect_accepted_socket(lambda: client, connection)
                await client.closed.wait()
            finally:
                if client.connected:
                    client.abort()
                    await client.closed.wait()

        return Listener(listening, handle, limit, name)

    def listen_for_build(self, listening: socket.socket, hosts: Collection[str]) -> Listener:
        return self.listen(listening, only(self._routing.table, hosts), "a build's ingress")

    async def serve(self, exchange: Exchange) -> None:
        await self._serve(partial(public, self._routing.table), exchange)

    async def _serve(self, lookup: Lookup, exchange: Exchange) -> None:
        began = asyncio.get_running_loop().time()
        try:
            authority = authority_of(exchange.method, exchange.target, exchange.version, exchange.headers)
        except BadAuthority as bad:
            exchange.problem(400, str(bad))
            return
        exchange.target = authority.target
        found = lookup(authority.host)
        if isinstance(found, Refused):
            exchange.problem(found.status, found.detail)
            return
        if exchange.upgrade and (exchange.sized or exchange.chunked):
            exchange.problem(400, "a request that changes the protocol has no body")
            return
        entry, target = found
        try:
            scaler = self._routing.scaler(entry, target)
        except Unavailable as unavailable:
            exchange.problem(503, str(unavailable), retry_after=1)
            return
        head = self._head(exchange, authority.text)
        try:
            await self._through(exchange, scaler, head)
        finally:
            self._routing.measured(entry, scaler.name, exchange.status or 499, asyncio.get_running_loop().time() - began)

    async def _through(self, exchange: Exchange, scaler: Scaler, head: bytes) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + scaler.timeout
        for attempt in range(TRIES):
            try:
                pod = await scaler.acquire(max(min(until - loop.time(), max(PATIENCE, scaler.timeout)), 0.001))
            except Unavailable as unavailable:
                exchange.problem(503, str(unavailable), retry_after=2)
                return
            try:
                if await self._with_pod(exchange, scaler, pod, head, until, last=attempt + 1 == TRIES):
                    return
            finally:
                scaler.release(pod)
            await asyncio.sleep(0.05 * 2**attempt)

    async def _with_pod(self, exchange: Exchange, scaler: Scaler, pod: Pod, head: bytes, until: float, last: bool) -> bool:
        """False: nothing came of it and it may be tried again."""
        loop = asyncio.get_running_loop()
        assert pod.port is not None
        try:
            upstream = await self._upstreams.take(pod.port, fresh=last)
        except OSError:
            if not last:
                return False
            exchange.problem(502, f"{scaler.name} does not accept connections", retry_after=1)
            return True
        exchange.send(upstream, head)
        silence = loop.call_later(max(until - loop.time(), 0.0), self._silent, exchange, scaler)
        exchange.headed.add_done_callback(lambda _: silence.cancel())
        try:
            await exchange.done
        except Broken as error:
            if not exchange.status:
                if error.unsent and not last and exchange.replayable and exchange.method in SAFE:
                    exchange.headed, exchange.done = loop.create_future(), loop.create_future()
                    return False
                exchange.done = loop.create_future()
                exchange.problem(502, f"{scaler.name} broke off before it answered", retry_after=1)
            else:
                exchange.client.abort()  # its client must see that the answer is not whole
        except asyncio.CancelledError:
            exchange.abandon()
            raise
        finally:
            silence.cancel()
        return True

    def _silent(self, exchange: Exchange, scaler: Scaler) -> None:
        if not exchange.status and not exchange.done.done():
            exchange.detach()
            exchange.problem(504, f"{scaler.name} did not begin to answer within {scaler.timeout:g} s")

    def _head(self, exchange: Exchange, host: str) -> bytes:
        client = exchange.client.address
        forwarded = exchange.header(b"x-forwarded-for")
        lines = [f"{exchange.method} {exchange.target} HTTP/1.1".encode("latin-1"), b"host: " + host.encode("latin-1")]
        named = (exchange.header(b"connection") or "").lower().split(",")
        dropped = DROPPED.union(name.strip().encode("latin-1") for name in named)
        for name, value in exchange.headers:
            if name not in dropped and not name.startswith(INTERNAL):
                lines.append(name + b": " + value)
        lines += [
            f"x-forwarded-for: {forwarded + ', ' if forwarded else ''}{client}".encode("latin-1"),
            f"x-forwarded-proto: {exchange.header(b'x-forwarded-proto') or 'http'}".encode("latin-1"),
            f"x-forwarded-host: {exchange.header(b'x-forwarded-host') or host}".encode("latin-1"),
        ]
        if exchange.upgrade:
            lines += [b"connection: upgrade", b"upgrade: " + (exchange.header(b"upgrade") or "").encode("latin-1")]
        elif exchange.chunked:
            lines.append(b"transfer-encoding: chunked")
        return b"\r\n".join((*lines, b"", b""))
