"""Scaling from zero, out, in and to zero, and pods that die."""

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from knative.local.serving.metric_declarations import ENDPOINT
from tests.knative.machine import GROUP, VERSION, Machine, alive, condition, service, until
from tests.proof import proof

SLOW = """
import asyncio, os
async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    await asyncio.sleep(3)
    writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\nconnection: close\\r\\n\\r\\n")
    writer.close()
async def main():
    async with await asyncio.start_server(answer, "127.0.0.1", int(os.environ["PORT"])) as server:
        await server.serve_forever()
asyncio.run(main())
"""
STAYS = """
import http.server, os, signal
signal.signal(signal.SIGTERM, lambda *_: print("TERM", flush=True))
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
"""A server that SIGTERM does not end."""
SHORT = {"autoscaling.knative.dev/window": "6s"}


def test_a_service_scales_to_zero_and_back_without_losing_requests(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, annotations=SHORT))
    ready = machine.ready(namespace, "sample")
    until(lambda: not machine.pods(namespace, "sample"), 20)
    active = condition(machine.get("revisions", namespace, "sample-00001"), "Active")
    assert active["status"] == "False" and active["reason"] == "NoTraffic"
    assert condition(machine.get("services", namespace, "sample"), "Ready")["status"] == "True"
    with machine.http(ready) as http, ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: http.get("/"), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["run"] for answer in answers}) == 1
    labels = f'{{namespace="{namespace}",service="sample"}}'
    lines = machine.metrics().splitlines()
    families = {each.name: each for each in text_string_to_metric_families("\n".join(lines) + "\n") if each.name.startswith("capsule_")}
    found = {name: (each.type, {label for sample in each.samples for label in sample.labels}) for name, each in families.items()}
    assert found == {each.name: (each.type, set(each.labels)) for each in ENDPOINT.metrics}
    for line in (
        f"capsule_knative_cold_starts_total{labels} 2.0",
        f"capsule_knative_ready_pods{labels} 1.0",
        f"capsule_knative_requests_waiting{labels} 0.0",
    ):
        assert line in lines
    assert condition(machine.get("revisions", namespace, "sample-00001"), "Active")["status"] == "True"


def test_a_platform_function_is_forked_from_the_zygote(machine: Machine) -> None:
    name = "cold"
    machine.create(service("capsule", name, annotations=SHORT, command=["python", "-m", "tests.knative.serving.tiny"]))
    with machine.http(machine.ready("capsule", name)) as http:
        until(lambda: not machine.pods("capsule", name), 20)
        assert http.get("/").text == "tiny\n"
        [pid] = machine.pids("capsule", name)
        parent = psutil.Process(pid).parent()
    assert parent is not None and "knative.local.processes.zygote_server" in parent.cmdline()
    machine.delete("capsule", name)


@proof("one-machine-knative")
def test_a_service_scales_to_max_scale_and_back(machine: Machine, namespace: str) -> None:
    scale = {**SHORT, "autoscaling.knative.dev/max-scale": "3", "autoscaling.knative.dev/min-scale": "1"}
    machine.create(service(namespace, annotations=scale, spec={"containerConcurrency": 1}))
    ready = machine.ready(namespace, "sample")
    with machine.http(ready) as http, ThreadPoolExecutor(12) as threads:
        started_at = time.monotonic()
        answers = list(threads.map(lambda _: http.get("/sleep", params={"seconds": "0.5"}), range(12)))
        duration = time.monotonic() - started_at

        def names() -> set[str]:
            assert {answer.status_code for answer in answers} == {200}
            answers.extend(threads.map(lambda _: http.get("/sleep", params={"seconds": "0.5"}), range(12)))
            return {answer.json()["pod"] for answer in answers}

        until(lambda: len(names()) == 3)
        assert duration >= 2.0, "a pod took more than one request at a time"
        until(lambda: len(machine.pods(namespace, "sample")) == 1, 30)
        time.sleep(3)
        assert len(machine.pods(namespace, "sample")) == 1


def test_a_killed_container_is_restarted_and_others_are_not_affected(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, "one"))
    machine.create(service(namespace, "two"))
    with machine.http(machine.ready(namespace, "one")) as one, machine.http(machine.ready(namespace, "two")) as two:
        first, other = one.get("/").json(), two.get("/").json()
        (pid,) = machine.pids(namespace, "one")
        os.kill(pid, signal.SIGKILL)
        until(lambda: not alive(pid))
        again = one.get("/").json()
        assert again["pod"] == first["pod"] and again["run"] != first["run"]
        assert two.get("/").json() == other
        (pod,) = machine.pods(namespace, "one")
        assert pod.status.container_statuses[0].restart_count == 1
        assert pod.status.container_statuses[0].last_state.terminated.exit_code == 137


def test_a_deleted_pod_is_replaced(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, annotations={"autoscaling.knative.dev/min-scale": "1"}))
    with machine.http(machine.ready(namespace, "sample")) as http:
        (pod,) = machine.pods(namespace, "sample")
        machine.core.delete_namespaced_pod(pod.metadata.name, namespace)
        assert http.get("/").status_code == 200
        (fresh,) = until(lambda: machine.pods(namespace, "sample"))
        assert fresh.metadata.name != pod.metadata.name


@pytest.mark.parametrize("is_deleted", [False, True], ids=["replaced", "deleted"])
def test_running_requests_end_before_their_pod(machine: Machine, namespace: str, is_deleted: bool) -> None:
    """A signal ends this program at once, as it ends the websockets of others."""
    machine.create(service(namespace, command=["python", "-c", SLOW]))
    with machine.http(machine.ready(namespace, "sample")) as http, ThreadPoolExecutor(1) as threads:
        slow = threads.submit(http.get, "/")
        time.sleep(0.5)
        changed = service(namespace, env=[{"name": "VERSION", "value": "2"}], annotations=SHORT)
        machine.patch(namespace, "sample", {"spec": changed["spec"]})
        machine.ready(namespace, "sample")
        if is_deleted:
            machine.custom.delete_namespaced_custom_object(GROUP, VERSION, namespace, "revisions", "sample-00001")
        assert slow.result().status_code == 200


@proof("recovery")
def test_a_restart_after_sigkill_ends_leftovers_and_services_answer(own_machine: Machine) -> None:
    machine = own_machine
    machine.create(service("capsule", "kept"))
    tenant = machine.namespace()
    machine.create(service(tenant, "also"))
    with machine.http(machine.ready("capsule", "kept")) as kept, machine.http(machine.ready(tenant, "also")) as also:
        runs = [kept.get("/").json()["run"], also.get("/").json()["run"]]
        pids = [*machine.pids("capsule"), *machine.pids(tenant)]
        machine.stop(signal.SIGKILL)
        assert any(alive(pid) for pid in pids), "nothing to clear away: the test proves nothing"
        machine.start()
        until(lambda: not any(alive(pid) for pid in pids))
        answers = [kept.get("/"), also.get("/")]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert not {answer.json()["run"] for answer in answers} & set(runs)
    assert machine.stop() == 0
    assert "Traceback" not in machine.log


def test_pods_survive_the_death_of_the_zygote(machine: Machine) -> None:
    machine.create(service("capsule", "survivor"))
    with machine.http(machine.ready("capsule", "survivor")) as http:
        run = http.get("/").json()["run"]
        (pid,) = machine.pids("capsule", "survivor")
        with open(f"/proc/{pid}/stat") as file:
            parent = int(file.read().rpartition(")")[2].split()[1])
        with open(f"/proc/{parent}/cmdline") as file:
            assert "zygote" in file.read()
        os.kill(parent, signal.SIGKILL)
        until(lambda: not alive(parent))
        assert http.get("/").json()["run"] == run
        os.kill(pid, signal.SIGKILL)
        until(lambda: not alive(pid))
        assert http.get("/").json()["run"] != run
    machine.delete("capsule", "survivor")


@proof("one-machine-knative")
def test_a_host_port_stays_open_while_its_revision_changes(machine: Machine) -> None:
    annotations = {"local.capsule.dev/host-port": "3000", "autoscaling.knative.dev/min-scale": "1"}
    url = f"http://127.0.0.1:{3000 + machine.offset}/"
    machine.create(service("capsule", "front", annotations=annotations, env=[{"name": "VERSION", "value": "1"}]))
    machine.ready("capsule", "front")
    assert httpx.get(url).json()["version"] == "1"
    changed = service("capsule", "front", annotations=annotations, env=[{"name": "VERSION", "value": "2"}])
    machine.patch("capsule", "front", {"spec": changed["spec"]})
    seen = []
    until(lambda: seen.append(httpx.get(url).json()["version"]) or (seen[-10:] == ["2"] * 10), 30, 0.01)
    machine.ready("capsule", "front")
    assert {httpx.get(url).json()["version"] for _ in range(100)} == {"2"}
    machine.delete("capsule", "front")


@proof("one-machine-knative")
def test_a_host_port_without_pods_wakes_its_service_and_a_websocket_keeps_it_awake(machine: Machine) -> None:
    annotations = {**SHORT, "local.capsule.dev/host-port": "3001"}
    machine.create(service("capsule", "rare", annotations=annotations, env=[{"name": "SHOUT", "value": "1"}]))
    machine.ready("capsule", "rare")
    until(lambda: not machine.pods("capsule", "rare"), 30)
    with socket.create_connection(("127.0.0.1", 3001 + machine.offset)) as connection:
        offer = "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        connection.sendall(offer.encode())
        received = b""
        while b"WELCOME" not in received:
            received += (data := connection.recv(1000))
            assert data, received
        time.sleep(12)  # twice the window
        assert machine.pods("capsule", "rare"), "a WebSocket counts as a request"
    until(lambda: not machine.pods("capsule", "rare"), 30)
    machine.delete("capsule", "rare")


@proof("one-machine-knative")
def test_the_end_of_the_platform_shortens_the_grace_of_a_pod_that_is_ending(own_machine: Machine) -> None:
    namespace = own_machine.namespace()
    own_machine.create(service(namespace, command=["python", "-c", STAYS]))
    own_machine.ready(namespace, "sample")
    own_machine.delete(namespace, "sample")
    until(lambda: any("TERM" in log.read_text() for log in (own_machine.home / "knative" / "pods" / namespace).glob("*/*.log")))
    assert own_machine.stop() == 0
    assert "did not stop cleanly" not in own_machine.log and "Traceback" not in own_machine.log, own_machine.log


@proof("one-machine-knative")
def test_disconnected_clients_release_their_capacity(machine: Machine, namespace: str) -> None:
    scale = {**SHORT, "autoscaling.knative.dev/max-scale": "1"}
    machine.create(service(namespace, annotations=scale, spec={"containerConcurrency": 1}))
    with machine.http(machine.ready(namespace, "sample")) as http:
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", 7080 + machine.offset)) as connection:
                connection.sendall(f"GET /sleep?seconds=600 HTTP/1.1\r\nHost: {http.headers['host']}\r\n\r\n".encode())
                time.sleep(0.1)
        assert http.get("/").status_code == 200  # while the requests of the others would still run
    until(lambda: not machine.pods(namespace, "sample"), 25)


@proof("recovery")
def test_only_requests_of_killed_pods_are_lost_under_load(machine: Machine, namespace: str) -> None:
    """Requests of a killed pod fail with 502; all others succeed, and no capacity is leaked."""
    scale = {**SHORT, "autoscaling.knative.dev/max-scale": "2"}
    machine.create(service(namespace, annotations=scale, spec={"containerConcurrency": 4}))
    with machine.http(machine.ready(namespace, "sample")) as http, ThreadPoolExecutor(16) as threads:
        load = [threads.submit(http.get, "/sleep", params={"seconds": "0.02"}) for _ in range(600)]
        for _ in range(3):
            time.sleep(0.5)
            with suppress(ProcessLookupError):
                os.kill(machine.pids(namespace)[0], signal.SIGKILL)
        statuses = [each.result().status_code for each in load]
    assert set(statuses) <= {200, 502} and statuses.count(502) <= 3 * 4 * 2, {status: statuses.count(status) for status in set(statuses)}
    until(lambda: not machine.pods(namespace, "sample"), 30)
