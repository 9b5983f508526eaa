"""The ingress: forward requests to pods.

A request's Host selects a Route, the Route a revision, the revision's scaler a pod.

The ingress reveals nothing about other hosts: an unknown host gets a 404 and no more. Besides the public port it serves
listeners with fewer destinations (`listen`): a build's, for the hosts granted to it, and loopback ports of single
Services of the platform (`destinations`). Each request of a connection is looked up separately.

With certificates, TLS ends here, as at a cluster's ingress: the public port and host ports of the platform speak TLS 1.3
only, and pods speak HTTP. Listeners that nobody outside the platform reaches, and those of builds, stay without TLS.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial

from functions.wire.health_checks import HEADER, is_health_check
from functions.wire.http_limits import DRAIN_IDLE_SECONDS, HEAD_SECONDS, MAX_CONNECTIONS_PER_ADDRESS
from knative.local.serving import waking
from knative.local.serving.destinations import Lookup, Refusal, only_hosts, public_host, refuse_maintenance
from knative.local.serving.domain_ports import PublicPorts
from knative.local.serving.domains import answer
from knative.local.serving.http.alpn import NegotiatedConnection
from knative.local.serving.http.arrivals import Arrivals, refuse_plain
from knative.local.serving.http.authority import BadAuthority, authority_of
from knative.local.serving.http.client import UpstreamError
from knative.local.serving.http.clients import Client, Clients
from knative.local.serving.http.exchange import Exchange
from knative.local.serving.http.first_byte import is_tls
from knative.local.serving.http.listeners import Listener
from knative.local.serving.http.request_heads import head_of
from knative.local.serving.http.server import ClientConnection
from knative.local.serving.http.upstreams import Upstreams
from knative.local.serving.pods.pod import Pod
from knative.local.serving.request_queue import Unavailable
from knative.local.serving.routing import DEFAULT_TIMEOUT_SECONDS, Routing
from knative.local.serving.scaler import Scaler
from knative.local.settings import LOOPBACK

MAX_ATTEMPTS = 4
FIRST_RETRY_PAUSE_SECONDS = 0.05
MAX_CONNECTIONS = 128
"""At a time, of a listener other than the public one."""
BACKLOG = 2048
"""Of the ports that clients outside the platform reach."""
MAX_PUBLIC_CONNECTIONS = 8192
"""At a time, of a port with TLS."""
SWEEP_SECONDS = 5.0
DRAIN_SECONDS = 8.0
"""How long requests may take that have begun when the ingress stops. Event streams and WebSockets are ended at once (`http.stream_ends`)."""
CLIENT_CLOSED_REQUEST = 499
"""nginx' status for a client that disconnected before the response; for metrics only."""
IDEMPOTENT_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
"""RFC 9110 section 9.2.2: they may be sent again."""


