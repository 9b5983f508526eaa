"""Kubernetes' httpGet, tcpSocket and exec probes, on the port that the process received.

Where a template names no period, Knative probes every 50 ms while a container starts. A local process may be up in
five, so the first pauses here are shorter and grow to 50 ms.
"""

import asyncio
import http.client
import os
import socket
from collections.abc import Awaitable, Callable, Container, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

MIN_START_PAUSE_SECONDS, MAX_START_PAUSE_SECONDS = 0.002, 0.05
MAX_REFUSAL_PAUSE_SECONDS = 1.0
"""The longest pause between two attempts at a container that listens but does not serve yet: each attempt is a request to it."""
SERVING_TIMEOUT_SECONDS = 10.0
"""Of one attempt: a first request may render a page, compile it or open a connection to a database."""
SUCCESS = range(200, 400)
"""Answers with which a kubelet's httpGet probe succeeds."""
BELOW_SERVER_ERROR = range(100, 500)
"""Answers of a container that serves: a redirect, a login page and "not found" are its own answers, a server error is not."""
CLOSED = "the connection was closed without an answer"
NOTHING_LISTENS = "nothing listens on port"
DEFAULT_PORT = 8080
"""Of a container that declares none (Knative runtime contract)."""
LISTEN_STATE = "0A"
"""TCP_LISTEN in /proc/net/tcp."""

Execute = Callable[[tuple[str, ...], float], Awaitable[str]]
"""Runs a command in the pod, with a timeout in seconds. Returns "" when it exits with 0, else the reason of the
failure."""
Connect = Callable[[int], Awaitable[socket.socket]]
"""Connects to a port of the pod. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Probe:
    kind: str = "tcpSocket"
    path: str = "/"
    host: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()
    port: int | str | None = None
    period_seconds: float | None = None
    timeout_seconds: float = 1.0
    initial_delay_seconds: float = 0.0
    success_threshold: int = 1
    failure_threshold: int = 3
    accepted: range = SUCCESS
    """Statuses of a successful httpGet."""

    @classmethod
    def of_serving(cls, path: str) -> Self:
        """Return the probe of a container that must serve: it answers an HTTP request to `path` with a status below 500."""
        return cls(kind="httpGet", path=path, timeout_seconds=SERVING_TIMEOUT_SECONDS, accepted=BELOW_SERVER_ERROR)

    @classmethod
    def of(cls, template: Mapping[str, Any] | None) -> Self:
        """Read a container's probe; without one, connect to its port."""
        template = template or {}
        http_get, tcp, execute = template.get("httpGet") or {}, template.get("tcpSocket") or {}, template.get("exec") or {}
        return cls(
            kind="httpGet" if "httpGet" in template else "exec" if "exec" in template else "tcpSocket",
            path="/" + str(http_get.get("path", "/")).lstrip("/"),
            host=http_get.get("host"),
            headers=tuple((each["name"], each.get("value", "")) for each in http_get.get("httpHeaders") or []),
            command=tuple(execute.get("command") or ()),
            port=http_get.get("port") or tcp.get("port"),
            period_seconds=template.get("periodSeconds"),
            timeout_seconds=max(float(template.get("timeoutSeconds", 1)), 0.05),
            initial_delay_seconds=float(template.get("initialDelaySeconds", 0)),
            success_threshold=max(int(template.get("successThreshold", 1)), 1),
            failure_threshold=max(int(template.get("failureThreshold", 3)), 1),
        )

    @property
    def description(self) -> str:
        return {"httpGet": f"GET {self.path}", "exec": " ".join(self.command), "tcpSocket": "TCP"}[self.kind]


def container_port(container: Mapping[str, Any]) -> int:
    """Return the port that a container with a network of its own receives as PORT, as on a cluster.

    Source: Knative runtime contract, "Inbound network connectivity": the first containerPort, 8080 without one.
    """
    ports = container.get("ports") or [{}]
    return int(ports[0].get("containerPort") or DEFAULT_PORT)


async def run_probe(probe: Probe, port: int, execute: Execute, connect: Connect) -> str:
    """Probe once. Returns "" on success, else the reason of the failure."""
    if probe.kind == "exec":
        return await execute(probe.command, probe.timeout_seconds)
    try:
        async with asyncio.timeout(probe.timeout_seconds):
            return await (_http(probe, port, connect) if probe.kind == "httpGet" else _tcp(port, connect))
    except ConnectionRefusedError:
        return f"{NOTHING_LISTENS} {port}"
    except (ConnectionResetError, BrokenPipeError):  # a close with unread bytes is a reset (RFC 9293 section 3.6), else an end of file
        return f"{probe.description} on port {port}: {CLOSED}"
    except TimeoutError:
        return f"{probe.description} on port {port}: no answer within {probe.timeout_seconds:g} s"
    except ValueError:  # a line longer than the reader's limit
        return f"{probe.description} on port {port}: the answer is not HTTP/1.1"
    except OSError as error:
        return f"{probe.description} on port {port}: {error.strerror or error}"


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
        if not status:
            return f"{probe.description} on port {port}: {CLOSED}"
        if len(status) < 2 or not status[0].startswith(b"HTTP/1") or not status[1].isdigit():
            return f"{probe.description} on port {port}: the answer is not HTTP/1.1"
        code = int(status[1])
        return "" if code in probe.accepted else f"{probe.description} answered {code} {http.client.responses.get(code, '')}".rstrip()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def free_port(used_ports: Container[int] = (), first: int = 12000, last: int = 30000) -> int:
    """Return a port on which nothing listens and that no pod has, outside of the kernel's range for outgoing connections.

    Raises OSError.
    """
    for _ in range(200):
        port = first + int.from_bytes(os.urandom(4), "big") % (last - first)
        if port in used_ports:
            continue
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {first} and {last}")


def listening_ports(pids: list[int]) -> list[int]:
    """Return the TCP ports on which these processes listen, sorted."""
    inodes: set[str] = set()
    for pid in pids:
        with suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    target = os.readlink(f"/proc/{pid}/fd/{name}")
                    if target.startswith("socket:["):
                        inodes.add(target[8:-1])
    ports = set()
    for table in {f"/proc/{pid}/net/{name}" for pid in pids for name in ("tcp", "tcp6")}:
        with suppress(OSError), open(table) as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[3] == LISTEN_STATE and fields[9] in inodes:
                    ports.add(int(fields[1].rpartition(":")[2], 16))
    return sorted(ports)
