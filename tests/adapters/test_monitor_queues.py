"""RabbitMQ's queues through the management API, as the user of monitor and no other."""

import asyncio
from pathlib import Path

import pika
import pytest

from functions.monitor.adapters.rabbitmq_queues import RabbitMQQueues
from functions.monitor.domain.queues import QueueKind, read_queues
from functions.monitor.domain.rejections import QueuesUnavailable
from functions.runtime.config.settings import Settings
from knative.machine import keys, rabbitmq_users
from knative.machine.home import Home, Ports
from knative.machine.rabbitmq import RabbitMQ

UID = "0b9f1c52-3a4e-4d0f-8f6b-5a1d2c3e4f50"
QUEUE = f"capsule.billing-on-user-created.{UID}"


@pytest.fixture(scope="module")
def server(emptied_rabbitmq: RabbitMQ) -> RabbitMQ:
    rabbitmq_users.apply(emptied_rabbitmq, rabbitmq_users.accounts(emptied_rabbitmq.home))
    with pika.BlockingConnection(pika.URLParameters(emptied_rabbitmq.url)) as connection:
        channel = connection.channel()
        for name in (QUEUE, "capsule.unroutable", "orders", f"capsule.replies.{UID}"):
            channel.queue_declare(name, durable=True)
        for _ in range(3):
            channel.basic_publish("", QUEUE, b"{}")
    return emptied_rabbitmq


def adapter(server: RabbitMQ, user: str = "monitor", **environment: str) -> RabbitMQQueues:
    chosen = {"CAPSULE_AMQP_URL": server.user_url(user), **keys.management_settings(server.home), **environment}
    return RabbitMQQueues(Settings({**chosen, "CAPSULE_ROOT": str(server.home.path / "no-mounts")}))


async def test_queues_of_functions_have_their_depth_and_others_are_left_out(server: RabbitMQ) -> None:
    async with asyncio.timeout(60):  # RabbitMQ collects numbers every 30 s on one machine
        while True:
            found = {each.name: each for each in await adapter(server).list_all()}
            if found[QUEUE].ready:
                break
            await asyncio.sleep(0.5)
    assert set(found) == {QUEUE, "capsule.unroutable"}
    assert (found[QUEUE].ready, found[QUEUE].unacknowledged, found[QUEUE].consumers) == (3, 0, 0)
    assert found[QUEUE].service == "billing-on-user-created" and found[QUEUE].is_stuck


async def test_only_the_user_of_monitor_may_read_them(server: RabbitMQ) -> None:
    with pytest.raises(QueuesUnavailable, match='refuses the user "billing": give it the tag management'):
        await adapter(server, "billing").list_all()


async def test_a_server_that_does_not_answer_names_the_setting(server: RabbitMQ) -> None:
    with pytest.raises(QueuesUnavailable, match="CAPSULE_RABBITMQ_MANAGEMENT_URL"):
        await adapter(server, CAPSULE_RABBITMQ_MANAGEMENT_URL="http://127.0.0.1:9").list_all()


def test_an_external_server_is_at_its_usual_port_unless_the_operator_names_another(tmp_path: Path) -> None:
    external = Home(tmp_path, Ports(0), {"CAPSULE_AMQP_URL": "amqp://u:p@rabbit.example.org"})
    assert keys.management_settings(external) == {}
    assert keys.management_settings(Home(tmp_path, Ports(0), {})) == {"CAPSULE_RABBITMQ_MANAGEMENT_URL": f"http://127.0.0.1:{Ports(0).management}"}


@pytest.mark.parametrize(
    ("name", "kind", "is_stuck"),
    [
        (QUEUE, QueueKind.FUNCTION, True),
        ("capsule.delay.60s", QueueKind.DELAY, False),
        ("capsule.unroutable", QueueKind.UNROUTABLE, True),
        (f"b.capsule.capsule.dlq.{UID}", QueueKind.DEAD_LETTER, True),
    ],
)
def test_messages_without_a_consumer_are_stuck_unless_they_wait_on_purpose(name: str, kind: QueueKind, is_stuck: bool) -> None:
    [queue] = read_queues([{"name": name, "messages_ready": 1, "consumers": 0}])
    assert queue.kind is kind and queue.is_stuck is is_stuck
    [busy] = read_queues([{"name": name, "messages_ready": 1, "consumers": 2}])
    assert busy.is_stuck is (kind is QueueKind.UNROUTABLE)
