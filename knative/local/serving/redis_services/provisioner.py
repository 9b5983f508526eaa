"""What deploy's functions ask for, as commands of the Redis protocol by the user `provisioner`.

    SERVICE CREATE name memory_mib storage_mib max_connections
    SERVICE SETUSER name login sha256     SERVICE DELUSER name login
    SERVICE DELETE name                   SERVICE USAGE name → JSON
    SERVICE SLOW name → JSON: the slowest of its last commands, [text, microseconds]
    SERVICE STOP name: the next connection starts it with its present limits
    SERVICE LOG name → the last lines of its server
    SERVICE SNAPSHOT name → JSON: the data as of one moment, in a file that is read by pieces and deleted
    SERVICE READ name offset length       SERVICE DISCARD name
    SERVICE STAGE name offset bytes       a snapshot to be restored, by pieces in order, from offset 0
    SERVICE RESTORE name id               replace all data by what was staged. With the id of the last restore it does nothing
    SERVICE COUNT name → the number of keys, those that have expired since the server started included

All are idempotent. A change of users ends no connection of another user. Commands with other names belong to other kinds of services
(`postgres_services/commands.py`).
"""

import asyncio
import hmac
import re
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson

from functions.wire.redis_services import LOGIN_RULES
from knative.local.processes.process import StartError
from knative.local.serving.redis_services import snapshots
from knative.local.serving.redis_services.files import LOGIN, SERVICE, Limits, ServiceFiles
from knative.local.serving.redis_services.protocol import NOAUTH, OK, Command, Incomplete, ProtocolError, bulk, credentials_of, error, read_command
from knative.local.serving.redis_services.server import RedisServer, fields_of
from knative.local.serving.service_folder import UnknownService

USER, ALTERNATE_USER = "provisioner", "provisioner_alternate"
USERS = (USER, ALTERNATE_USER)
"""Two logins, of which one is current: a rotation changes the other one first."""
DIGEST = re.compile(r"[0-9a-f]{64}")
MAX_LOG_BYTES = 32768
MAX_PIECE_BYTES = snapshots.MAX_PIECE_BYTES
SESSION_SECONDS = 300.0
Answer = Callable[[Sequence[bytes]], Awaitable[bytes]]
"""Carries out a command, with the arguments behind its name. Returns the reply."""
SECTIONS = ("clients", "memory", "persistence", "stats", "keyspace")


def accepts(password: bytes, expected: str | None) -> bool:
    return bool(expected) and hmac.compare_digest(password, str(expected).encode())


async def serve(connection: socket.socket, buffer: bytes, answers: Mapping[bytes, Answer]) -> None:
    """Answer the commands of one session. `buffer`: begins with the command that authenticated. `answers`: by the command's name. Raises OSError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(SESSION_SECONDS):
            while True:
                try:
                    command = read_command(buffer, MAX_PIECE_BYTES)
                except Incomplete:
                    received = await loop.sock_recv(connection, 1 << 14)
                    if not received:
                        return
                    buffer += received
                    continue
                buffer = buffer[command.end :]
                await loop.sock_sendall(connection, await _answer(command, answers))
    except (TimeoutError, ProtocolError):
        return


async def _answer(command: Command, answers: Mapping[bytes, Answer]) -> bytes:
    if command.name in (b"AUTH", b"CLIENT", b"SELECT"):
        return OK
    if command.name == b"PING":
        return b"+PONG\r\n"
    if command.name not in answers or credentials_of(command) is not None:
        return error(f"unknown command {command.name.decode(errors='replace')!r}") if command.arguments else NOAUTH
    return await answers[command.name](command.arguments[1:])


async def answer(server_of: Callable[[str], RedisServer], arguments: Sequence[bytes]) -> bytes:
    """Carry out a command SERVICE."""
    try:
        verb, name = (each.decode() for each in arguments[:2])
        rest = arguments[2:]
        if not SERVICE.fullmatch(name):
            raise ValueError(f"no valid name of a service: {name!r}")
        if verb.upper() in snapshots.VERBS:
            return await snapshots.carry_out(verb.upper(), server_of(name), rest)
        return await _carry_out(verb.upper(), server_of(name), [each.decode() for each in rest])
    except (ValueError, TypeError) as fault:
        return error(f"invalid SERVICE command: {fault}")
    except (OSError, UnknownService, ProtocolError, StartError) as fault:
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
        case "SLOW":
            return bulk(orjson.dumps(await server.slow_commands() if server.is_running else []).decode())
        case "STOP":
            await server.stop()
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
            info |= fields_of(await server.ask("INFO", section))
    return {
        "sizeBytes": server.files.size_bytes(), "connections": server.connections, "isRunning": server.is_running, "info": info,
        "restoreId": server.files.snapshots.restore_id,
    }  # fmt: skip


def _last_lines(files: ServiceFiles) -> str:
    try:
        with files.log.open("rb") as file:
            file.seek(max(files.log.stat().st_size - MAX_LOG_BYTES, 0))
            return file.read().decode(errors="replace")
    except FileNotFoundError:  # it has never run
        return ""
