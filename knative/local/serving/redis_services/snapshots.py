"""Snapshots of a Redis service: all data as of one moment in a file (RDB), and a file that replaces all data.

A server that keeps an append-only file reads nothing else when it starts. So a restored file becomes the base of a new append-only file, which
Redis 7 and Valkey read as RDB (https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/).
"""

import asyncio
from collections.abc import Sequence

import orjson

from knative.local.serving.redis_services.protocol import OK, bulk
from knative.local.serving.redis_services.server import RedisServer

VERBS = frozenset({"SNAPSHOT", "READ", "DISCARD", "STAGE", "RESTORE", "COUNT"})
MAX_PIECE_BYTES = 1 << 18


async def carry_out(verb: str, server: RedisServer, arguments: Sequence[bytes]) -> bytes:
    """Raises ValueError, TypeError, UnknownService, StartError, OSError, ProtocolError."""
    files = server.files.snapshots
    match verb:
        case "SNAPSHOT":
            async with server.held():
                keys = await server.save_snapshot()
            return bulk(orjson.dumps({"keys": keys, "sizeBytes": files.adopt_snapshot()}))
        case "READ":
            begin, length = map(int, arguments)
            return bulk(await asyncio.to_thread(files.read, begin, min(length, MAX_PIECE_BYTES)))
        case "DISCARD":
            files.discard()
        case "STAGE":
            offset, piece = arguments
            await asyncio.to_thread(files.stage, int(offset), piece, server.files.limits.file_bytes)
        case "RESTORE":
            (restore_id,) = arguments
            if files.restore_id != restore_id.decode():
                async with server.stopped():
                    await asyncio.to_thread(files.restore, restore_id.decode())
        case "COUNT":
            async with server.held():
                return bulk(str(await server.count_loaded_keys()))
    return OK
