"""The door: a request's Host names a Route, the Route a revision, the revision's scaler a pod.

It says nothing about what else is there: an unknown host is told that it is unknown and no more.
"""

import asyncio
import socket
from urllib.parse import urlsplit

from knative.local.serving.http_client import Broken
from knative.local.serving.http_exchange import HOP, Exchange
from knative.local.serving.http_server import Client
from knative.local.serving.http_upstreams import Upstreams
from knative.local.serving.pods import Pod
from knative.local.serving.routing import PATIENCE, Routing, Unavailable
from knative.local.serving.scaler import Scaler
from knative.local.settings import LOOPBACK

TRIES = 4
KEEP_ALIVE = 75.0
SWEEP = 15.0
SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
INTERNAL = (b"k-", b"k_", b"knative-")
"""Knative's own headers: a client does not set them."""
DROPPED = HOP | {b"host", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}


class Ingress:
    """A Part: the listener on the ingress port."""

    def __init__(self, routing: Routing, upstreams: Upstreams, port: int) -> None:
        self._routing, self._upstreams, self._port = routing, upstreams, port
        self._clients: set[Client] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        listener = socket.create_server((LOOPBACK, self._port), backlog=2048)
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

    async def serve(self, exchange: Exchange) -> None:
        began = asyncio.get_running_loop().time()
        hosts = [value for name, value in exchange.headers if name == b"host"]
        if exchange.method == "CONNECT" or len(hosts) > 1:
            exchange.problem(400, "this is no proxy, and a request has one Host")
            return
        host = hosts[0].decode("latin-1") if hosts else ""
        if not exchange.target.startswith("/") and "://" in exchange.target:
            parts = urlsplit(exchange.target)
            host, exchange.target = parts.netloc, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        found = self._routing.table.by_host(host)
        if found is None:
            exchange.problem(404, "no application answers under this host name")
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
        head = self._head(exchange, host)
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
