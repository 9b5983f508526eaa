"""A one-machine Knative that starts before RabbitMQ leaves conditions alone until it is connected."""

import asyncio
from pathlib import Path

from knative.local.controller import Controller
from knative.local.definitions import load
from knative.local.eventing.assembly import assemble
from knative.local.eventing.conditions import is_ready
from knative.local.eventing.connected_controller import ConnectedController
from knative.local.store import Store
from tests.knative.eventing.conftest import NoServices, broker, machine_at, trigger, until
from tests.knative.eventing.test_brokers import CreateSubscriber

TRIGGER = "Trigger.eventing.knative.dev"
NOBODY = "amqp://nobody:none@127.0.0.1:1/"


async def test_conditions_stay_until_rabbitmq_is_connected(tmp_path: Path, vhost: str, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    async with machine_at(tmp_path, vhost) as machine:
        machine.apply(*broker(), trigger("one", sink.url, "a"))
        await machine.ready(TRIGGER, "one")
    addresses = [NOBODY]
    store = Store(tmp_path / "store.db", load())
    eventing = assemble(store, lambda: addresses[0], NoServices(), {})
    failures: list[bool] = []
    eventing.rabbit._connection.add_lost_listener(lambda _: failures.append(is_ready(store.get(TRIGGER, "test", "one"))))
    controller = ConnectedController(eventing.rabbit, Controller(store, eventing.reconcilers), eventing.topology.wait_until_recognized)
    runnables = [*eventing.runnables, eventing.dispatchers, controller]
    version = store.get(TRIGGER, "test", "one")["metadata"]["resourceVersion"]
    try:
        for runnable in runnables:
            await runnable.start()
        await until(lambda: len(failures) >= 3)
        assert all(failures)
        assert store.get(TRIGGER, "test", "one")["metadata"]["resourceVersion"] == version
        assert not eventing.dispatchers.has_all([("test", "one")])
        addresses[0] = vhost
        await until(lambda: eventing.dispatchers.has_all([("test", "one")]))
        assert is_ready(store.get(TRIGGER, "test", "one"))
    finally:
        for runnable in reversed(runnables):
            await runnable.stop()
        store.close()


async def test_it_stops_while_it_waits(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", load())
    eventing = assemble(store, NOBODY, NoServices(), {})
    waiting = ConnectedController(eventing.rabbit, Controller(store, eventing.reconcilers), eventing.topology.wait_until_recognized)
    await waiting.start()
    await asyncio.wait_for(waiting.stop(), 5)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "controller of eventing"]
    store.close()