class Ingress:
    """A Runnable: the listener on the ingress port."""

    def __init__(
        self,
        routing: Routing,
        upstreams: Upstreams,
        port: int,
        health_check_keys: Callable[[], Sequence[str]] = tuple,
        open_port: Callable[[int], socket.socket] | None = None,
        tls: ssl.SSLContext | None = None,
        public: PublicPorts | None = None,
    ) -> None:
        """`health_check_keys`: what signs requests of the platform itself, which are not measured; empty: every request is. `open_port`
        returns the listening socket of a port; None: a new one. `tls`: of the public port and host ports; None: they speak HTTP. `public`: for
        domains."""
        self._health_check_keys, self._open_port = health_check_keys, open_port or _listen
        self._routing, self._upstreams, self.port = routing, upstreams, port
        self._public = partial(public_host, routing.table)
        self._clients = Clients()
        self.tls = tls
        self._domain_ports = public
        self._https_port = public.https if public is not None else port
        self._server: asyncio.AbstractServer | Listener | None = None
        self._outer_listeners: set[Listener] = set()
        self._has_opened = asyncio.Event()
        self._arrivals = Arrivals(self._clients)
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        listener = self._open_port(self.port)
        if self.tls is None:
            client = partial(ClientConnection, self.serve, self._clients, MAX_CONNECTIONS_PER_ADDRESS)
            self._server = await loop.create_server(client, sock=listener, backlog=BACKLOG)  # asyncio listens anew, with its own default
        else:
            self._server = self.listen_outside(listener, self._public, "the ingress", self.tls)
        self._has_opened.set()
        if self._domain_ports is not None:
            self._domain_ports.listen(self._routing.table, self.tls, self.listen_outside)
        self._sweeper = asyncio.create_task(self._sweep(), name="ingress keep-alive")

    async def stop(self) -> None:
        """Accept no more, answer the requests that have begun, and end all connections."""
        for each in self._outer_listeners:
            each.stop_accepting()
        if self._server is not None:
            if not isinstance(self._server, Listener):
                self._server.close()
            await self._drain()
        for each in self._outer_listeners:
            await each.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for client in self._clients:
            client.close()
        self._upstreams.close()

    async def _drain(self) -> None:
        """Let each connection of the public port end with its present request, or its next one within a moment, or its stream."""
        loop = asyncio.get_running_loop()
        deadline, silent_until = loop.time() + DRAIN_SECONDS, loop.time() + DRAIN_IDLE_SECONDS
        notified: set[Client] = set()
        while loop.time() < deadline:
            for client in [each for each in self._clients if each not in notified]:  # one whose handshake has just ended, too
                client.drain()
                notified.add(client)
            is_arriving = self._arrivals.handshakes or (self._arrivals.silent and loop.time() < silent_until)
            if not is_arriving and not any(client.is_draining for client in self._clients):
                return
            await asyncio.sleep(0.02)

    async def _sweep(self) -> None:
        """End connections without a request, and requests that do not go on."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = asyncio.get_running_loop().time()
            for client in self._clients:
                client.expire(now)

    def listen(self, listening: socket.socket, lookup: Lookup, name: str, max_connections: int = MAX_CONNECTIONS) -> Listener:
        """Serve another socket for the destinations that `lookup` finds.

        The listener owns the socket; the caller closes the listener.
        """

        async def handle(connection: socket.socket) -> None:
            client = ClientConnection(partial(self._serve, lookup), self._clients)
            try:
                await asyncio.get_running_loop().connect_accepted_socket(lambda: client, connection)
                await client.closed.wait()
            finally:
                if client.is_connected:
                    client.abort()
                    await client.closed.wait()

        return Listener(listening, handle, max_connections, name)

    def listen_outside(self, listening: socket.socket, lookup: Lookup, name: str, tls: ssl.SSLContext | None) -> Listener:
        """Serve a socket that clients outside the platform reach, from the start of the ingress until it stops.

        `tls`: a client that speaks plain HTTP gets an explanation; None: HTTP. The listener owns the socket; the caller closes the listener.
        """
        serve = partial(self._serve, lookup)

        async def handle(connection: socket.socket) -> None:
            arrival: NegotiatedConnection | None = None
            try:
                with self._arrivals.count(connection.getpeername()[0]) as count:
                    if count > MAX_CONNECTIONS_PER_ADDRESS:
                        return  # without an answer: a handshake for it is what the limit spares
                    with self._arrivals.silence():
                        speaks_tls = await is_tls(connection, HEAD_SECONDS) if tls is not None else False
                    if speaks_tls is None:
                        return
                    arrival = NegotiatedConnection(serve if speaks_tls or tls is None else refuse_plain, self._clients)
                    await self._arrivals.connect(arrival, connection, tls if speaks_tls else None)
                if arrival.client is not None:
                    await arrival.client.closed.wait()
            finally:
                if arrival is not None and (client := arrival.client) is not None and client.is_connected:
                    client.abort()
                    await client.closed.wait()

        listener = Listener(listening, handle, MAX_PUBLIC_CONNECTIONS, name, BACKLOG, self._has_opened)
        self._outer_listeners.add(listener)
        return listener

    def listen_for_build(self, listening: socket.socket, hosts: Collection[str]) -> Listener:
        return self.listen(listening, only_hosts(self._routing.table, hosts), "a build's ingress")

    async def serve(self, exchange: Exchange) -> None:
        """Serve a request of the public port."""
        await self._serve(self._public, exchange)

    async def _serve(self, lookup: Lookup, exchange: Exchange) -> None:
        began = asyncio.get_running_loop().time()
        if exchange.fault is not None:
            exchange.respond_error(exchange.fault.status, exchange.fault.detail)
            return
        try:
            authority = authority_of(exchange.method, exchange.target, exchange.version, exchange.headers)
        except BadAuthority as bad:
            exchange.keep_alive = False
            exchange.respond_error(400, str(bad))
            return
        exchange.target = authority.target
        if (domain := self._routing.table.domain(authority.host)) is not None:
            if answer(domain, exchange, self._https_port):
                return
            exchange.hsts = domain.hsts.encode() if exchange.client.scheme == "https" else b""
        found = lookup(authority.host)
        if isinstance(found, Refusal):
            found.answer(exchange)
            return
        if exchange.is_upgrade and (exchange.has_sized_body or exchange.is_chunked):
            exchange.respond_error(400, "A request that changes the protocol must not have a body.")
            return
        route, target = found
        is_measured = not self._is_health_check(exchange, authority.host)
        if is_measured and (refusal := refuse_maintenance(route)) is not None:
            refusal.answer(exchange)
            return
        try:
            scaler = self._routing.scaler_of_request(route, target, exchange)
        except Unavailable as unavailable:
            exchange.respond_error(503, str(unavailable), retry_after_seconds=1)
            return
        head = head_of(exchange, authority.text)
        try:
            if route.has_waking_page and await waking.answers_meanwhile(exchange, scaler):
                is_measured = False  # the browser asks again, and that request counts
                return
            await self._forward(exchange, scaler, head)
        finally:
            seconds = asyncio.get_running_loop().time() - began
            if is_measured:
                self._routing.record_request(route, scaler.name, exchange.status or CLIENT_CLOSED_REQUEST, seconds)

    def _is_health_check(self, exchange: Exchange, host: str) -> bool:
        """Whether the platform itself sent the request, to see that the application serves. The customer does not pay for it."""
        value = exchange.header(HEADER.encode())
        if value is None or exchange.method != "GET" or exchange.is_upgrade:
            return False
        return any(is_health_check(key, host, exchange.target, value, time.time()) for key in self._health_check_keys())

    async def _forward(self, exchange: Exchange, scaler: Scaler, head: bytes) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + scaler.timeout_seconds
        for attempt in range(MAX_ATTEMPTS):
            try:
                pod = await scaler.acquire(max(min(deadline - loop.time(), max(DEFAULT_TIMEOUT_SECONDS, scaler.timeout_seconds)), 0.001))
            except Unavailable as unavailable:
                exchange.respond_error(503, str(unavailable), retry_after_seconds=2)
                return
            try:
                if await self._try_pod(exchange, scaler, pod, head, deadline, is_last=attempt + 1 == MAX_ATTEMPTS):
                    return
            finally:
                scaler.release(pod)
            await asyncio.sleep(FIRST_RETRY_PAUSE_SECONDS * 2**attempt)

    async def _try_pod(self, exchange: Exchange, scaler: Scaler, pod: Pod, head: bytes, deadline: float, is_last: bool) -> bool:
        """Return whether the exchange has ended. False: the pod did not read the request, which may be sent again."""
        loop = asyncio.get_running_loop()
        assert pod.port is not None
        try:
            upstream = await self._upstreams.acquire(pod.port, is_new=is_last)
        except OSError:
            if not is_last:
                return False
            exchange.respond_error(502, f"{scaler.name} does not accept connections.", retry_after_seconds=1)
            return True
        if exchange.done.done():  # its body was at fault while it waited
            self._upstreams.release(upstream)
            return True
        exchange.send(upstream, head)
        exchange.deadline = timer = loop.call_later(max(deadline - loop.time(), 0.0), self._on_timeout, exchange, scaler)
        try:
            await exchange.done
        except UpstreamError as error:
            if not exchange.status:
                may_retry = error.may_be_unread and not is_last and exchange.is_replayable and exchange.method in IDEMPOTENT_METHODS
                exchange.reset()
                if may_retry:
                    return False
                exchange.respond_error(502, f"{scaler.name} closed the connection before it answered.", retry_after_seconds=1)
            else:
                exchange.client.abort()  # the client must notice that the response is incomplete
        except asyncio.CancelledError:
            exchange.abandon()
            raise
        finally:
            timer.cancel()
        return True

    def _on_timeout(self, exchange: Exchange, scaler: Scaler) -> None:
        if not exchange.status and not exchange.done.done():
            exchange.detach()
            exchange.respond_error(504, f"{scaler.name} did not start to answer within {scaler.timeout_seconds:g} s.")


def _listen(port: int) -> socket.socket:
    return socket.create_server((LOOPBACK, port), backlog=BACKLOG)
