"""RabbitMQ's permissions: a user can do what its context declares and nothing else, and refusals name user, resource and permission."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from functions.runtime.messaging.bus import AccessRefused, BrokerUnavailable, Bus, Unroutable
from functions.runtime.messaging.exchanges import COMMANDS, EVENTS, REDELIVERY, REPLIES
from functions.runtime.reliability.dead_letter_router import UNROUTABLE
from functions.runtime.serving import topology
from functions.runtime.serving.queue_consumer import QueueConsumer
from functions.runtime.serving.topology import Binding
from functions.wire.queue_consumption import ActivityReader, ConsumedQueue, PodActivity
from knative.machine import rabbitmq_users
from knative.machine.rabbitmq import RabbitMQ
from tests.runtime.harness import until

UID = "0b9f1c52-3a4e-4d0f-8f6b-5a1d2c3e4f50"
AUTH_QUEUE, BILLING_QUEUE = f"capsule.auth-register.{UID}", f"capsule.billing-on-user-created.{UID}"
BROKER, BROKER_DEAD_LETTERS = f"b.capsule.capsule.{UID}", f"b.capsule.capsule.dlx.{UID}"


@pytest.fixture(scope="module")
def server(emptied_rabbitmq: RabbitMQ) -> RabbitMQ:
    """A server with all users, the Broker's queues declared as the one-machine Knative does, and the exchanges as the topology Job does."""
    rabbitmq_users.apply(emptied_rabbitmq, rabbitmq_users.accounts(emptied_rabbitmq.home))
    with connection(emptied_rabbitmq, rabbitmq_users.KNATIVE) as knative:
        channel = knative.channel()
        for exchange in (BROKER, BROKER_DEAD_LETTERS):
            channel.exchange_declare(exchange, "headers", durable=True)
        for queue in (AUTH_QUEUE, BILLING_QUEUE):
            channel.queue_declare(queue, durable=True, arguments={"x-dead-letter-exchange": BROKER_DEAD_LETTERS})
        channel.queue_bind(BILLING_QUEUE, BROKER, arguments={"x-match": "all", "type": "user.created"})
    with connection(emptied_rabbitmq, "topology") as job:
        channel = job.channel()
        topology.declare_exchanges(channel)
        bindings = [
            Binding(EVENTS, BROKER, "#", to_queue=False),
            Binding("dlx", BROKER_DEAD_LETTERS, "", to_queue=False),
            Binding(COMMANDS, BROKER, "another.function", to_queue=False),
            Binding(COMMANDS, AUTH_QUEUE, "auth.register", to_queue=True),
            Binding(COMMANDS, BILLING_QUEUE, "billing.on_user_created", to_queue=True),
            Binding(BROKER, BILLING_QUEUE, "", to_queue=True, type="quota.requested"),
            Binding(EVENTS, BILLING_QUEUE, "user.created", to_queue=True),
        ]
        topology.bind(channel, bindings)
        topology.unbind(channel, [Binding(EVENTS, BROKER, "#", to_queue=False)])
    return emptied_rabbitmq


def connection(server: RabbitMQ, user: str) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(server.user_url(user)))


@pytest.fixture
def as_user(server: RabbitMQ) -> Iterator[Callable[[str], BlockingChannel]]:
    """A factory of channels by user, with publisher confirms."""
    opened: list[pika.BlockingConnection] = []

    def channel(user: str) -> BlockingChannel:
        opened.append(connection(server, user))
        new_channel = opened[-1].channel()
        new_channel.confirm_delivery()
        return new_channel

    yield channel
    for each in opened:
        each.close()


Channels = Callable[[str], BlockingChannel]
HEADERS = pika.BasicProperties(headers={"type": "user.created"})

