"""Awaitable channels and confirmed publishing of eventing, on the connection layer `functions.wire.amqp`.

An operation under way when the connection is lost raises RabbitMQUnavailable, and its caller repeats it. Each dispatcher
has its own channel, so an error that closes one channel affects no other.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pika
from pika.channel import Channel as PikaChannel
from pika.exceptions import AMQPError, ChannelClosed

from functions.wire.amqp.confirms import Publication, PublishConfirms, Unconfirmed
from functions.wire.amqp.connection import Address, Connection

__all__ = ["Channel", "ChannelRefused", "Publisher", "RabbitMQ", "RabbitMQUnavailable", "Unconfirmed"]

log = logging.getLogger(__name__)

CONFIRM_TIMEOUT_SECONDS = 30.0
PERSISTENT = 2
MAX_RECONNECT_SECONDS = 0.4
"""This process starts beside RabbitMQ: `up` waits for its connection. An attempt that is refused costs a millisecond."""

Listener = Callable[[bool], None]
"""Called with whether RabbitMQ is connected."""


class RabbitMQUnavailable(Exception):
    """RabbitMQ is not connected, or the connection was lost during an operation."""


class ChannelRefused(Exception):
    """RabbitMQ refused an operation and closed the channel: 404 not found, 406 precondition failed, …"""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code


def _translate(error: BaseException | None) -> Exception:
    if isinstance(error, ChannelClosed):
        return ChannelRefused(error.reply_code, error.reply_text)
    return RabbitMQUnavailable(str(error) or type(error).__name__ if error else "the connection is closed")


class Channel:
    """A pika channel with awaitable calls. `closed`: resolves to the reason; a closed channel is not reopened."""

    def __init__(self, inner: PikaChannel) -> None:
        self.inner = inner
        self.closed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self._waiting: set[asyncio.Future[Any]] = set()
        inner.add_on_close_callback(self._on_close)

    @property
    def is_open(self) -> bool:
        return not self.closed.done()

    def _on_close(self, _: PikaChannel, error: BaseException) -> None:
        reason = _translate(error)
        if not self.closed.done():
            self.closed.set_result(reason)
        for future in self._waiting:
            if not future.done():
                future.set_exception(reason)
        self._waiting.clear()

    async def call(self, method: str, /, **arguments: Any) -> Any:
        """Call a synchronous AMQP method (queue_declare, exchange_bind, basic_qos …) and return its reply.

        Raises ChannelRefused and RabbitMQUnavailable.
        """
        if not self.is_open:
            raise self.closed.result()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)

        def on_reply(frame: Any = None) -> None:
            if not future.done():
                future.set_result(frame)

        try:
            getattr(self.inner, method)(callback=on_reply, **arguments)
            return await future
        except AMQPError as error:
            raise _translate(error) from error
        finally:
            self._waiting.discard(future)

    def close(self) -> None:
        if self.is_open and self.inner.is_open:
            with suppress(AMQPError):
                self.inner.close()


class Publisher:
    """Publishes with confirms on its own channel, opened at the first publish and again after it was closed."""

    def __init__(self, rabbit: "RabbitMQ") -> None:
        self._rabbit = rabbit
        self._channel: Channel | None = None
        self._opening = asyncio.Lock()
        self._confirms = PublishConfirms()

    async def publish(self, exchange: str, routing_key: str, headers: Mapping[str, Any], body: bytes, **properties: Any) -> None:
        """Return when RabbitMQ has confirmed the message. Raises RabbitMQUnavailable, ChannelRefused or Unconfirmed."""
        channel = self._channel
        if channel is None or not channel.is_open:
            channel = await self._open()
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            channel.inner.basic_publish(
                exchange, routing_key, body, pika.BasicProperties(headers=dict(headers), delivery_mode=PERSISTENT, **properties)
            )
        except AMQPError as error:
            raise _translate(error) from error
        self._confirms.add(Publication(confirmed, exchange, routing_key))
        try:
            async with asyncio.timeout(CONFIRM_TIMEOUT_SECONDS):
                await confirmed
        except TimeoutError as error:
            raise Unconfirmed(f"not confirmed within {CONFIRM_TIMEOUT_SECONDS:.0f} s") from error

    async def _open(self) -> Channel:
        async with self._opening:
            if self._channel is not None and self._channel.is_open:
                return self._channel
            channel = await self._rabbit.channel()
            confirms = self._confirms = PublishConfirms()
            channel.closed.add_done_callback(lambda closed: confirms.fail_all(closed.result()))
            await channel.call("confirm_delivery", ack_nack_callback=confirms.on_confirm)
            self._channel = channel
            return channel

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()


class RabbitMQ:
    """The connection of eventing, a Runnable."""

    def __init__(self, url: Address, name: str = "knative-local eventing") -> None:
        self._connection = Connection(url, name, MAX_RECONNECT_SECONDS)
        self._connection.add_connected_listener(lambda _: self._on_connected())
        self._connection.add_lost_listener(self._on_lost)
        self._up = asyncio.Event()
        self._is_logged = self._is_stopping = False
        self._listeners: list[Listener] = []

    @property
    def address(self) -> str:
        return self._connection.address

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    def add_listener(self, listener: Listener) -> None:
        """Call `listener` whenever the connection is established or lost."""
        self._listeners.append(listener)

    async def wait_until_up(self) -> None:
        await self._up.wait()

    async def start(self) -> None:
        self._connection.open()

    async def stop(self) -> None:
        """Close the connection. Listeners hear nothing: RabbitMQ keeps what was declared, and the next process need not declare it first."""
        self._is_stopping = True
        await self._connection.close()

    async def channel(self) -> Channel:
        """Open a channel. Raises RabbitMQUnavailable."""
        if not self._connection.is_open:
            raise RabbitMQUnavailable(f"RabbitMQ at {self.address} is unavailable")
        opened: asyncio.Future[PikaChannel] = asyncio.get_running_loop().create_future()

        def on_open(channel: PikaChannel) -> None:
            if not opened.done():
                opened.set_result(channel)

        def on_close(_: PikaChannel, error: BaseException) -> None:
            if not opened.done():
                opened.set_exception(_translate(error))

        try:
            inner = self._connection.inner.channel(on_open_callback=on_open)
            inner.add_on_close_callback(on_close)
        except AMQPError as error:
            raise _translate(error) from error
        return Channel(await opened)

    def _on_connected(self) -> None:
        log.info("connected to RabbitMQ at %s", self.address)
        self._is_logged = False
        self._up.set()
        self._notify(True)

    def _on_lost(self, error: Exception) -> None:
        if self._is_stopping:
            self._up.clear()
        elif self.is_up:
            log.warning("connection to RabbitMQ at %s lost: %s", self.address, error)
            self._up.clear()
            self._notify(False)
        elif not self._is_logged:
            log.warning("RabbitMQ at %s is unavailable (%s); reconnecting until it answers", self.address, error)
            self._is_logged = True

    def _notify(self, is_up: bool) -> None:
        for listener in self._listeners:
            listener(is_up)
