"""Whether a container answers: Kubernetes' httpGet, tcpSocket and exec probes, on the port that the process was given.

Where a template names no period, Knative asks every 50 ms while a container starts; here a process may be up in five, so asking begins
there and slows down to that.
"""

import asyncio
import http.client
import os
import socket
from collections.abc import Awaitable, Callable, Container, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.05


@dataclass(frozen=True, slots=True)
class Probe:
    kind: str = "tcpSocket"
    path: str = "/"
    host: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()
    port: int | str | None = None
    period: float | None = None
    timeout: float = 1.0
    delay: float = 0.0
    successes: int = 1
    failures: int = 3
    said: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, said: Mapping[str, Any] | None) -> Self:
        said = said or {}
        http_get, tcp, execute = said.get("httpGet") or {}, said.get("tcpSocket") or {}, said.get("exec") or {}
        return cls(
            kind="httpGet" if "httpGet" in said else "exec" if "exec" in said else "tcpSocket",
            path="/" + str(http_get.get("path", "/")).lstrip("/"),
            host=http_get.get("host"),
            headers=tuple((each["name"], each.get("value", "")) for each in http_get.get("httpHeaders") or []),
            command=tuple(execute.get("command") or ()),
            port=http_get.get("port") or tcp.get("port"),
            period=said.get("periodSeconds"),
            timeout=max(float(said.get("timeoutSeconds", 1)), 0.05),
            delay=float(said.get("initialDelaySeconds", 0)),
            successes=max(int(said.get("successThreshold", 1)), 1),
            failures=max(int(said.get("failureThreshold", 3)), 1),
            said=said,
        )

    @property
    def words(self) -> str:
        return {"httpGet": f"GET {self.path}", "exec": " ".join(self.command), "tcpSocket": "TCP"}[self.kind]


Execute = Callable[[tuple[str, ...], float], Awaitable[str]]
"""Runs a command in the pod; "" when it ended well, else why not."""
Connect = Callable[[int], Awaitable[socket.socket]]
"""A connection to a port of the pod. Raises OSError."""


async def ask(probe: Probe, port: int, execute: Execute, connect: Connect) -> str:
    """ "" when it answers as it should, else why not."""
    if probe.kind == "exec":
        return await execute(probe.command, probe.timeout)
    try:
        async with asyncio.timeout(probe.timeout):
            return await (_http(probe, port, connect) if probe.kind == "httpGet" else _tcp(port, connect))
    except ConnectionRefusedError:
        return f"nothing listens on port {port}"
    except TimeoutError:
        return f"{probe.words} on port {port}: no answer within {probe.timeout:g} s"
    except OSError as error:
        return f"{probe.words} on port {port}: {error.strerror or error}"


async def _tcp(port: int, connect: Connect) -> str:
    (await connect(port)).close()
    return ""


async def _http(probe: Probe, port: int, connect: Connect) -> str:
    reader, writer = await asyncio.open_connection(sock=await connect(port))
    try:
        lines = [f"GET {probe.path} HTTP/1.1", f"Host: {probe.host or f'127.0.0.1:{port}'}", "User-Agent: kube-probe/1.34", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in probe.headers]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        status = (await reader.readline()).split()
        if len(status) < 2 or not status[0].startswith(b"HTTP/") or not status[1].isdigit():
            return f"{probe.words} on port {port}: the answer is not HTTP"
        code = int(status[1])
        return "" if 200 <= code < 400 else f"{probe.words} answered {code} {http.client.responses.get(code, '')}".rstrip()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def free_port(taken: Container[int] = (), first: int = 12000, last: int = 30000) -> int:
    """A port that nothing listens on now and no pod has, outside of what the kernel hands out to outgoing connections."""
    for _ in range(200):
        port = first + int.from_bytes(os.urandom(4), "big") % (last - first)
        if port in taken:
            continue
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {first} and {last}")


def listening(pids: list[int]) -> list[int]:
    """The TCP ports these processes listen on: what a program that never listened on $PORT did instead."""
    inodes: set[str] = set()
    for pid in pids:
        with suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    target = os.readlink(f"/proc/{pid}/fd/{name}")
                    if target.startswith("socket:["):
                        inodes.add(target[8:-1])
    found = set()
    for table in {f"/proc/{pid}/net/{name}" for pid in pids for name in ("tcp", "tcp6")}:
        with suppress(OSError), open(table) as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    found.add(int(fields[1].rpartition(":")[2], 16))
    return sorted(found)
