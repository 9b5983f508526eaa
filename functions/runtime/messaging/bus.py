"""RabbitMQ: publishing with confirms, and asking with a reply queue. One connection a process, pika's asyncio adapter.

Nothing is handed to the caller as published before the broker has confirmed it. A reply is best effort (who has not got it asks again with the same
key, and the inbox knows the answer): replies have a channel of their own, without confirms, and cost RabbitMQ and us half as many frames. When
RabbitMQ goes away everything under way fails with BrokerUnavailable at once, and the bus comes back by itself; a publisher waits a few seconds for
that before it gives up."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pika

from functions.kernel import new_id
from functions.runtime.messaging.confirms import AccessRefused, BrokerUnavailable, Confirmed, NoReply, Publication, Unconfirmed, Unroutable
from functions.wire import access_refusals, amqp
from functions.wire.access_refusals import Refusal, login_refusal, refusal_in

__all__ = [
    "COMMANDS",
    "DEAD_LETTERS",
    "EVENTS",
    "JSON",
    "REDELIVERY",
    "REPLIES",
    "AccessRefused",
    "BrokerUnavailable",
    "Bus",
    "Confirmed",
    "NoReply",
    "Reply",
    "Unroutable",
]  # fmt: skip

COMMANDS = "capsule.commands"
EVENTS = "capsule.events"
REPLIES = "capsule.replies"
DEAD_LETTERS = "dlx"
REDELIVERY = "capsule.redelivery"
"""In front of `capsule.commands`, for a context that sends a message to one of its own functions again. A topic exchange: only there does RabbitMQ
authorize the routing key, so a context may name its own functions and no others. It may not write to `capsule.commands`."""
JSON = "application/json"

_log = logging.getLogger("capsule.bus")


@dataclass(frozen=True, slots=True)
class Reply:
    """`outcome` is done, rejected or failed; `status` the HTTP status it suggests; `body` the result or a problem document, JSON."""

    outcome: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Bus:
    def __init__(self, url: str, name: str, patience: float = 3.0, replies: bool = False) -> None:
        """`patience`: seconds a publisher waits for a connection or a confirm. `replies`: keep a reply queue for `request`."""
        self._parameters = pika.URLParameters(url)
        self._parameters.heartbeat = 30
        self._parameters.client_properties = {"connection_name": name}
        self._patience = patience
        self._replies = replies
        self._connection: Any = None
        self._channel: Any = None
        self._answers: Any = None
        self._ready = asyncio.Event()
        self._answerable = asyncio.Event()
        self._closing = False
        self._attempts = 0
        self._reconnecting: asyncio.TimerHandle | None = None
        self._last_error = "not connected yet"
        self._unconfirmed = Unconfirmed()
        self._needs = access_refusals.PUBLISH
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._reply_queue = ""
        self._connected: list[Callable[[Any], None]] = []

    # -- life ---------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Begins to connect; publishers wait until it has."""
        self._reconnecting = None
        self._connection = amqp.connection(self._parameters, self._on_open, self._on_lost, self._on_lost)

    async def close(self) -> None:
        self._closing = True
        if self._reconnecting:
            self._reconnecting.cancel()
        if self._connection is not None and self._connection.is_open:
            closed = asyncio.Event()
            self._connection.add_on_close_callback(lambda *_: closed.set())
            self._connection.close()
            with suppress(TimeoutError):  # RabbitMQ ends the connection by itself when we are gone
                await asyncio.wait_for(closed.wait(), timeout=2)

    @property
    def connected(self) -> bool:
        return self._ready.is_set()

    def on_connected(self, told: Callable[[Any], None]) -> None:
        """For whoever wants a channel of its own: told of each new connection, and of the one that is there."""
        self._connected.append(told)
        if self._connection is not None and self._connection.is_open:
            told(self._connection)

    def _on_open(self, connection: Any) -> None:
        connection.add_on_connection_blocked_callback(lambda *_: self._blocked())
        connection.add_on_connection_unblocked_callback(lambda *_: self._unblocked())
        self._open_answers()
        self._open_channel()
        for told in self._connected:
            told(connection)

    def _blocked(self) -> None:
        """RabbitMQ's memory or disk alarm: it reads nothing more from us until it is over."""
        self._last_error = "RabbitMQ has blocked publishers (memory or disk alarm)"
        self._ready.clear()
        self._answerable.clear()

    def _unblocked(self) -> None:
        self._ready.set()
        self._answerable.set()

    def _open_answers(self) -> None:
        if self._connection.is_open:
            self._connection.channel(on_open_callback=self._on_answers)

    def _on_answers(self, channel: Any) -> None:
        self._answers = channel
        self._answerable.set()
        channel.add_on_close_callback(self._on_answers_closed)

    def _on_answers_closed(self, channel: Any, error: Exception) -> None:
        """The exchange of the replies is missing (404) or refused (403). That of the commands may well be there."""
        if not self._closing and channel is self._answers and self._connection.is_open:
            _log_closed(refusal_in(error, access_refusals.PUBLISH), error)
            asyncio.get_running_loop().call_later(1.0, self._open_answers)

    def _open_channel(self) -> None:
        self._connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Any) -> None:
        self._channel = channel
        self._unconfirmed.restart()
        channel.add_on_close_callback(self._on_channel_closed)
        channel.add_on_return_callback(lambda _, method, properties, body: self._unconfirmed.on_return(properties.message_id))
        channel.confirm_delivery(self._unconfirmed.on_confirm, callback=lambda _: self._on_confirming())

    def _on_confirming(self) -> None:
        if not self._replies:
            self._become_ready()
            return
        queue = f"{REPLIES}.{new_id()}"
        self._needs = access_refusals.DECLARE
        self._channel.queue_declare(queue, exclusive=True, auto_delete=True, callback=lambda _: self._bind_replies(queue))

    def _bind_replies(self, queue: str) -> None:
        self._needs = access_refusals.BIND_QUEUE
        self._channel.queue_bind(queue, REPLIES, routing_key=queue, callback=lambda _: self._consume_replies(queue))

    def _consume_replies(self, queue: str) -> None:
        self._reply_queue = queue
        self._needs = access_refusals.CONSUME
        self._channel.basic_consume(queue, self._on_reply, auto_ack=True, exclusive=True, callback=lambda _: self._become_ready())

    def _become_ready(self) -> None:
        self._attempts = 0
        self._needs = access_refusals.PUBLISH
        self._ready.set()

    def _on_channel_closed(self, channel: Any, error: Exception) -> None:
        """A missing exchange (404), a missing permission (403) …: the channel is gone, the connection lives."""
        if self._closing or channel is not self._channel or not self._connection.is_open:
            return
        self._fail_all(error, refusal_in(error, self._needs))
        self._again(self._open_channel)

    def _on_lost(self, _: Any, error: Exception | str) -> None:
        self._fail_all(error)
        if not self._closing:
            self._again(self.open)

    def _again(self, what: Any) -> None:
        self._attempts += 1
        delay = min(0.1 * 2**self._attempts, 5.0)
        self._reconnecting = asyncio.get_running_loop().call_later(delay, what)

    def _fail_all(self, error: Exception | str, refusal: Refusal | None = None) -> None:
        self._ready.clear()
        if self._connection is None or not self._connection.is_open:
            self._answerable.clear()
        login = login_refusal(error, self._parameters.credentials.username, self._parameters.virtual_host)
        self._last_error = str(refusal or login or error) or type(error).__name__
        if not self._closing:
            _log_closed(refusal or login, self._last_error)
        if refusal is not None:
            self._unconfirmed.fail_refused(refusal)
        waiting, self._waiting = self._waiting, {}
        for asked in waiting.values():  # before the unconfirmed ones, which they may be too: whether it got in, nobody knows
            if not asked.done():
                asked.set_exception(NoReply(f"RabbitMQ went away before the answer came: {self._last_error}"))
        self._unconfirmed.fail_all(self._last_error)

    # -- publishing ---------------------------------------------------------------------------------------------------

    def _send(
        self,
        exchange: str,
        routing_key: str,
        headers: Mapping[str, str],
        body: bytes,
        told: "asyncio.Future[Any]",
        *,
        mandatory: bool,
        keep: bool = True,
    ) -> None:
        """`told` gets an exception if RabbitMQ returns or refuses the message, or goes away; if it is Confirmed, also a result when that is so."""
        message_id = self._unconfirmed.next_message_id() if mandatory else None
        try:
            self._channel.basic_publish(exchange, routing_key, body, _properties(headers, keep, message_id), mandatory=mandatory)
        except pika.exceptions.AMQPError as error:
            raise BrokerUnavailable(str(error) or type(error).__name__) from error
        self._unconfirmed.add(Publication(told, message_id or "", exchange, routing_key))

    async def _until(self, state: asyncio.Event) -> None:
        if state.is_set():
            return
        try:
            await asyncio.wait_for(state.wait(), self._patience)
        except TimeoutError:
            raise BrokerUnavailable(self._last_error) from None

    async def publish(self, exchange: str, routing_key: str, headers: Mapping[str, str], body: bytes, *, mandatory: bool = False) -> None:
        """Returns once RabbitMQ has taken responsibility. Raises BrokerUnavailable, and Unroutable if `mandatory` and nothing is bound."""
        await self._until(self._ready)
        future = Confirmed(loop=asyncio.get_running_loop())
        self._send(exchange, routing_key, headers, body, future, mandatory=mandatory)
        try:
            await asyncio.wait_for(future, self._patience)
        except TimeoutError:
            raise BrokerUnavailable("RabbitMQ has not confirmed in time") from None

    async def offer(self, exchange: str, routing_key: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Best effort, for replies: sent as soon as there is a connection (a cold function may have none yet). False if there is none in time."""
        try:
            await self._until(self._answerable)
            self._answers.basic_publish(exchange, routing_key, body, _properties(headers, keep=False))
        except (BrokerUnavailable, pika.exceptions.AMQPError) as error:
            _log.info("a reply was not sent: %s", error or type(error).__name__)
            return False
        return True

    # -- asking -------------------------------------------------------------------------------------------------------

    def is_waiting(self, correlation_id: str) -> bool:
        """Whether a request with that correlation id is under way here; it must be unique among them."""
        return correlation_id in self._waiting

    async def request(self, routing_key: str, headers: Mapping[str, str], body: bytes, timeout: float, keep: bool = True) -> Reply:
        """Publishes to `capsule.commands` and waits for the reply to `headers["correlationid"]`, `timeout` seconds at most. `keep`: RabbitMQ writes
        it to disk; a question that nobody waits for any more need not outlive its restart.

        Raises BrokerUnavailable or Unroutable if the message did not get in, NoReply if it did (or may have) and no answer came.
        """
        await self._until(self._ready)
        correlation_id = headers["correlationid"]
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Reply] = loop.create_future()
        self._waiting[correlation_id] = answer
        over = loop.call_later(timeout, _give_up, answer, timeout)
        try:
            self._send(COMMANDS, routing_key, {**headers, "replyto": self._reply_queue}, body, answer, mandatory=True, keep=keep)
            return await answer
        finally:
            over.cancel()
            self._waiting.pop(correlation_id, None)

    def _on_reply(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        headers: Mapping[str, str] = properties.headers or {}
        answer = self._waiting.get(properties.correlation_id or headers.get("correlationid", ""))
        if answer is not None and not answer.done():
            answer.set_result(Reply(headers.get("outcome", "failed"), int(headers.get("status", "500")), headers, body))


def _log_closed(refusal: Refusal | str | None, error: object) -> None:
    """A missing permission is an error: it does not pass by itself."""
    if refusal is None:
        _log.warning("RabbitMQ: %s", error)
    else:
        _log.error("%s", refusal)


def _properties(headers: Mapping[str, str], keep: bool, message_id: str | None = None) -> pika.BasicProperties:
    return pika.BasicProperties(
        headers=dict(headers),
        delivery_mode=2 if keep else 1,
        message_id=message_id,
        content_type=JSON if "content-type" in headers else None,
        correlation_id=headers.get("correlationid"),
    )


def _give_up(answer: "asyncio.Future[Reply]", seconds: float) -> None:
    if not answer.done():
        answer.set_exception(NoReply(f"no answer within {seconds:g} s"))
