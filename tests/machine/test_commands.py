"""What a person is told when a command cannot do its work: what is wrong, the remedy, exit code 1, and no stack trace."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from knative.machine.home import PROJECT, Home, Ports
from tests.servers import discard, fresh_home


def run(home: Home, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "knative.machine", *words]
    env = {**home.child_environment(), **environment}
    return subprocess.run(command, cwd=PROJECT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)


def test_a_port_that_is_taken_is_named_with_its_holder() -> None:
    home = fresh_home()
    try:
        with socket.create_server(("127.0.0.1", home.ports.postgres)):
            done = run(home, "up")
        assert done.returncode == 1
        assert f"port {home.ports.postgres} (PostgreSQL) is taken by" in done.stdout
        assert f"pid {os.getpid()}" in done.stdout
        assert "CAPSULE_PORT_OFFSET" in done.stdout
        assert "Traceback" not in done.stdout
        down = run(home, "down")
        assert down.returncode == 0, down.stdout
    finally:
        discard(home)


def test_servers_named_in_the_environment_that_are_not_there_are_said(tmp_path: Path) -> None:
    home = fresh_home()
    try:
        nobody = f"postgresql://nobody@127.0.0.1:{home.ports.postgres}/x"
        named = {f"CAPSULE_{context}_DATABASE_URL": nobody for context in ("AUTH", "BILLING", "DEPLOY", "MONITOR")}
        done = run(home, "up", CAPSULE_AMQP_URL=f"amqp://guest:guest@127.0.0.1:{home.ports.amqp}/%2F", **named)
        assert done.returncode == 1
        assert "PostgreSQL does not answer" in done.stdout
        assert "Traceback" not in done.stdout
    finally:
        discard(home)


def test_down_status_and_logs_of_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "none", Ports(3900), dict(os.environ))
    assert run(home, "down").stdout == "Nothing runs.\n"
    status = run(home, "status")
    assert status.returncode == 1 and "not running" in status.stdout
    logs = run(home, "logs", "auth-register")
    assert logs.returncode == 1 and "./taskw up" in logs.stdout and "Traceback" not in logs.stdout


def test_reset_asks_first(tmp_path: Path) -> None:
    home = Home(tmp_path, Ports(3900), dict(os.environ))
    (tmp_path / "postgres").mkdir()
    assert run(home, "reset").returncode == 1
    assert (tmp_path / "postgres").exists()
    assert run(home, "reset", "--yes").returncode == 0
    assert not (tmp_path / "postgres").exists()
