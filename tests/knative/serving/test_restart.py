"""A one-machine Knative is replaced by another one, as `up` replaces it: no request fails, neither at the ingress nor at a port of the machine."""

import signal
import socket
import threading
import time
from collections import Counter

import httpx

from knative.local import listening_sockets
from knative.local.__main__ import LOADED
from knative.local.variables import LISTENING_SOCKETS
from tests.knative.machine import Machine, condition, service, until
from tests.proof import proof
from tests.waiting import wait_limit

pytestmark = proof("upgrade")

HOST_PORT = 3000
ALWAYS_AWAKE = {"autoscaling.knative.dev/min-scale": "1"}
"""Its pod listens on the port itself, as the gateway's does."""
LISTENER = ["python", "-m", "uvicorn", "--fd", "3", "--log-level", "error", "tests.knative.serving.sample:app"]
"""Serves the socket that it inherits."""


def test_a_restart_fails_no_request(own_machine: Machine) -> None:
    machine = own_machine
    tenant = machine.namespace()
    machine.create(service(tenant, "sample"))
    machine.create(service("capsule", "front", annotations={"local.capsule.dev/host-port": str(HOST_PORT), **ALWAYS_AWAKE}, command=LISTENER))
    host = httpx.URL(machine.ready(tenant, "sample")["status"]["url"]).host
    until(lambda: condition(machine.get("services", "capsule", "front"), "Ready").get("status") == "True", 60)
    machine.create(service("capsule", "function"))
    machine.ready("capsule", "function")
    assert machine.pods("capsule", "function"), "it has just become ready"
    counts, failures, stopping = Counter[str](), list[str](), threading.Event()

    def visit(name: str, url: str, headers: dict[str, str], is_kept: bool) -> None:
        """Send requests one after the other, over one connection if `is_kept`."""
        client = httpx.Client(timeout=wait_limit(60), headers=headers)
        while not stopping.wait(0.01):
            if not is_kept:
                client = httpx.Client(timeout=wait_limit(60), headers=headers)
            try:
                response = client.get(url)
            except httpx.HTTPError as error:
                failures.append(f"{name}: {error!r}")
                continue
            counts[name] += 1
            if response.status_code != 200:
                failures.append(f"{name}: {response.status_code} {response.text[:200]}")

    port = f"http://127.0.0.1:{HOST_PORT + machine.offset}/"
    ingress = {"Host": host}
    visits = [
        ("ingress", machine.ingress, ingress, False),
        ("kept", machine.ingress, ingress, True),
        ("slow", f"{machine.ingress}/sleep?seconds=1", ingress, True),
        ("port", port, {}, False),
    ]
    threads = [threading.Thread(target=visit, args=each) for each in visits]
    for thread in threads:
        thread.start()
    until(lambda: len(counts) == len(visits))

    sockets = listening_sockets.take(machine.home / "knative" / "listening.sock")
    assert set(sockets) >= {HOST_PORT + machine.offset, 7080 + machine.offset}
    former, (turn, theirs) = machine.process, socket.socketpair()
    assert former is not None
    machine.environment[LISTENING_SOCKETS.name] = listening_sockets.describe(sockets)
    machine.descriptors = (*(each.fileno() for each in sockets.values()), theirs.fileno())
    machine.wrapped = lambda home, command: [*command, "--successor", str(theirs.fileno())]
    starting = threading.Thread(target=machine.start)
    starting.start()
    turn.settimeout(wait_limit(60))
    assert turn.recv(1) == LOADED
    before = Counter(counts)
    until(lambda: all(counts[name] > before[name] for name, *_ in visits))
    began = time.monotonic()
    former.send_signal(signal.SIGTERM)
    assert former.wait(wait_limit(30)) == 0, machine.log
    turn.close()
    starting.join()
    assert machine.pods("capsule", "function"), "it was awake"
    theirs.close()
    for each in sockets.values():
        each.close()
    before = Counter(counts)
    until(lambda: all(counts[name] > before[name] + 2 for name, *_ in visits), 60)
    print(f"restarted within {time.monotonic() - began:.1f} s, {sum(counts.values())} requests")
    stopping.set()
    for thread in threads:
        thread.join()
    assert failures == []
