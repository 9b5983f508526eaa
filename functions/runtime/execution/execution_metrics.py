"""Publishes how many messages this process has executed, with which outcome and how fast, for the gateway's `GET /metrics`.

At most once a second while there is something to say, and when the process ends. Best effort, without a confirm: what a
process counted in its last second before `kill -9` is lost, and what is counted while no gateway is connected.
"""

import asyncio
from typing import Protocol

from functions.kernel import new_id
from functions.runtime.messaging.exchanges import REPLIES
from functions.wire.execution_counts import EXECUTIONS_COUNTED, ExecutionCounts

INTERVAL_SECONDS = 1.0


class Publisher(Protocol):
    async def publish_unconfirmed(self, exchange: str, routing_key: str, headers: dict[str, str], body: bytes) -> bool: ...


class ExecutionMetrics:
    def __init__(self, publisher: Publisher, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._publisher = publisher
        self._interval_seconds = interval_seconds
        self._counts = ExecutionCounts()
        self._publishing: asyncio.Task[None] | None = None

    def record(self, function: str, outcome: str, seconds: float, *, is_cold: bool) -> None:
        """Count an execution. It is published within a second."""
        self._counts.record(function, outcome, seconds, is_cold=is_cold)
        if self._publishing is None:
            self._publishing = asyncio.create_task(self._publish_soon())

    async def _publish_soon(self) -> None:
        try:
            while self._counts:
                await asyncio.sleep(self._interval_seconds)
                await self._publish()
        finally:
            self._publishing = None

    async def _publish(self) -> None:
        counts, self._counts = self._counts, ExecutionCounts()
        headers = {"id": str(new_id()), "type": EXECUTIONS_COUNTED}
        if not counts:
            return
        if not await self._publisher.publish_unconfirmed(REPLIES, EXECUTIONS_COUNTED, headers, counts.to_json()):
            counts.add(self._counts)
            self._counts = counts  # the next message has them too

    async def close(self) -> None:
        """Publish the rest. Call it before the connection is closed."""
        if self._publishing is not None:
            self._publishing.cancel()
        await self._publish()
