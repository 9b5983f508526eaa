"""Publications that RabbitMQ has not confirmed yet (https://www.rabbitmq.com/docs/confirms), and how each ends."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pika


class Unconfirmed(Exception):
    """RabbitMQ rejected a published message or did not confirm it in time."""


class Unroutable(Exception):
    """No queue is bound for the routing key of a mandatory message."""


@dataclass(slots=True)
class Publication:
    """`future` gets an exception if RabbitMQ returns or rejects the message or the channel closes.

    `is_done_when_confirmed`: it also gets a result with the confirm; False for a request, whose future waits for the reply.
    `message_id`: set for mandatory messages, so that a returned message finds its publication; otherwise empty.
    """

    future: "asyncio.Future[Any]"
    exchange: str
    routing_key: str
    message_id: str = ""
    is_done_when_confirmed: bool = True


class PublishConfirms:
    """The unconfirmed publications of one channel. RabbitMQ counts delivery tags from 1 on each channel."""

    def __init__(self) -> None:
        self._tag = 0
        self._publications: dict[int, Publication] = {}
        self._returned: set[str] = set()

    def restart(self) -> None:
        """Start counting for a new channel. Fail what is left of the old one first (`fail_all`)."""
        self._tag = 0
        self._returned.clear()

    def next_message_id(self) -> str:
        return str(self._tag + 1)

    def add(self, publication: Publication) -> None:
        """Record a message that was just published."""
        self._tag += 1
        self._publications[self._tag] = publication

    def on_return(self, message_id: str) -> None:
        """Handle basic.return: RabbitMQ returns an unroutable message before it confirms it."""
        self._returned.add(message_id)

    def on_confirm(self, frame: Any) -> None:
        """Handle basic.ack and basic.nack, of one message or of all up to a tag."""
        method = frame.method
        is_acknowledged = isinstance(method, pika.spec.Basic.Ack)
        tags = [tag for tag in self._publications if tag <= method.delivery_tag] if method.multiple else [method.delivery_tag]
        for tag in tags:
            publication = self._publications.pop(tag, None)
            if publication is not None:
                self._finish(publication, is_acknowledged)

    def _finish(self, publication: Publication, is_acknowledged: bool) -> None:
        future, message_id = publication.future, publication.message_id
        is_returned = message_id in self._returned
        self._returned.discard(message_id)
        if future.done():
            return
        if is_returned:
            future.set_exception(Unroutable(f'no queue is bound to "{publication.exchange}" for "{publication.routing_key}"'))
        elif not is_acknowledged:
            future.set_exception(Unconfirmed(f'RabbitMQ rejected a message to "{publication.exchange}": its queue is full'))
        elif publication.is_done_when_confirmed:
            future.set_result(None)

    def fail(self, error: Exception, concerns: Callable[[str, str], bool]) -> None:
        """Fail the publications whose (exchange, routing key) `concerns`."""
        for publication in self._publications.values():
            if concerns(publication.exchange, publication.routing_key) and not publication.future.done():
                publication.future.set_exception(error)

    def fail_all(self, error: Exception) -> None:
        publications, self._publications = self._publications, {}
        for publication in publications.values():
            if not publication.future.done():
                publication.future.set_exception(error)
