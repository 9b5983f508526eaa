"""Dedicated servers in a backup of the installation: copied while they run and while nothing runs, and restored into another state folder."""

import asyncio
import shutil
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from knative.local.processes.launcher import Launcher
from knative.local.serving.postgres_services import PostgresFront
from knative.machine.backup import dedicated
from knative.machine.backup.kinds import KINDS, kind_of
from knative.machine.backup.parts import Gone, Moment
from tests.knative.postgres_services.conftest import Servers, free_ports, new_folder
from tests.knative.postgres_services.test_dedicated import created, new_database, value
from tests.proof import proof

pytestmark = proof("data-services")


def copy(home: Any, after: Any) -> list[str]:
    kind, names = dedicated.DedicatedServers(), []
    for source in kind.sources(home, Moment({}, 0, 0)):
        assert kind_of(source.name) is next(each for each in KINDS if isinstance(each, dedicated.DedicatedServers))
        kind.restore(after, source.name, iter(list(source.read())))
        names.append(source.name)
    return names


@pytest.fixture
def is_running(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Whether the one-machine Knative runs."""
    state = [True]
    monkeypatch.setattr(dedicated, "find_running", lambda home, name: object() if state[0] else None)
    monkeypatch.setattr(dedicated.leftovers, "kill_pods", lambda home: None)
    yield state


async def test_a_copy_of_a_server_answers_with_the_same_credentials(servers: Servers, is_running: list[bool]) -> None:
    name = new_database()
    url = await created(servers, name)
    home: Any = SimpleNamespace(path=servers.home, ports=SimpleNamespace(services_dedicated=servers.port))
    for rows, runs in ((1000, True), (2000, False)):
        async with await servers.connect(url) as session:
            await session.execute("CREATE TABLE IF NOT EXISTS notes (id int)")
            await session.execute("INSERT INTO notes SELECT generate_series(1, 1000)")
        is_running[0] = runs
        if not runs:
            await servers.front.server(name).stop()
        after: Any = SimpleNamespace(path=new_folder())
        assert await asyncio.to_thread(copy, home, after) == [f"dedicated-{name}.settings", f"dedicated-{name}.data"]
        (port,) = free_ports(1)
        front = PostgresFront(after.path / "services-dedicated", port, 1, Launcher().start, lambda name, limits: None)
        await front.start()
        try:
            async with await servers.connect(url.replace(f":{servers.pod_port}/", f":{port}/")) as session:
                assert await value(session, "SELECT count(*) FROM notes") == rows
        finally:
            await front.stop()
            await asyncio.to_thread(shutil.rmtree, after.path)


async def test_a_server_that_is_deleted_meanwhile_is_no_fault(servers: Servers, is_running: list[bool]) -> None:
    name = new_database()
    await created(servers, name)
    home: Any = SimpleNamespace(path=servers.home, ports=SimpleNamespace(services_dedicated=servers.port))
    settings, data = dedicated.DedicatedServers().sources(home, Moment({}, 0, 0))
    await servers.provisioner.delete(name)
    for source in (settings, data):
        with pytest.raises(Gone):
            await asyncio.to_thread(lambda source=source: list(source.read()))
