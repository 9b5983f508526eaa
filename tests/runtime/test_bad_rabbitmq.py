"""What goes wrong with RabbitMQ on a bad day while it lives; each has a sensible end, and the function comes back by itself.

Alarms, closed channels, missing exchanges, full queues, and what was declared by somebody else in another way. (That it is killed is `test_outages`.)
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pika
import pytest

from functions.runtime.messaging import delays
from functions.runtime.messaging.bus import BrokerUnavailable, Bus
from functions.runtime.reliability.dead_letter_router import UNROUTABLE
from functions.runtime.serving import topology
from functions.runtime.serving.topology import declare_exchanges
from functions.wire.cloudevents import stamp
from knative.machine.status import messages
from knative.machine.status.row import Row, State
from tests.proof import proof
from tests.runtime.harness import HTTP_PATIENCE, World, until, worlds
from tests.runtime.messages import deposit, deposited, message, request
from tests.runtime.servers import control
from tests.servers import Brokers


@pytest.mark.parametrize(
    ("alarm", "over"),
    [
        (("set_disk_free_limit", "1000000GB"), ("set_disk_free_limit", "50MB")),
        (("set_vm_memory_high_watermark", "0"), ("set_vm_memory_high_watermark", "0.8")),
    ],
    ids=["disk", "memory"],
)
@proof("recovery")
def test_rabbitmqs_alarm_delays_what_is_told_and_loses_nothing(
    postgres: Any, own_rabbitmq: Any, tmp_path: Path, alarm: tuple[str, ...], over: tuple[str, ...]
) -> None:
    world = next(worlds(postgres, own_rabbitmq.create_vhost(alarm[0]), tmp_path))
    worker = world.worker()
    assert world.outcome(worker, "before") == "done"
    until(lambda: world.count("outbox") == 0, why="for the first event")
    control(own_rabbitmq, *alarm)
    try:
        during = request("probe.deposit")
        assert worker.post(during, deposit(account="during"), timeout=HTTP_PATIENCE) == 204
        assert world.count("deposits WHERE account = 'during'") == 1 and world.count("outbox") == 1, "done, and still owed"
    finally:
        control(own_rabbitmq, *over)
    until(lambda: world.count("outbox") == 0, 20, "for the event, when the alarm is over")
    assert world.outcome(worker, "after") == "done"
    assert worker.process.poll() is None
    world.close()


@proof("recovery")
def test_the_status_shows_unroutable_messages(own_rabbitmq: Any) -> None:
    home = own_rabbitmq.home
    assert messages.unroutable(home) == Row("unroutable", State.IDLE, "not known yet"), "the queue does not exist yet"
    with pika.BlockingConnection(pika.URLParameters(own_rabbitmq.url)) as connection:
        rabbit = connection.channel()
        declare_exchanges(rabbit)
        assert messages.unroutable(home) == Row("unroutable", State.GOOD, "none")
        rabbit.confirm_delivery()
        rabbit.basic_publish("", UNROUTABLE, b"from nobody", mandatory=True)
        row = messages.unroutable(home)
    assert row.is_bad and row.summary == "1 message" and UNROUTABLE in row.details[0]


def test_a_channel_closed_over_a_missing_exchange_comes_back_and_the_event_with_it(fresh_world: World) -> None:
    world = fresh_world
    worker = world.worker()
    assert world.outcome(worker, "before") == "done"
    until(lambda: world.count("outbox") == 0, why="for the first event")
    with world.channel() as rabbit:
        rabbit.exchange_delete("capsule.events")
    assert world.outcome(worker, "during") == "done", "a reply goes another way"
    assert world.count("outbox") == 1
    world.declare()
    line = world.pump(lambda: worker.port)
    until(lambda: world.count("notes WHERE what = 'noted'") == 2, 20, "for both to be told")
    until(lambda: world.count("outbox") == 0, why="for the outbox to empty")
    line.stop()


@proof("recovery")
def test_in_a_virtual_host_without_our_exchanges_work_is_done_and_told_when_they_are_there(fresh_world: World) -> None:
    world = fresh_world
    with world.channel() as rabbit:
        for exchange in ("capsule.commands", "capsule.events", "capsule.replies", *map(delays.exchange_of, delays.LEVELS_SECONDS)):
            rabbit.exchange_delete(exchange)
    worker = world.worker()
    command, event = request("probe.deposit"), message("probe.deposited")
    assert worker.post(command, deposit(account="bare"), timeout=HTTP_PATIENCE) == 204
    body = deposited("away")
    assert worker.post(event, body, "/probe.on_deposited", timeout=HTTP_PATIENCE) == 204
    assert world.count("deposits WHERE account = 'bare'") == 1
    owed = world.rows("SELECT routing_key FROM outbox ORDER BY position")
    assert owed == [("probe.deposited",), ("probe.on_deposited",)], "the event that was stated, and the retry of the one that failed"
    world.declare()
    until(lambda: world.count("outbox") == 0, 20, "for both")
    assert world.addressed_to("probe.on_deposited")[0]["attempt"] == "2" and world.count("dead_letters") == 0
    assert worker.post(command, deposit(account="bare")) == 204
    assert world.reply(command["correlationid"])[0]["outcome"] == "done", "asked again, it is answered from the inbox"
    assert world.count("deposits WHERE account = 'bare'") == 1


@proof("recovery")
def test_a_full_queue_delays_events_and_does_not_lose_them(fresh_world: World) -> None:
    world = fresh_world
    with world.channel() as rabbit:
        rabbit.queue_declare("narrow", durable=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        rabbit.queue_bind("narrow", "capsule.events", "probe.deposited")
    worker = world.worker()
    for account in ("first", "second"):
        assert world.outcome(worker, account) == "done"
    until(lambda: world.count("outbox") == 1, why="for the first to be taken and the second to be refused")
    with world.channel() as rabbit:
        rabbit.queue_purge("narrow")
    until(lambda: world.count("outbox") == 0, 20, "for the second")
    assert world.take("narrow") is not None


@proof("recovery")
def test_a_retry_that_the_delay_exchange_does_not_take_waits_in_the_outbox(fresh_world: World) -> None:
    world = fresh_world
    name = delays.exchange_of(1)
    with world.channel() as rabbit:
        rabbit.queue_delete(name)
        rabbit.queue_declare(name, durable=True, arguments={**delays.queue_arguments(1), "x-max-length": 0})
        rabbit.queue_bind(name, name)
        rabbit.queue_delete(delays.exchange_of(5))
    worker = world.worker()
    events = [message("probe.deposited") for _ in range(3)]
    for event in events:
        assert worker.post(event, deposited("away"), "/probe.on_deposited") == 204
    kept = world.count("outbox WHERE id = ANY(%s)", [event["id"] for event in events])
    with world.channel() as rabbit:
        waiting = rabbit.queue_declare(name, passive=True).method.message_count
        assert kept >= 1 and kept + waiting == 3 and world.count("dead_letters") == 0
        rabbit.queue_delete(name)
    world.declare()
    until(lambda: world.count("outbox") == 0, 20, "for what waits in the outbox")
    assert world.addressed_to("probe.on_deposited")[0]["attempt"] == "2"


@proof("recovery")
def test_what_came_early_and_cannot_be_sent_round_again_keeps_its_time(fresh_world: World) -> None:
    """A saga's timeout of an hour comes in legs. That RabbitMQ does not take the next one must not make it come at once, nor count as a try."""
    world = fresh_world
    with world.channel() as rabbit:
        for level in delays.LEVELS_SECONDS:
            rabbit.exchange_delete(delays.exchange_of(level))
    worker, due = world.worker(), stamp(datetime.now(UTC) + timedelta(hours=2))
    assert worker.post(message("probe.deposited", due=due), deposited("early"), "/probe.on_deposited", timeout=HTTP_PATIENCE) == 204
    [(exchange, headers)] = world.rows("SELECT exchange, headers FROM outbox")
    assert (exchange, headers["due"], "attempt" in headers) == ("capsule.delay.3600s", due, False)
    world.declare()
    until(lambda: world.count("outbox") == 0, 20, "for the next leg")
    with world.channel() as rabbit:
        assert rabbit.queue_declare(delays.exchange_of(3600), passive=True).method.message_count == 1
    assert world.count("notes") == 0 and world.count("dead_letters") == 0


