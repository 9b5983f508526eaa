"""A dispatcher's slots: no message waits while a slot is free, and with one slot messages keep their order."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from functions.wire.amqp.acknowledgements import Acknowledgements
from functions.wire.knative_requests import Response
from knative.local.definitions import load
from knative.local.eventing.delivery import DeliveryPolicy
from knative.local.eventing.dispatcher import Dispatcher, DispatcherSpec, Session
from knative.local.eventing.ingress import Brokers
from knative.local.eventing.rabbit import RabbitMQ
from knative.local.eventing.sinks import Address, SinkKind, Sinks
from knative.local.store import Store
from tests.knative.eventing.conftest import until


class PikaChannel:
    """Records acknowledgements. Has no consumer to cancel."""

    def __init__(self) -> None:
        self.is_open = True
        self.acknowledged: list[int] = []
        self.consumer_tags: list[str] = []

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
        self.acknowledged.append(tag)


class ImmediateService:
    """A Service that responds without waiting. Each call delivers the next message after the current turn of the event loop's task."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.messages: list[Any] = []

    async def request(
        self, namespace: str, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> Response:
        self.received.append(headers["Ce-Id"])
        if self.messages:
            asyncio.get_running_loop().call_soon(self.messages.pop(0))
        return Response(204, {})


async def test_a_message_that_arrives_as_the_last_delivery_ends_is_delivered_at_once(tmp_path: Path) -> None:
    store, service = Store(tmp_path / "store.db", load()), ImmediateService()
    rabbit = RabbitMQ("amqp://guest:guest@127.0.0.1:1/")
    brokers = Brokers(rabbit)
    address = Address("http://f.test.svc.cluster.local", SinkKind.SERVICE, "test", "f")
    spec = DispatcherSpec("Trigger test/one", "queue", ("test", "main"), address, DeliveryPolicy())
    dispatcher = Dispatcher(spec, rabbit, Sinks(store, service, brokers), brokers, lambda queue: asyncio.sleep(0), False)
    pika_channel = PikaChannel()
    channel: Any = SimpleNamespace(inner=pika_channel, is_open=True, close=lambda: None)
    receive = dispatcher.receiver(Session(channel, Acknowledgements(pika_channel)))

    def message(tag: int) -> Any:
        headers = {"specversion": "1.0", "id": str(tag), "source": "/s", "type": "t", "content-type": "application/json"}
        properties = SimpleNamespace(headers=headers, content_type=None)
        return lambda: receive(None, SimpleNamespace(delivery_tag=tag), properties, b"{}")

    service.messages = [message(tag) for tag in (2, 3)]
    message(1)()
    try:
        await until(lambda: len(service.received) == 3, 5)
        assert service.received == ["1", "2", "3"]
        await until(lambda: pika_channel.acknowledged[-1:] == [3], 5)
    finally:
        await dispatcher.stop()
        store.close()
