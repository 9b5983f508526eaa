"""A Redis for tests of several gateways."""

from collections.abc import Iterator

import pytest

from knative.machine import packages
from knative.machine.redis_server import Redis
from tests.servers import discard, fresh_home


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