# -- 406 ---------------------------------------------------------------------------------------------------------------


def _acknowledges_what_it_was_never_given(bus: Bus) -> None:
    bus._channel.basic_ack(4711)


def _declares_a_queue_otherwise(bus: Bus) -> None:
    bus._channel.queue_declare("functions", durable=True, arguments={"x-max-length": 7})


@pytest.mark.parametrize("wrong", [_acknowledges_what_it_was_never_given, _declares_a_queue_otherwise])
async def test_a_channel_closed_with_406_fails_what_is_under_way_at_once_and_is_opened_again(world: World, wrong: Any) -> None:
    bus = Bus(world.amqp, "wrong", replies=True)
    bus.open()
    await bus.publish("capsule.events", "probe.nothing", message("probe.nothing"), b"{}")
    connection, channel = bus._connection.inner, bus._channel
    wrong(bus)
    under_way = [bus.publish("capsule.events", "probe.nothing", message("probe.nothing"), b"{}") for _ in range(20)]
    ended = await asyncio.gather(*under_way, return_exceptions=True)
    assert any(isinstance(end, BrokerUnavailable) and "406" in str(end) for end in ended), "the publisher fails at once, with the reason"
    assert all(end is None or isinstance(end, BrokerUnavailable) for end in ended)
    await bus.publish("capsule.events", "probe.nothing", message("probe.nothing"), b"{}")
    assert bus._channel is not channel and bus._connection.inner is connection, "another channel of the same connection"
    await bus.close()


