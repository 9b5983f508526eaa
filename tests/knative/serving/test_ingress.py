"""The ingress forwards requests and responses unchanged and without buffering, and answers errors itself."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import httpx
import pytest

from tests.knative.machine import Machine, service, until
from tests.waiting import wait_limit


@pytest.fixture(scope="module")
def host(machine: Machine) -> str:
    namespace = machine.namespace()
    machine.create(service(namespace))
    return str(httpx.URL(machine.ready(namespace, "sample")["status"]["url"]).host)


@pytest.fixture
def http(machine: Machine, host: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=machine.ingress, headers={"Host": host}, timeout=30) as found:
        yield found


@contextmanager
def raw(machine: Machine) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", 7080 + machine.offset), timeout=wait_limit(60)) as found:
        yield found


def read_until(connection: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        piece = connection.recv(65536)
        assert piece, f"closed after {data!r}"
        data += piece
    return data


def test_an_unknown_host_reveals_nothing(machine: Machine, host: str) -> None:
    answer = httpx.get(machine.ingress, headers={"Host": "nobody.localhost"})
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"
    assert host.split(".")[1] not in answer.text and "capsule" not in answer.text
    with raw(machine) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 404")


def test_a_cluster_local_service_has_no_public_host(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, labels={"networking.knative.dev/visibility": "cluster-local"}))
    status = machine.ready(namespace, "sample")["status"]
    internal = f"sample.{namespace}.svc.cluster.local"
    assert status["url"] == status["address"]["url"] == f"http://{internal}"
    for host in (internal, f"sample.{namespace}.localhost", f"sample.{namespace}.localhost:{7080 + machine.offset}"):
        assert httpx.get(machine.ingress, headers={"Host": host}).status_code == 404


def test_forwarding_headers_are_set_and_internal_headers_removed(http: httpx.Client, host: str) -> None:
    sent = {
        "K-Network-Hash": "x",
        "Knative-Serving-Revision": "x",
        "X-Mine": "kept",
        "X-Forwarded-For": "10.1.1.1",
        "Connection": "x-drop, keep-alive",
    }
    found = dict(http.get("/headers", headers={**sent, "X-Drop": "gone"}).json())
    assert found["x-mine"] == "kept" and found["host"] == host
    assert found["x-forwarded-for"] == "10.1.1.1, 127.0.0.1" and found["x-forwarded-proto"] == "http" and found["x-forwarded-host"] == host
    assert not [name for name in found if name.startswith(("k-", "knative-"))] and "x-drop" not in found


@pytest.mark.parametrize("size", [0, 1, 65536, 8 << 20])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_are_forwarded_completely(http: httpx.Client, size: int, chunked: bool) -> None:
    body = os.urandom(size)
    content = iter([body[start : start + 10000] for start in range(0, size, 10000)]) if chunked else body
    answer = http.post("/echo", content=content)
    assert answer.status_code == 200 and answer.content == body


def test_client_connections_are_kept_alive(machine: Machine, host: str) -> None:
    with raw(machine) as connection:
        for number in range(3):
            connection.sendall(f"HEAD /?{number} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        pipelined = b"".join(f"GET /p{number} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() for number in range(3))
        connection.sendall(pipelined)
        data = b""
        while data.count(b"HTTP/1.1 404") < 3 or not data.endswith(b"}"):
            data += connection.recv(65536)
        assert data.index(b'"/p0"') < data.index(b'"/p1"') < data.index(b'"/p2"')


def test_an_early_response_leaves_no_data_for_the_next_request(machine: Machine, host: str) -> None:
    for _ in range(3):
        with raw(machine) as connection:
            connection.sendall(f"POST /early HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\nhalf".encode())
            assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 404")
        with raw(machine) as connection:
            connection.sendall(f"GET /next HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert b'"/next"' in read_until(connection, b"}")


def test_server_sent_events_are_streamed(http: httpx.Client) -> None:
    with http.stream("GET", "/ticks", params={"count": "4"}) as answer:
        arrived = [(time.time(), float(line.split()[2])) for line in answer.iter_lines() if line]
    assert len(arrived) == 4
    assert all(seen < next_sent for (seen, _), (_, next_sent) in pairwise(arrived)), "each arrives before the next is sent"


def test_protocol_upgrades_are_forwarded(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, env=[{"name": "SHOUT", "value": "1"}]))
    host = httpx.URL(machine.ready(namespace, "sample")["status"]["url"]).host
    with raw(machine) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".encode())
        head = read_until(connection, b"WELCOME ")
        assert head.startswith(b"HTTP/1.1 101") and b"upgrade: websocket" in head.lower()
        for word in (b"hello", b"again"):
            connection.sendall(word)
            assert read_until(connection, word.upper())


def test_data_after_a_refused_upgrade_reaches_no_other_client(machine: Machine, namespace: str) -> None:
    """A pod that stays with HTTP reads the next bytes as a request.

    Its response must not reach the next client of the pooled connection.
    """
    machine.create(service(namespace, annotations={"autoscaling.knative.dev/max-scale": "1"}, env=[{"name": "STDLIB", "value": "1"}]))
    with machine.http(machine.ready(namespace, "sample")) as http:
        host = http.headers["host"]
        for _ in range(10):
            with raw(machine) as connection:
                smuggled = f"GET /slow HTTP/1.1\r\nHost: {host}\r\n\r\n"
                connection.sendall(f"GET /first HTTP/1.1\r\nHost: {host}\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n{smuggled}".encode())
                read_until(connection, b"}")
            assert http.get("/next").json()["path"] == "/next"


def test_hosts_are_read_consistently(machine: Machine, host: str) -> None:
    for named in (host.upper(), f"{host}.", f"{host}.:{7080 + machine.offset}", f"\t{host} "):
        with raw(machine) as connection:
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {named}\r\nConnection: close\r\n\r\n".encode())
            assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 200"), named
    for head in (f"GET / HTTP/1.1\r\nHost: {host}@{host}", f"GET {host} HTTP/1.1\r\nHost: {host}", "GET / HTTP/1.1\r\nX: no host"):
        with raw(machine) as connection:
            connection.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode())
            assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 400"), head


def test_a_response_timeout_is_a_504(machine: Machine, namespace: str) -> None:
    machine.create(service(namespace, spec={"timeoutSeconds": 4}))
    with machine.http(machine.ready(namespace, "sample")) as http:
        answer = http.get("/sleep", params={"seconds": "60"})
        assert answer.status_code == 504 and "4 s" in answer.json()["detail"]
        assert until(lambda: http.get("/").status_code == 200)


def test_a_pod_timeout_is_a_503(machine: Machine, namespace: str) -> None:
    annotations = {"autoscaling.knative.dev/window": "6s", "autoscaling.knative.dev/max-scale": "1"}
    machine.create(service(namespace, annotations=annotations, spec={"timeoutSeconds": 1, "containerConcurrency": 1}))
    with machine.http(machine.ready(namespace, "sample")) as http:
        connection = socket.create_connection(("127.0.0.1", 7080 + machine.offset))
        connection.sendall(f"GET /ticks?count=20 HTTP/1.1\r\nHost: {http.headers['host']}\r\n\r\n".encode())
        read_until(connection, b"data: 0")
        answer = http.get("/")
        assert answer.status_code == 503 and answer.headers["retry-after"]
        connection.close()
        until(lambda: http.get("/").status_code == 200)


def test_a_pod_that_dies_during_a_request_is_a_502(http: httpx.Client) -> None:
    assert http.get("/exit").status_code == 502
    assert until(lambda: http.get("/").status_code == 200)


@pytest.mark.parametrize("address", ["::1", "::", "0.0.0.0", "localhost"])
def test_an_application_may_listen_on_any_loopback(machine: Machine, namespace: str, address: str) -> None:
    machine.create(service(namespace, env=[{"name": "LISTEN_AT", "value": address}]))
    with machine.http(machine.ready(namespace, "sample")) as http:
        assert http.get("/").status_code == 200


def test_malformed_requests_are_refused(machine: Machine, host: str) -> None:
    for sent in (b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"):
        with raw(machine) as connection:
            connection.sendall(sent)
            assert connection.recv(100).startswith(b"HTTP/1.1 400")
    with raw(machine) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nHost: other\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    with raw(machine) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nX-Long: {'x' * 100_000}".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 431")


def test_the_domain_is_configurable(own_machine: Machine) -> None:
    own_machine.namespace("knative-serving") if not _has(own_machine, "knative-serving") else None
    own_machine.core.create_namespaced_config_map(
        "knative-serving", {"metadata": {"name": "config-network"}, "data": {"domain-template": "{{.Name}}.{{.Domain}}"}}
    )
    own_machine.core.create_namespaced_config_map("knative-serving", {"metadata": {"name": "config-domain"}, "data": {"example.test": ""}})
    own_machine.create(service("capsule", "named"))
    ready = own_machine.ready("capsule", "named")
    assert ready["status"]["url"] == f"http://named.example.test:{7080 + own_machine.offset}"
    with own_machine.http(ready) as http:
        assert json.loads(http.get("/").text)["revision"] == "named-00001"


def _has(machine: Machine, namespace: str) -> bool:
    return namespace in [each.metadata.name for each in machine.core.list_namespace().items]
