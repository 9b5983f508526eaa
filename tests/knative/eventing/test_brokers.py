"""Brokers, Triggers and dispatchers on a real RabbitMQ: deliveries, retries and dead letters."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from knative.local.eventing.conditions import condition_of
from knative.local.eventing.rabbit import ChannelRefused, Publisher, RabbitMQ
from tests.knative.eventing.conftest import Machine, Subscriber, broker, trigger, until

CreateSubscriber = Callable[[], Awaitable[Subscriber]]


def headers(type: str = "user.created", **more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": str(uuid.uuid4()), "source": "/test", "type": type,
        "time": "2026-01-02T03:04:05Z", "content-type": "application/json", **more,
    }  # fmt: skip


async def exchange_of(machine: Machine, name: str = "main") -> str:
    await machine.ready("Broker.eventing.knative.dev", name)
    labelled = {"eventing.knative.dev/broker": name}
    names = [each["spec"]["name"] for each in machine.store.list("Exchange.rabbitmq.com", "test", labelled)]
    return next(each for each in names if ".dlx." not in each)


async def connected(url: str) -> tuple[RabbitMQ, Publisher]:
    rabbit = RabbitMQ(url, "test")
    await rabbit.start()
    await rabbit.wait_until_up()
    return rabbit, Publisher(rabbit)


async def waiting(rabbit: RabbitMQ, queue: str) -> int:
    channel = await rabbit.channel()
    try:
        count: int = (await channel.call("queue_declare", queue=queue, passive=True)).method.message_count
        return count
    finally:
        channel.close()


async def test_an_event_is_delivered_to_the_triggers_that_match(machine: Machine, vhost: str, subscriber: CreateSubscriber) -> None:
    one, other, every = await subscriber(), await subscriber(), await subscriber()
    machine.apply(*broker(), trigger("one", one.url, "user.created"), trigger("other", other.url, "user.gone"), trigger("every", every.url))
    for name in ("one", "other", "every"):
        await machine.ready("Trigger.eventing.knative.dev", name)
    exchange = await exchange_of(machine)
    rabbit, publisher = await connected(vhost)
    await publisher.publish(exchange, "", headers(replyto="q"), b'{"a":1}')
    await publisher.publish(exchange, "", headers(type="User.Created"), b"{}")
    await until(lambda: len(every.received) == 2)
    assert [request.body for request in one.received] == [b'{"a":1}']
    assert one.received[0].headers["ce-replyto"] == "q"
    assert one.received[0].headers["content-type"] == "application/json"
    assert not other.received
    await rabbit.stop()


async def test_objects_have_the_names_and_labels_of_upstream(machine: Machine, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    machine.apply(*broker(delivery={"retry": 0, "deadLetterSink": {"uri": sink.url}}), trigger("one", sink.url, "a"))
    made = await machine.ready("Broker.eventing.knative.dev", "main")
    one = await machine.ready("Trigger.eventing.knative.dev", "one")
    uid = made["metadata"]["uid"]
    assert made["status"]["address"]["url"] == "http://main-broker-ingress.test.svc.cluster.local"
    assert made["status"]["deadLetterSinkUri"] == sink.url
    exchanges = machine.store.list("Exchange.rabbitmq.com", "test", {"eventing.knative.dev/broker": "main"})
    assert {each["spec"]["name"] for each in exchanges} == {f"b.test.main.{uid}", f"b.test.main.dlx.{uid}"}
    labels = {"eventing.knative.dev/broker": "main", "eventing.knative.dev/trigger": "one"}
    (queue,) = machine.store.list("Queue.rabbitmq.com", "test", labels)
    assert queue["spec"]["name"] == f"test.one.{uid}"
    assert queue["metadata"]["name"] == f"t.test.one.{one['metadata']['uid']}"
    (binding,) = machine.store.list("Binding.rabbitmq.com", "test", labels)
    assert binding["spec"]["arguments"] == {"type": "a", "x-knative-trigger": "one", "x-match": "all"}
    assert one["status"]["subscriberUri"] == sink.url


async def test_a_failed_delivery_is_retried_then_dead_lettered(machine: Machine, vhost: str, subscriber: CreateSubscriber) -> None:
    failing, letters = await subscriber(), await subscriber()
    failing.respond = lambda request: web.Response(status=503)
    delivery = {"retry": 2, "backoffPolicy": "linear", "backoffDelay": "PT0.1S", "deadLetterSink": {"uri": letters.url}}
    machine.apply(*broker(delivery=delivery), trigger("failing", failing.url, "user.created"))
    await machine.ready("Trigger.eventing.knative.dev", "failing")
    rabbit, publisher = await connected(vhost)
    await publisher.publish(await exchange_of(machine), "", headers(actor="u"), b'{"a":1}')
    await until(lambda: letters.received)
    assert len(failing.received) == 3
    letter = letters.received[0]
    assert letter.body == b'{"a":1}'
    assert (letter.headers["ce-knativeerrorcode"], letter.headers["ce-knativeerrordest"]) == ("503", failing.url)
    assert letter.headers["ce-actor"] == "u"
    await rabbit.stop()


async def test_timeouts_and_refused_connections_are_dead_lettered(machine: Machine, vhost: str, subscriber: CreateSubscriber) -> None:
    slow, letters = await subscriber(), await subscriber()
    released = asyncio.Event()

    async def wait(_: object) -> web.Response:
        await released.wait()
        return web.Response(status=204)

    slow.respond = wait
    delivery = {"retry": 0, "timeout": "PT0.5S", "deadLetterSink": {"uri": letters.url}}
    machine.apply(*broker(delivery=delivery), trigger("slow", slow.url, "slow"), trigger("refused", "http://127.0.0.1:9/", "refused"))
    await machine.ready("Trigger.eventing.knative.dev", "slow")
    await machine.ready("Trigger.eventing.knative.dev", "refused")
    rabbit, publisher = await connected(vhost)
    exchange = await exchange_of(machine)
    await publisher.publish(exchange, "", headers("slow"), b"{}")
    await publisher.publish(exchange, "", headers("refused"), b"{}")
    await until(lambda: len(letters.received) == 2)
    released.set()
    assert {request.headers["ce-knativeerrorcode"] for request in letters.received} == {"-1"}
    await rabbit.stop()


async def test_a_trigger_with_its_own_delivery_drops_failures_without_a_sink(machine: Machine, vhost: str, subscriber: CreateSubscriber) -> None:
    failing, letters, own = await subscriber(), await subscriber(), await subscriber()
    failing.respond = lambda request: web.Response(status=500)
    machine.apply(
        *broker(delivery={"retry": 0, "deadLetterSink": {"uri": letters.url}}),
        trigger("losing", failing.url, "a", delivery={"retry": 0}),
        trigger("own", failing.url, "b", delivery={"retry": 0, "deadLetterSink": {"uri": own.url}}),
        trigger("brokers", failing.url, "c"),
    )
    for name in ("losing", "own", "brokers"):
        await machine.ready("Trigger.eventing.knative.dev", name)
    rabbit, publisher = await connected(vhost)
    exchange = await exchange_of(machine)
    for type in "abc":
        await publisher.publish(exchange, "", headers(type), b"{}")
    await until(lambda: own.received and letters.received and len(failing.received) == 3)
    assert [request.headers["ce-type"] for request in own.received] == ["b"]
    assert [request.headers["ce-type"] for request in letters.received] == ["c"]
    await rabbit.stop()


async def test_an_expired_message_is_dead_lettered(machine: Machine, vhost: str, subscriber: CreateSubscriber) -> None:
    stuck, letters = await subscriber(), await subscriber()
    released = asyncio.Event()

    async def wait(_: object) -> web.Response:
        await released.wait()
        return web.Response(status=204)

    stuck.respond = wait
    machine.apply(*broker(delivery={"retry": 0, "deadLetterSink": {"uri": letters.url}}), trigger("stuck", stuck.url, "a"))
    await machine.ready("Trigger.eventing.knative.dev", "stuck")
    rabbit, publisher = await connected(vhost)
    exchange = await exchange_of(machine)
    await asyncio.gather(*(publisher.publish(exchange, "", headers("a"), b"{}") for _ in range(100)))
    await until(lambda: stuck.received)
    await publisher.publish(exchange, "", headers("a", mark="expires"), b"{}", expiration="200")
    await until(lambda: letters.received)
    assert letters.received[0].headers["ce-mark"] == "expires"
    assert "ce-knativeerrorcode" not in letters.received[0].headers
    released.set()
    await until(lambda: len(stuck.received) == 100)
    await rabbit.stop()


async def test_deliveries_do_not_exceed_the_parallelism(machine: Machine, vhost: str, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    current, maximum = 0, 0

    async def count(_: object) -> web.Response:
        nonlocal current, maximum
        current += 1
        maximum = max(maximum, current)
        await asyncio.sleep(0.02)
        current -= 1
        return web.Response(status=204)

    sink.respond = count
    machine.apply(*broker(), trigger("three", sink.url, "a", parallelism=3), trigger("one", sink.url, "b"))
    await machine.ready("Trigger.eventing.knative.dev", "three")
    await machine.ready("Trigger.eventing.knative.dev", "one")
    rabbit, publisher = await connected(vhost)
    exchange = await exchange_of(machine)
    for type, parallel in (("a", 3), ("b", 1)):
        sink.received.clear()
        maximum = 0
        await asyncio.gather(*(publisher.publish(exchange, "", headers(type, n=str(n)), b"{}") for n in range(30)))
        await until(lambda: len(sink.received) == 30)
        await until(lambda: current == 0)
        assert maximum == parallel
    assert [request.headers["ce-n"] for request in sink.received] == [str(n) for n in range(30)]
    await rabbit.stop()


async def test_a_reply_becomes_a_new_event(machine: Machine, vhost: str, subscriber: CreateSubscriber) -> None:
    requests, answered = await subscriber(), await subscriber()
    reply = {"ce-specversion": "1.0", "ce-id": "r", "ce-source": "/f", "ce-type": "answered", "content-type": "application/json"}
    requests.respond = lambda request: web.Response(status=200, body=b'{"b":2}', headers=reply)
    machine.apply(*broker(), trigger("asked", requests.url, "asked"), trigger("answered", answered.url, "answered"))
    await machine.ready("Trigger.eventing.knative.dev", "asked")
    await machine.ready("Trigger.eventing.knative.dev", "answered")
    rabbit, publisher = await connected(vhost)
    await publisher.publish(await exchange_of(machine), "", headers("asked"), b"{}")
    await until(lambda: answered.received)
    assert (answered.received[0].body, answered.received[0].headers["ce-id"]) == (b'{"b":2}', "r")
    await rabbit.stop()


async def test_the_ingress_answers_as_upstream(machine: Machine, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    machine.apply(*broker(), trigger("all", sink.url))
    await machine.ready("Trigger.eventing.knative.dev", "all")
    ingress = machine.eventing.brokers
    binary = {"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/s", "Ce-Type": "t", "Content-Type": "text/plain", "Ce-Note": "n"}
    assert (await ingress.handle_request("test", "main", "POST", "/", binary, b"hello")).status == 202
    structured = json.dumps({"specversion": "1.0", "id": "2", "source": "/s", "type": "t", "data": {"a": 1}}).encode()
    assert (await ingress.handle_request("test", "main", "POST", "/", {"content-type": "application/cloudevents+json"}, structured)).status == 202
    await until(lambda: len(sink.received) == 2)
    assert {request.headers["ce-id"]: request.body for request in sink.received} == {"1": b"hello", "2": b'{"a":1}'}
    assert (await ingress.handle_request("test", "main", "GET", "/", {}, b"")).status == 405
    assert (await ingress.handle_request("test", "none", "POST", "/", binary, b"")).status == 404
    assert (await ingress.handle_request("test", "main", "POST", "/", {**binary, "Ce-Id": ""}, b"")).status == 400
    assert (await ingress.handle_request("test", "main", "POST", "/", {"content-type": "application/json"}, b"{}")).status == 400


async def test_a_deleted_trigger_deletes_its_queue(machine: Machine, vhost: str, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    machine.apply(*broker(), trigger("one", sink.url, "a"))
    made = await machine.ready("Trigger.eventing.knative.dev", "one")
    uid = machine.store.get("Broker.eventing.knative.dev", "test", "main")["metadata"]["uid"]
    rabbit, _ = await connected(vhost)
    assert await waiting(rabbit, f"test.one.{uid}") == 0
    machine.store.delete("Trigger.eventing.knative.dev", "test", "one")
    for child in machine.store.children(made["metadata"]["uid"]):  # as the API's garbage collector does
        machine.store.delete(f"{child['kind']}.rabbitmq.com", "test", child["metadata"]["name"])
    await until(lambda: not machine.store.list("Queue.rabbitmq.com", "test"))
    with pytest.raises(ChannelRefused, match="404"):
        await waiting(rabbit, f"test.one.{uid}")
    await rabbit.stop()


async def test_triggers_follow_a_broker_that_is_created_again(machine: Machine, vhost: str, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    machine.apply(*broker(delivery={"retry": 0, "deadLetterSink": {"uri": sink.url}}), trigger("one", sink.url, "a"))
    await machine.ready("Trigger.eventing.knative.dev", "one")
    old = machine.store.get("Broker.eventing.knative.dev", "test", "main")["metadata"]["uid"]
    machine.store.delete("Broker.eventing.knative.dev", "test", "main")
    for child in machine.store.children(old):
        machine.store.delete(f"{child['kind']}.rabbitmq.com", "test", child["metadata"]["name"])
    await until(lambda: _false(machine, "Trigger.eventing.knative.dev", "one", "BrokerDoesNotExist"))
    machine.apply(*broker())
    new = (await machine.ready("Broker.eventing.knative.dev", "main"))["metadata"]["uid"]
    await machine.ready("Trigger.eventing.knative.dev", "one")
    (queue,) = machine.store.list("Queue.rabbitmq.com", "test")
    assert queue["spec"]["name"] == f"test.one.{new}"
    rabbit, publisher = await connected(vhost)
    await publisher.publish(await exchange_of(machine), "", headers("a"), b"{}")
    await until(lambda: sink.received)
    with pytest.raises(ChannelRefused, match="404"):
        await waiting(rabbit, f"test.one.{old}")
    await rabbit.stop()


async def test_a_dead_letter_sink_can_be_added_to_and_removed_from_a_trigger(machine: Machine, vhost: str, subscriber: CreateSubscriber) -> None:
    failing, letters = await subscriber(), await subscriber()
    failing.respond = lambda request: web.Response(status=500)
    machine.apply(*broker(), trigger("one", failing.url, "a"))
    await machine.ready("Trigger.eventing.knative.dev", "one")
    rabbit, publisher = await connected(vhost)
    exchange = await exchange_of(machine)
    machine.apply(trigger("one", failing.url, "a", delivery={"retry": 0, "deadLetterSink": {"uri": letters.url}}))
    await until(lambda: machine.store.get("Trigger.eventing.knative.dev", "test", "one")["status"].get("deadLetterSinkUri"))
    await machine.ready("Trigger.eventing.knative.dev", "one")
    await publisher.publish(exchange, "", headers("a"), b"{}")
    await until(lambda: letters.received)
    machine.apply(trigger("one", failing.url, "a"))
    await until(lambda: len(machine.store.list("Queue.rabbitmq.com", "test")) == 1)
    await machine.ready("Trigger.eventing.knative.dev", "one")
    await publisher.publish(exchange, "", headers("a"), b"{}")
    await until(lambda: len(failing.received) == 2)
    assert len(letters.received) == 1
    await rabbit.stop()


async def test_an_invalid_delivery_and_a_missing_broker_are_reported_in_conditions(machine: Machine, subscriber: CreateSubscriber) -> None:
    sink = await subscriber()
    machine.apply(*broker(delivery={"retry": 3, "backoffDelay": "PT0.05S", "deadLetterSink": {"uri": sink.url}}))
    machine.apply(trigger("orphan", sink.url, broker="nobody"))
    found = await until(lambda: _false(machine, "Broker.eventing.knative.dev", "main", "BadDelivery"))
    assert "PT0.1S" in found
    await until(lambda: _false(machine, "Trigger.eventing.knative.dev", "orphan", "BrokerDoesNotExist"))


def _false(machine: Machine, kind: str, name: str, reason: str) -> str | None:
    condition = condition_of(machine.store.get(kind, "test", name))
    return condition.message if (condition.status, condition.reason) == ("False", reason) else None
