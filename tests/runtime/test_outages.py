"""RabbitMQ, PostgreSQL and the dispatcher killed with messages under way, and started again: the same audit as for a killed function."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.runtime.serving import topology
from knative.machine import migrations
from tests.knative.conformance.cluster import Cluster
from tests.knative.conformance.one_machine import one_machine_cluster
from tests.proof import proof
from tests.runtime.accidents import MESSAGES, Line, Sent, audit, nothing_is_left, send
from tests.runtime.harness import EVENT_TYPES, World, until, worlds
from tests.runtime.messages import deposit, deposited, message, request
from tests.runtime.servers import kill
from tests.servers import Brokers, discard, fresh_home

pytestmark = proof("recovery")

DELIVERY = {"retry": 5, "backoffPolicy": "exponential", "backoffDelay": "PT0.2S", "timeout": "PT30S"}


@pytest.fixture
def vhost(own_rabbitmq: Any) -> Callable[[str], str]:
    return own_rabbitmq.create_vhost  # type: ignore[no-any-return]


def _done_while_rabbitmq_is_away(world: World, sent: Sent, worker: Any, amount: int = 5) -> None:
    commands = {command["id"]: command for command in (request("probe.deposit") for _ in range(amount))}
    sent.cents |= dict.fromkeys(commands, 100)
    sent.headers |= commands
    answers: list[int] = []
    threads = [threading.Thread(target=lambda c=command: answers.append(worker.post(c, deposit(100, sent.account)))) for command in commands.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [204] * amount and world.count("deposits WHERE account = %s", sent.account) >= amount


def _under_way(world: World, sent: Sent) -> bool:
    return world.count("deposits WHERE account = %s", sent.account) >= 7


def test_rabbitmq_killed_with_messages_under_way_loses_nothing_and_without_the_confirms_it_would(
    postgres: Any, own_rabbitmq: Any, vhost: Callable[[str], str], tmp_path: Path
) -> None:
    with_confirms = next(worlds(postgres, vhost("with"), tmp_path / "with"))
    without = next(worlds(postgres, vhost("without"), tmp_path / "without"))
    line, other = Line(with_confirms), without.worker(SWITCHED_OFF="confirms")
    sent, lost = send(with_confirms), Sent("lost")
    until(lambda: _under_way(with_confirms, sent), why="for the work to begin")
    kill(own_rabbitmq)
    _done_while_rabbitmq_is_away(with_confirms, sent, line.worker)
    _done_while_rabbitmq_is_away(without, lost, other)
    own_rabbitmq.start()
    audit(with_confirms, sent)
    nothing_is_left(with_confirms, line)
    assert line.deaths == 0, "the function came back by itself"

    other.stop()
    successor = Line(without)
    with pytest.raises(AssertionError, match="to be deposited"):
        audit(without, lost, seconds=4)
    successor.end()
    with_confirms.close()
    without.close()


def test_retries_that_are_due_while_rabbitmq_is_away_wait_in_the_outbox_and_nothing_dies(
    postgres: Any, own_rabbitmq: Any, vhost: Callable[[str], str], tmp_path: Path
) -> None:
    world = next(worlds(postgres, vhost("retries"), tmp_path))
    worker = world.worker()
    events = [message("probe.deposited") for _ in range(5)]
    kill(own_rabbitmq)
    for event in events:
        assert worker.post(event, deposited("away"), "/probe.on_deposited") == 204
    assert world.count("outbox WHERE routing_key = 'probe.on_deposited'") == 5
    own_rabbitmq.start()
    until(lambda: world.count("outbox") == 0, 30, "for RabbitMQ to take them")
    assert {world.addressed_to("probe.on_deposited")[0]["attempt"] for _ in events} == {"2"}
    assert world.count("dead_letters") == 0 and worker.process.poll() is None
    world.close()


@pytest.fixture
def on_own_postgres(own_postgres: Any, rabbitmq: Any, tmp_path: Path) -> Iterator[World]:
    database = own_postgres.database("auth")
    migrations.migrate(database.owner_url, "auth")
    world = World(database.functions_url, database.owner_url, rabbitmq.vhost(), tmp_path)
    world.prepare()
    yield world
    world.close()


def test_postgresql_killed_with_messages_under_way_loses_nothing(on_own_postgres: World, own_postgres: Any) -> None:
    world = on_own_postgres
    line = Line(world)
    sent = send(world)
    until(lambda: _under_way(world, sent), why="for the work to begin")
    kill(own_postgres)
    during = request("probe.deposit")
    assert line.worker.post(during, deposit()) == 204
    headers, body = world.reply(during["correlationid"])
    assert (headers["status"], body["type"]) == ("503", "/problems/unavailable"), "a caller is told that it may try again"
    own_postgres.start()
    audit(world, sent, seconds=60)
    nothing_is_left(world, line)
    assert line.deaths == 0, "the function came back by itself"


@pytest.fixture
def cluster(rabbitmq: Brokers) -> Iterator[Cluster]:
    home = fresh_home("capsule-outage-")
    home.create()
    try:
        with one_machine_cluster(home.path, home.ports.gateway - 3000, rabbitmq.vhost()) as found:
            yield found
    finally:
        discard(home)


def _bound_as_on_a_cluster(cluster: Cluster, port: int) -> None:
    """A Broker, a Trigger for each function, and our exchanges bound to them by the same plan as in production."""
    import pika

    cluster.broker("main", {**DELIVERY, "deadLetterSink": {"uri": f"http://127.0.0.1:{port}/healthz"}})
    expected = [("deposit", "probe.deposit"), ("on-deposited", "probe.deposited"), ("on-deposited-ring", "probe.deposited")]
    for name, type in [*expected, ("on-noted", "probe.noted"), ("on-renamed", "probe.renamed")]:
        function = f"probe.{name.replace('-', '_')}"
        spec = {"broker": "main", "filter": {"attributes": {"type": type}}, "subscriber": {"uri": f"http://127.0.0.1:{port}/{function}"}}
        cluster.create("Trigger", name, spec, {topology.FUNCTIONS: function, "rabbitmq.eventing.knative.dev/parallelism": "20"})
        cluster.ready("Trigger", name)
    broker, triggers = cluster.ready("Broker", "main"), cluster.list("Trigger", "")
    bindings = cluster.api.list_namespaced_custom_object("rabbitmq.com", "v1beta1", cluster.namespace, "bindings")["items"]
    with pika.BlockingConnection(pika.URLParameters(cluster.amqp_url)) as connection:
        channel = connection.channel()
        topology.bind(channel, topology.plan(broker, triggers, cluster.list("Exchange", ""), cluster.list("Queue", ""), bindings))
        for type in EVENT_TYPES:
            channel.queue_unbind("functions", "capsule.events", type)
        channel.queue_unbind("functions", "capsule.commands", "probe.deposit")


def test_the_dispatcher_killed_with_messages_under_way_loses_nothing(cluster: Cluster, postgres: Any, tmp_path: Path) -> None:
    world = next(worlds(postgres, cluster.amqp_url, tmp_path))
    worker = world.worker()
    _bound_as_on_a_cluster(cluster, worker.port)
    for trigger in ("deposit", "on-deposited"):
        account = f"killed-while-{trigger}"
        sent = send(world, MESSAGES, account)
        until(lambda account=account: world.count("deposits WHERE account = %s", account) >= 7, why="for the work to begin")
        cluster.kill_dispatcher(trigger)
        audit(world, sent)
    world.close()
