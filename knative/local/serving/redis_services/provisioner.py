"""What deploy's functions ask for, as commands of the Redis protocol by the user `provisioner`.

    SERVICE CREATE name memory_mib storage_mib max_connections
    SERVICE SETUSER name login sha256     SERVICE DELUSER name login
    SERVICE DELETE name                   SERVICE USAGE name → JSON
    SERVICE LOG name → the last lines of its server

All are idempotent. A change of users ends no connection of another user.
"""

import asyncio
import hmac
import re
import socket
from collections.abc import Callable
from typing import Any

import orjson

from functions.wire.redis_services import LOGIN_RULES
from knative.local.serving.redis_services.files import LOGIN, SERVICE, Limits, ServiceFiles, UnknownService
from knative.local.serving.redis_services.protocol import NOAUTH, OK, Command, Incomplete, ProtocolError, bulk, credentials_of, error, read_command
from knative.local.serving.redis_services.server import RedisServer

USER, ALTERNATE_USER = "provisioner", "provisioner_alternate"
USERS = (USER, ALTERNATE_USER)
"""Two logins, of which one is current: a rotation changes the other one first."""
DIGEST = re.compile(r"[0-9a-f]{64}")
MAX_LOG_BYTES = 32768
SESSION_SECONDS = 300.0
SECTIONS = ("clients", "memory", "persistence", "stats", "keyspace")


def accepts(password: bytes, expected: str | None) -> bool:
    return bool(expected) and hmac.compare_digest(password, str(expected).encode())


async def serve(connection: socket.socket, buffer: bytes, server_of: Callable[[str], RedisServer]) -> None:
    """Answer the commands of one session. `buffer`: begins with the command that authenticated. Raises OSError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(SESSION_SECONDS):
            while True:
                try:
                    command = read_command(buffer)
                except Incomplete:
                    received = await loop.sock_recv(connection, 1 << 14)
                    if not received:
                        return
                    buffer += received
                    continue
                buffer = buffer[command.end :]
                await loop.sock_sendall(connection, await _answer(command, server_of))
    except (TimeoutError, ProtocolError):
        return


async def _answer(command: Command, server_of: Callable[[str], RedisServer]) -> bytes:
    if command.name in (b"AUTH", b"CLIENT", b"SELECT"):
        return OK
    if command.name == b"PING":
        return b"+PONG\r\n"
    if command.name != b"SERVICE" or credentials_of(command) is not None:
        return error(f"unknown command {command.name.decode(errors='replace')!r}") if command.arguments else NOAUTH
    try:
        _, verb, name, *arguments = [each.decode() for each in command.arguments]
        if not SERVICE.fullmatch(name):
            raise ValueError(f"no valid name of a service: {name!r}")
        return await _carry_out(verb.upper(), server_of(name), arguments)
    except (ValueError, TypeError) as fault:
        return error(f"invalid SERVICE command: {fault}")
    except (OSError, UnknownService, ProtocolError) as fault:
        return error(str(fault))


async def _carry_out(verb: str, server: RedisServer, arguments: list[str]) -> bytes:
    """Raises ValueError, TypeError, UnknownService, OSError, ProtocolError."""
    files = server.files
    match verb:
        case "CREATE":
            files.create(Limits(*map(int, arguments)))
        case "SETUSER":
            login, digest = arguments
            _require_login(files, login)
            if not DIGEST.fullmatch(digest):
                raise ValueError("no SHA-256")
            files.set_user(login, digest)
            if server.is_running:
                await server.ask("ACL", "SETUSER", login, "reset", "on", f"#{digest}", *LOGIN_RULES.split())
        case "DELUSER":
            (login,) = arguments
            _require_login(files, login)
            files.delete_user(login)
            if server.is_running:
                await server.ask("ACL", "DELUSER", login)
        case "DELETE":
            for login in files.users():  # nobody starts it again
                files.delete_user(login)
            await server.stop()
            await asyncio.to_thread(files.delete)
        case "USAGE":
            return bulk(orjson.dumps(await _usage(server)).decode())
        case "LOG":
            return bulk(_last_lines(files))
        case _:
            raise ValueError(f"{verb!r} is not known")
    return OK


def _require_login(files: ServiceFiles, login: str) -> None:
    """Raises UnknownService, ValueError."""
    found = LOGIN.fullmatch(login)
    if found is None or found[1] != files.name:
        raise ValueError(f"{login!r} is no login of {files.name}")
    _ = files.limits


async def _usage(server: RedisServer) -> dict[str, Any]:
    """The size of the data and, while it runs, what INFO says of it."""
    info: dict[str, str] = {}
    if server.is_running:
        for section in SECTIONS:
            text = (await server.ask("INFO", section)).decode(errors="replace")
            info |= dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))
    return {"sizeBytes": server.files.size_bytes(), "connections": server.connections, "isRunning": server.is_running, "info": info}


def _last_lines(files: ServiceFiles) -> str:
    try:
        with files.log.open("rb") as file:
            file.seek(max(files.log.stat().st_size - MAX_LOG_BYTES, 0))
            return file.read().decode(errors="replace")
    except FileNotFoundError:  # it has never run
        return ""
