"""The local RabbitMQ: one server on loopback with its own epmd, a generated password, and an Erlang VM that uses no CPU while idle."""

import base64
import json
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

from knative.machine import accounts, packages, processes, rabbitmq_users, secrets
from knative.machine.home import LOOPBACK, Home
from knative.machine.problems import Problem

USER = "capsule"

# Schedulers do not busy-wait while idle (+sbwt none); few async threads; distribution on loopback only.
ERLANG = "+sbwt none +sbwtdcpu none +sbwtdio none +A 4 -kernel inet_dist_use_interface {127,0,0,1}"
VHOST_TIMEOUT_SECONDS = 10


class RabbitMQ:
    """The server in the state folder. Its configuration is written at each start."""

    name = "rabbitmq"
    epmd = "epmd"

    def __init__(self, home: Home) -> None:
        self.home = home
        self.data = home.path / "rabbitmq"
        self.password = secrets.password(home, "rabbitmq")

    @property
    def url(self) -> str:
        """AMQP URL of the administrator, for `up` and the operator of this machine. No function uses it."""
        return self.vhost_url("/")

    def vhost_url(self, vhost: str) -> str:
        """AMQP URL of the administrator on a virtual host."""
        return f"amqp://{USER}:{self.password}@{LOOPBACK}:{self.home.ports.amqp}/{quote(vhost, safe='')}"

    def user_url(self, user: str) -> str:
        """AMQP URL of a user that `rabbitmq_users` creates, on the default virtual host."""
        return f"amqp://{user}:{rabbitmq_users.password(self.home, user)}@{LOOPBACK}:{self.home.ports.amqp}/%2F"

    def is_running(self) -> bool:
        return processes.find_running(self.home, self.name) is not None

    def start(self) -> None:
        """Start epmd and the server and wait until they are ready. Idempotent. Raises: Problem."""
        if self.is_running():
            return self.wait_until_ready()
        sbin = packages.find_rabbitmq()
        if sbin is None:
            raise Problem("RabbitMQ is not installed.", "./taskw up installs it.")
        ports = self.home.ports
        processes.stop(self.home, self.epmd)
        processes.require_free_ports(
            {"RabbitMQ": ports.amqp, "RabbitMQ management": ports.management, "epmd": ports.epmd, "Erlang distribution": ports.distribution}
        )
        account = accounts.server_account("rabbitmq")
        accounts.own(self.data, account)
        environment = self._configure(account)
        epmd = packages.on_path("epmd")() or Path("/usr/bin/epmd")
        processes.start(self.home, self.epmd, [str(epmd), "-address", LOOPBACK, "-port", str(ports.epmd)], environment=environment, account=account)
        processes.wait_until_ready(self.home, self.epmd, lambda: processes.accepts_connections(ports.epmd), 10)
        processes.start(self.home, self.name, [str(sbin / "rabbitmq-server")], environment=environment, account=account, folder=self.data)
        return self.wait_until_ready()

    def wait_until_ready(self) -> None:
        processes.wait_until_ready(self.home, self.name, self.is_ready, 60)

    def is_ready(self) -> bool:
        """Whether the management API answers. It starts last, after the AMQP listener and the default user."""
        if not processes.accepts_connections(self.home.ports.amqp):
            return False
        try:
            return bool(self.management("GET", "/api/whoami"))
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self) -> bool:
        """Stop the server and its epmd. Returns False when neither was running."""
        is_stopped = processes.stop(self.home, self.name, timeout_seconds=30)
        return processes.stop(self.home, self.epmd, timeout_seconds=5) or is_stopped

    def management(self, method: str, path: str, body: object = None) -> Any:
        """Call the management API. Returns the decoded JSON, or None for an empty body. Raises: urllib.error.URLError."""
        request = urllib.request.Request(f"http://{LOOPBACK}:{self.home.ports.management}{path}", method=method)
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{USER}:{self.password}".encode()).decode())
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as response:
            text = response.read()
        return json.loads(text) if text else None

    def create_vhost(self, name: str) -> str:
        """Create a virtual host, wait until it runs, and return its AMQP URL."""
        self.management("PUT", f"/api/vhosts/{quote(name, safe='')}", {})
        deadline = time.monotonic() + VHOST_TIMEOUT_SECONDS
        while self.management("GET", f"/api/vhosts/{quote(name, safe='')}")["cluster_state"] != {self.node: "running"}:
            if time.monotonic() > deadline:
                raise Problem(
                    f"RabbitMQ's virtual host {name} is not running after {VHOST_TIMEOUT_SECONDS} s.",
                    f"See {processes.log_path(self.home, self.name)}",
                )
            time.sleep(0.02)
        self.management("PUT", f"/api/permissions/{quote(name, safe='')}/{USER}", {"configure": ".*", "write": ".*", "read": ".*"})
        return self.vhost_url(name)

    def delete_vhost(self, name: str) -> None:
        self.management("DELETE", f"/api/vhosts/{quote(name, safe='')}")

    @property
    def node(self) -> str:
        return "capsule@localhost"

    def _configure(self, account: accounts.Account | None) -> dict[str, str]:
        """Write the configuration files and return the server's environment."""
        ports = self.home.ports
        has_metrics = self.home.environment.get("CAPSULE_BROKER_METRICS") == "on"
        metrics = f"prometheus.tcp.ip = {LOOPBACK}\nprometheus.tcp.port = {ports.broker_metrics}\n" if has_metrics else ""
        configuration = self.data / "rabbitmq.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            f"""listeners.tcp.default = {LOOPBACK}:{ports.amqp}
management.tcp.ip = {LOOPBACK}
management.tcp.port = {ports.management}
default_user = {USER}
default_pass = {self.password}
default_user_tags.administrator = true
loopback_users.guest = true
log.console = true
log.console.level = warning
log.file = false
collect_statistics_interval = 30000
management.rates_mode = none
disk_free_limit.absolute = 200MB
vm_memory_high_watermark.relative = 0.3
{metrics}"""
        )
        plugins = self.data / "enabled_plugins"
        plugins.write_text("[rabbitmq_management,rabbitmq_prometheus].\n" if has_metrics else "[rabbitmq_management].\n")
        empty = self.data / "rabbitmq-env.conf"
        empty.write_text("# replaces /etc/rabbitmq/rabbitmq-env.conf, which is not read\n")
        for file in (configuration, plugins, empty):
            if account:
                shutil.chown(file, account.uid, account.gid)
        inherited = {name: value for name, value in self.home.environment.items() if not name.startswith(("RABBITMQ_", "ERL_", "CAPSULE_"))}
        return {
            **inherited,
            "HOME": str(self.data),
            "RUNNING_UNDER_SYSTEMD": "true",  # the script then execs the Erlang VM: the recorded pid is the server's
            "RABBITMQ_CONF_ENV_FILE": str(empty),
            "RABBITMQ_CONFIG_FILE": str(configuration),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_MNESIA_BASE": str(self.data / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.data / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.data / "config"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.data / "advanced.config"),
            "RABBITMQ_DIST_PORT": str(ports.distribution),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(ports.epmd),
        }
