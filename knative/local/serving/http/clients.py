"""The clients' connections of an ingress, and how many each address has."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Protocol


class Client(Protocol):
    address: str
    closed: asyncio.Event

    def expire(self, now: float) -> None: ...

    def drain(self) -> None: ...

    @property
    def is_connected(self) -> bool: ...

    @property
    def is_draining(self) -> bool: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class Clients:
    def __init__(self) -> None:
        self._open: set[Client] = set()
        self._by_address: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Client]:
        return iter(list(self._open))

    def add(self, client: Client) -> int:
        """Return how many connections its address has now."""
        self._open.add(client)
        self._by_address[client.address] += 1
        return self._by_address[client.address]

    def count(self, address: str) -> int:
        return self._by_address[address]

    def discard(self, client: Client) -> None:
        self._open.discard(client)
        self._by_address[client.address] -= 1
        if not self._by_address[client.address]:
            del self._by_address[client.address]
