"""The channel on which a process sends replies: without confirms, and reopened when RabbitMQ closes it.

Replies are best effort. A caller without a reply repeats its request with the same idempotency key, and the inbox has the reply.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pika

from functions.runtime.messaging.exchanges import REPLIES
from functions.runtime.messaging.properties import properties
from functions.runtime.messaging.reply_batches import ReplyBatches
from functions.wire import access_refusals
from functions.wire.access_refusals import log_closed, refusal_in
from functions.wire.amqp.connection import Connection

REOPEN_SECONDS = 1.0

_log = logging.getLogger("capsule.bus")


class ReplyChannel:
    """`timeout_seconds`: how long a reply waits for a connection that takes it."""

    def __init__(self, connection: Connection, timeout_seconds: float) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self._channel: Any = None
        self._ready = asyncio.Event()
        self._pause_reason = "not connected yet"
        self._batches = ReplyBatches(self._publish)

    def open(self) -> None:
        if self._connection.is_open:
            self._connection.inner.channel(on_open_callback=self._on_open)

    def pause(self, reason: str) -> None:
        """Make replies wait: RabbitMQ is away, or takes nothing from publishers."""
        self._pause_reason = reason
        self._ready.clear()

    def resume(self) -> None:
        self._ready.set()

    async def publish(self, exchange: str, routing_key: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Publish a transient message as soon as there is a connection. False if there was none in time, or it was lost."""
        if not await self._wait_until_ready():
            return False
        try:
            self._channel.basic_publish(exchange, routing_key, body, properties(headers, is_persistent=False))
        except pika.exceptions.AMQPError as error:
            _log_unsent(error)
            return False
        return True

    async def reply(self, queue: str, headers: Mapping[str, str], body: bytes, reads_batches: bool) -> bool:
        """Send a reply as `publish` does. `reads_batches`: its requester reads several in one message (`wire.reply_batches`)."""
        if not reads_batches:
            return await self.publish(REPLIES, queue, headers, body)
        if not await self._wait_until_ready():
            return False
        self._batches.add(queue, headers, body)
        return True

    def _publish(self, queue: str, headers: Mapping[str, str], body: bytes, content_type: str | None) -> None:
        try:
            self._channel.basic_publish(REPLIES, queue, body, properties(headers, is_persistent=False, content_type=content_type))
        except pika.exceptions.AMQPError as error:
            _log_unsent(error)

    async def _wait_until_ready(self) -> bool:
        if self._ready.is_set():
            return True
        try:
            await asyncio.wait_for(self._ready.wait(), self._timeout_seconds)
        except TimeoutError:
            _log_unsent(self._pause_reason)
            return False
        return True

    def _on_open(self, channel: Any) -> None:
        self._channel = channel
        self._ready.set()
        channel.add_on_close_callback(self._on_closed)

    def _on_closed(self, channel: Any, error: Exception) -> None:
        """The exchange of replies is missing (404) or access to it is refused (403)."""
        if not self._connection.is_closing and channel is self._channel and self._connection.is_open:
            log_closed(_log, refusal_in(error, access_refusals.PUBLISH), error)
            asyncio.get_running_loop().call_later(REOPEN_SECONDS, self.open)


def _log_unsent(error: Exception | str) -> None:
    _log.info("a reply was not sent: %s", error or type(error).__name__)
