"""RabbitMQ itself refuses what a context has not declared, on a server whose users `up` made; and says who lacks which permission."""

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

from functions.runtime.messaging import delays
from functions.runtime.messaging.bus import COMMANDS, EVENTS, REDELIVERY, REPLIES, AccessRefused, BrokerUnavailable, Bus, Unroutable
from functions.runtime.reliability.dead_letter_router import UNROUTABLE
from functions.runtime.serving import topology
from functions.runtime.serving.queue_consumer import QueueConsumer
from functions.runtime.serving.topology import Binding
from functions.wire.queue_consumption import ActivityReader, ConsumedQueue, PodActivity
from knative.machine import rabbitmq_users
from knative.machine.rabbitmq import RabbitMQ
from tests.runtime.harness import until

UID = "0b9f1c52-3a4e-4d0f-8f6b-5a1d2c3e4f50"
OF_AUTH, OF_BILLING = f"capsule.auth-register.{UID}", f"capsule.billing-on-user-created.{UID}"
BROKER, BROKER_DEAD_LETTERS = f"b.capsule.capsule.{UID}", f"b.capsule.capsule.dlx.{UID}"


@pytest.fixture(scope="module")
def server(own_rabbitmq: RabbitMQ) -> RabbitMQ:
    """With the users of `up`, the Broker's side made as knative/local makes it, and ours as the topology Job does: each as its own user."""
    rabbitmq_users.apply(own_rabbitmq, rabbitmq_users.accounts(own_rabbitmq.home))
    with connection(own_rabbitmq, rabbitmq_users.KNATIVE) as knative:
        channel = knative.channel()
        for exchange in (BROKER, BROKER_DEAD_LETTERS):
            channel.exchange_declare(exchange, "headers", durable=True)
        for queue in (OF_AUTH, OF_BILLING):
            channel.queue_declare(queue, durable=True, arguments={"x-dead-letter-exchange": BROKER_DEAD_LETTERS})
        channel.queue_bind(OF_BILLING, BROKER, arguments={"x-match": "all", "type": "user.created"})
    with connection(own_rabbitmq, "topology") as job:
        channel = job.channel()
        topology.declare_exchanges(channel)
        bindings = [
            Binding(EVENTS, BROKER, "#", to_queue=False),
            Binding("dlx", BROKER_DEAD_LETTERS, "", to_queue=False),
            Binding(COMMANDS, BROKER, "somebody.elses", to_queue=False),
            Binding(COMMANDS, OF_AUTH, "auth.register", to_queue=True),
            Binding(COMMANDS, OF_BILLING, "billing.on_user_created", to_queue=True),
            Binding(BROKER, OF_BILLING, "", to_queue=True, type="quota.requested"),
        ]
        topology.bind(channel, bindings)
    return own_rabbitmq


def connection(server: RabbitMQ, user: str) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(server.user_url(user)))


@pytest.fixture
def as_user(server: RabbitMQ) -> Iterator[Callable[[str], BlockingChannel]]:
    """A channel of that user, with confirms."""
    opened: list[pika.BlockingConnection] = []

    def channel(user: str) -> BlockingChannel:
        opened.append(connection(server, user))
        found = opened[-1].channel()
        found.confirm_delivery()
        return found

    yield channel
    for each in opened:
        each.close()


As = Callable[[str], BlockingChannel]
HEADERS = pika.BasicProperties(headers={"type": "user.created"})

REFUSED: dict[str, Callable[[BlockingChannel], Any]] = {
    "publish an event of billing": lambda auth: auth.basic_publish(EVENTS, "invoice.issued", b"{}"),
    "publish an event that is none": lambda auth: auth.basic_publish(EVENTS, "user.created.x", b"{}"),
    "ask another context's function": lambda auth: auth.basic_publish(COMMANDS, "billing.on_user_created", b"{}"),
    "ask its own function without the gateway": lambda auth: auth.basic_publish(COMMANDS, "auth.register", b"{}"),
    "send to another context's function again": lambda auth: auth.basic_publish(REDELIVERY, "billing.on_user_created", b"{}"),
    "send to another context's function later": lambda auth: auth.basic_publish("capsule.delay.1s", "billing.on_user_created", b"{}"),
    "publish into a queue by its name": lambda auth: auth.basic_publish("", OF_BILLING, b"{}"),
    "publish past our exchanges": lambda auth: auth.basic_publish(BROKER, "", b"{}", HEADERS),
    "publish to the dead letters": lambda auth: auth.basic_publish("dlx", "", b"{}"),
    "consume another context's queue": lambda auth: auth.basic_consume(OF_BILLING, lambda *_: None),
    "get from another context's queue": lambda auth: auth.basic_get(OF_BILLING),
    "consume what waits": lambda auth: auth.basic_consume("capsule.delay.1s", lambda *_: None),
    "purge another context's queue": lambda auth: auth.queue_purge(OF_BILLING),
    "declare another context's queue": lambda auth: auth.queue_declare(f"capsule.billing-subscribe.{UID}", durable=True),
    "declare a queue of its own": lambda auth: auth.queue_declare("mine"),
    "declare a queue that the server names": lambda auth: auth.queue_declare("", exclusive=True),
    "delete another context's queue": lambda auth: auth.queue_delete(OF_BILLING),
    "delete its own Trigger's queue": lambda auth: auth.queue_delete(OF_AUTH),
    "delete an exchange": lambda auth: auth.exchange_delete(COMMANDS),
    "declare an exchange": lambda auth: auth.exchange_declare("mine"),
    "listen to all events": lambda auth: auth.queue_bind(OF_AUTH, EVENTS, "#"),
    "listen to replies": lambda auth: auth.queue_bind(OF_AUTH, REPLIES, "capsule.replies.x"),
    "lead commands elsewhere": lambda auth: auth.exchange_bind(REDELIVERY, COMMANDS, "billing.on_user_created"),
    "unbind another context's queue": lambda auth: auth.queue_unbind(OF_BILLING, COMMANDS, "billing.on_user_created"),
}


