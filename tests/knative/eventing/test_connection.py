"""Outages of RabbitMQ: conditions report them, and everything resumes when it is back."""

import asyncio
from pathlib import Path

import pytest

from knative.local.eventing.conditions import condition_of
from knative.machine.rabbitmq import RabbitMQ
from tests.knative.eventing.conftest import broker, machine_at, trigger, until
from tests.knative.eventing.test_brokers import CreateSubscriber, connected, exchange_of, headers
from tests.proof import proof

BROKER, TRIGGER = "Broker.eventing.knative.dev", "Trigger.eventing.knative.dev"


@pytest.mark.parametrize("is_reset", [False, True], ids=["kept", "reset"])
@proof("recovery")
async def test_deliveries_resume_after_a_restart_of_rabbitmq(
    own_rabbitmq: RabbitMQ, tmp_path: Path, subscriber: CreateSubscriber, is_reset: bool
) -> None:
    sink = await subscriber()
    vhost = own_rabbitmq.create_vhost("lost" if is_reset else "kept")
    async with machine_at(tmp_path, vhost) as machine:
        machine.apply(*broker(), trigger("one", sink.url, "a"))
        await machine.ready(TRIGGER, "one")
        exchange = await exchange_of(machine)
        await asyncio.to_thread(own_rabbitmq.stop)
        await until(lambda: condition_of(machine.store.get(BROKER, "test", "main")).status == "False")
        await until(lambda: condition_of(machine.store.get(TRIGGER, "test", "one")).status == "False")
        assert (await machine.eventing.brokers.handle_request("test", "main", "POST", "/", binary(), b"")).status == 500
        await asyncio.to_thread(own_rabbitmq.start)
        if is_reset:
            own_rabbitmq.delete_vhost("lost")
            own_rabbitmq.create_vhost("lost")
        await machine.ready(TRIGGER, "one", seconds=90)
        rabbit, publisher = await connected(vhost)
        await publisher.publish(exchange, "", headers("a"), b"{}")
        await until(lambda: sink.received, 60)
        await rabbit.stop()


@proof("recovery")
async def test_eventing_starts_without_rabbitmq(own_rabbitmq: RabbitMQ, tmp_path: Path, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    vhost = own_rabbitmq.create_vhost("later")
    await asyncio.to_thread(own_rabbitmq.stop)
    async with machine_at(tmp_path, vhost) as machine:
        machine.apply(*broker(), trigger("one", sink.url, "a"))
        await until(lambda: condition_of(machine.store.get(BROKER, "test", "main")).reason == "ExchangeFailure")
        (exchange,) = machine.store.list("Exchange.rabbitmq.com", "test")
        assert "unavailable" in condition_of(exchange).message
        await asyncio.to_thread(own_rabbitmq.start)
        await machine.ready(TRIGGER, "one", seconds=90)


async def test_a_deleted_queue_is_declared_again(own_rabbitmq: RabbitMQ, tmp_path: Path, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    vhost = own_rabbitmq.create_vhost("deleted")
    async with machine_at(tmp_path, vhost) as machine:
        machine.apply(*broker(), trigger("one", sink.url, "a"))
        await machine.ready(TRIGGER, "one")
        exchange = await exchange_of(machine)
        (queue,) = machine.store.list("Queue.rabbitmq.com", "test", {"eventing.knative.dev/trigger": "one"})
        rabbit, publisher = await connected(vhost)
        channel = await rabbit.channel()
        await channel.call("queue_delete", queue=queue["spec"]["name"])
        for number in range(200):
            await publisher.publish(exchange, "", headers("a", n=str(number)), b"{}")
            if sink.received:
                break
            await asyncio.sleep(0.05)
        assert sink.received
        await rabbit.stop()


def binary() -> dict[str, str]:
    return {"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s", "Ce-Type": "a"}
