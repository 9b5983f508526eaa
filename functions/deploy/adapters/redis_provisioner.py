"""Redis services of applications, run by the one-machine Knative, which is asked in the Redis protocol.

The commands are described in `knative/local/serving/redis_services/provisioner.py`.
"""

import hashlib
import json
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

from functions.deploy.adapters import variables
from functions.deploy.adapters.services_control import Ask, control, control_url
from functions.deploy.domain.service_plans import Plan
from functions.deploy.ports import ServiceEndpoint, ServiceStatistics, ServiceUsage, SlowStatement, hit_ratio
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call

PORT = 6379
TIMEOUT_SECONDS = 15.0


class RedisServiceProvisioner:
    """The adapter of the kind `redis`. `database` is the name of the service."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def endpoint(self, database: str) -> ServiceEndpoint:
        url = urlsplit(control_url(self._settings))
        return ServiceEndpoint(url.hostname or "", url.port or PORT)

    @external_call
    async def create(self, database: str, plan: Plan) -> None:
        async with self._connection() as ask:
            await ask("CREATE", database, str(plan.memory_mib), str(plan.storage_mib), str(plan.max_connections))

    @external_call
    async def add_login(self, database: str, login: str, password: str, plan: Plan) -> str:
        async with self._connection() as ask:
            await ask("SETUSER", database, login, hashlib.sha256(password.encode()).hexdigest())
        address = self._settings.value(variables.SERVICES_REDIS_ADDRESS).text
        return f"redis://{login}:{password}@{address}/0"

    @external_call
    async def drop_login(self, database: str, login: str) -> None:
        async with self._connection() as ask:
            await ask("DELUSER", database, login)

    @external_call
    async def delete(self, database: str) -> None:
        async with self._connection() as ask:
            await ask("DELETE", database)

    @external_call
    async def usage(self, database: str) -> ServiceUsage:
        async with self._connection() as ask:
            reply: dict[str, Any] = json.loads(await ask("USAGE", database))
        return ServiceUsage(reply["sizeBytes"], reply["connections"])

    @external_call
    async def statistics(self, database: str) -> ServiceStatistics:
        async with self._connection() as ask:
            reply: dict[str, Any] = json.loads(await ask("USAGE", database))
        size, connections, info = reply["sizeBytes"], reply["connections"], reply["info"]
        if not reply["isRunning"]:
            return ServiceStatistics(size, connections, is_running=False)
        return ServiceStatistics(
            size,
            connections,
            memory_bytes=int(info["used_memory"]),
            operations=int(info["total_commands_processed"]),
            failures=int(info["evicted_keys"]),
            hit_ratio=hit_ratio(int(info["keyspace_hits"]), int(info["keyspace_misses"])),
        )

    @external_call
    async def slow_statements(self, database: str) -> list[SlowStatement]:
        """Of its SLOWLOG: each entry is one command; the server cuts its arguments."""
        async with self._connection() as ask:
            entries: list[Any] = json.loads(await ask("SLOW", database))
        return [SlowStatement(text, 1, microseconds / 1000, microseconds / 1000) for text, microseconds in entries]

    @external_call
    async def log(self, database: str) -> list[str]:
        async with self._connection() as ask:
            return (await ask("LOG", database)).splitlines()

    @external_call
    async def restart(self, database: str) -> None:
        """Stop the server. The next connection starts it with the limits of its plan."""
        async with self._connection() as ask:
            await ask("STOP", database)

    @external_call
    async def reclaim(self, database: str) -> None:
        """Nothing to do: the server rewrites its file by itself."""

    @external_call
    async def set_writable(self, database: str, is_writable: bool) -> None:
        """Nothing to do: the server itself refuses writes that its plan has no memory or storage for."""

    def _connection(self) -> AbstractAsyncContextManager[Ask]:
        return control(self._settings, "SERVICE", TIMEOUT_SECONDS)
