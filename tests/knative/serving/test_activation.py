"""Pods that inherit the socket on which they listen."""

import asyncio
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

from knative.local.processes.process import Process
from knative.local.serving.pods.activation import is_activated
from knative.local.serving.pods.health import HealthCheck
from tests.knative.machine import PLATFORM, SAMPLE, Machine, alive, service, until

PROBE = {"httpGet": {"path": "/healthz"}}
FUNCTION = {
    "CAPSULE_FUNCTION": "auth.health",
    "CAPSULE_AMQP_URL": "amqp://nobody:none@127.0.0.1:1/",
    "CAPSULE_AUTH_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/auth",
}
SHORT = {"autoscaling.knative.dev/window": "6s"}


def _sockets(pid: int) -> set[str]:
    found = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since
            found.add(os.readlink(each))
    return {each for each in found if each.startswith("socket:")}


def test_a_function_listens_on_a_socket_that_the_platform_has_opened(machine: Machine) -> None:
    env = [{"name": name, "value": value} for name, value in FUNCTION.items()]
    created = service("capsule", "activated", annotations=SHORT, command=None, readinessProbe=PROBE, env=env)
    del created["spec"]["template"]["spec"]["containers"][0]["command"]
    machine.create(created)
    with machine.http(machine.ready("capsule", "activated")) as http:
        assert http.get("/healthz").status_code == 200
        [pid] = machine.pids("capsule", "activated")
        own = os.readlink(f"/proc/{pid}/fd/3")
        assert machine.process is not None and own.startswith("socket:") and own in _sockets(machine.process.pid)
        os.kill(pid, signal.SIGKILL)
        until(lambda: not alive(pid))
        assert http.get("/healthz").status_code == 200
        [again] = until(lambda: [each for each in machine.pids("capsule", "activated") if each != pid])
        assert os.readlink(f"/proc/{again}/fd/3") == own, "requests wait in it while the container starts again"
    until(lambda: not machine.pods("capsule", "activated"), 30)
    assert own not in _sockets(machine.process.pid)
    machine.delete("capsule", "activated")


async def test_a_pod_that_starts_gets_one_probe_which_it_answers_when_it_serves() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []
    became_ready = asyncio.Event()

    async def connect(port: int) -> socket.socket:
        connections.append(connection := socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        return connection

    async def execute(command: tuple[str, ...], timeout_seconds: float) -> str:
        raise AssertionError("no probe of this container is a command")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    container = {"readinessProbe": {**PROBE, "timeoutSeconds": 60}}
    check = HealthCheck(container, listening.getsockname()[1], connect, lambda is_ready: became_ready.set(), print)
    probing = asyncio.create_task(check.run(Process(os.getpid()), execute))
    await asyncio.sleep(0.3)
    assert len(connections) == 1 and not became_ready.is_set()
    async with await asyncio.start_server(answer, sock=listening):
        await asyncio.wait_for(became_ready.wait(), 30)
    assert len(connections) == 1
    probing.cancel()


def test_only_the_own_command_of_the_platform_s_image_is_activated() -> None:
    def revision(namespace: str = "capsule", image: str = PLATFORM, **container: object) -> dict[str, object]:
        return {"metadata": {"namespace": namespace}, "spec": {"containers": [{"image": image, "readinessProbe": PROBE, **container}]}}

    assert is_activated(revision())
    assert not is_activated(revision(namespace="tenant"))
    assert not is_activated(revision(image="registry.local/other:1"))
    assert not is_activated(revision(command=SAMPLE)), "another program would open the port itself"
    assert not is_activated(revision(readinessProbe={"tcpSocket": {}})), "a connection would succeed before it serves"
    assert not is_activated(revision(readinessProbe=None))
