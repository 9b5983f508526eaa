"""Connections of ports with TLS that are no clients yet: those that have sent nothing, and those that begin TLS."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from knative.local.serving.http.alpn import NegotiatedConnection
from knative.local.serving.http.clients import Clients
from knative.local.serving.http.exchange import Exchange

HANDSHAKE_SECONDS = 10.0


class Arrivals:
    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._by_address: Counter[str] = Counter()
        self.silent = 0
        """Connections whose first byte has not come."""
        self.handshakes = 0
        """Connections that begin TLS."""

    @contextmanager
    def count(self, address: str) -> Iterator[int]:
        """Count a connection until it is a client. Yields how many its address has, with its clients."""
        self._by_address[address] += 1
        try:
            yield self._by_address[address] + self._clients.count(address)
        finally:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    @contextmanager
    def silence(self) -> Iterator[None]:
        self.silent += 1
        try:
            yield
        finally:
            self.silent -= 1

    async def connect(self, arrival: NegotiatedConnection, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Make a connection a client, after a handshake with `tls`. Raises OSError."""
        loop = asyncio.get_running_loop()
        if tls is None:
            await loop.connect_accepted_socket(lambda: arrival, connection)
            return
        self.handshakes += 1
        try:
            await loop.connect_accepted_socket(lambda: arrival, connection, ssl=tls, ssl_handshake_timeout=HANDSHAKE_SECONDS)
        finally:
            self.handshakes -= 1


async def refuse_plain(exchange: Exchange) -> None:
    """No redirect: a client that sends a token without encryption should learn of it."""
    host = exchange.header(b"host") or "this host"
    exchange.keep_alive = False
    exchange.respond_error(400, f"This port speaks HTTPS. Use https://{host[:260]}")