@pytest.mark.parametrize("attempt", REFUSED)
def test_auth_is_refused_what_it_has_not_declared(as_user: As, attempt: str) -> None:
    with pytest.raises(ChannelClosedByBroker) as refused:
        REFUSED[attempt](as_user("auth"))
    assert refused.value.reply_code == 403
    assert "refused for user 'auth'" in refused.value.reply_text


def test_auth_does_its_own_work(as_user: As, server: RabbitMQ) -> None:
    auth, billing = as_user("auth"), as_user("billing")
    auth.basic_publish(EVENTS, "user.created", b"created", HEADERS, mandatory=True)
    assert billing.basic_get(OF_BILLING, auto_ack=True)[2] == b"created", "over the Broker's exchange"
    auth.basic_publish(REDELIVERY, "auth.register", b"again", mandatory=True)
    assert auth.basic_get(OF_AUTH, auto_ack=True)[2] == b"again"
    auth.basic_publish("capsule.delay.1s", "auth.register", b"later", mandatory=True)
    _, _, body = next(auth.consume(OF_AUTH, auto_ack=True, inactivity_timeout=20))
    auth.cancel()
    assert body == b"later"
    with pytest.raises(pika.exceptions.UnroutableError):
        auth.basic_publish(REDELIVERY, "auth.login", b"nobody's Trigger yet", mandatory=True)


def test_the_dead_letter_router_reaches_every_function_and_reads_nothing(as_user: As) -> None:
    runtime, billing = as_user("runtime"), as_user("billing")
    runtime.basic_publish(REDELIVERY, "billing.on_user_created", b"back", mandatory=True)
    assert billing.basic_get(OF_BILLING, auto_ack=True)[2] == b"back"
    runtime.basic_publish(UNROUTABLE, "", b"nobody's", mandatory=True)
    with pytest.raises(ChannelClosedByBroker, match="refused for user 'runtime'"):
        as_user("runtime").basic_get(UNROUTABLE)
    with pytest.raises(ChannelClosedByBroker, match="refused for user 'runtime'"):
        as_user("runtime").basic_publish(COMMANDS, "auth.register", b"")


@pytest.mark.parametrize("user", ["auth", "billing", "deploy", "monitor", "runtime", "topology", rabbitmq_users.KNATIVE])
def test_nobody_reads_another_ones_replies(as_user: As, user: str) -> None:
    queue = f"capsule.replies.{uuid4()}"
    as_user("edge").queue_declare(queue)  # not exclusive, so that it is the permission that is asked for
    with pytest.raises(ChannelClosedByBroker, match=f"refused for user '{user}'"):
        as_user(user).basic_get(queue)
    as_user("edge").queue_delete(queue)


async def test_the_gateway_asks_a_function_and_gets_its_reply(server: RabbitMQ) -> None:
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
        _, properties, _ = next(auth.channel().consume(OF_AUTH, auto_ack=True, inactivity_timeout=20))
        headers: dict[str, str] = properties.headers
        return headers


async def test_a_refusal_is_one_line_that_names_user_resource_and_permission(server: RabbitMQ, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="capsule.bus")
    bus = Bus(server.user_url("auth"), "auth.register")
    bus.open()
    own, foreign, key = await asyncio.gather(
        bus.publish(EVENTS, "user.created", {}, b"{}"),
        bus.publish(COMMANDS, "billing.subscribe", {}, b"{}"),
        bus.publish(EVENTS, "user.created", {}, b"{}"),
        return_exceptions=True,
    )
    assert isinstance(foreign, AccessRefused)
    assert not isinstance(key, AccessRefused) and not isinstance(own, AccessRefused), "those beside it are confirmed, or may be sent again"
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
        billing.channel().queue_purge(OF_BILLING)


