"""The servers of this machine and the gateway's health."""

import json
import urllib.error
from typing import Any

import psutil

from knative.machine import https, processes
from knative.machine.home import LOOPBACK, Home
from knative.machine.knative_process import KNATIVE
from knative.machine.services_postgres import ServicesPostgres
from knative.machine.status.row import Row, State

HEALTHY = ("ok", "pass", "healthy", "up")


def any_running(home: Home) -> bool:
    return any(processes.find_running(home, name) for name in ("postgres", "rabbitmq", KNATIVE))


def servers(home: Home) -> Row:
    """The servers and the one-machine Knative with their memory. External servers are not checked."""
    ports = {
        "postgres": home.ports.postgres,
        "rabbitmq": home.ports.amqp,
        KNATIVE: home.ports.api,
        **({"redis": home.ports.redis} if home.has_local_redis else {}),
        **({ServicesPostgres.name: home.ports.services_postgres} if home.has_services_postgres else {}),
    }
    external = {"postgres": not home.local_contexts, "rabbitmq": bool(home.external_amqp_url)}
    summaries, failures = [], []
    for name, port in ports.items():
        if external.get(name):
            summaries.append(f"{name} external")
            continue
        process = processes.find_running(home, name)
        if process is None:
            failures.append(f"{name} is not running. Start it: ./taskw up")
            continue
        summaries.append(f"{name} {memory(process)}".strip())
        if not processes.accepts_connections(port):
            failures.append(f"{name} does not accept connections on {LOOPBACK}:{port}: ./taskw logs {name}")
    return Row("servers", State.BAD if failures else State.GOOD, " · ".join(summaries), tuple(failures))


def memory(process: psutil.Process) -> str:
    """Memory of a process and its children. Shared pages count once where the system reports PSS. Empty when it cannot be read."""
    total_bytes = 0
    try:
        for each in [process, *process.children(recursive=True)]:
            info = each.memory_full_info()
            total_bytes += getattr(info, "pss", info.rss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""
    return f"{total_bytes / 1024 / 1024:.0f} MB"


def gateway(home: Home) -> Row:
    """The gateway's address and what `GET /health` answers."""
    url = home.gateway_url
    try:
        with https.opener(home).open(f"{url}/health", timeout=10) as response:
            document: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        document = {"status": f"{error.code} {error.reason}"}
    except (urllib.error.URLError, ConnectionError, TimeoutError, ValueError):
        return Row("gateway", State.BAD, f"{url} does not answer", ("./taskw logs edge-gateway",))
    health = str(document.get("status"))
    if health.lower() in HEALTHY:
        return Row("gateway", State.GOOD, f"{url}, healthy")
    return Row("gateway", State.BAD, f"{url}, health: {health}", (f"{url}/health names the components that fail",))
