"""The watcher brings RabbitMQ to what the cluster's objects require, and again when they, or RabbitMQ, were made anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, UnroutableError

from functions.runtime.serving.topology import Binding, NotReady
from functions.runtime.serving.topology_watcher import RESYNC_SECONDS, Plan, Watcher
from tests.servers import Brokers


class ClusterObjects:
    """What the cluster's objects require: a plan, or why there is none yet."""

    def __init__(self) -> None:
        self.current: Plan | None = None

    def plan(self) -> Plan:
        if self.current is None:
            raise NotReady("Trigger auth-register is not ready")
        return self.current


class Scene:
    def __init__(self, vhost: str, folder: Path) -> None:
        self.parameters = pika.URLParameters(vhost)
        self.objects = ClusterObjects()
        self.ready = folder / "ready"
        self.now = 1000.0
        self.watcher = Watcher(self.objects, self.parameters, self.ready, lambda: self.now)

    def queue(self, name: str) -> Binding:
        """A Trigger's queue, as eventing-rabbitmq makes it, and its binding."""
        with self.channel() as channel:
            channel.queue_declare(name, durable=True)
        return Binding("capsule.commands", name, "auth.register", to_queue=True)

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        with pika.BlockingConnection(self.parameters) as connection:
            yield connection.channel()

    def is_routed(self) -> bool:
        with self.channel() as channel:
            channel.confirm_delivery()
            try:
                channel.basic_publish("capsule.commands", "auth.register", b"", mandatory=True)
            except UnroutableError:
                return False
        return True


@pytest.fixture
def scene(rabbitmq: Brokers, tmp_path: Path) -> Scene:
    return Scene(rabbitmq.vhost(), tmp_path)


def test_the_bus_works_before_the_broker_is_ready_and_everything_is_bound_after_it(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    pauses = [scene.watcher.reconcile() for _ in range(3)]
    assert max(pauses) < 10 and not scene.ready.exists()
    assert capsys.readouterr().out == "waiting: Trigger auth-register is not ready\n", "logged once"
    assert not scene.is_routed(), "the exchange exists"

    scene.objects.current = ([scene.queue("first")], [])
    assert scene.watcher.reconcile() == RESYNC_SECONDS
    assert scene.ready.exists() and scene.is_routed()


def test_a_trigger_made_anew_is_bound_again(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.objects.current = ([scene.queue("first")], [])
    scene.watcher.reconcile()
    with scene.channel() as channel:
        channel.queue_delete("first")
    scene.objects.current = None
    scene.watcher.reconcile()
    assert not scene.ready.exists()
    scene.objects.current = ([scene.queue("second")], [])
    scene.watcher.reconcile()
    assert scene.ready.exists() and scene.is_routed()
    scene.watcher.reconcile()
    assert capsys.readouterr().out.count("1 bindings declared") == 2, "an unchanged plan is not declared again"


def test_a_rabbitmq_set_up_anew_gets_its_exchanges_at_the_next_resync(scene: Scene) -> None:
    scene.objects.current = ([scene.queue("first")], [])
    scene.watcher.reconcile()
    with scene.channel() as channel:
        channel.exchange_delete("capsule.commands")
    with pytest.raises(ChannelClosedByBroker):
        scene.is_routed()
    scene.now += RESYNC_SECONDS
    scene.watcher.reconcile()
    assert scene.is_routed()


def test_a_rabbitmq_that_is_away_or_refuses_is_tried_again(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    away = Watcher(scene.objects, pika.URLParameters("amqp://a:b@127.0.0.1:1/%2F"), scene.ready)
    assert away.reconcile() < 60 and "RabbitMQ cannot be reached" in capsys.readouterr().out
    refused = pika.URLParameters("amqp://x:y@127.0.0.1:1/%2F")
    refused.host, refused.port = scene.parameters.host, scene.parameters.port
    assert Watcher(scene.objects, refused, scene.ready).reconcile() < 60
    assert not scene.ready.exists()


def test_what_was_declared_in_another_way_is_named(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    with scene.channel() as channel:
        channel.exchange_declare("capsule.commands", "fanout", durable=True)
    assert scene.watcher.reconcile() < 60
    assert "PRECONDITION_FAILED" in capsys.readouterr().out and not scene.ready.exists()
