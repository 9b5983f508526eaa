"""A cluster for the tests of one module: the extended API, the account of deploy, and what runs servers.

Services have names on a cluster only: servers are reached on loopback.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from functions.deploy.adapters import postgres_clusters, redis_stateful_sets
from functions.deploy.adapters.postgres_clusters import PostgresClusterProvisioner
from functions.deploy.adapters.redis_stateful_sets import RedisStatefulSetProvisioner
from functions.deploy.domain.service_tenancy import namespace_of_service
from functions.runtime.config.settings import Settings
from knative.machine import packages
from tests.deploy.account import give_account
from tests.knative.api.conftest import Server
from tests.operators.cloudnativepg import CloudNativePG
from tests.operators.stateful_sets import StatefulSets
from tests.servers import free_offset

KEY = "k" * 64
SETTINGS = {
    "CAPSULE_SERVICES_KEY": KEY,
    "CAPSULE_SERVICES_POSTGRES_IMAGE": "ghcr.io/cloudnative-pg/postgresql:17",
    "CAPSULE_SERVICES_REDIS_IMAGE": "docker.io/valkey/valkey:8.1",
}


@dataclass
class Cluster:
    server: Server
    http: httpx.Client
    values: dict[str, str]
    postgres: CloudNativePG
    stateful_sets: StatefulSets

    def postgres_provisioner(self, database: str, application_id: UUID | None = None) -> PostgresClusterProvisioner:
        return PostgresClusterProvisioner(Settings(self.values), database, application_id or uuid4())

    def redis_provisioner(self, database: str, application_id: UUID | None = None) -> RedisStatefulSetProvisioner:
        return RedisStatefulSetProvisioner(Settings(self.values), database, application_id or uuid4())


@contextmanager
def cluster() -> Iterator[Cluster]:
    packages.install([packages.POSTGRES, packages.REDIS], print)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="capsule-api-", dir="/tmp")))
        server = Server(home, free_offset(), module="tests.operators.serve")
        stack.callback(lambda: server.stop() if server.process is not None else None)  # also one that did not become ready
        server.start()
        with server.client() as api:
            give_account(api, server.kubeconfig, home / "account.kubeconfig")
        http = stack.enter_context(server.http())
        postgres, stateful_sets = CloudNativePG(http), StatefulSets(http)
        stack.enter_context(postgres)
        stack.enter_context(stateful_sets)
        values = {**SETTINGS, "KUBECONFIG": str(home / "account.kubeconfig")}
        patches = stack.enter_context(pytest.MonkeyPatch.context())
        for module, servers in ((postgres_clusters, postgres), (redis_stateful_sets, stateful_sets)):
            patches.setattr(module, "address_of", lambda database, servers=servers: f"127.0.0.1:{servers.port_of(namespace_of_service(database))}")
        yield Cluster(server, http, values, postgres, stateful_sets)