REFUSED: dict[str, Callable[[BlockingChannel], Any]] = {
    "publish an event of billing": lambda auth: auth.basic_publish(EVENTS, "invoice.issued", b"{}"),
    "publish an event that is not declared": lambda auth: auth.basic_publish(EVENTS, "user.created.x", b"{}"),
    "call another context's function": lambda auth: auth.basic_publish(COMMANDS, "billing.on_user_created", b"{}"),
    "call its own function without the gateway": lambda auth: auth.basic_publish(COMMANDS, "auth.register", b"{}"),
    "redeliver to another context's function": lambda auth: auth.basic_publish(REDELIVERY, "billing.on_user_created", b"{}"),
    "delay a message to another context's function": lambda auth: auth.basic_publish("capsule.delay.1s", "billing.on_user_created", b"{}"),
    "publish to a queue by its name": lambda auth: auth.basic_publish("", BILLING_QUEUE, b"{}"),
    "publish to the Broker's exchange": lambda auth: auth.basic_publish(BROKER, "", b"{}", HEADERS),
    "publish to the dead letters": lambda auth: auth.basic_publish("dlx", "", b"{}"),
    "consume another context's queue": lambda auth: auth.basic_consume(BILLING_QUEUE, lambda *_: None),
    "get from another context's queue": lambda auth: auth.basic_get(BILLING_QUEUE),
    "consume a delay queue": lambda auth: auth.basic_consume("capsule.delay.1s", lambda *_: None),
    "purge another context's queue": lambda auth: auth.queue_purge(BILLING_QUEUE),
    "declare another context's queue": lambda auth: auth.queue_declare(f"capsule.billing-subscribe.{UID}", durable=True),
    "declare a new queue": lambda auth: auth.queue_declare("own"),
    "declare a queue with a generated name": lambda auth: auth.queue_declare("", exclusive=True),
    "delete another context's queue": lambda auth: auth.queue_delete(BILLING_QUEUE),
    "delete its own Trigger's queue": lambda auth: auth.queue_delete(AUTH_QUEUE),
    "delete an exchange": lambda auth: auth.exchange_delete(COMMANDS),
    "declare an exchange": lambda auth: auth.exchange_declare("own"),
    "bind its queue to all events": lambda auth: auth.queue_bind(AUTH_QUEUE, EVENTS, "#"),
    "bind its queue to replies": lambda auth: auth.queue_bind(AUTH_QUEUE, REPLIES, "capsule.replies.x"),
    "bind an exchange to commands": lambda auth: auth.exchange_bind(REDELIVERY, COMMANDS, "billing.on_user_created"),
    "unbind another context's queue": lambda auth: auth.queue_unbind(BILLING_QUEUE, COMMANDS, "billing.on_user_created"),
}


@pytest.mark.parametrize("attempt", REFUSED)
def test_undeclared_operations_are_refused(as_user: Channels, attempt: str) -> None:
    with pytest.raises(ChannelClosedByBroker) as refused:
        REFUSED[attempt](as_user("auth"))
    assert refused.value.reply_code == 403
    assert "refused for user 'auth'" in refused.value.reply_text


def test_declared_operations_succeed(as_user: Channels, server: RabbitMQ) -> None:
    auth, billing = as_user("auth"), as_user("billing")
    auth.basic_publish(EVENTS, "user.created", b"created", HEADERS, mandatory=True)
    assert billing.basic_get(BILLING_QUEUE, auto_ack=True)[2] == b"created", "through the Broker's exchange"
    auth.basic_publish(REDELIVERY, "auth.register", b"again", mandatory=True)
    assert auth.basic_get(AUTH_QUEUE, auto_ack=True)[2] == b"again"
    auth.basic_publish("capsule.delay.1s", "auth.register", b"later", mandatory=True)
    _, _, body = next(auth.consume(AUTH_QUEUE, auto_ack=True, inactivity_timeout=20))
    auth.cancel()
    assert body == b"later"
    with pytest.raises(pika.exceptions.UnroutableError):
        auth.basic_publish(REDELIVERY, "auth.login", b"no Trigger yet", mandatory=True)


def test_the_dead_letter_router_publishes_to_every_function_and_consumes_nothing(as_user: Channels) -> None:
    runtime, billing = as_user("runtime"), as_user("billing")
    runtime.basic_publish(REDELIVERY, "billing.on_user_created", b"back", mandatory=True)
    assert billing.basic_get(BILLING_QUEUE, auto_ack=True)[2] == b"back"
    runtime.basic_publish(UNROUTABLE, "", b"unroutable", mandatory=True)
    with pytest.raises(ChannelClosedByBroker, match="refused for user 'runtime'"):
        as_user("runtime").basic_get(UNROUTABLE)
    with pytest.raises(ChannelClosedByBroker, match="refused for user 'runtime'"):
        as_user("runtime").basic_publish(COMMANDS, "auth.register", b"")


@pytest.mark.parametrize("user", ["auth", "billing", "deploy", "monitor", "runtime", "topology", rabbitmq_users.KNATIVE])
def test_no_other_user_reads_the_gateways_replies(as_user: Channels, user: str) -> None:
    queue = f"capsule.replies.{uuid4()}"
    as_user("edge").queue_declare(queue)  # not exclusive: otherwise the lock, not the permission, would refuse
    with pytest.raises(ChannelClosedByBroker, match=f"refused for user '{user}'"):
        as_user(user).basic_get(queue)
    as_user("edge").queue_delete(queue)


async def test_the_gateway_calls_a_function_and_gets_its_reply(server: RabbitMQ) -> None:
    gateway, function = Bus(server.user_url("edge"), "edge.gateway", replies=True), Bus(server.user_url("auth"), "auth.register")
    gateway.open()
    function.open()
    reply = asyncio.create_task(gateway.request("auth.register", {"correlationid": "c", "type": "auth.register"}, b"{}", timeout=20))
    headers = await asyncio.to_thread(_next_headers, server)
    assert await function.publish_unconfirmed(REPLIES, headers["replyto"], {"correlationid": "c", "outcome": "done", "status": "202"}, b"{}")
    assert (await reply).status == 202
    with pytest.raises(Unroutable):
        await gateway.request("auth.nothing", {"correlationid": "d"}, b"{}", timeout=20)
    await gateway.close()
    await function.close()


