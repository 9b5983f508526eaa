"""For tests of this folder: the gateway with auth behind it, and a Redis for several gateways."""

from collections.abc import Iterator
from typing import Any

import pytest

from knative.machine import packages
from knative.machine.redis_server import Redis
from tests.gateway.live import Live, running
from tests.servers import discard, fresh_home


@pytest.fixture(scope="module")
def live(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running(rabbitmq.vhost(), {"auth": postgres.database("auth")}, tmp_path_factory.mktemp("live")) as live:
        yield live


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    packages.install([packages.REDIS], print)
    home = fresh_home("capsule-redis-")
    home.create()
    server = Redis(home)
    try:
        server.start()
        yield server
    finally:
        discard(home)
