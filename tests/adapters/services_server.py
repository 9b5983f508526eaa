"""A PostgreSQL of data services for a test module, and sessions of its tenants."""

from collections.abc import Iterator

import psycopg
import pytest

from functions.deploy.adapters.service_provisioner import PostgresServiceProvisioner
from functions.deploy.domain.service_plans import Plan
from functions.deploy.ports import ServiceProvisioner
from functions.runtime.config.settings import Settings
from knative.machine import packages
from knative.machine.services_postgres import ServicesPostgres
from tests.servers import discard, fresh_home


@pytest.fixture(scope="module")
def services_postgres() -> Iterator[ServicesPostgres]:
    """The server that `up` starts for databases of applications: `.provisioner_url`, `.stop()`, `.start()`."""
    home = fresh_home()
    home.create()
    packages.install([packages.POSTGRES], print)
    server = ServicesPostgres(home)
    server.start()
    server.create_provisioner()
    yield server
    discard(home)


def provisioner_on(server: ServicesPostgres) -> PostgresServiceProvisioner:
    """Applications of these tests reach the server directly."""
    settings = {"CAPSULE_SERVICES_POSTGRES_URL": server.provisioner_url, "CAPSULE_SERVICES_POSTGRES_ADDRESS": f"127.0.0.1:{server.port}"}
    return PostgresServiceProvisioner(Settings(settings))


async def check_contract(provisioner: ServiceProvisioner, database: str, plan: Plan, scheme: str, *, starts_on_demand: bool = False) -> None:
    """What every `ServiceProvisioner` does: each step may be repeated after a crash. `starts_on_demand`: its server may be stopped."""
    urls = []
    for _ in range(2):
        await provisioner.create(database, plan)
        urls.append(await provisioner.add_login(database, f"{database}_1", "f" * 48, plan))
    assert urls[0] == urls[1] and urls[0].startswith(f"{scheme}://{database}_1:{'f' * 48}@127.0.0.1:")
    await provisioner.add_login(database, f"{database}_2", "e" * 48, plan)
    for _ in range(2):
        await provisioner.drop_login(database, f"{database}_1")
    for is_writable in (True, False, False, True, True):
        await provisioner.set_writable(database, is_writable)
    await provisioner.reclaim(database)
    assert (await provisioner.statistics(database)).is_running or starts_on_demand
    assert all(each.calls and each.max_ms >= each.mean_ms for each in await provisioner.slow_statements(database))
    assert all(isinstance(line, str) for line in await provisioner.log(database))
    for _ in range(2):
        await provisioner.delete(database)
    assert (await provisioner.usage(database)).size_bytes == 0
    assert await provisioner.slow_statements(database) == await provisioner.log(database) == []


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True, connect_timeout=5)