def _next_headers(server: RabbitMQ) -> dict[str, str]:
    with connection(server, "auth") as auth:
        _, properties, _ = next(auth.channel().consume(AUTH_QUEUE, auto_ack=True, inactivity_timeout=20))
        headers: dict[str, str] = properties.headers
        return headers


async def test_a_refusal_is_logged_once_with_user_resource_and_permission(server: RabbitMQ, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="capsule.bus")
    bus = Bus(server.user_url("auth"), "auth.register")
    bus.open()
    first, refused, last = await asyncio.gather(
        bus.publish(EVENTS, "user.created", {}, b"{}"),
        bus.publish(COMMANDS, "billing.subscribe", {}, b"{}"),
        bus.publish(EVENTS, "user.created", {}, b"{}"),
        return_exceptions=True,
    )
    assert isinstance(refused, AccessRefused)
    assert not isinstance(last, AccessRefused) and not isinstance(first, AccessRefused), "concurrent publishes are confirmed, or can be repeated"
    with pytest.raises(AccessRefused, match=r"invoice\.issued"):
        await bus.publish(EVENTS, "invoice.issued", {}, b"{}")
    await bus.publish(EVENTS, "user.created", {}, b"{}")
    await bus.close()
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(lines) == 2
    assert lines[0].startswith(
        'RabbitMQ refused the user "auth" access to the exchange "capsule.commands" of the virtual host "/": it has no permission to write.'
    )
    assert 'it has no permission to write for the routing key "invoice.issued"' in lines[1] and '"capsule.events"' in lines[1]
    with connection(server, "billing") as billing:
        billing.channel().queue_purge(BILLING_QUEUE)


async def test_a_gateway_that_cannot_declare_its_reply_queue_reports_it(server: RabbitMQ, caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus(server.user_url("auth"), "edge.gateway", timeout_seconds=1.0, replies=True)
    bus.open()
    with pytest.raises(BrokerUnavailable, match=r'"auth" access to the queue "capsule\.replies\..*it has no permission to configure'):
        await bus.request("auth.register", {"correlationid": "c"}, b"{}", timeout=5)
    await bus.close()


async def test_a_running_function_consumes_only_its_own_queue(server: RabbitMQ, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    received: list[bytes] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        received.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    bus = Bus(server.user_url("auth"), "auth.register")
    bus.open()
    consumers = []
    for queue in (AUTH_QUEUE, BILLING_QUEUE):
        watched = ActivityReader(tmp_path / queue)
        watched.set_may_consume(True)
        consumed = ConsumedQueue(queue, "http://x/auth.register", "/auth.register", 1, 10.0)
        consumer = QueueConsumer(application, [consumed], PodActivity(tmp_path / queue))
        bus.on_connected(consumer.on_connected)
        consumers.append(consumer)
    await bus.publish(REDELIVERY, "auth.register", message(), b"own", mandatory=True)
    await bus.publish(EVENTS, "user.created", message(), b"for billing")

    def refusals() -> list[str]:
        return [line for line in caplog.messages if line.startswith("messages are pushed")]

    await asyncio.to_thread(until, lambda: received and refusals(), 20, "for its own message and the refusal of the other queue")
    assert received == [b"own"]
    (line,) = refusals()
    assert f'the user "auth" access to the queue "{BILLING_QUEUE}"' in line and "it has no permission to read" in line
    for consumer in consumers:
        await consumer.stop()
    await bus.close()
    with connection(server, "billing") as billing:
        assert billing.channel().basic_get(BILLING_QUEUE, auto_ack=True)[2] == b"for billing"


def message() -> dict[str, str]:
    attributes = {"specversion": "1.0", "id": str(uuid4()), "source": "/test", "time": "2026-01-01T00:00:00Z", "tracestate": ""}
    return {**attributes, "type": "user.created", "content-type": "application/json"}


@pytest.mark.parametrize(("user", "password", "reason"), [("auth", "wrong", "the password is wrong"), ("nobody", "x", "it does not exist")])
async def test_a_refused_login_names_the_user(server: RabbitMQ, user: str, password: str, reason: str) -> None:
    bus = Bus(f"amqp://{user}:{password}@127.0.0.1:{server.home.ports.amqp}/%2F", "auth.register", timeout_seconds=2.0)
    bus.open()
    with pytest.raises(BrokerUnavailable, match=f'log in the user "{user}".*{reason}'):
        await bus.publish(EVENTS, "user.created", {}, b"{}")
    await bus.close()


def test_the_topology_job_reports_missing_permissions(server: RabbitMQ, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CAPSULE_AMQP_URL", server.user_url("auth"))
    assert topology.main() == 1
    assert 'refused the user "auth" access to the exchange "capsule.commands"' in capsys.readouterr().err
    monkeypatch.setenv("CAPSULE_AMQP_URL", f"amqp://topology:wrong@127.0.0.1:{server.home.ports.amqp}/%2F")
    assert topology.main() == 1
    assert 'refused to log in the user "topology"' in capsys.readouterr().err
