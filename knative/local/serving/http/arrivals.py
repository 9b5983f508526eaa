"""Connections of ports with TLS that are no clients yet: those that have sent nothing, and those that begin TLS."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from knative.local.serving.http.clients import Clients


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

    @contextmanager
    def handshake(self) -> Iterator[None]:
        self.handshakes += 1
        try:
            yield
        finally:
            self.handshakes -= 1
