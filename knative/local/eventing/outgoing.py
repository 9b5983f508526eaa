"""What is on its way to a Broker, once more under the same name if it is not known to have arrived.

A batch is frozen, id and content, when it is first sent, and stays the next of its type until RabbitMQ has confirmed it. When the confirm was
lost, the same message goes again: receivers know it by its id, and use is never counted twice.
"""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from knative.local.eventing import events
from knative.local.eventing.events import Event
from knative.local.eventing.ingress import Brokers

SOURCE = "/capsule/collector"

Data = Mapping[str, Any]


def now() -> str:
    return events.canonical_time(datetime.now(UTC).isoformat().replace("+00:00", "Z"))


class Outgoing:
    """One type of event: at most one batch of it is under way."""

    def __init__(self, brokers: Brokers, type: str, gather: Callable[[], Data | None]) -> None:
        """`gather` hands over what there is, for good; None: nothing."""
        self._brokers = brokers
        self._type = type
        self._gather = gather
        self._frozen: Event | None = None

    def forget(self) -> None:
        self._frozen = None

    async def send(self, namespace: str, broker: str) -> None:
        """One batch, if there is one. Raises Unpublished: it is kept, and goes first the next time."""
        if self._frozen is None and (data := self._gather()) is not None:
            self._frozen = _event(self._type, data)
        if self._frozen is not None:
            await self._brokers.publish(namespace, broker, self._frozen)
            self._frozen = None


def _event(type: str, data: Data) -> Event:
    attributes = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": SOURCE, "type": type, "time": now()}
    return Event({**attributes, "datacontenttype": "application/json"}, data=orjson.dumps(data))
