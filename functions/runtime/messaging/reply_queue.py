"""The queue of one process for what is sent to that process alone: replies, and beside them events and announcements.

It lives as long as its channel, so nothing waits in it for a process that is away.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from functions.kernel import new_id
from functions.runtime.messaging.exchanges import EVENTS, REPLIES
from functions.runtime.messaging.pending_requests import PendingRequests
from functions.wire import access_refusals, reply_batches

_log = logging.getLogger("capsule.bus")


@dataclass(frozen=True, slots=True)
class Subscription:
    """Events that arrive in the reply queue. `on_bound`: from now on none is missed. `on_unbound`: some may be, until it is bound again."""

    types: frozenset[str]
    on_event: Callable[[Mapping[str, str], bytes], None]
    on_bound: Callable[[], None]
    on_unbound: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Announcements:
    """Messages to `capsule.replies` with a routing key that every process may bind: all that do receive each."""

    routing_key: str
    on_message: Callable[[bytes], None]


class ReplyQueue:
    """Settles `requests` with the replies that arrive."""

    def __init__(self, requests: PendingRequests) -> None:
        self._requests = requests
        self._subscriptions: list[Subscription] = []
        self._announcements: Announcements | None = None
        self.name = ""
        self.required_permission: Mapping[str, str] = access_refusals.PUBLISH
        """What the present step of its declaration needs; once it is consumed, what its channel is used for."""

    def subscribe(self, subscription: Subscription) -> None:
        self._subscriptions.append(subscription)

    def receive(self, announcements: Announcements) -> None:
        self._announcements = announcements

    def declare(self, channel: Any, on_consumed: Callable[[], None]) -> None:
        """Declare, bind and consume a new queue. If one of it fails, RabbitMQ closes the channel."""
        name = f"{REPLIES}.{new_id()}"
        self.required_permission = access_refusals.DECLARE
        channel.queue_declare(name, exclusive=True, auto_delete=True, callback=lambda _: self._bind(channel, name, on_consumed))

    def _bind(self, channel: Any, name: str, on_consumed: Callable[[], None]) -> None:
        self.required_permission = access_refusals.BIND_QUEUE
        for type in sorted({type for each in self._subscriptions for type in each.types}):
            channel.queue_bind(name, EVENTS, routing_key=type)
        if self._announcements is not None:
            channel.queue_bind(name, REPLIES, routing_key=self._announcements.routing_key)
        channel.queue_bind(name, REPLIES, routing_key=name, callback=lambda _: self._consume(channel, name, on_consumed))

    def _consume(self, channel: Any, name: str, on_consumed: Callable[[], None]) -> None:
        self.name = name
        self.required_permission = access_refusals.CONSUME
        channel.basic_consume(name, self._on_message, auto_ack=True, exclusive=True, callback=lambda _: self._on_consumed(on_consumed))

    def _on_consumed(self, on_consumed: Callable[[], None]) -> None:
        self.required_permission = access_refusals.PUBLISH
        on_consumed()
        for each in self._subscriptions:
            each.on_bound()

    def on_lost(self) -> None:
        """The channel is closed, and the queue with it."""
        for each in self._subscriptions:
            each.on_unbound()

    def _on_message(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        headers: Mapping[str, str] = properties.headers or {}
        if method.exchange == EVENTS:
            for each in self._subscriptions:
                if method.routing_key in each.types:
                    _hand_over(partial(each.on_event, headers, body), method.routing_key)
        elif self._announcements is not None and method.routing_key == self._announcements.routing_key:
            _hand_over(partial(self._announcements.on_message, body), method.routing_key)
        elif properties.content_type == reply_batches.CONTENT_TYPE:
            _hand_over(partial(self._settle_batch, body), method.routing_key)
        else:
            self._requests.settle(properties.correlation_id or headers.get("correlationid", ""), headers, body)

    def _settle_batch(self, batch: bytes) -> None:
        for headers, body in reply_batches.decode(batch):
            self._requests.settle(headers["correlationid"], headers, body)


def _hand_over(handle: Callable[[], None], routing_key: str) -> None:
    """Give a message to its receiver. What is wrong with one message must not end the connection, as pika has it for a callback that raises."""
    try:
        handle()
    except Exception as error:  # noqa: BLE001  whatever the receiver stumbles over
        _log.error("a message with the routing key %s cannot be handled and is dropped: %.200r", routing_key, error)
