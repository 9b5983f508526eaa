"""The agent and a real RabbitMQ: what reaches the queues of handlers, and what a missing queue or server does."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pika
import pytest

from functions.runtime.messaging.bus import Bus
from functions.runtime.messaging.exchanges import EVENTS
from functions.runtime.serving import topology
from functions.wire.cloudevents import Message
from knative.collector.__main__ import Events
from knative.collector.agent import Agent
from tests.collector.node import Node

TYPES = ("logs.collected", "requests.measured", "resources.measured")


class Queue:
    """A queue to which the topology Job would bind the collector's events."""

    def __init__(self, url: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()
        topology.declare_exchanges(self._channel)
        self._channel.queue_declare("handlers")

    def bind(self) -> None:
        for type in TYPES:
            self._channel.queue_bind("handlers", EVENTS, type)

    def messages(self) -> list[Message]:
        found = []
        while (received := self._channel.basic_get("handlers", auto_ack=True))[0] is not None:
            _, properties, body = received
            assert properties.delivery_mode == 2, "it survives a restart of RabbitMQ"
            found.append(Message.from_headers(properties.headers or {}, body))
        return found

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def url(rabbitmq: Any) -> str:
    return str(rabbitmq.vhost())


@pytest.fixture
async def bus(url: str) -> AsyncIterator[Bus]:
    bus = Bus(url, "collector of a test", timeout_seconds=10.0)
    bus.open()
    yield bus
    await bus.close()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    (tmp_path / "state").mkdir()
    return Node(tmp_path / "pods")


async def test_events_reach_the_queues_of_their_handlers(url: str, bus: Bus, node: Node) -> None:
    queue = Queue(url)
    queue.bind()
    node.container().write("hello")
    agent = Agent(node, node, Events(bus).publish, node.logs.parent / "state", 0.0, node.logs)
    agent.read()
    assert await agent.publish()
    (message,) = queue.messages()
    assert (message.type, message.source) == ("logs.collected", "/capsule/collector")
    assert [entry["line"] for entry in json.loads(message.body)["entries"]] == ["hello"]
    queue.close()


async def test_a_batch_waits_for_its_queue(url: str, bus: Bus, node: Node) -> None:
    queue = Queue(url)
    node.container().write("hello")
    agent = Agent(node, node, Events(bus).publish, node.logs.parent / "state", 0.0, node.logs)
    agent.read()
    assert not await agent.publish(), "nothing is bound yet: RabbitMQ returns the message"
    queue.bind()
    assert await agent.publish()
    assert len(queue.messages()) == 1
    queue.close()


async def test_a_running_agent_publishes_what_is_written_and_the_rest_at_its_end(url: str, bus: Bus, node: Node) -> None:
    queue = Queue(url)
    queue.bind()
    agent = Agent(node, node, Events(bus).publish, node.logs.parent / "state", 1.0, node.logs)
    running = asyncio.create_task(agent.run())
    node.container().write("one")
    lines: list[str] = []
    async with asyncio.timeout(20):
        while not lines:
            await asyncio.sleep(0.1)
            lines += [entry["line"] for message in queue.messages() for entry in json.loads(message.body)["entries"]]
    node.container().write("two")
    agent.read()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    lines += [entry["line"] for message in queue.messages() for entry in json.loads(message.body)["entries"]]
    assert lines == ["one", "two"]
    queue.close()
