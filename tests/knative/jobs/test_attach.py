"""Clients attach to a Job's container: a real terminal or pipes, through the official Kubernetes client."""

from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.rest import ApiException
from kubernetes.stream import stream

from tests.knative.jobs.objects import finished, job, pods
from tests.knative.machine import Machine, until

WAITING = "import sys; print('ready:' + sys.stdin.readline().strip(), flush=True); "


def attach(machine: Machine, namespace: str, name: str, **options: Any) -> Any:
    """Attach to the Job's pod as soon as its container runs."""

    def is_running() -> client.V1Pod | None:
        found = pods(machine, namespace, name)
        return found[0] if found and found[0].status and found[0].status.phase == "Running" else None

    pod = until(is_running)
    call = machine.core.connect_get_namespaced_pod_attach
    return stream(call, pod.metadata.name, namespace, _preload_content=False, binary=True, **{"stdin": True, **options})


def read_until(connection: Any, text: bytes, read: Callable[..., bytes] | None = None) -> bytes:
    content = b""

    def look() -> bool:
        nonlocal content
        content += (read or connection.read_stdout)(timeout=0.05)
        return text in content

    until(look)
    return content


def test_a_terminal_has_a_name_a_size_and_signals(machine: Machine, namespace: str) -> None:
    script = 'exec sh -c \'read x; tty; stty size; trap "stty size" WINCH; trap "echo interrupted; exit 7" INT; while :; do sleep 0.05; done\''
    container = {"command": ["sh", "-c", script], "stdin": True, "tty": True}
    machine.batch.create_namespaced_job(namespace, job("terminal", "", spec={"backoffLimit": 0}, **container))
    connection = attach(machine, namespace, "terminal", tty=True)
    connection.write_channel(4, b'{"Width":100,"Height":30}')
    connection.write_stdin(b"\n")
    assert b"/dev/pts/" in read_until(connection, b"30 100\r\n") or not machine.is_root
    connection.write_channel(4, b'{"Width":0,"Height":"x"}')
    connection.write_channel(4, b'{"Width":81,"Height":25}')
    read_until(connection, b"25 81\r\n")
    connection.write_stdin(b"\x03")
    read_until(connection, b"interrupted")
    connection.run_forever(timeout=10)
    assert not connection.is_open()
    finished(machine, namespace, "terminal")
    assert pods(machine, namespace, "terminal")[0].status.container_statuses[0].state.terminated.exit_code == 7
    with pytest.raises(ApiException, match="completed pod"):
        stream(machine.core.connect_get_namespaced_pod_attach, pods(machine, namespace, "terminal")[0].metadata.name, namespace, stdin=True)


def test_pipes_carry_every_byte_and_the_end_of_the_input(machine: Machine, namespace: str) -> None:
    script = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data[::-1]); sys.stderr.write(f'{len(data)} bytes')"
    machine.batch.create_namespaced_job(namespace, job("pipes", script, stdin=True, stdinOnce=True))
    connection = attach(machine, namespace, "pipes", _request_timeout=10)
    data = bytes(range(256)) * 4096
    for start in range(0, len(data), 50_000):
        connection.write_stdin(data[start : start + 50_000])
    connection.close_channel(0)
    output = b""

    def look() -> bool:
        nonlocal output
        output += connection.read_stdout(timeout=0.05)
        return len(output) == len(data)

    until(look)
    assert output == data[::-1]
    read_until(connection, b"1048576 bytes", connection.read_stderr)


def test_a_container_without_streams_cannot_be_attached_to(machine: Machine, namespace: str) -> None:
    machine.batch.create_namespaced_job(namespace, job("plain", "import time; time.sleep(60)"))
    with pytest.raises(ApiException, match="neither stdin nor tty"):
        attach(machine, namespace, "plain")
    with pytest.raises(ApiException, match="404 Not Found"):
        stream(machine.core.connect_get_namespaced_pod_attach, "none", namespace, stdin=True)
