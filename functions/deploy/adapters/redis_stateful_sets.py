"""Redis services of applications on a cluster: a StatefulSet each, administered in the Redis protocol as the user `capsule`.

The password of that user is derived from CAPSULE_SERVICES_KEY, as that of PostgreSQL's provisioner (`postgres_clusters`).
"""

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from functions.deploy.adapters import variables
from functions.deploy.adapters.service_namespaces import ServiceNamespaces, control_password, in_cluster
from functions.deploy.domain.network_policies import DATA_SERVICE, REDIS_PORT
from functions.deploy.domain.redis_manifests import NAME, RedisPolicy, host_of_redis, redis_objects
from functions.deploy.domain.service_plans import Plan
from functions.deploy.domain.stateful_set_readings import read_stateful_set
from functions.deploy.ports import (
    ServiceEndpoint,
    ServiceServerRefused,
    ServiceServerUnavailable,
    ServiceStatistics,
    ServiceUsage,
    SlowStatement,
    hit_ratio,
)
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call
from functions.wire.redis_services import CONTROL, LOGIN_RULES

READY_SECONDS = 20.0
"""How long one attempt waits for the pod. A new one may take longer, for its image: the event is delivered again."""
TIMEOUT_SECONDS = 15.0
SLOWLOG_LENGTH = 128
MAX_SLOW_COMMANDS = 10
MAX_TEXT_LENGTH = 500


class RedisStatefulSetProvisioner:
    """The adapter of the kind `redis` on a cluster. One object is for one service."""

    def __init__(self, settings: Settings, database: str, application_id: UUID) -> None:
        self._settings = settings
        self._database, self._application_id = database, application_id
        self._namespaces = ServiceNamespaces(settings)

    def endpoint(self, database: str) -> ServiceEndpoint:
        return ServiceEndpoint(host_of_redis(database), REDIS_PORT)

    @external_call
    async def create(self, database: str, plan: Plan) -> None:
        await in_cluster(self._start, plan)
        async with self._connection() as redis:
            await redis.ping()

    @external_call
    async def add_login(self, database: str, login: str, password: str, plan: Plan) -> str:
        async with self._connection() as redis:
            digest = hashlib.sha256(password.encode()).hexdigest()
            await redis.execute_command("ACL", "SETUSER", login, "reset", "on", f"#{digest}", *LOGIN_RULES.split())
            await redis.execute_command("ACL", "SAVE")
        return f"redis://{login}:{password}@{address_of(database)}/0"

    @external_call
    async def drop_login(self, database: str, login: str) -> None:
        async with self._connection() as redis:
            await redis.execute_command("ACL", "DELUSER", login)  # ends its connections
            await redis.execute_command("ACL", "SAVE")

    @external_call
    async def delete(self, database: str) -> None:
        await in_cluster(self._namespaces.delete_namespace_of, database)

    @external_call
    async def usage(self, database: str) -> ServiceUsage:
        found = await self._info()
        return ServiceUsage(_size_bytes(found), _connections(found)) if found else ServiceUsage(0, 0)

    @external_call
    async def statistics(self, database: str) -> ServiceStatistics:
        found = await self._info()
        if not found:
            return ServiceStatistics(0, 0, is_running=False)
        return ServiceStatistics(
            _size_bytes(found),
            _connections(found),
            memory_bytes=int(found["used_memory"]),
            operations=int(found["total_commands_processed"]),
            failures=int(found["evicted_keys"]),
            hit_ratio=hit_ratio(int(found["keyspace_hits"]), int(found["keyspace_misses"])),
        )

    @external_call
    async def slow_statements(self, database: str) -> list[SlowStatement]:
        """Of its SLOWLOG: each entry is one command; the server cuts its arguments."""
        if not await self._exists_in_cluster():
            return []
        async with self._connection() as redis:
            entries = await redis.slowlog_get(SLOWLOG_LENGTH)
        found = sorted(((each["command"], each["duration"] / 1000) for each in entries), key=lambda each: -each[1])
        return [SlowStatement(command[:MAX_TEXT_LENGTH], 1, took, took) for command, took in found[:MAX_SLOW_COMMANDS]]

    @external_call
    async def log(self, database: str) -> list[str]:
        return await in_cluster(self._namespaces.log_of, database, f"{NAME}-0", NAME) if await self._exists_in_cluster() else []

    @external_call
    async def reclaim(self, database: str) -> None:
        """Nothing to do: the server rewrites its file by itself."""

    @external_call
    async def set_writable(self, database: str, is_writable: bool) -> None:
        """Nothing to do: the server itself refuses writes that its plan has no memory or storage for."""

    def _start(self, plan: Plan) -> None:
        """Raises ServiceServerUnavailable while the pod is being made."""
        namespaces, database = self._namespaces, self._database
        policy = RedisPolicy(self._settings.value(variables.SERVICES_REDIS_IMAGE), self._settings.value(variables.SERVICES_STORAGE_CLASS))
        password = control_password(self._settings, database)
        namespaces.prepare(database, self._application_id)
        applied: Any = {}
        for each in redis_objects(database, plan, policy, password):
            applied = namespaces.apply_in(each)
        until = time.monotonic() + READY_SECONDS
        while reason := read_stateful_set(applied, namespaces.pods_of(database, f"{DATA_SERVICE}={database}")):
            if time.monotonic() > until:
                raise ServiceServerUnavailable(f"the Redis server is not ready: {reason}")
            time.sleep(0.5)
            applied = namespaces.find_stateful_set(database, NAME) or applied

    async def _exists_in_cluster(self) -> bool:
        return await in_cluster(self._namespaces.find_stateful_set, self._database, NAME) is not None

    async def _info(self) -> dict[str, Any]:
        """Empty if there is no such service."""
        if not await self._exists_in_cluster():
            return {}
        async with self._connection() as redis:
            found: dict[str, Any] = await redis.info("everything")
            return found

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        """Raises ServiceServerUnavailable and ServiceServerRefused."""
        from redis import exceptions  # a tenth of a second, which only functions that provision take
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        host, _, port = address_of(self._database).rpartition(":")
        options: dict[str, Any] = {"protocol": 2, "retry": Retry(NoBackoff(), 0), "username": CONTROL}
        password = control_password(self._settings, self._database)
        connection = Redis(host=host, port=int(port), password=password, socket_timeout=TIMEOUT_SECONDS, decode_responses=True, **options)
        try:
            yield connection
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
            raise ServiceServerUnavailable(f"the Redis server: {error}") from error
        except exceptions.RedisError as error:
            raise ServiceServerRefused(f"the Redis server: {error}") from error
        finally:
            await connection.aclose()


def address_of(database: str) -> str:
    """Where the server is reached, as host:port."""
    return f"{host_of_redis(database)}:{REDIS_PORT}"


def _size_bytes(info: dict[str, Any]) -> int:
    """Of the append-only file, with what its next version has already."""
    return int(info.get("aof_current_size", 0))


def _connections(info: dict[str, Any]) -> int:
    """Without the one that asks."""
    return max(int(info["connected_clients"]) - 1, 0)
