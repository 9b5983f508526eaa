"""Calls AMQP methods one at a time on one channel: a refusal closes the channel and must be reported to the call that caused it."""

import asyncio
from typing import Any

from knative.local.eventing.rabbit import Channel, ChannelRefused, RabbitMQ

NOT_FOUND = 404


class Administration:
    """The channel on which exchanges, queues and bindings are declared and deleted."""

    def __init__(self, rabbit: RabbitMQ) -> None:
        self._rabbit = rabbit
        self._channel: Channel | None = None
        self._lock = asyncio.Lock()

    async def call(self, method: str, /, **arguments: Any) -> Any:
        """Raises ChannelRefused and RabbitMQUnavailable."""
        async with self._lock:
            if self._channel is None or not self._channel.is_open:
                self._channel = await self._rabbit.channel()
            return await self._channel.call(method, **arguments)

    async def call_if_exists(self, method: str, /, **arguments: Any) -> None:
        """Call a method that deletes; something that does not exist counts as deleted."""
        try:
            await self.call(method, **arguments)
        except ChannelRefused as refused:
            if refused.code != NOT_FOUND:
                raise
