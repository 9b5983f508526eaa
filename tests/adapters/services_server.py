"""A PostgreSQL of data services for a test module, and sessions of its tenants."""

from collections.abc import Iterator

import psycopg
import pytest

from functions.deploy.adapters.service_provisioner import PostgresServiceProvisioner
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


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True, connect_timeout=5)
