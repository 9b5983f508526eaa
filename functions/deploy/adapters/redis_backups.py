"""Back up and restore Redis services, by the commands of `knative/local/serving/redis_services/provisioner.py`. Everything here blocks.

A backup is a file of the server's own format (RDB) with all keys as of one moment. The server itself checks it when it loads it, by its checksum.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

from functions.deploy.domain.data_service import DataService
from functions.deploy.ports import ServiceServerRefused, ServiceServerUnavailable
from functions.kernel import Permanent

PIECE_BYTES = 1 << 18
TIMEOUT_SECONDS = 280.0
Ask = Callable[..., bytes]
"""Sends a command SERVICE with these arguments."""


class RedisBackups:
    def __init__(self, url: str) -> None:
        """As the provisioner."""
        self._url = url

    def dump(self, service: DataService, write: Callable[[Iterable[bytes]], object]) -> Mapping[str, Any]:
        with self._session() as ask:
            snapshot = json.loads(ask("SNAPSHOT", service.database))
            try:
                write(_read(ask, service.database, snapshot["sizeBytes"]))
            finally:
                ask("DISCARD", service.database)
        return {"keys": snapshot["keys"]}

    def verify(self, service: DataService, backup_id: UUID, chunks: Callable[[], Iterable[bytes]], expected: Mapping[str, Any]) -> int:
        copy, limits = f"s{backup_id.hex[-16:]}", service.limits
        with self._session() as ask:
            try:
                ask("CREATE", copy, str(limits.memory_mib), str(limits.storage_mib), str(limits.max_connections))
                _stage(ask, copy, chunks())
                ask("RESTORE", copy, backup_id.hex)
                found = int(ask("COUNT", copy))
            finally:
                ask("DELETE", copy)
        if found != expected["keys"]:
            raise Permanent(f"the copy has {found} keys, the backup was made of {expected['keys']}")
        return found

    def restore(self, target: DataService, chunks: Callable[[], Iterable[bytes]], restore_id: UUID) -> None:
        with self._session() as ask:
            if json.loads(ask("USAGE", target.database))["restoreId"] != restore_id.hex:
                _stage(ask, target.database, chunks())
                ask("RESTORE", target.database, restore_id.hex)

    @contextmanager
    def _session(self) -> Iterator[Ask]:
        """Raises ServiceServerUnavailable and ServiceServerRefused."""
        from redis import Redis, exceptions  # a tenth of a second, which only functions that back up take
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        options: dict[str, Any] = {"protocol": 2, "retry": Retry(NoBackoff(), 0)}
        connection = Redis.from_url(self._url, socket_timeout=TIMEOUT_SECONDS, **options)
        try:
            yield partial(connection.execute_command, "SERVICE")
        except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
            raise ServiceServerUnavailable(f"the server of the Redis services: {error}") from error
        except exceptions.RedisError as error:
            raise ServiceServerRefused(f"the server of the Redis services: {error}") from error
        finally:
            connection.close()


def _read(ask: Ask, database: str, size_bytes: int) -> Iterator[bytes]:
    offset = 0
    while offset < size_bytes:
        piece = ask("READ", database, str(offset), str(PIECE_BYTES))
        if not piece:
            raise ServiceServerUnavailable("the snapshot of a Redis service ended early")
        yield piece
        offset += len(piece)


def _stage(ask: Ask, database: str, chunks: Iterable[bytes]) -> None:
    offset = 0
    for chunk in chunks:
        for begin in range(0, len(chunk), PIECE_BYTES):
            piece = chunk[begin : begin + PIECE_BYTES]
            ask("STAGE", database, str(offset), piece)
            offset += len(piece)
