"""The local RabbitMQ: one server on loopback with its own epmd, a generated password, and an Erlang VM that uses no CPU while idle."""

import base64
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from knative.local.files import write_private
from knative.machine import accounts, leftovers, packages, processes, rabbitmq_libraries, rabbitmq_shutdown, secrets, stops
from knative.machine.home import LOOPBACK, Home
from knative.machine.problems import Problem
from knative.machine.server_variables import BROKER_METRICS, TLS

USER = "capsule"

# Schedulers do not busy-wait while idle (+sbwt none); few async threads; distribution on loopback only.
ERLANG = "+sbwt none +sbwtdcpu none +sbwtdio none +A 4 -kernel inet_dist_use_interface {127,0,0,1}"
MAX_PROCESSES = 262144
"""Of Erlang's; RabbitMQ's default is four times as many. The VM writes to the whole table at its start. A queue has two, a channel six."""
VHOST_TIMEOUT_SECONDS = 10
MANAGEMENT_TIMEOUT_SECONDS = 30
COOKIE_BYTES = 20


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
        return self._url(USER, self.password, vhost)

    def user_url(self, user: str) -> str:
        """AMQP URL of the current login of a user that `rabbitmq_users` creates, on the default virtual host."""
        from knative.machine import rabbitmq_users  # not before the launch (`early_rabbitmq`), as tls below

        login = rabbitmq_users.user(self.home, user).current
        return self.login_url(login.name, login.password)

    def login_url(self, name: str, password: str) -> str:
        """AMQP URL of a login, on the default virtual host."""
        return self._url(name, password, "/")

    def _url(self, name: str, password: str, vhost: str) -> str:
        address = f"{name}:{password}@{LOOPBACK}:{self.home.ports.amqp}/{quote(vhost, safe='')}"
        if not self.has_tls:
            return f"amqp://{address}"
        from knative.machine import tls

        options = {"cafile": str(tls.authority(self.home)), "server_hostname": LOOPBACK}  # pika's form (pika.URLParameters)
        return f"amqps://{address}?{urlencode({'ssl_options': options})}"

    @property
    def has_tls(self) -> bool:
        """Whether the server was started with CAPSULE_TLS."""
        return self._configuration.exists() and "listeners.tcp = none" in self._configuration.read_text()

    @property
    def _configuration(self) -> Path:
        return self.data / "rabbitmq.conf"

    def renew_certificate(self) -> None:
        """Use the present certificate for new connections. Erlang caches the former one for two minutes at most (ssl, `ssl_pem_cache_clean`)."""
        from knative.machine import tls

        tls.install(self.home, self.data, accounts.server_account("rabbitmq"))

    def is_running(self) -> bool:
        return processes.find_running(self.home, self.name) is not None

    def start(self) -> None:
        """Start epmd and the server and wait until they are ready. Idempotent. Raises: Problem.

        A server that runs replaces an epmd that has ended (rabbit_epmd_monitor).
        """
        processes.ensure_ready(self.home, self.name, self.launch, self.is_ready)

    def launch(self) -> None:
        """Start epmd and the server, which must not run. It is configured when this returns, and ready some seconds later. Raises: Problem."""
        sbin = packages.find_rabbitmq()
        if sbin is None:
            raise Problem("RabbitMQ is not installed.", "./taskw up installs it.")
        ports = self.home.ports
        processes.stop(self.home, self.epmd)
        for name in (self.name, self.epmd):
            leftovers.kill_remains(self.home, name)
        processes.require_free_ports({"RabbitMQ": ports.amqp, "RabbitMQ management": ports.management, "Erlang distribution": ports.distribution})
        if self._has_metrics:
            processes.require_free_ports({"RabbitMQ metrics": ports.broker_metrics})
        account = accounts.server_account("rabbitmq")
        accounts.own(self.data, account)
        self._start_epmd()
        rabbitmq_libraries.link(sbin.resolve().parent, self._installation, self._plugins)
        if (erlang := packages.find_erlang()) is not None:
            rabbitmq_libraries.write_specifications(erlang / "lib", self._specifications)
        self._configure(account)
        evaluation = rabbitmq_shutdown.write_script(self.data / "on-sigterm.script")
        environment = self.environment() | {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{ERLANG} {evaluation}"}
        processes.start(self.home, self.name, [str(sbin / "rabbitmq-server")], environment=environment, account=account, folder=self.data)

    def _start_epmd(self) -> None:
        port = self.home.ports.epmd
        processes.require_free_ports({"epmd": port})
        program = packages.on_path("epmd")() or Path("/usr/bin/epmd")
        command, account = [str(program), "-address", LOOPBACK, "-port", str(port)], accounts.server_account("rabbitmq")
        processes.start(self.home, self.epmd, command, environment=self.environment(), account=account)
        processes.wait_until_ready(self.home, self.epmd, lambda: processes.accepts_connections(port), 10)

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
        return stops.RABBITMQ.run(self.home)

    def management(self, method: str, path: str, body: object = None) -> Any:
        """Call the management API. Returns the decoded JSON, or None for an empty body. Raises: urllib.error.URLError."""
        request = urllib.request.Request(f"http://{LOOPBACK}:{self.home.ports.management}{path}", method=method)
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{USER}:{self.password}".encode()).decode())
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=MANAGEMENT_TIMEOUT_SECONDS) as response:
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

    @property
    def _has_metrics(self) -> bool:
        return BROKER_METRICS.read(self.home.environment)

    @property
    def _plugins(self) -> tuple[str, ...]:
        return ("rabbitmq_management", "rabbitmq_prometheus") if self._has_metrics else ("rabbitmq_management",)

    @property
    def _installation(self) -> Path:
        """Links to the installed server, without most plugins."""
        return self.data / "server"

    @property
    def _specifications(self) -> Path:
        """Specifications of Erlang's libraries that are found before their own."""
        return self.data / "applications"

    def _configure(self, account: accounts.Account | None) -> None:
        """Write the configuration files."""
        ports, configuration = self.home.ports, self._configuration
        listeners = f"listeners.tcp.default = {LOOPBACK}:{ports.amqp}\n"
        if TLS.read(self.home.environment):
            from knative.machine import tls

            tls.ensure(self.home)
            file = tls.install(self.home, self.data, account)
            listeners = f"""listeners.tcp = none
listeners.ssl.default = {LOOPBACK}:{ports.amqp}
ssl_options.certfile = {file}
ssl_options.keyfile = {file}
ssl_options.cacertfile = {tls.authority(self.home)}
ssl_options.versions.1 = tlsv1.3
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
"""
        metrics = f"prometheus.tcp.ip = {LOOPBACK}\nprometheus.tcp.port = {ports.broker_metrics}\n" if self._has_metrics else ""
        configuration.touch(mode=0o600)
        configuration.write_text(
            f"""{listeners}management.tcp.ip = {LOOPBACK}
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
        plugins.write_text(f"[{','.join(self._plugins)}].\n")
        empty = self.data / "rabbitmq-env.conf"
        empty.write_text("# replaces /etc/rabbitmq/rabbitmq-env.conf, which is not read\n")
        for file in (configuration, plugins, empty):
            if account:
                shutil.chown(file, account.uid, account.gid)
        cookie = self.data / ".erlang.cookie"
        if not cookie.exists() or cookie.stat().st_size < COOKIE_BYTES:
            # Erlang gives its own file the mode after its name. Its second process, at the first start, refuses one that it sees between both.
            owner = (account.uid, account.gid) if account else None
            write_private(cookie, base64.b32encode(os.urandom(COOKIE_BYTES)), owner, mode=0o400)

    def environment(self) -> dict[str, str]:
        """The environment of the server and of its tools."""
        inherited = {name: value for name, value in self.home.environment.items() if not name.startswith(("RABBITMQ_", "ERL_", "CAPSULE_"))}
        return {
            **inherited,
            "HOME": str(self.data),
            "RUNNING_UNDER_SYSTEMD": "true",  # the script then execs the Erlang VM: the recorded pid is the server's
            "RABBITMQ_SCRIPTS_DIR": str(self._installation / "sbin"),  # the script finds libraries beside it
            "RABBITMQ_PLUGINS_DIR": str(self._installation / "plugins"),
            "RABBITMQ_SERVER_CODE_PATH": str(self._specifications),
            "RABBITMQ_CONF_ENV_FILE": str(self.data / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(self.data / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.data / "enabled_plugins"),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_MNESIA_BASE": str(self.data / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.data / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.data / "config"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.data / "advanced.config"),
            "RABBITMQ_DIST_PORT": str(self.home.ports.distribution),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_MAX_NUMBER_OF_PROCESSES": str(MAX_PROCESSES),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(self.home.ports.epmd),
        }
