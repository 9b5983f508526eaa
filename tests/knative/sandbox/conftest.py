"""One machine for the sandbox's tests, with secrets on it, and the attempts of a hostile tenant to get them."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from knative.local.processes.network.namespaces import own_addresses, slirp4netns_program
from knative.local.sandbox.isolation import detect
from knative.local.sandbox.plan import Isolation
from knative.machine.home import PROJECT
from tests.knative.machine import Machine, service
from tests.knative.sandbox.modes import MODES, running

HOSTILE = ["python", "-m", "tests.knative.sandbox.hostile"]
SECRET = "postgres://platform:hunter2@127.0.0.1/auth"
HAS_NETWORKS = detect() is not Isolation.NONE and slirp4netns_program() is not None


@pytest.fixture(scope="session", params=MODES)
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    with running(request.param, SECRET_OF_THE_PARENT=SECRET) as machine:
        run_platform(machine)
        yield machine


def run_platform(machine: Machine) -> None:
    """Run a Service of the platform that has a secret."""
    machine.namespace("capsule")
    machine.core.create_namespaced_secret("capsule", {"metadata": {"name": "database"}, "stringData": {"url": SECRET}})
    value = {"secretKeyRef": {"name": "database", "key": "url"}}
    machine.create(
        service(
            "capsule",
            "platform",
            env=[{"name": "DATABASE_URL", "valueFrom": value}],
            annotations={"autoscaling.knative.dev/min-scale": "1"},
            loopback_port="7081",
        )
    )
    machine.ready("capsule", "platform")


@dataclass
class Neighbour:
    """A pod of another tenant."""

    namespace: str
    pid: int
    port: int
    pod: Path


@pytest.fixture(scope="session")
def neighbour(machine: Machine) -> Neighbour:
    return run_neighbour(machine)


NEIGHBOUR_PORTS = [{"containerPort": 8181}]
"""Not the default, on which the attacker itself listens in a network of its own."""


def run_neighbour(machine: Machine) -> Neighbour:
    namespace = machine.namespace()
    annotations = {"autoscaling.knative.dev/min-scale": "1"}
    machine.create(
        service(namespace, "neighbour", command=HOSTILE, env=[{"name": "KEY", "value": SECRET}], annotations=annotations, ports=NEIGHBOUR_PORTS)
    )
    machine.ready(namespace, "neighbour")
    (pid,) = machine.pids(namespace)
    (pod,) = (machine.home / "knative" / "pods" / namespace).iterdir()
    port = next(int(each[5:]) for each in Path(f"/proc/{pid}/environ").read_text().split("\0") if each.startswith("PORT="))
    return Neighbour(namespace, pid, port, pod)


@pytest.fixture
def listeners() -> Iterator[list[list[Any]]]:
    """Servers like the platform's database and broker, on every address of this machine.

    Yields the attempts to connect to them.
    """
    attempts: list[list[Any]] = []
    with ExitStack() as stack:
        for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1")):
            server = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            server.bind((address, 0))
            server.listen()
            port = server.getsockname()[1]
            addresses = ["127.0.0.1", "127.0.0.2", *own_addresses(), "10.0.2.2"] if family == socket.AF_INET else ["::1"]
            for each in addresses:
                attempts.append(["connect", each, port])
        server = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        name = f"capsule-test-{id(server)}"
        server.bind("\0" + name)
        server.listen()
        attempts.append(["connect_abstract", name])
        yield attempts


def attempts_on(machine: Machine, neighbour: Neighbour) -> list[list[Any]]:
    """Return attempts to get everything on this machine that is not for tenants."""
    home = machine.home
    assert machine.process is not None
    ports = [7030 + machine.offset, 7080 + machine.offset, 7081 + machine.offset, neighbour.port]
    files = [home / "kubeconfig", home / "log.txt", home / "knative/store.db", home / "knative/tls/token.key", home / "knative/tls/admin.token"]
    files += [neighbour.pod / "process.json", Path("/etc/shadow"), Path(f"/proc/{machine.process.pid}/environ")]
    for file in files:
        assert file.exists(), f"{file} does not exist; the test would prove nothing"
    folders = [
        (home, "kubeconfig"),
        (home / "knative" / "pods", neighbour.namespace),
        (neighbour.pod, "home"),
        (Path.home(), next(each.name for each in Path.home().iterdir() if not PROJECT.is_relative_to(each))),
    ]
    return [
        *(["connect", "127.0.0.1", port] for port in ports),
        *(["read", str(file)] for file in files),
        *(["read", f"/proc/{pid}/environ"] for pid in (machine.process.pid, neighbour.pid)),
        *(["look", str(folder), name] for folder, name in folders),
        *(["signal_to", pid] for pid in (machine.process.pid, neighbour.pid)),
        ["processes", SECRET],
        *(["write", str(path)] for path in ("/etc/hosts", "/usr/bin/was-here", home / "was-here", neighbour.pod / "home" / "was-here")),
        ["root"], ["own_secrets"],
    ]  # fmt: skip
