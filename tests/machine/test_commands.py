"""Error output of the tasks: what is wrong, the remedy, exit code 1, and no stack trace."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from knative.machine import processes
from knative.machine.home import PROJECT, Home, Ports
from tests.servers import discard, fresh_home
from tests.waiting import wait_limit

WITHOUT_RABBITMQ = {"CAPSULE_AMQP_URL": "amqp://guest:guest@127.0.0.1:9/%2F", "CAPSULE_REDIS_URL": "local"}
"""Redis is the other server that `up` starts beside PostgreSQL. RabbitMQ takes several seconds."""


def run(home: Home, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "knative.machine", *arguments]
    env = {**home.child_environment(), **environment}
    return subprocess.run(command, cwd=PROJECT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=wait_limit(600))


def test_a_taken_port_is_reported_with_the_process_that_holds_it() -> None:
    home = fresh_home()
    try:
        with socket.create_server(("127.0.0.1", home.ports.postgres)):
            up = run(home, "up", **WITHOUT_RABBITMQ)
        assert up.returncode == 1
        assert f"Port {home.ports.postgres} (PostgreSQL) is taken by" in up.stdout
        assert f"pid {os.getpid()}" in up.stdout
        assert "CAPSULE_PORT_OFFSET" in up.stdout
        assert "Traceback" not in up.stdout
        assert processes.find_running(home, "redis"), "what could start has started"
        down = run(home, "down", **WITHOUT_RABBITMQ)
        assert down.returncode == 0 and processes.find_running(home, "redis") is None, down.stdout
    finally:
        discard(home)


def test_external_servers_that_do_not_answer_are_reported(tmp_path: Path) -> None:
    home = fresh_home()
    try:
        url = f"postgresql://nobody@127.0.0.1:{home.ports.postgres}/x"
        urls = {f"CAPSULE_{context}_DATABASE_URL": url for context in ("AUTH", "BILLING", "DEPLOY", "MONITOR")}
        up = run(home, "up", CAPSULE_AMQP_URL=f"amqp://guest:guest@127.0.0.1:{home.ports.amqp}/%2F", **urls)
        assert up.returncode == 1
        assert "PostgreSQL does not answer" in up.stdout
        assert "Traceback" not in up.stdout
    finally:
        discard(home)


def test_down_status_logs_and_mail_when_nothing_runs(tmp_path: Path) -> None:
    home = Home(tmp_path / "none", Ports(3900), dict(os.environ))
    assert run(home, "down").stdout == "Capsule is not running.\n"
    status = run(home, "status")
    assert status.returncode == 1
    assert status.stdout == "✗ Capsule is not running.\n  → Start it: ./taskw up\n"
    mail = run(home, "mail")
    assert mail.returncode == 1 and "No e-mail" in mail.stdout and "Traceback" not in mail.stdout
    logs = run(home, "logs", "auth-register")
    assert logs.returncode == 1 and "./taskw up" in logs.stdout and "Traceback" not in logs.stdout


def test_reset_asks_for_confirmation(tmp_path: Path) -> None:
    home = Home(tmp_path, Ports(3900), dict(os.environ))
    (tmp_path / "postgres").mkdir()
    assert run(home, "reset").returncode == 1
    assert (tmp_path / "postgres").exists()
    assert run(home, "reset", "--yes").returncode == 0
    assert not (tmp_path / "postgres").exists()