@proof("recovery")
def test_a_function_whose_channel_was_closed_with_406_tells_what_it_owes(fresh_world: World) -> None:
    """The exchange that it publishes to was declared by somebody else, as an internal one: each publication closes the channel (403)."""
    world = fresh_world
    worker = world.worker()
    with world.channel() as rabbit:
        rabbit.exchange_delete("capsule.events")
        rabbit.exchange_declare("capsule.events", "topic", durable=True, internal=True)
    assert world.outcome(worker, "during") == "done"
    until(lambda: world.count("outbox") == 1, why="for what cannot be told")
    with world.channel() as rabbit:
        rabbit.exchange_delete("capsule.events")
    world.declare()
    until(lambda: world.count("outbox") == 0, 20, "for it to be told")
    assert world.outcome(worker, "after") == "done" and worker.process.poll() is None


async def test_the_reply_to_who_asks_finds_the_new_queue_after_the_channel_was_closed(world: World, worker: Any) -> None:
    line = world.pump(lambda: worker.port)
    bus = Bus(world.amqp, "asking", replies=True)
    bus.open()
    for number in range(2):
        command = {**request("probe.deposit"), "correlationid": f"again-{number}"}
        reply = await bus.request("probe.deposit", command, deposit(account="reply"), 10)
        assert (reply.outcome, json.loads(reply.body)["total"]) == ("done", 100 * (number + 1))
        bus._channel.basic_ack(4711)
        await asyncio.sleep(0.3)
    await bus.close()
    line.stop()


def test_what_was_declared_in_another_way_is_named_with_the_remedy(
    rabbitmq: Brokers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An upgrade that changes a queue's arguments: RabbitMQ answers 406, and what lies in the queue is not ours to throw away."""
    vhost, name = rabbitmq.vhost(), delays.exchange_of(1)
    with pika.BlockingConnection(pika.URLParameters(vhost)) as connection:
        connection.channel().queue_declare(name, durable=True, arguments={"x-queue-type": "quorum", "x-message-ttl": 7})
    monkeypatch.setenv("CAPSULE_AMQP_URL", vhost)
    assert topology.main() == 1
    text = capsys.readouterr().err
    assert "PRECONDITION_FAILED" in text and name in text and "Let it run empty, delete it and run this job again." in text
