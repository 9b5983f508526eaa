"""A real RabbitMQ of the tests' own: beside whatever daemon the machine has, on loopback, gone when the tests are.

One server per test session (xdist workers share it: the first one starts it, the last one stops it), one virtual host per user of it,
so that tests running at the same time never see each other's exchanges. CAPSULE_TEST_AMQP_URL with CAPSULE_TEST_AMQP_MANAGEMENT_URL name a
server that is there already.
"""

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

BINARIES = Path("/usr/lib/rabbitmq/bin")
STARTING = 90.0


class Unavailable(Exception):
    """No RabbitMQ can be had; what to install."""


@dataclass(frozen=True)
class Server:
    """What a test needs to know of a RabbitMQ: where it is, and how to have a virtual host in it."""

    amqp: str
    """without a virtual host: amqp://guest:guest@127.0.0.1:5672"""
    management: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        parts = urlsplit(self.management)
        request = urllib.request.Request(
            f"{parts.scheme}://{parts.hostname}:{parts.port}/api/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
        )
        token = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
        request.add_header("authorization", f"Basic {token}")
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def create_vhost(self, name: str | None = None) -> str:
        """A virtual host of the caller's own; returns its URL."""
        name = name or f"t{secrets.token_hex(6)}"
        self.call("PUT", f"vhosts/{quote(name, safe='')}")
        user = urlsplit(self.amqp).username or "guest"
        self.call("PUT", f"permissions/{quote(name, safe='')}/{user}", {"configure": ".*", "write": ".*", "read": ".*"})
        return f"{self.amqp}/{quote(name, safe='')}"

    def drop_vhost(self, url: str) -> None:
        self.call("DELETE", f"vhosts/{urlsplit(url).path.removeprefix('/')}")

    def queues(self, url: str) -> dict[str, int]:
        """Each queue's messages, ready and unacknowledged. The statistics lag: wait for what you expect."""
        return {queue["name"]: queue.get("messages", 0) for queue in self.call("GET", f"queues/{urlsplit(url).path.removeprefix('/')}")}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@dataclass
class Own:
    """A server started here. Its process group is its own, so that a stop reaches the Erlang machine and nothing else."""

    home: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="capsule-rabbitmq-")))
    port: int = field(default_factory=free_port)
    management_port: int = field(default_factory=free_port)
    distribution_port: int = field(default_factory=free_port)
    epmd_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> Server:
        return Server(f"amqp://guest:guest@127.0.0.1:{self.port}", f"http://guest:guest@127.0.0.1:{self.management_port}")

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"t{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self.home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.home / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.home / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.home / "none.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.home / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self.home / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.epmd_port),
        }

    def start(self) -> None:
        command = BINARIES / "rabbitmq-server"
        if not command.exists():
            raise Unavailable("RabbitMQ is not installed: apt-get install -y --no-install-recommends rabbitmq-server")
        (self.home / "log").mkdir(parents=True, exist_ok=True)
        (self.home / "enabled_plugins").write_text("[rabbitmq_management].\n")
        (self.home / "rabbitmq.conf").write_text(
            f"listeners.tcp.local = 127.0.0.1:{self.port}\n"
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.management_port}\n"
            "loopback_users = none\ndisk_free_limit.absolute = 50MB\nvm_memory_high_watermark.absolute = 1GB\n"
            "collect_statistics_interval = 1000\nlog.file.level = warning\n"
        )
        with (self.home / "log" / "stdout").open("ab") as log:
            self.process = subprocess.Popen(
                [command], env=self.environment(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.home
            )
        self._wait()

    def _wait(self) -> None:
        assert self.process is not None
        until = time.monotonic() + STARTING
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise Unavailable(f"RabbitMQ ended at its start:\n{(self.home / 'log' / 'stdout').read_text()[-2000:]}")
            try:
                self.server.call("GET", "overview")
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.2)
        raise Unavailable(f"RabbitMQ did not answer within {STARTING:.0f} s:\n{(self.home / 'log' / 'stdout').read_text()[-2000:]}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, how)
        except ProcessLookupError:
            self.process = None
            return
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.process = None

    def remove(self) -> None:
        self.stop()
        self._stop_epmd()
        shutil.rmtree(self.home, ignore_errors=True)

    def _stop_epmd(self) -> None:
        """Its epmd is a daemon in a session of its own; it is told by its port, which nobody else uses."""
        if epmd := shutil.which("epmd"):
            subprocess.run([epmd, "-port", str(self.epmd_port), "-kill"], env=self.environment(), capture_output=True, timeout=10, check=False)
