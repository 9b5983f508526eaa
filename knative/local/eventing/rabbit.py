"""The connection of eventing to RabbitMQ, restored whenever it is lost, with its channels and confirmed publishing.

Turns pika's callbacks into awaitables. An operation under way when the connection is lost raises RabbitMQUnavailable,
and its caller repeats it. Each dispatcher has its own channel, so an error that closes one channel affects no other.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel as PikaChannel
from pika.exceptions import AMQPError, ChannelClosed

log = logging.getLogger(__name__)

FIRST_RECONNECT_SECONDS = 0.2
MAX_RECONNECT_SECONDS = 5.0
RECONNECT_FACTOR = 1.6
HEARTBEAT_SECONDS = 60
CONFIRM_TIMEOUT_SECONDS = 30.0
CLOSE_TIMEOUT_SECONDS = 3.0
PERSISTENT = 2

Listener = Callable[[bool], None]
"""Called with whether RabbitMQ is connected."""


class RabbitMQUnavailable(Exception):
    """RabbitMQ is not connected, or the connection was lost during an operation."""


class ChannelRefused(Exception):
    """RabbitMQ refused an operation and closed the channel: 404 not found, 406 precondition failed, …"""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code


class Unconfirmed(Exception):
    """RabbitMQ rejected a published message or did not confirm it in time."""


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
        self._next = 1
        self._pending: dict[int, asyncio.Future[None]] = {}

    async def publish(self, exchange: str, routing_key: str, headers: Mapping[str, Any], body: bytes, **properties: Any) -> None:
        """Return when RabbitMQ has confirmed the message. Raises RabbitMQUnavailable, ChannelRefused or Unconfirmed."""
        channel = self._channel
        if channel is None or not channel.is_open:
            channel = await self._open()
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        tag, self._next = self._next, self._next + 1
        self._pending[tag] = confirmed
        try:
            channel.inner.basic_publish(
                exchange, routing_key, body, pika.BasicProperties(headers=dict(headers), delivery_mode=PERSISTENT, **properties)
            )
        except AMQPError as error:
            self._pending.pop(tag, None)
            raise _translate(error) from error
        try:
            async with asyncio.timeout(CONFIRM_TIMEOUT_SECONDS):
                await confirmed
        except TimeoutError as error:
            raise Unconfirmed(f"not confirmed within {CONFIRM_TIMEOUT_SECONDS:.0f} s") from error
        finally:
            self._pending.pop(tag, None)

    async def _open(self) -> Channel:
        async with self._opening:
            if self._channel is not None and self._channel.is_open:
                return self._channel
            channel = await self._rabbit.channel()
            self._next, self._pending = 1, {}
            pending = self._pending

            def on_close(_: asyncio.Future[Exception]) -> None:
                reason = channel.closed.result()
                for future in list(pending.values()):
                    if not future.done():
                        future.set_exception(reason)

            channel.closed.add_done_callback(on_close)
            await channel.call("confirm_delivery", ack_nack_callback=self._on_confirm)
            self._channel = channel
            return channel

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        tags = [tag for tag in self._pending if tag <= method.delivery_tag] if method.multiple else [method.delivery_tag]
        for tag in tags:
            future = self._pending.get(tag)
            if future is None or future.done():
                continue
            if type(method).__name__ == "Ack":
                future.set_result(None)
            else:
                future.set_exception(Unconfirmed("RabbitMQ rejected the message"))

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()


class RabbitMQ:
    """The connection, a Runnable. `url`: an AMQP URL."""

    def __init__(self, url: str, name: str = "knative-local eventing") -> None:
        self._parameters = pika.URLParameters(url)
        self._parameters.heartbeat = HEARTBEAT_SECONDS
        self._parameters.blocked_connection_timeout = None
        self._parameters.client_properties = {"connection_name": name}
        self._parameters.connection_attempts = 1
        self.address = f"{self._parameters.host}:{self._parameters.port}"
        self._connection: AsyncioConnection | None = None
        self._up = asyncio.Event()
        self._listeners: list[Listener] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    def add_listener(self, listener: Listener) -> None:
        """Call `listener` whenever the connection is established or lost."""
        self._listeners.append(listener)

    async def wait_until_up(self) -> None:
        await self._up.wait()

    async def start(self) -> None:
        logging.getLogger("pika").setLevel(logging.CRITICAL)  # pika logs each attempt with a traceback; `_stay_connected` logs once
        self._task = asyncio.create_task(self._stay_connected(), name="rabbitmq connection")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def channel(self) -> Channel:
        """Open a channel. Raises RabbitMQUnavailable."""
        connection = self._connection
        if connection is None or not connection.is_open:
            raise RabbitMQUnavailable(f"RabbitMQ at {self.address} is unavailable")
        opened: asyncio.Future[PikaChannel] = asyncio.get_running_loop().create_future()

        def on_open(channel: PikaChannel) -> None:
            if not opened.done():
                opened.set_result(channel)

        def on_close(_: PikaChannel, error: BaseException) -> None:
            if not opened.done():
                opened.set_exception(_translate(error))

        try:
            inner = connection.channel(on_open_callback=on_open)
            inner.add_on_close_callback(on_close)
        except AMQPError as error:
            raise _translate(error) from error
        return Channel(await opened)

    async def _stay_connected(self) -> None:
        wait, is_logged = FIRST_RECONNECT_SECONDS, False
        while True:
            closed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
            try:
                self._connection = await self._connect(closed)
            except RabbitMQUnavailable as error:
                if not is_logged:
                    log.warning("RabbitMQ at %s is unavailable (%s); reconnecting until it answers", self.address, error)
                    is_logged = True
                await asyncio.sleep(wait)
                wait = min(wait * RECONNECT_FACTOR, MAX_RECONNECT_SECONDS)
                continue
            log.info("connected to RabbitMQ at %s", self.address)
            wait, is_logged = FIRST_RECONNECT_SECONDS, False
            self._notify(True)
            try:
                reason = await asyncio.shield(closed)
                log.warning("connection to RabbitMQ at %s lost: %s", self.address, reason)
            except asyncio.CancelledError:
                await self._disconnect(closed)
                raise
            finally:
                self._notify(False)

    async def _connect(self, closed: asyncio.Future[BaseException]) -> AsyncioConnection:
        opened: asyncio.Future[AsyncioConnection] = asyncio.get_running_loop().create_future()

        def on_open(connection: AsyncioConnection) -> None:
            if not opened.done():
                opened.set_result(connection)

        def on_error(_: Any, error: BaseException) -> None:
            if not opened.done():
                opened.set_exception(RabbitMQUnavailable(str(error) or repr(error)))

        def on_close(_: Any, error: BaseException) -> None:
            if not closed.done():
                closed.set_result(error)

        AsyncioConnection(
            self._parameters,
            on_open_callback=on_open,
            on_open_error_callback=on_error,
            on_close_callback=on_close,
            custom_ioloop=asyncio.get_running_loop(),
        )
        return await opened

    async def _disconnect(self, closed: asyncio.Future[BaseException]) -> None:
        if self._connection is not None and self._connection.is_open:
            self._connection.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                    await asyncio.shield(closed)

    def _notify(self, is_up: bool) -> None:
        if is_up:
            self._up.set()
        else:
            self._up.clear()
            self._connection = None
        for listener in self._listeners:
            listener(is_up)
