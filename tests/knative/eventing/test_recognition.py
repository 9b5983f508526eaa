"""A RabbitMQ in which everything was declared is recognized at the next start; another one, or one that was reset, gets everything."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pika
import pytest

from knative.local.controller import Controller
from knative.local.definitions import load
from knative.local.eventing import topology
from knative.local.eventing.administration import Administration
from knative.local.eventing.assembly import Eventing, assemble
from knative.local.eventing.conditions import is_ready
from knative.local.eventing.connected_controller import ConnectedController
from knative.local.store import Store
from tests.knative.eventing.conftest import NoServices, Subscriber, broker, trigger, until
from tests.knative.eventing.test_brokers import CreateSubscriber
from tests.servers import Brokers

TRIGGER = "Trigger.eventing.knative.dev"
Calls = Counter[str]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """How often each AMQP method was called that changes RabbitMQ."""
    counted: Calls = Counter()
    call = Administration.call

    async def count(self: Administration, method: str, /, **arguments: Any) -> Any:
        if not arguments.get("passive"):
            counted[method] += 1
        return await call(self, method, **arguments)

    monkeypatch.setattr(Administration, "call", count)
    monkeypatch.setattr(topology, "MARK_POLL_SECONDS", 0.02)
    return counted


@asynccontextmanager
async def start(folder: Path, url: str) -> AsyncIterator[tuple[Store, Eventing]]:
    store = Store(folder / "store.db", load())
    eventing = assemble(store, url, NoServices(), {}, mark_file=folder / "mark")
    controller = ConnectedController(eventing.rabbit, Controller(store, eventing.reconcilers), eventing.topology.wait_until_recognized)
    runnables = [*eventing.runnables, eventing.dispatchers, controller]
    for runnable in runnables:
        await runnable.start()
    try:
        yield store, eventing
    finally:
        for runnable in reversed(runnables):
            await runnable.stop()
        store.close()


async def create(folder: Path, url: str, sink: Subscriber) -> None:
    """Start with a Broker and a Trigger until RabbitMQ is marked."""
    async with start(folder, url) as (store, eventing):
        for each in (*broker(), trigger("one", sink.url, "a")):
            store.apply(each)
        await until(lambda: is_ready(store.get(TRIGGER, "test", "one")))
        await until(lambda: eventing.topology.queues.trusts_conditions)


def is_marked(url: str, file: Path) -> bool:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        connection.channel().exchange_declare(file.read_text(), passive=True)
    except pika.exceptions.ChannelClosedByBroker:
        return False
    finally:
        connection.close()
    return True


async def test_nothing_is_declared_again(tmp_path: Path, vhost: str, subscriber: CreateSubscriber, calls: Calls) -> None:
    await create(tmp_path, vhost, await subscriber())
    assert calls["queue_declare"] == 1, "the first declaration makes it ready, which is no reason to declare it again"
    assert is_marked(vhost, tmp_path / "mark")
    calls.clear()
    async with start(tmp_path, vhost) as (store, eventing):
        await until(lambda: eventing.dispatchers.has_all([("test", "one")]))
        assert is_ready(store.get(TRIGGER, "test", "one"))
        assert not calls


async def test_all_is_verified_later(tmp_path: Path, vhost: str, subscriber: CreateSubscriber, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    await create(tmp_path, vhost, await subscriber())
    declared = Counter(calls)
    calls.clear()
    monkeypatch.setattr(topology, "VERIFY_AFTER_SECONDS", 0.1)
    monkeypatch.setattr(topology, "VERIFY_PAUSE_SECONDS", 0.001)
    async with start(tmp_path, vhost):
        await until(lambda: calls["queue_declare"] == declared["queue_declare"] and calls["queue_bind"] == declared["queue_bind"])


async def test_a_broker_that_was_reset_gets_everything(
    tmp_path: Path, rabbitmq: Brokers, vhost: str, subscriber: CreateSubscriber, calls: Calls
) -> None:
    await create(tmp_path, vhost, await subscriber())
    former = (tmp_path / "mark").read_text()
    declared = Counter(calls)
    calls.clear()
    empty = rabbitmq.vhost()
    async with start(tmp_path, empty) as (_, eventing):
        await until(lambda: eventing.topology.queues.trusts_conditions)
        assert calls == declared, "and no dispatcher has found that its queue is missing"
        assert (tmp_path / "mark").read_text() != former, "the former RabbitMQ does not have what is declared in this one from now on"
        assert is_marked(empty, tmp_path / "mark")


async def test_a_new_object_is_declared_in_a_broker_that_is_recognized(
    tmp_path: Path, vhost: str, subscriber: CreateSubscriber, calls: Calls
) -> None:
    sink = await subscriber()
    await create(tmp_path, vhost, sink)
    calls.clear()
    async with start(tmp_path, vhost) as (store, _):
        store.apply(trigger("two", sink.url, "b"))
        await until(lambda: is_ready(store.get(TRIGGER, "test", "two")))
        assert calls == {"queue_declare": 1, "queue_bind": 1}
