"""Commands to the one-machine Knative, which runs Redis services and dedicated PostgreSQL servers, in the Redis protocol.

The commands are described in `knative/local/serving/redis_services/provisioner.py` and `knative/local/serving/postgres_services/commands.py`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from functions.deploy.adapters import variables
from functions.deploy.ports import ServiceServerRefused, ServiceServerUnavailable
from functions.runtime.config.settings import Settings
from functions.wire.settings import MissingSetting

Ask = Callable[..., Awaitable[str]]
"""Sends a command with these arguments."""


@asynccontextmanager
async def control(settings: Settings, command: str, timeout_seconds: float) -> AsyncIterator[Ask]:
    """Yield what sends `command`. Raises ServiceServerUnavailable and ServiceServerRefused."""
    from redis import exceptions  # a tenth of a second, which only functions that provision take
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    url = control_url(settings)
    options: dict[str, Any] = {"protocol": 2, "retry": Retry(NoBackoff(), 0)}
    connection = Redis.from_url(url, socket_timeout=timeout_seconds, decode_responses=True, **options)
    try:
        yield partial(connection.execute_command, command)
    except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
        raise ServiceServerUnavailable(f"the server of the {SERVERS[command]}: {error}") from error
    except exceptions.RedisError as error:
        raise ServiceServerRefused(f"the server of the {SERVERS[command]}: {error}") from error
    finally:
        await connection.aclose()


SERVERS = {"SERVICE": "Redis services", "DATABASE": "dedicated databases"}


def control_url(settings: Settings) -> str:
    """Raises ServiceServerUnavailable."""
    try:
        return str(settings.value(variables.SERVICES_REDIS_URL))
    except MissingSetting as missing:
        raise ServiceServerUnavailable(f"no server for Redis services is configured: {missing}") from missing
