"""Stopping dispatchers: by default queued messages stay queued; as on a cluster, prefetched messages are dead-lettered."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from knative.local.eventing import dispatcher
from tests.knative.eventing.conftest import broker, machine_at, trigger, until
from tests.knative.eventing.test_brokers import CreateSubscriber, connected, exchange_of, headers


async def test_queued_messages_survive_a_stop(tmp_path: Any, vhost: str, subscriber: CreateSubscriber) -> None:
    sink, letters = await subscriber(), await subscriber()
    released = asyncio.Event()

    async def wait(_: object) -> web.Response:
        await released.wait()
        return web.Response(status=204)

    sink.respond = wait
    delivery = {"retry": 0, "deadLetterSink": {"uri": letters.url}}
    async with machine_at(tmp_path, vhost) as first:
        first.apply(*broker(delivery=delivery), trigger("one", sink.url, "a", parallelism=2))
        await first.ready("Trigger.eventing.knative.dev", "one")
        exchange = await exchange_of(first)
        rabbit, publisher = await connected(vhost)
        await asyncio.gather(*(publisher.publish(exchange, "", headers("a", n=str(n)), b"{}") for n in range(20)))
        await until(lambda: len(sink.received) == 2)
        asyncio.get_running_loop().call_later(0.5, released.set)
    async with machine_at(tmp_path, vhost):
        await until(lambda: len({request.headers["ce-n"] for request in sink.received}) == 20)
    assert len(sink.received) == 20, "deliveries in flight were completed"
    assert not letters.received
    await rabbit.stop()


async def test_a_stop_does_not_wait_for_a_retry(tmp_path: Any, vhost: str, subscriber: CreateSubscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "STOP_TIMEOUT_SECONDS", 3600.0)
    sink, letters = await subscriber(), await subscriber()
    sink.respond, respond = lambda _: web.Response(status=503), sink.respond
    delivery = {"retry": 3, "backoffPolicy": "linear", "backoffDelay": "PT1H", "deadLetterSink": {"uri": letters.url}}
    async with machine_at(tmp_path, vhost) as first:
        first.apply(*broker(delivery=delivery), trigger("one", sink.url, "a"))
        await first.ready("Trigger.eventing.knative.dev", "one")
        rabbit, publisher = await connected(vhost)
        await publisher.publish(await exchange_of(first), "", headers("a"), b"{}")
        await until(lambda: first.eventing.dispatchers._running["trigger", "test", "one"].counts["retried"])
        sink.respond = respond
    async with machine_at(tmp_path, vhost):
        await until(lambda: len(sink.received) == 2)
    assert not letters.received
    await rabbit.stop()


async def test_a_stop_as_on_a_cluster_dead_letters_prefetched_messages(tmp_path: Any, vhost: str, subscriber: CreateSubscriber) -> None:
    sink, letters = await subscriber(), await subscriber()
    never = asyncio.Event()

    async def wait(_: object) -> web.Response:
        await never.wait()
        return web.Response(status=204)

    sink.respond = wait
    async with machine_at(tmp_path, vhost, {"CAPSULE_DISPATCHER_STOP": "dead-letter"}) as made:
        made.apply(*broker(delivery={"retry": 3, "deadLetterSink": {"uri": letters.url}}), trigger("one", sink.url, "a", parallelism=2))
        await made.ready("Trigger.eventing.knative.dev", "one")
        exchange = await exchange_of(made)
        rabbit, publisher = await connected(vhost)
        await asyncio.gather(*(publisher.publish(exchange, "", headers("a", n=str(n)), b"{}") for n in range(20)))
        await until(lambda: len(sink.received) == 2)
        made.apply(trigger("one", sink.url, "a", parallelism=4))  # replaces the dispatcher
        await until(lambda: len(letters.received) == 20)
        assert {request.headers["ce-knativeerrorcode"] for request in letters.received} == {"-1"}
        assert len(sink.received) == 2
        never.set()
    await rabbit.stop()
