"""Functions of the probe context in real pods, on a one-machine Knative with RabbitMQ and PostgreSQL."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.knative.conformance.one_machine import one_machine_cluster
from tests.knative.pods.functions import Pods
from tests.runtime.harness import worlds
from tests.servers import discard, fresh_home

WINDOW = "6s"


@pytest.fixture(scope="module")
def pods(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pods]:
    home = fresh_home("capsule-pods-")
    home.create()
    worlds_of_one = worlds(postgres, rabbitmq.vhost(), tmp_path_factory.mktemp("world"))
    world = next(worlds_of_one)
    try:
        with one_machine_cluster(home.path, home.ports.offset, world.amqp, shared=world.folder) as cluster:
            running = Pods(cluster, world, home.path / "knative" / "pods" / "capsule")
            running.set_up(WINDOW)
            yield running
    finally:
        worlds_of_one.close()  # type: ignore[attr-defined]
        discard(home)
