"""The length of a list or stream in Redis: of a data service of this machine, or of a server elsewhere.

A service of this machine that is stopped stays so: nobody could add to its queues since it was read, so the former value counts. Only one that
was never read starts.

Sources: KEDA 2.18, pkg/scalers/redis_scaler.go and redis_streams_scaler.go.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from knative.local.autoscaling.decision import MetricUnavailable
from knative.local.autoscaling.destinations import Destinations
from knative.local.processes.process import StartError
from knative.local.serving.naming import REDIS_PORT
from knative.local.serving.on_demand_server import TooManyConnections
from knative.local.serving.redis_services.files import LOGIN
from knative.local.serving.redis_services.protocol import Incomplete, ProtocolError, encode, read_reply
from knative.local.serving.redis_services.server import RedisServer
from knative.local.serving.service_folder import UnknownService
from knative.local.settings import LOOPBACK

MAX_REPLY_BYTES = 1 << 16
COUNT_MEMBERS = """
local type = redis.call('type', KEYS[1]).ok
if type == 'zset' then return redis.call('zcard', KEYS[1]) end
if type == 'set' then return redis.call('scard', KEYS[1]) end
if type == 'hash' then return redis.call('hlen', KEYS[1]) end
if type == 'list' or type == 'none' then return redis.call('llen', KEYS[1]) end
return redis.error_reply('ERR ' .. KEYS[1] .. ' is a ' .. type .. ', not a list')
"""
COUNT_ENTRIES = """
if ARGV[1] == '' then return redis.call('xlen', KEYS[1]) end
if redis.call('exists', KEYS[1]) == 0 then return 0 end
for _, group in ipairs(redis.call('xinfo', 'groups', KEYS[1])) do
    local fields = {}
    for index = 1, #group, 2 do fields[group[index]] = group[index + 1] end
    if fields['name'] == ARGV[1] then
        if fields['lag'] then return fields['lag'] end
        return redis.error_reply('ERR what ' .. ARGV[1] .. ' has not read is unknown: entries were deleted, or Redis is older than 7')
    end
end
return redis.call('xlen', KEYS[1])
"""
"""A group that no worker has created yet has read nothing."""


class RedisServices(Protocol):
    """The data services of this machine."""

    def server(self, name: str) -> RedisServer: ...


@dataclass(frozen=True, slots=True)
class RedisConnection:
    host: str
    port: int
    username: str
    password: str
    has_tls: bool
    database: str

    @classmethod
    def of(cls, parameters: Mapping[str, str], database: str) -> Self:
        """`parameters`: of a TriggerAuthentication. Raises MetricUnavailable."""
        host, _, port = parameters.get("address", "").rpartition(":")
        if not host or not port.isdigit():
            raise MetricUnavailable("redis: the address of the server is not known. Bind the data service again, or deploy once")
        credentials = parameters.get("username", ""), parameters.get("password", "")
        return cls(host.strip("[]"), int(port), *credentials, parameters.get("tls") == "enable", database)

    @property
    def service(self) -> str | None:
        """The name of a data service of this machine; None: the server is elsewhere."""
        login = LOGIN.fullmatch(self.username)
        return login[1] if login and (self.host, self.port) == (LOOPBACK, REDIS_PORT) else None

    def commands(self, command: Sequence[str]) -> list[Sequence[str]]:
        credentials = [each for each in (self.username, self.password) if each]
        return [*([("AUTH", *credentials)] if credentials else []), ("SELECT", self.database), command]


def length_command(trigger: Mapping[str, str]) -> Sequence[str]:
    """Return the command that counts. `trigger`: its metadata."""
    if "listName" in trigger:
        return "EVAL", COUNT_MEMBERS, "1", trigger["listName"]
    return "EVAL", COUNT_ENTRIES, "1", trigger["stream"], trigger.get("consumerGroup", "")


class RedisQueues:
    def __init__(self, services: RedisServices, destinations: Destinations) -> None:
        self._services, self._destinations = services, destinations
        self._last: dict[tuple[RedisConnection, tuple[str, ...]], float] = {}
        """Of services of this machine."""

    async def length(self, connection: RedisConnection, command: Sequence[str]) -> float:
        """Raises MetricUnavailable, TimeoutError."""
        try:
            if connection.service is not None:
                return await self._length_of_service(connection.service, connection, command)
            return await self._length_elsewhere(connection, command)
        except ProtocolError as error:
            raise MetricUnavailable(f"redis: {error}") from None
        except UnknownService:
            raise MetricUnavailable("redis: the data service does not exist any more") from None
        except (OSError, StartError, TooManyConnections, ValueError) as error:
            raise MetricUnavailable(f"redis: {str(error) or type(error).__name__}") from error

    async def _length_of_service(self, name: str, connection: RedisConnection, command: Sequence[str]) -> float:
        server, key = self._services.server(name), (connection, tuple(command))
        if not server.files.accepts(connection.username, connection.password.encode()):
            raise MetricUnavailable("redis: the login of the data service is not valid any more. Deploy once")
        if server.is_running:
            with contextlib.suppress(OSError):  # it stops at this moment
                self._last[key] = float(await server.exchange(*connection.commands(command)))
                return self._last[key]
        if key not in self._last:
            async with server.connection():
                self._last[key] = float(await server.exchange(*connection.commands(command)))
        return self._last[key]

    async def _length_elsewhere(self, connection: RedisConnection, command: Sequence[str]) -> float:
        address = await self._destinations.address_of(connection.host, connection.port)
        security = {"ssl": ssl.create_default_context(), "server_hostname": connection.host} if connection.has_tls else {}
        reader, writer = await asyncio.open_connection(address, connection.port, **security)  # type: ignore[arg-type]
        try:
            reply = b""
            for each in connection.commands(command):
                writer.write(encode(*each))
                reply = await _read(reader)
            return float(reply)
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Raises ProtocolError, OSError."""
    buffer = b""
    while len(buffer) < MAX_REPLY_BYTES:
        try:
            return read_reply(buffer)
        except Incomplete:
            received = await reader.read(1 << 12)
        if not received:
            raise ConnectionResetError("the server closed the connection")
        buffer += received
    raise ProtocolError("the reply is too long")
