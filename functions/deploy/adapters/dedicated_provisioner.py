"""Databases of applications that have a PostgreSQL server for themselves, run by the one-machine Knative.

The server is created by commands in the Redis protocol (`knative/local/serving/postgres_services/commands.py`). Inside it, the database and its roles
are made as on the shared server, by a login of the platform that is no superuser, with the same names: a database keeps its URL when it moves.
"""

import json
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, LiteralString

from functions.deploy.adapters import variables
from functions.deploy.adapters.service_provisioner import PostgresServiceProvisioner
from functions.deploy.adapters.services_control import Ask, control
from functions.deploy.domain.service_plans import Plan
from functions.deploy.ports import ServiceEndpoint, ServiceStatistics, ServiceUsage, SlowStatement
from functions.runtime.storage.external_call import external_call

TIMEOUT_SECONDS = 60.0
"""To create a server takes a second or two, to recover one from a crash can take longer."""
MAX_STATEMENTS = 10
SLOW: LiteralString = """
    SELECT left(query, 500), calls, mean_exec_time, max_exec_time FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = %s) ORDER BY max_exec_time DESC LIMIT %s
"""
"""https://www.postgresql.org/docs/current/pgstatstatements.html"""


class DedicatedPostgresProvisioner(PostgresServiceProvisioner):
    """The adapter of databases of plans that are dedicated."""

    connect_timeout_seconds = int(TIMEOUT_SECONDS)

    def endpoint(self, database: str) -> ServiceEndpoint:
        host, _, port = self._settings.value(variables.SERVICES_DEDICATED_ADDRESS).text.partition(":")
        return ServiceEndpoint(host, int(port))

    @external_call
    async def create(self, database: str, plan: Plan) -> None:
        await self.create_closed(database, plan)
        await self.set_serving(database, True)

    @external_call
    async def create_closed(self, database: str, plan: Plan) -> None:
        """As `create`, but connections of applications do not go to the server yet."""
        await self.set_limits(database, plan)
        await super().create(database, plan)

    @external_call
    async def set_limits(self, database: str, plan: Plan) -> None:
        """Create the server, or change what it may use; its sessions end then, and the next one starts it."""
        async with self._control() as ask:
            await ask("CREATE", database, str(plan.memory_mib), str(plan.cpu_millis), str(plan.storage_mib), str(plan.max_connections))

    @external_call
    async def set_serving(self, database: str, is_serving: bool) -> None:
        """Let connections of applications go to this server, or to the shared one."""
        async with self._control() as ask:
            await ask("SERVE", database, "yes" if is_serving else "no")

    @external_call
    async def is_serving(self, database: str) -> bool:
        return bool((await self._usage(database))["isServing"])

    @external_call
    async def delete(self, database: str) -> None:
        async with self._control() as ask:
            await ask("DELETE", database)

    @external_call
    async def usage(self, database: str) -> ServiceUsage:
        found = await self._usage(database)
        return ServiceUsage(found["sizeBytes"], found["connections"])

    @external_call
    async def statistics(self, database: str) -> ServiceStatistics:
        """Those of the server while it runs. A stopped one is not started for it, and has only a size."""
        found = await self._usage(database)
        if not found["isRunning"]:
            return ServiceStatistics(found["sizeBytes"], 0, is_running=False)
        connections = found["connections"]
        inside = await super().statistics(database)
        return replace(inside, size_bytes=found["sizeBytes"], connections=connections, memory_bytes=found["memoryBytes"])

    @external_call
    async def slow_statements(self, database: str) -> list[SlowStatement]:
        if not (await self._usage(database))["isRunning"]:
            return []
        async with self._connection(database) as connection:
            rows = await (await connection.execute(SLOW, (database, MAX_STATEMENTS))).fetchall()
        return [SlowStatement(*row) for row in rows]

    @external_call
    async def log(self, database: str) -> list[str]:
        async with self._control() as ask:
            return (await ask("LOG", database)).splitlines()

    async def server_url(self, service: str) -> str:
        async with self._control() as ask:
            password = await ask("LOGIN", service)
        return f"postgresql://{service}_control:{password}@{self._settings.value(variables.SERVICES_DEDICATED_ADDRESS).text}/postgres"

    async def _usage(self, database: str) -> dict[str, Any]:
        async with self._control() as ask:
            reply: dict[str, Any] = json.loads(await ask("USAGE", database))
        return reply

    def _control(self) -> AbstractAsyncContextManager[Ask]:
        return control(self._settings, "DATABASE", TIMEOUT_SECONDS)
