"""One machine for all tests that leave it running. Each test has its own namespace."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop

from tests.knative.machine import Machine
from tests.servers import free_offset


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run the tests of HTTP on uvloop, as the platform does: its transports differ from asyncio's."""
    return {"uvloop": uvloop.new_event_loop} if "http" in item.path.name else {"asyncio": asyncio.new_event_loop}


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    found = Machine(tmp_path_factory.mktemp("machine"), free_offset(), {"SECRET_OF_THE_PARENT": "must not be inherited"})
    found.start()
    found.namespace("capsule")
    yield found
    assert found.stop() == 0, found.log
    assert "Traceback" not in found.log, found.log


@contextmanager
def machine_at(folder: Path) -> Iterator[Machine]:
    found = Machine(folder, free_offset())
    found.start()
    found.namespace("capsule")
    yield found
    if found.process is not None and found.process.poll() is None:
        found.stop()


@pytest.fixture
def own_machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine for tests that kill or configure it."""
    with machine_at(tmp_path) as found:
        yield found


@pytest.fixture
def namespace(machine: Machine) -> str:
    return machine.namespace()
