"""Publications that RabbitMQ has not confirmed yet, and how each ends: confirmed, returned, refused or lost with its channel."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pika

from functions.wire.access_refusals import Refusal


class BrokerUnavailable(Exception):
    """RabbitMQ does not answer, refuses, or has not confirmed."""


class AccessRefused(BrokerUnavailable):
    """The user has no permission to publish this. Publishing it again does not help until the permission is granted."""


class Unroutable(Exception):
    """No queue is bound for that routing key."""


class NoReply(Exception):
    """The time is over. The outcome is unknown."""


class Confirmed(asyncio.Future[None]):
    """Waits for a confirm, not for an answer."""


@dataclass(slots=True)
class Publication:
    future: "asyncio.Future[Any]"
    message_id: str
    """Names a publication that must be routed, so that a returned message finds it; else empty."""
    exchange: str
    routing_key: str


class Unconfirmed:
    """Of one channel: delivery tags count from 1 again on the next."""

    def __init__(self) -> None:
        self._tag = 0
        self._publications: dict[int, Publication] = {}
        self._returned: set[str] = set()

    def restart(self) -> None:
        self._tag = 0
        self._returned.clear()

    def next_message_id(self) -> str:
        return str(self._tag + 1)

    def add(self, publication: Publication) -> None:
        self._tag += 1
        self._publications[self._tag] = publication

    def on_return(self, message_id: str) -> None:
        """RabbitMQ returns a message before it confirms it."""
        self._returned.add(message_id)

    def on_confirm(self, frame: Any) -> None:
        method = frame.method
        acknowledged = isinstance(method, pika.spec.Basic.Ack)
        tags = [tag for tag in self._publications if tag <= method.delivery_tag] if method.multiple else [method.delivery_tag]
        for tag in tags:
            publication = self._publications.pop(tag, None)
            if publication is not None:
                self._end(publication, acknowledged)

    def _end(self, publication: Publication, acknowledged: bool) -> None:
        future, message_id = publication.future, publication.message_id
        returned = message_id in self._returned
        self._returned.discard(message_id)
        if future.done():
            return
        if returned:
            future.set_exception(Unroutable(message_id))
        elif not acknowledged:
            future.set_exception(BrokerUnavailable("RabbitMQ did not take the message (its queue is full)"))
        elif isinstance(future, Confirmed):
            future.set_result(None)

    def fail_refused(self, refusal: Refusal) -> None:
        """Ends those that RabbitMQ refuses with AccessRefused. It has taken none of them: the permission is checked first."""
        for each in self._publications.values():
            if refusal.concerns(each.exchange, each.routing_key) and not each.future.done():
                each.future.set_exception(AccessRefused(str(refusal)))

    def fail_all(self, reason: str) -> None:
        """Ends all with BrokerUnavailable."""
        publications, self._publications = self._publications, {}
        for each in publications.values():
            if not each.future.done():
                each.future.set_exception(BrokerUnavailable(reason))
