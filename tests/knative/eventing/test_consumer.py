"""A pod that takes its messages from its queue itself: the same request as a pushed one, and a hand-over in which nothing is lost or stuck."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pika.data
import pytest

from functions.runtime.messaging.bus import Bus
from functions.runtime.serving.queue_consumer import QueueConsumer
from functions.wire.amqp import tables
from functions.wire.queue_consumption import POD_LAYOUT, STALE_AFTER_SECONDS, ActivityReader, PodActivity
from knative.local.controller import Controller
from knative.local.definitions import load
from knative.local.eventing.assembly import assemble
from knative.local.eventing.dispatch import Response
from knative.local.store import Store
from tests.knative.eventing.conftest import Machine, broker, trigger, until
from tests.knative.eventing.test_brokers import connected, exchange_of, headers, waiting

TRIGGER = ("Trigger.eventing.knative.dev", "t")


class Pod:
    """A Service's one pod at eventing's seams: pushed to as serving does it, or consuming with its own application."""

    def __init__(self, folder: Path) -> None:
        self.watched = ActivityReader(folder / "activity")
        self.watched.set_may_consume(True)
        self.pushed: list[bytes] = []
        self.consumed: list[bytes] = []
        self.scopes: list[Mapping[str, Any]] = []
        self.status = 204

    def consuming(self, namespace: str, service: str) -> bool:
        return (namespace, service) == ("test", "pod") and self.watched.read().is_consuming

    async def request(
        self, namespace: str, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> Response:
        self.pushed.append(body)
        return Response(204, {}, b"")

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        self.scopes.append(scope)
        await asyncio.sleep(0.005)
        if self.status < 300:
            self.consumed.append(message["body"])
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def running(folder: Path, url: str, pod: Pod) -> AsyncIterator[Machine]:
    store = Store(folder / "store.db", load())
    eventing = assemble(store, url, pod, {}, pod.consuming)
    controller = Controller(store, eventing.reconcilers)
    parts = [*eventing.runnables, controller]
    for part in parts:
        await part.start()
    try:
        service = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "pod", "namespace": "test"}}
        template = {"template": {"spec": {"containers": [{"image": "x"}]}}}
        store.apply({**service, "spec": template}, manager="test")
        store.set_status("Service.serving.knative.dev", "test", "pod", {"address": {"url": "http://pod.test.svc.cluster.local"}})
        machine = Machine(store, eventing, controller)
        manifest = trigger("t", "/auth.register", "user.created", parallelism=20)
        manifest["spec"]["subscriber"] = {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "pod"}, "uri": "/auth.register"}
        machine.apply(*broker(), manifest)
        await machine.ready(*TRIGGER)
        yield machine
    finally:
        for part in reversed(parts):
            await part.stop()
        store.close()


async def consumer_of(machine: Machine, pod: Pod, url: str) -> tuple[QueueConsumer, Bus]:
    consumer = QueueConsumer(pod.application, machine.eventing.dispatchers.queues("test", "pod"), PodActivity(pod.watched.path))
    bus = Bus(url, "a pod")
    bus.on_connected(consumer.on_connected)
    bus.open()
    await until(lambda: pod.consuming("test", "pod"), failure="the pod does not consume")
    return consumer, bus


async def test_messages_go_to_the_pod_while_it_consumes_and_are_pushed_before_and_after(tmp_path: Path, vhost: str) -> None:
    pod = Pod(tmp_path)
    async with running(tmp_path, vhost, pod) as machine:
        rabbit, publisher = await connected(vhost)
        exchange = await exchange_of(machine)
        sent = [f"{number}".encode() for number in range(300)]

        async def publish(bodies: list[bytes]) -> None:
            await asyncio.gather(*(publisher.publish(exchange, "", headers(), body) for body in bodies))

        await publish(sent[:50])
        await until(lambda: len(pod.pushed) == 50, failure=lambda: f"{len(pod.pushed)} of 50 were pushed")
        consumer, bus = await consumer_of(machine, pod, vhost)
        await publish(sent[50:150])
        await until(lambda: len(pod.pushed) + len(pod.consumed) == 150)
        before = len(pod.pushed)
        await publish(sent[150:250])  # by now the dispatcher is spared
        await until(lambda: len(pod.pushed) + len(pod.consumed) == 250)
        assert len(pod.pushed) == before
        publishing = asyncio.create_task(publish(sent[250:]))  # and while the pod ends
        await consumer.stop()
        await bus.close()
        await publishing
        await until(lambda: len({*pod.pushed, *pod.consumed}) == 300, failure=lambda: f"{len({*pod.pushed, *pod.consumed})} of 300 arrived")
        assert sorted([*pod.pushed, *pod.consumed]) == sorted(sent)
        scope = pod.scopes[0]
        assert (scope["method"], scope["path"]) == ("POST", "/auth.register")
        assert dict(scope["headers"])[b"ce-type"] == b"user.created"
        queue = machine.eventing.dispatchers.queues("test", "pod")[0].name
        assert await waiting(rabbit, queue) == 0
        await rabbit.stop()


async def test_what_is_not_simply_handled_is_left_to_the_dispatcher(tmp_path: Path, vhost: str) -> None:
    pod = Pod(tmp_path)
    async with running(tmp_path, vhost, pod) as machine:
        rabbit, publisher = await connected(vhost)
        exchange = await exchange_of(machine)
        consumer, bus = await consumer_of(machine, pod, vhost)
        pod.status = 503
        for number in range(3):
            await publisher.publish(exchange, "", headers(), f"{number}".encode())
        await until(lambda: len(pod.pushed) == 3, failure="the dispatcher has not come back")
        assert not pod.consumed
        pod.status = 204
        await until(lambda: pod.consuming("test", "pod"), failure="the pod does not consume again")
        await consumer.stop()
        await bus.close()
        await rabbit.stop()


async def test_a_pod_that_may_not_consume_leaves_its_queue(tmp_path: Path, vhost: str) -> None:
    pod = Pod(tmp_path)
    async with running(tmp_path, vhost, pod) as machine:
        consumer, bus = await consumer_of(machine, pod, vhost)
        pod.watched.set_may_consume(False)
        await until(lambda: not pod.consuming("test", "pod"), failure="it still consumes")
        pod.watched.set_may_consume(True)
        await until(lambda: pod.consuming("test", "pod"), failure="it does not consume again")
        await consumer.stop()
        await bus.close()


async def test_activity_is_seen_on_the_other_side_and_grows_stale(tmp_path: Path) -> None:
    clock = [time.monotonic_ns()]
    watched = ActivityReader(tmp_path / "pod" / "activity", now_ns=lambda: clock[0])
    activity = PodActivity(watched.path)
    assert not watched.read().is_consuming
    assert not activity.may_consume
    watched.set_may_consume(True)
    assert activity.may_consume
    activity.is_consuming = True
    first, second = activity.start_message(), activity.start_message()
    activity.finish_message(first)
    snapshot, handled, busy = watched.read_difference()
    assert (snapshot.is_consuming, snapshot.in_flight, handled) == (True, 1, 1)
    assert busy > 0
    activity.finish_message(second)
    assert watched.read_difference()[1] == 1
    assert watched.read_difference()[1:] == (0, 0.0)
    clock[0] = time.monotonic_ns() + int((STALE_AFTER_SECONDS + 1) * 1e9)
    assert not watched.read().is_consuming
    assert watched.path.stat().st_size > POD_LAYOUT.size


TABLES: list[dict[str, Any]] = [
    {},
    {"type": "auth.register", "id": str(uuid4()), "empty": "", "umlaut": "Ä€𝄞"},
    {"x-death": [{"count": 3, "queue": "q"}], "number": 7, "large": 2**40, "true": True, "none": None, "bytes": b"\x00\xff"},
]


@pytest.mark.parametrize("table", TABLES, ids=["empty", "text", "mixed"])
def test_tables_are_pikas_own(table: dict[str, Any]) -> None:
    theirs: list[bytes] = []
    ours: list[bytes] = []
    length = _pikas("encode_table")(theirs, table)
    assert tables.encode_table(ours, table) == length
    assert b"".join(ours) == b"".join(theirs)
    encoded = b"before" + b"".join(theirs) + b"after"
    assert tables.decode_table(encoded, 6) == _pikas("decode_table")(encoded, 6)


def _pikas(name: str) -> Any:
    """Out of a fresh copy of pika.data, since the one that is loaded has ours."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("pika_data_of_its_own", pika.data.__file__)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__package__ = "pika"
    spec.loader.exec_module(module)
    return getattr(module, name)
