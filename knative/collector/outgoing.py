"""Events of a collector on their way to RabbitMQ: sent again, unchanged, until RabbitMQ has confirmed them.

A batch is frozen, with its id, when it is first sent, and is the next of its type until it is confirmed. After a lost
confirm the same message is sent again; receivers recognize its id, so nothing is counted twice.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from functions.wire import knative_events as events
from functions.wire.knative_events import Event

SOURCE = "/capsule/collector"

Data = Mapping[str, Any]
Publish = Callable[[Event], Awaitable[None]]
"""Returns when RabbitMQ has confirmed the event. Raises PublishFailed."""


class PublishFailed(Exception):
    """An event could not be published. The text says why."""


class Outgoing:
    """One type of event, with at most one batch in flight. `take_batch` removes and returns the data of the next batch, None if there is none."""

    def __init__(self, type: str, take_batch: Callable[[], Data | None]) -> None:
        self.type = type
        self._take_batch = take_batch
        self.frozen: Event | None = None
        """The batch that is sent next, or that was sent and is not confirmed."""

    @property
    def is_sending(self) -> bool:
        """Whether a batch has been sent and is not confirmed."""
        return self.frozen is not None

    def discard(self) -> None:
        """Forget a batch that is not confirmed."""
        self.frozen = None

    def freeze(self) -> bool:
        """Make a batch of what has been collected, unless one waits. Returns whether it did."""
        if self.frozen is not None or (data := self._take_batch()) is None:
            return False
        self.frozen = _event(self.type, data)
        return True

    async def send(self, publish: Publish) -> None:
        """Send one batch, if there is one. Raises PublishFailed; the batch is then the next one to be sent."""
        self.freeze()
        await self.send_frozen(publish)

    async def send_frozen(self, publish: Publish) -> None:
        """Send the batch that waits, and make no new one. Raises PublishFailed."""
        if self.frozen is not None:
            await publish(self.frozen)
            self.frozen = None


def _event(type: str, data: Data) -> Event:
    attributes = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": SOURCE, "type": type, "time": events.now()}
    return Event({**attributes, "datacontenttype": "application/json"}, data=orjson.dumps(data))
