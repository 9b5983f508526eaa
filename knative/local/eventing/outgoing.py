"""Events of the collector on their way to a Broker: sent again, unchanged, until RabbitMQ has confirmed them.

A batch is frozen, with its id, when it is first sent, and is the next of its type until it is confirmed. After a lost
confirm the same message is sent again; receivers recognize its id, so nothing is counted twice.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from functions.wire import knative_events as events
from functions.wire.knative_events import Event
from knative.local.eventing.ingress import Brokers

SOURCE = "/capsule/collector"

Data = Mapping[str, Any]


class Outgoing:
    """One type of event, with at most one batch in flight. `take_batch` removes and returns the data of the next batch, None if there is none."""

    def __init__(self, brokers: Brokers, type: str, take_batch: Callable[[], Data | None]) -> None:
        self._brokers = brokers
        self._type = type
        self._take_batch = take_batch
        self._frozen: Event | None = None

    @property
    def is_sending(self) -> bool:
        """Whether a batch has been sent and is not confirmed."""
        return self._frozen is not None

    def discard(self) -> None:
        """Forget a batch that is not confirmed."""
        self._frozen = None

    async def send(self, namespace: str, broker: str) -> None:
        """Send one batch, if there is one. Raises PublishFailed; the batch is then the next one to be sent."""
        if self._frozen is None and (data := self._take_batch()) is not None:
            self._frozen = _event(self._type, data)
        if self._frozen is not None:
            await self._brokers.publish(namespace, broker, self._frozen)
            self._frozen = None


def _event(type: str, data: Data) -> Event:
    attributes = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": SOURCE, "type": type, "time": events.now()}
    return Event({**attributes, "datacontenttype": "application/json"}, data=orjson.dumps(data))
