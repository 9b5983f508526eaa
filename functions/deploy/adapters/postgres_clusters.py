"""Databases of applications on PostgreSQL servers of their own, which CloudNativePG runs on a cluster.

The server of a service is in a namespace of its own (`service_tenancy`). What happens inside is that of the shared server
(`service_provisioner`): a login for each generation, limits, a full database, backups. Capsule's own password on a server is derived from
CAPSULE_SERVICES_KEY, so that no function reads Secrets of a cluster.
"""

import time
from uuid import UUID

from functions.deploy.adapters import variables
from functions.deploy.adapters.service_namespaces import ServiceNamespaces, control_password, in_cluster
from functions.deploy.adapters.service_provisioner import PORT, PostgresServiceProvisioner
from functions.deploy.domain.postgres_manifests import (
    CLUSTER,
    PROVISIONER,
    PostgresPolicy,
    host_of_postgres,
    postgres_cluster,
    provisioner_secret,
)
from functions.deploy.domain.postgres_readings import read_cluster, read_log
from functions.deploy.domain.service_plans import Plan
from functions.deploy.ports import ServiceEndpoint, ServiceServerUnavailable, ServiceStatistics, ServiceUsage
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call

READY_SECONDS = 20.0
"""How long one attempt waits for a server. A new one takes a minute or two: the event is delivered again."""
PRIMARY = "cnpg.io/instanceRole=primary"
CONTAINER = "postgres"


def address_of(database: str) -> str:
    """Where the server is reached, as host:port."""
    return f"{host_of_postgres(database)}:{PORT}"


class PostgresClusterProvisioner(PostgresServiceProvisioner):
    """The adapter of `postgres` with a plan that has a server of its own. One object is for one service."""

    def __init__(self, settings: Settings, database: str, application_id: UUID) -> None:
        super().__init__(settings)
        self._database, self._application_id = database, application_id
        self._namespaces = ServiceNamespaces(settings)

    def endpoint(self, database: str) -> ServiceEndpoint:
        return ServiceEndpoint(host_of_postgres(database), PORT)

    @external_call
    async def create(self, database: str, plan: Plan) -> None:
        await in_cluster(self._start, plan)
        await super().create(database, plan)

    @external_call
    async def delete(self, database: str) -> None:
        await in_cluster(self._namespaces.delete_namespace_of, database)

    @external_call
    async def usage(self, database: str) -> ServiceUsage:
        return await super().usage(database) if await self._exists_in_cluster() else ServiceUsage(0, 0)

    @external_call
    async def statistics(self, database: str) -> ServiceStatistics:
        return await super().statistics(database) if await self._exists_in_cluster() else ServiceStatistics(0, 0)

    @external_call
    async def log(self, database: str) -> list[str]:
        return await in_cluster(self._log)

    async def server_url(self, service: str) -> str:
        return f"postgresql://{PROVISIONER}:{control_password(self._settings, service)}@{address_of(service)}/postgres"

    def _start(self, plan: Plan) -> None:
        """Raises ServiceServerUnavailable while the server is being made."""
        namespaces, database = self._namespaces, self._database
        policy = PostgresPolicy(self._settings.value(variables.SERVICES_POSTGRES_IMAGE), self._settings.value(variables.SERVICES_STORAGE_CLASS))
        namespaces.prepare(database, self._application_id)
        namespaces.apply_in(provisioner_secret(database, control_password(self._settings, database)))
        applied = namespaces.apply_in(postgres_cluster(database, plan, policy))
        until = time.monotonic() + READY_SECONDS
        while not (reading := read_cluster(applied)).is_ready:
            if time.monotonic() > until:
                raise ServiceServerUnavailable(f"the PostgreSQL server is not ready: {reading.phase}")
            time.sleep(0.5)
            applied = namespaces.find_cluster(database, CLUSTER) or applied

    async def _exists_in_cluster(self) -> bool:
        return await in_cluster(self._namespaces.find_cluster, self._database, CLUSTER) is not None

    def _log(self) -> list[str]:
        pods = self._namespaces.pods_of(self._database, PRIMARY)
        return read_log(self._namespaces.log_of(self._database, pods[0]["metadata"]["name"], CONTAINER)) if pods else []

    def _address(self) -> str:
        return address_of(self._database)