async def test_a_gateway_that_may_not_declare_its_queue_says_so(server: RabbitMQ, caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus(server.user_url("auth"), "edge.gateway", timeout_seconds=1.0, replies=True)
    bus.open()
    with pytest.raises(BrokerUnavailable, match=r'"auth" access to the queue "capsule\.replies\..*it has no permission to configure'):
        await bus.request("auth.register", {"correlationid": "c"}, b"{}", timeout=5)
    await bus.close()


async def test_a_warm_function_consumes_its_own_queue_and_no_other(server: RabbitMQ, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    taken: list[bytes] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        taken.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    bus = Bus(server.user_url("auth"), "auth.register")
    bus.open()
    consumers = []
    for queue in (OF_AUTH, OF_BILLING):
        watched = ActivityReader(tmp_path / queue)
        watched.set_may_consume(True)
        consumer = QueueConsumer(
            application, [ConsumedQueue(queue, "http://x/auth.register", "/auth.register", 1, 10.0)], PodActivity(tmp_path / queue)
        )
        bus.on_connected(consumer.on_connected)
        consumers.append(consumer)
    await bus.publish(REDELIVERY, "auth.register", message(), b"own", mandatory=True)
    await bus.publish(EVENTS, "user.created", message(), b"for billing")

    def refusals() -> list[str]:
        return [line for line in caplog.messages if line.startswith("messages are pushed")]

    await asyncio.to_thread(until, lambda: taken and refusals(), 20, "for its own message, and the refusal of the other's")
    assert taken == [b"own"]
    (line,) = refusals()
    assert f'the user "auth" access to the queue "{OF_BILLING}"' in line and "it has no permission to read" in line
    for consumer in consumers:
        await consumer.stop()
    await bus.close()
    with connection(server, "billing") as billing:
        assert billing.channel().basic_get(OF_BILLING, auto_ack=True)[2] == b"for billing"


def message() -> dict[str, str]:
    attributes = {"specversion": "1.0", "id": str(uuid4()), "source": "/test", "time": "2026-01-01T00:00:00Z", "tracestate": ""}
    return {**attributes, "type": "user.created", "content-type": "application/json"}


@pytest.mark.parametrize(("user", "password", "why"), [("auth", "wrong", "its password is another"), ("nobody", "x", "it does not exist")])
async def test_a_login_that_is_refused_names_the_user(server: RabbitMQ, user: str, password: str, why: str) -> None:
    bus = Bus(f"amqp://{user}:{password}@127.0.0.1:{server.home.ports.amqp}/%2F", "auth.register", timeout_seconds=2.0)
    bus.open()
    with pytest.raises(BrokerUnavailable, match=f'log in the user "{user}".*{why}'):
        await bus.publish(EVENTS, "user.created", {}, b"{}")
    await bus.close()


def test_the_topology_job_says_what_it_may_not_do(server: RabbitMQ, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CAPSULE_AMQP_URL", server.user_url("auth"))
    assert topology.main() == 1
    assert 'refused the user "auth" access to the exchange "capsule.commands"' in capsys.readouterr().err
    monkeypatch.setenv("CAPSULE_AMQP_URL", f"amqp://topology:wrong@127.0.0.1:{server.home.ports.amqp}/%2F")
    assert topology.main() == 1
    assert 'refused to log in the user "topology"' in capsys.readouterr().err


def test_what_waits_survives_the_change_from_the_former_kind_of_delay_exchange(own_rabbitmq: RabbitMQ) -> None:
    url = own_rabbitmq.create_vhost("former")
    level = delays.LEVELS_SECONDS[-1]
    name = delays.exchange_of(level)
    with pika.BlockingConnection(pika.URLParameters(url)) as administrator:
        channel = administrator.channel()
        channel.exchange_declare(name, "fanout", durable=True)
        channel.exchange_declare(COMMANDS, "direct", durable=True)
        channel.queue_declare(name, durable=True, arguments=dict(delays.queue_arguments(level)))
        channel.queue_bind(name, name)
        channel.confirm_delivery()
        channel.basic_publish(name, "auth.register", b"since 0.1.0")
        topology.declare_exchanges(channel)
        topology.declare_exchanges(channel)
        channel.basic_publish(name, "auth.login", b"new", mandatory=True)
        assert [channel.basic_get(name, auto_ack=True)[2] for _ in range(2)] == [b"since 0.1.0", b"new"]
    kinds = {each["name"]: each["type"] for each in own_rabbitmq.management("GET", "/api/exchanges/former")}
    assert {kinds[delays.exchange_of(each)] for each in delays.LEVELS_SECONDS} == {"topic"}
    own_rabbitmq.delete_vhost("former")
