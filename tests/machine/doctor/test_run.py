"""One run of `doctor` on this machine, before the first `up`."""

import io
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console

from knative.local.processes.procfs import boot_id, start_time_ticks
from knative.machine.__main__ import main
from knative.machine.doctor import CHECKS, doctor, findings, mail, network
from knative.machine.doctor.finding import Finding, Level
from knative.machine.home import Home, Ports


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state", Ports(24_500), {})  # all below the ports that the kernel gives to clients


def test_all_checks_run_before_the_first_up_and_change_nothing(home: Home) -> None:
    found = list(findings(home))
    assert {"programs", "ports", "disk", "memory", "clock", "mail", "at rest", "migrations", "outbox"} <= {each.check for each in found}
    assert not [each for each in found if "not checked:" in each.summary and each.level is Level.FAULT], found
    assert all(each.remedy for each in found if each.level in (Level.WARNING, Level.FAULT))
    assert not home.path.exists()


def test_a_fault_is_the_exit_code_and_json_has_all(home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", home.ports.ingress)):
        monkeypatch.setenv("CAPSULE_HOME", str(home.path))
        monkeypatch.setenv("CAPSULE_PORT_OFFSET", str(home.ports.offset))
        assert main(["doctor", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    (ports,) = [each for each in document["findings"] if each["check"] == "ports"]
    assert document["healthy"] is False and ports["level"] == "fault" and str(home.ports.ingress) in ports["summary"]


def test_one_check_that_fails_does_not_stop_the_others(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> list[Finding]:
        raise PermissionError(13, "Permission denied", "/secret")

    for name in {*CHECKS} - {"disk", "keys"}:  # others may find faults of the machine that runs the tests
        monkeypatch.delitem(CHECKS, name)
    monkeypatch.setitem(CHECKS, "disk", fail)
    console = Console(file=io.StringIO(), width=200)
    assert not doctor(home, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "not checked: [Errno 13] Permission denied" in text and "keys" in text and "1 to mend" in text


def test_the_mail_server_is_really_asked(tmp_path: Path) -> None:
    received: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(b"220 mx ESMTP\r\n")
            while line := connection.recv(1024):
                received.append(line.split()[0])
                connection.sendall(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 OK\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        url = f"smtp://127.0.0.1:{listening.getsockname()[1]}"
        home = Home(tmp_path, Ports(41_000), {"CAPSULE_MAIL_URL": url, "CAPSULE_MAIL_FROM": "Capsule <c@example.com>"})
        (finding,) = mail.check(home, None)  # type: ignore[arg-type]
        thread.join(10)
    assert finding.level is Level.GOOD and received == [b"EHLO", b"NOOP", b"QUIT"]
    (finding,) = mail.check(home, None)  # type: ignore[arg-type]
    assert finding.level is Level.FAULT and "does not take mail" in finding.summary


def test_a_port_of_a_pod_is_ours(tmp_path: Path) -> None:
    """Pods have an environment of their own, without the mark of the installation; they are known by their records."""
    home = Home(tmp_path, Ports(3900), dict(os.environ))
    program = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); time.sleep(60)"
    pod = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert pod.stdout is not None
        port = int(pod.stdout.readline())
        assert network._holder(home, port)
        folder = tmp_path / "knative" / "pods" / "capsule" / "edge-gateway"
        folder.mkdir(parents=True)
        (folder / "process.json").write_text(json.dumps({"pid": pod.pid, "boot": boot_id(), "started": start_time_ticks(pod.pid)}))
        assert network._holder(home, port) == ""
    finally:
        pod.kill()
        pod.wait()
