"""Databases that move between the shared server and one of their own, with their URL; and moves that fail or are interrupted."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from functions.deploy.adapters import service_mover
from functions.deploy.adapters.service_mover import ConfiguredServiceMover
from functions.deploy.adapters.service_provisioner import PostgresServiceProvisioner
from functions.deploy.domain.data_service import DataService, ServiceState
from functions.deploy.domain.service_plans import LARGE, MEDIUM, SMALL, Plan, ServiceKind
from functions.deploy.ports import ServiceServerRefused
from functions.kernel import Permanent, new_id
from tests.knative.postgres_services.conftest import Servers
from tests.knative.postgres_services.test_dedicated import PASSWORD, reconnect, value
from tests.proof import proof

pytestmark = proof("data-services")


@pytest.fixture
async def service(servers: Servers) -> tuple[DataService, str]:
    """A small database with rows, and its URL."""
    row = DataService(new_id(), uuid4(), "main", ServiceKind.POSTGRES, SMALL.name, datetime.now(UTC), ServiceState.READY)
    shared = PostgresServiceProvisioner(servers.settings)
    await shared.create(row.database, SMALL)
    url = await shared.add_login(row.database, row.login(1), PASSWORD, SMALL)
    async with await servers.connect(url) as session:
        await session.execute("CREATE EXTENSION pg_trgm; CREATE TABLE notes (id serial PRIMARY KEY, text text)")
        await session.execute("INSERT INTO notes (text) SELECT 'x' FROM generate_series(1, 500)")
    return row, url


async def move(servers: Servers, row: DataService, url: str, plan: Plan) -> None:
    await ConfiguredServiceMover(servers.settings).move(row, plan, url)


async def test_a_database_keeps_its_url_on_every_server(servers: Servers, service: tuple[DataService, str]) -> None:
    row, url = service
    for number, (plan, buffers, connections) in enumerate(((MEDIUM, "256MB", 60), (LARGE, "1GB", 120), (SMALL, "32MB", 20))):
        async with await servers.connect(url) as former:
            for _ in range(2):  # also when the message is delivered again
                await move(servers, row, url, plan)
            with pytest.raises(psycopg.OperationalError):
                await former.execute("SELECT 1")
        row.plan = plan.name
        async with await reconnect(servers, url) as session:
            assert await value(session, "SHOW shared_buffers") == buffers
            assert await value(session, "SELECT rolconnlimit FROM pg_roles WHERE rolname = session_user") == connections
            assert await value(session, "SELECT count(*) FROM notes") == 500 + number
            await session.execute("INSERT INTO notes (text) VALUES ('more')")
            assert await value(session, "SELECT similarity('a', 'a')") == 1
    assert not servers.front.server(row.database).files.exists()


async def test_a_failed_or_interrupted_move_leaves_the_database_where_it_was(
    servers: Servers, service: tuple[DataService, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row, url = service
    with pytest.raises(ServiceServerRefused, match=r"it has \d+ MiB, and the plan tiny has 1 MiB"):
        await move(servers, row, url, Plan("tiny", max_connections=1, storage_mib=1, memory_mib=128, cpu_millis=100))

    def lacks_rows(*_: Any) -> None:
        raise Permanent("the copy has 1 rows in public.notes, the backup was made of 500")

    with monkeypatch.context() as patched:
        patched.setattr(service_mover, "require_rows", lacks_rows)
        with pytest.raises(Permanent):
            await move(servers, row, url, MEDIUM)
    async with await servers.connect(url) as session:
        assert await value(session, "SHOW shared_buffers") == "32MB"
        await session.execute("INSERT INTO notes (text) VALUES ('written after the failure')")
    await move(servers, row, url, MEDIUM)  # what the failure has left is replaced
    async with await servers.connect(url) as session:
        assert (await value(session, "SHOW shared_buffers"), await value(session, "SELECT count(*) FROM notes")) == ("256MB", 501)
