"""The process: one per state folder, clear start errors, durable writes, robust against invalid requests."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx

from tests.knative.api.conftest import Server
from tests.servers import free_offset


def refuse(home: Path, offset: int) -> str:
    """Return the error output of a start that must fail."""
    environment = {**os.environ, "CAPSULE_HOME": str(home), "CAPSULE_PORT_OFFSET": str(offset)}
    command = [sys.executable, "-m", "knative.local", "serve", "--parts", "api"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    return done.stderr


def test_a_port_in_use_is_reported(server: Server, tmp_path: Path) -> None:
    assert f"127.0.0.1:{7030 + server.offset} is in use by another process" in refuse(tmp_path, server.offset)


def test_a_state_folder_has_one_process(server: Server) -> None:
    assert f"another one-machine Knative runs on {server.home / 'knative'}" in refuse(server.home, free_offset())


def test_it_listens_on_loopback_only(server: Server) -> None:
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    port = f"{7030 + server.offset:04X}"
    assert [row[1] for row in rows if row[3] == "0A" and row[1].endswith(":" + port)] == [f"0100007F:{port}"]


def test_invalid_requests_cause_no_errors(server: Server) -> None:
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", os.urandom(512), b""):
        with socket.create_connection(("127.0.0.1", 7030 + server.offset)) as stranger:
            stranger.sendall(noise)
    with server.http() as http:
        assert http.get("/api/v1/../../etc/passwd").status_code == 404
        assert http.options("/api/v1/pods").status_code == 405
        assert http.get("/api/v1/namespaces/default/configmaps/a/b/c/d").status_code == 404
        assert http.get("/readyz").text == "ok"
    assert "Traceback" not in server.log


def test_acknowledged_writes_survive_a_kill(own_server: Server) -> None:
    acknowledged: list[str] = []

    def write(worker: int) -> None:
        with own_server.http() as http:
            for number in range(10_000):
                name = f"w{worker}-{number}"
                try:
                    answer = http.post("/api/v1/namespaces/default/configmaps", json={"metadata": {"name": name}, "data": {"k": "x" * 2000}})
                except httpx.HTTPError:
                    return
                assert answer.status_code == 201
                acknowledged.append(name)
                if len(acknowledged) == 150 and own_server.process is not None:
                    own_server.process.send_signal(signal.SIGKILL)

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    own_server.stop(signal.SIGKILL)
    own_server.start()
    with own_server.http() as http:
        kept = {item["metadata"]["name"] for item in http.get("/api/v1/namespaces/default/configmaps").json()["items"]}
    assert len(acknowledged) >= 150 and set(acknowledged) <= kept
