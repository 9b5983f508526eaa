"""One connection to RabbitMQ for everything eventing does, kept up: lost, it comes back by itself, and nobody here dies of it.

pika speaks in callbacks; this module turns them into awaitables and one rule: whatever was under way when RabbitMQ went ends with `Away`,
and whoever asked asks again. Every publish is confirmed. Each dispatcher has a channel of its own, as each on a cluster has a pod of its
own, so a channel that RabbitMQ closes takes nobody else with it.
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

FIRST_WAIT = 0.2
LONGEST_WAIT = 5.0
HEARTBEAT = 60
CONFIRMED_WITHIN = 30.0
PERSISTENT = 2

Heard = Callable[[bool], None]


class Away(Exception):
    """RabbitMQ is not there, or went while it was asked."""


class Refused(Exception):
    """RabbitMQ said no and closed the channel: 404 not found, 406 precondition failed, …"""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code


class Unconfirmed(Exception):
    """Published, but refused or not confirmed in time."""


def _reason(error: BaseException | None) -> Exception:
    if isinstance(error, ChannelClosed):
        return Refused(error.reply_code, error.reply_text)
    return Away(str(error) or type(error).__name__ if error else "the connection is closed")


class Channel:
    """A pika channel whose calls are awaited. Closed once, closed for good: ask the connection for another."""

    def __init__(self, inner: PikaChannel) -> None:
        self.inner = inner
        self.closed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self._waiting: set[asyncio.Future[Any]] = set()
        inner.add_on_close_callback(self._on_close)

    @property
    def is_open(self) -> bool:
        return not self.closed.done()

    def _on_close(self, _: PikaChannel, error: BaseException) -> None:
        reason = _reason(error)
        if not self.closed.done():
            self.closed.set_result(reason)
        for future in self._waiting:
            if not future.done():
                future.set_exception(reason)
        self._waiting.clear()

    async def call(self, method: str, /, **arguments: Any) -> Any:
        """A synchronous AMQP method (queue_declare, exchange_bind, basic_qos …), to its answer."""
        if not self.is_open:
            raise self.closed.result()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)

        def answered(frame: Any = None) -> None:
            if not future.done():
                future.set_result(frame)

        try:
            getattr(self.inner, method)(callback=answered, **arguments)
            return await future
        except AMQPError as error:
            raise _reason(error) from error
        finally:
            self._waiting.discard(future)

    def close(self) -> None:
        if self.is_open and self.inner.is_open:
            with suppress(AMQPError):
                self.inner.close()


class Publisher:
    """Publishes with confirms on a channel of its own, opened when first needed and again when it was closed."""

    def __init__(self, rabbit: "Rabbit") -> None:
        self._rabbit = rabbit
        self._channel: Channel | None = None
        self._opening = asyncio.Lock()
        self._next = 1
        self._pending: dict[int, asyncio.Future[None]] = {}

    async def publish(self, exchange: str, routing_key: str, headers: Mapping[str, Any], body: bytes, **properties: Any) -> None:
        """Returns when RabbitMQ has it; Away, Refused or Unconfirmed otherwise."""
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
            raise _reason(error) from error
        try:
            async with asyncio.timeout(CONFIRMED_WITHIN):
                await confirmed
        except TimeoutError as error:
            raise Unconfirmed(f"not confirmed within {CONFIRMED_WITHIN:.0f} s") from error
        finally:
            self._pending.pop(tag, None)

    async def _open(self) -> Channel:
        async with self._opening:
            if self._channel is not None and self._channel.is_open:
                return self._channel
            channel = await self._rabbit.channel()
            self._next, self._pending = 1, {}
            pending = self._pending

            def closed(_: asyncio.Future[Exception]) -> None:
                reason = channel.closed.result()
                for future in list(pending.values()):
                    if not future.done():
                        future.set_exception(reason)

            channel.closed.add_done_callback(closed)
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
                future.set_exception(Unconfirmed("RabbitMQ refused the message"))

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()


class Rabbit:
    """The connection. `hear` tells when it comes and goes."""

    def __init__(self, url: str, name: str = "knative-local eventing") -> None:
        self._parameters = pika.URLParameters(url)
        self._parameters.heartbeat = HEARTBEAT
        self._parameters.blocked_connection_timeout = None
        self._parameters.client_properties = {"connection_name": name}
        self._parameters.connection_attempts = 1
        self.where = f"{self._parameters.host}:{self._parameters.port}"
        self._connection: AsyncioConnection | None = None
        self._up = asyncio.Event()
        self._hearing: list[Heard] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    def hear(self, heard: Heard) -> None:
        self._hearing.append(heard)

    async def up(self) -> None:
        await self._up.wait()

    async def start(self) -> None:
        logging.getLogger("pika").setLevel(logging.CRITICAL)  # it tells of each try, with a traceback; `_keep` tells of it once
        self._task = asyncio.create_task(self._keep(), name="rabbitmq connection")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def channel(self) -> Channel:
        connection = self._connection
        if connection is None or not connection.is_open:
            raise Away(f"RabbitMQ at {self.where} is away")
        opened: asyncio.Future[PikaChannel] = asyncio.get_running_loop().create_future()

        def on_open(channel: PikaChannel) -> None:
            if not opened.done():
                opened.set_result(channel)

        def on_close(_: PikaChannel, error: BaseException) -> None:
            if not opened.done():
                opened.set_exception(_reason(error))

        try:
            inner = connection.channel(on_open_callback=on_open)
            inner.add_on_close_callback(on_close)
        except AMQPError as error:
            raise _reason(error) from error
        return Channel(await opened)

    async def _keep(self) -> None:
        wait, told = FIRST_WAIT, False
        while True:
            closed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
            try:
                self._connection = await self._connect(closed)
            except Away as away:
                if not told:
                    log.warning("RabbitMQ at %s is away (%s); trying until it is there", self.where, away)
                    told = True
                await asyncio.sleep(wait)
                wait = min(wait * 1.6, LONGEST_WAIT)
                continue
            log.info("connected to RabbitMQ at %s", self.where)
            wait, told = FIRST_WAIT, False
            self._tell(True)
            try:
                reason = await asyncio.shield(closed)
                log.warning("RabbitMQ at %s went: %s", self.where, reason)
            except asyncio.CancelledError:
                await self._disconnect(closed)
                raise
            finally:
                self._tell(False)

    async def _connect(self, closed: asyncio.Future[BaseException]) -> AsyncioConnection:
        opened: asyncio.Future[AsyncioConnection] = asyncio.get_running_loop().create_future()

        def on_open(connection: AsyncioConnection) -> None:
            if not opened.done():
                opened.set_result(connection)

        def on_error(_: Any, error: BaseException) -> None:
            if not opened.done():
                opened.set_exception(Away(str(error) or repr(error)))

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
                async with asyncio.timeout(3):
                    await asyncio.shield(closed)

    def _tell(self, up: bool) -> None:
        if up:
            self._up.set()
        else:
            self._up.clear()
            self._connection = None
        for heard in self._hearing:
            heard(up)
