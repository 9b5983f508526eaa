"""What deploy's functions ask for, as commands of the Redis protocol by the user `provisioner` (`redis_services/provisioner.py`).

    DATABASE CREATE name memory_mib cpu_millis storage_mib max_connections    also changes the limits
    DATABASE SERVE name yes|no    whether connections of applications go to this server, or to the shared one
    DATABASE LOGIN name           → the password of its login `control`; an error without such a server
    DATABASE DELETE name
    DATABASE USAGE name           → JSON; it starts no server
    DATABASE LOG name             → the last lines of its server

All are idempotent. Other limits stop the server; its next connection starts it with them.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import psutil

from knative.local.processes.process import StartError
from knative.local.serving.postgres_services.files import SERVICE, Limits, ServerFiles
from knative.local.serving.postgres_services.server import DatabaseServer
from knative.local.serving.redis_services.protocol import OK, bulk, error
from knative.local.serving.service_folder import UnknownService

MAX_LOG_BYTES = 32768
NAME = b"DATABASE"


async def answer(server_of: Callable[[str], DatabaseServer], arguments: Sequence[bytes]) -> bytes:
    """`arguments`: behind the name of the command."""
    try:
        verb, name, *rest = (each.decode() for each in arguments)
        if not SERVICE.fullmatch(name):
            raise ValueError(f"no valid name of a service: {name!r}")
        return await _carry_out(verb.upper(), server_of(name), rest)
    except (ValueError, TypeError) as fault:
        return error(f"invalid DATABASE command: {fault}")
    except (OSError, UnknownService, StartError) as fault:
        return error(str(fault))


async def _carry_out(verb: str, server: DatabaseServer, arguments: list[str]) -> bytes:
    """Raises ValueError, TypeError, UnknownService, StartError, OSError."""
    files = server.files
    match verb:
        case "CREATE":
            limits = Limits(*map(int, arguments))
            changes = not files.exists() or files.limits != limits
            files.create(limits)
            await server.create()
            if changes:
                await server.stop()
        case "SERVE":
            (is_serving,) = arguments
            files.set_serving({"yes": True, "no": False}[is_serving])
        case "LOGIN":
            return bulk(files.password("control"))
        case "DELETE":
            if files.exists():
                files.set_serving(False)  # nobody starts it again
            await server.stop()
            await asyncio.to_thread(files.delete)
        case "USAGE":
            return bulk(orjson.dumps(_usage(server)).decode())
        case "LOG":
            return bulk(_last_lines(files))
        case _:
            raise ValueError(f"{verb!r} is not known")
    return OK


def _usage(server: DatabaseServer) -> dict[str, Any]:
    files = server.files
    memory = memory_bytes(server.pid) if server.pid else None
    return {
        "exists": files.exists(),
        "isServing": files.is_serving,
        "sizeBytes": files.size_bytes(),
        "connections": server.connections,
        "isRunning": server.is_running,
        "memoryBytes": memory,
    }


def memory_bytes(pid: int) -> int:
    """Of a server with its children: what is shared counts once (PSS, proc_pid_smaps(5))."""
    try:
        server = psutil.Process(pid)
        return sum(each.memory_full_info().pss for each in (server, *server.children(recursive=True)))
    except psutil.Error:  # one has ended meanwhile
        return 0


def _last_lines(files: ServerFiles) -> str:
    try:
        with files.log.open("rb") as file:
            file.seek(max(files.log.stat().st_size - MAX_LOG_BYTES, 0))
            return file.read().decode(errors="replace")
    except FileNotFoundError:  # it has never run
        return ""
