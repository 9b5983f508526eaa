from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.harness import Worker, World, worlds


@pytest.fixture(scope="module")
def world(postgres: Any, rabbitmq: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from worlds(postgres, rabbitmq.vhost(), tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def worker(world: World) -> Worker:
    return world.worker()


@pytest.fixture
def fresh_world(postgres: Any, rabbitmq: Any, tmp_path: Path) -> Iterator[World]:
    """A world of the test's own, for accidents."""
    yield from worlds(postgres, rabbitmq.vhost(), tmp_path)
