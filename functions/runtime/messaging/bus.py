"""RabbitMQ for functions and the gateway: publishing with confirms, requests with a reply queue, replies.

Invariants:

- `publish` returns only after RabbitMQ has confirmed the message.
- When the connection is lost, everything in flight fails with BrokerUnavailable at once. The connection comes back by itself;
  a publisher waits up to `timeout_seconds` for that.
- Replies use a channel of their own without confirms (`reply_channel`).

The bus knows exchanges and headers, not what messages mean. Which exchange carries what is declared in `serving.topology`.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pika

from functions.runtime.messaging.exchanges import COMMANDS
from functions.runtime.messaging.pending_requests import NoReply, PendingRequests, Reply
from functions.runtime.messaging.properties import properties
from functions.runtime.messaging.reply_channel import ReplyChannel
from functions.runtime.messaging.reply_queue import Announcements, ReplyQueue, Subscription
from functions.wire import reply_batches
from functions.wire.access_refusals import Refusal, log_closed, login_refusal, refusal_in
from functions.wire.amqp.confirms import Publication, PublishConfirms, Unconfirmed, Unroutable
from functions.wire.amqp.connection import Address, Connection

__all__ = ["AccessRefused", "BrokerUnavailable", "Bus", "NoReply", "Reply", "Unroutable"]

CHANNEL_REOPEN_SECONDS = 0.2
MAX_CHANNEL_REOPEN_SECONDS = 5.0

_log = logging.getLogger("capsule.bus")


class BrokerUnavailable(Exception):
    """RabbitMQ does not answer, rejects a message, or has not confirmed it in time."""


class AccessRefused(BrokerUnavailable):
    """The user has no permission to publish this. Publishing it again fails until the permission is granted."""


class Bus:
    def __init__(self, url: Address, name: str, timeout_seconds: float = 3.0, replies: bool = False) -> None:
        """`timeout_seconds`: how long a publisher waits for a connection, and then for a confirm. `replies`: keep a reply queue for `request`."""
        self._connection = Connection(url, name)
        self._connection.add_connected_listener(self._on_connected)
        self._connection.add_lost_listener(self._on_lost)
        self._timeout_seconds = timeout_seconds
        self._has_replies = replies
        self._channel: Any = None
        self._ready = asyncio.Event()
        self._reopen_seconds = CHANNEL_REOPEN_SECONDS
        self._reopening: asyncio.TimerHandle | None = None
        self._last_error = "not connected yet"
        self._confirms = PublishConfirms()
        self._requests = PendingRequests()
        self._reply_queue = ReplyQueue(self._requests)
        self._reply_channel = ReplyChannel(self._connection, timeout_seconds)

    # -- connection and channels --------------------------------------------------------------------------------------

    def open(self) -> None:
        """Start connecting. Publishers wait until the connection is ready."""
        self._connection.open()

    async def close(self) -> None:
        if self._reopening:
            self._reopening.cancel()
        await self._connection.close()

    @property
    def connected(self) -> bool:
        return self._ready.is_set()

    def on_connected(self, listener: Callable[[Any], None]) -> None:
        """Call `listener` with each new pika connection, and with the current one, to open channels of its own."""
        self._connection.add_connected_listener(listener)

    def subscribe(
        self,
        types: Sequence[str],
        *,
        on_event: Callable[[Mapping[str, str], bytes], None],
        on_bound: Callable[[], None],
        on_unbound: Callable[[], None],
    ) -> None:
        """Receive events of these types while connected, without a queue that outlives the connection. Call it before `open`."""
        self._reply_queue.subscribe(Subscription(frozenset(types), on_event, on_bound, on_unbound))

    def receive(self, routing_key: str, on_message: Callable[[bytes], None]) -> None:
        """Receive what is published to `capsule.replies` with this routing key while connected. Call it before `open`."""
        self._reply_queue.receive(Announcements(routing_key, on_message))

    def _on_connected(self, connection: Any) -> None:
        connection.add_on_connection_blocked_callback(lambda *_: self._on_blocked())
        connection.add_on_connection_unblocked_callback(lambda *_: self._on_unblocked())
        if self._reopening is not None:
            self._reopening.cancel()
        self._reply_channel.open()
        self._open_channel()

    def _on_blocked(self) -> None:
        """RabbitMQ's memory or disk alarm: it reads nothing from publishers until the alarm ends."""
        self._last_error = "RabbitMQ has blocked publishers (memory or disk alarm)"
        self._ready.clear()
        self._reply_channel.pause(self._last_error)

    def _on_unblocked(self) -> None:
        self._ready.set()
        self._reply_channel.resume()

    def _open_channel(self) -> None:
        self._reopening = None
        if self._connection.is_open:
            self._connection.inner.channel(on_open_callback=self._on_channel_open)

    def _on_channel_open(self, channel: Any) -> None:
        self._channel = channel
        self._confirms.restart()
        channel.add_on_close_callback(self._on_channel_closed)
        channel.add_on_return_callback(lambda _, method, properties, body: self._confirms.on_return(properties.message_id))
        channel.confirm_delivery(self._confirms.on_confirm, callback=lambda _: self._on_confirms_selected())

    def _on_confirms_selected(self) -> None:
        if self._has_replies:
            self._reply_queue.declare(self._channel, self._on_channel_ready)
        else:
            self._on_channel_ready()

    def _on_channel_ready(self) -> None:
        self._reopen_seconds = CHANNEL_REOPEN_SECONDS
        self._ready.set()

    def _on_channel_closed(self, channel: Any, error: Exception) -> None:
        """RabbitMQ closed the channel: an exchange is missing (404), a permission is missing (403), … The connection stays open."""
        if self._connection.is_closing or channel is not self._channel or not self._connection.is_open:
            return
        self._fail_all(error, refusal_in(error, self._reply_queue.required_permission))
        self._reopening = asyncio.get_running_loop().call_later(self._reopen_seconds, self._open_channel)
        self._reopen_seconds = min(self._reopen_seconds * 2, MAX_CHANNEL_REOPEN_SECONDS)

    def _on_lost(self, error: Exception) -> None:
        self._fail_all(error)
        self._reply_channel.pause(self._last_error)

    def _fail_all(self, error: Exception, refusal: Refusal | None = None) -> None:
        self._ready.clear()
        self._reply_queue.on_lost()
        parameters = self._connection.parameters
        login = login_refusal(error, parameters.credentials.username, parameters.virtual_host)
        self._last_error = str(refusal or login or error) or type(error).__name__
        if not self._connection.is_closing:
            log_closed(_log, refusal or login, self._last_error)
        if refusal is not None:
            self._confirms.fail(AccessRefused(str(refusal)), refusal.concerns)
        self._requests.fail_all(self._last_error)  # before the unconfirmed ones, which include them: whether RabbitMQ took the request is unknown
        self._confirms.fail_all(BrokerUnavailable(self._last_error))

    # -- publishing ---------------------------------------------------------------------------------------------------

    def _publish(self, publication: Publication, headers: Mapping[str, str], body: bytes, *, is_mandatory: bool, is_persistent: bool = True) -> None:
        if is_mandatory:
            publication.message_id = self._confirms.next_message_id()
        published = properties(headers, is_persistent, publication.message_id or None)
        try:
            self._channel.basic_publish(publication.exchange, publication.routing_key, body, published, mandatory=is_mandatory)
        except pika.exceptions.AMQPError as error:
            raise BrokerUnavailable(str(error) or type(error).__name__) from error
        self._confirms.add(publication)

    async def wait_until_ready(self) -> None:
        """Return when messages can be published. Raises BrokerUnavailable if they cannot within `timeout_seconds`."""
        if self._ready.is_set():
            return
        try:
            await asyncio.wait_for(self._ready.wait(), self._timeout_seconds)
        except TimeoutError:
            raise BrokerUnavailable(self._last_error) from None

    async def publish(self, exchange: str, routing_key: str, headers: Mapping[str, str], body: bytes, *, mandatory: bool = False) -> None:
        """Publish a persistent message and return when RabbitMQ has confirmed it.

        Raises BrokerUnavailable; AccessRefused without the permission; Unroutable if `mandatory` and no queue is bound.
        """
        await self.wait_until_ready()
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._publish(Publication(confirmed, exchange, routing_key), headers, body, is_mandatory=mandatory)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await confirmed
        except TimeoutError:
            raise BrokerUnavailable(f"RabbitMQ has not confirmed a message within {self._timeout_seconds:g} s") from None
        except Unconfirmed as error:
            raise BrokerUnavailable(str(error)) from error

    async def publish_unconfirmed(self, exchange: str, routing_key: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Publish a transient message without a confirm, as soon as there is a connection. False if there was none in time."""
        return await self._reply_channel.publish(exchange, routing_key, headers, body)

    async def reply(self, queue: str, headers: Mapping[str, str], body: bytes, *, reads_batches: bool) -> bool:
        """Send a reply as `publish_unconfirmed` does. `reads_batches`: its requester reads several in one message (`wire.reply_batches`).

        `headers`: `correlationid`, `outcome` and `status`.
        """
        return await self._reply_channel.reply(queue, headers, body, reads_batches)

    # -- requests -----------------------------------------------------------------------------------------------------

    def is_waiting(self, correlation_id: str) -> bool:
        """Whether a request with this correlation id waits for its reply here. Correlation ids of waiting requests must be unique."""
        return correlation_id in self._requests

    async def request(self, routing_key: str, headers: Mapping[str, str], body: bytes, timeout: float, keep: bool = True) -> Reply:
        """Publish to `capsule.commands` and return the reply to `headers["correlationid"]`.

        `timeout`: seconds. `keep`: publish a persistent message. False for queries: they need not survive a restart of RabbitMQ.
        Raises BrokerUnavailable or Unroutable if RabbitMQ did not take the message; NoReply if it did, or may have, and no reply arrived.
        """
        await self.wait_until_ready()
        correlation_id = headers["correlationid"]
        reply, timer = self._requests.start(correlation_id, timeout)
        try:
            publication = Publication(reply, COMMANDS, routing_key, is_done_when_confirmed=False)
            self._publish(
                publication, {**headers, "replyto": self._reply_queue.name, reply_batches.ATTRIBUTE: "1"}, body, is_mandatory=True, is_persistent=keep
            )
            return await reply
        except Unconfirmed as error:
            raise BrokerUnavailable(str(error)) from error
        finally:
            self._requests.finish(correlation_id, timer)
