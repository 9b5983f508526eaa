"""Whether RabbitMQ and PostgreSQL accept as many connections as the overlay opens.

A server without a free connection refuses every function alike, so what always runs and a burst must fit (`capacity.BURST` functions at work, as for
CPU and memory). More than that, up to what full load in every function would open, is a warning: callers get 503 then, and messages wait.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from kubernetes.dynamic.exceptions import ApiException

from functions.describe.catalog import Catalog
from functions.describe.pools import connections
from functions.runtime.config.registry import Registry
from knative.cluster.checks import capacity
from knative.cluster.checks.broker import API
from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import Object, Overlay
from knative.machine.doctor.finding import Finding, Level

CHECK = "connections"
METRICS = "/api/v1/namespaces/{namespace}/services/{name}/proxy/metrics"
METRICS_PORTS = ("{name}:prometheus", "https:{name}:prometheus-tls")
"""Of the Service that the cluster operator makes, through the proxy of the API server. The plugin is one that the operator enables."""
CONNECTION_MAX = re.compile(r"^\s*connection_max\s*=\s*(\d+)\s*$", re.MULTILINE)
"""In rabbitmq.conf, for each node; without it there is no limit (https://www.rabbitmq.com/docs/connections#limiting)."""
FILES_OF_A_NODE = 50
"""What a node without queues and connections has open: its log, its stores, sockets of the other nodes. Measured with RabbitMQ 4.0: 57 files with 14
connections and 14 queues."""
GUIDE = "docs/cluster.md, Connections"

ROOM = """
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true)::int, 0),
       nullif(rolconnlimit, -1), nullif(datconnlimit, -1), pg_backend_pid()
FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()
"""


@dataclass(frozen=True)
class Need:
    """Connections: of what always runs and a burst of functions, and of full load in every function."""

    burst: int
    full: int


@dataclass(frozen=True)
class Room:
    """What a login may open. `connections`: on the server, for all roles but superusers. `own`: the limit of its role or database, if there is one.

    `is_pooled`: a pooler answers, and its own limit cannot be read.
    """

    connections: int
    own: int | None
    is_pooled: bool

    @classmethod
    def read(cls, connection: "psycopg.Connection[Any]") -> "Room":
        """A pooler names a process of its own at login, not the server's (PostgreSQL protocol, BackendKeyData). Raises: psycopg.Error."""
        row = connection.execute(ROOM).fetchone()
        if row is None:
            raise psycopg.DataError("pg_roles does not show the current role")
        shared, of_role, of_database, process = row
        own = min((each for each in (of_role, of_database) if each is not None), default=None)
        return cls(int(shared), own, process != connection.info.backend_pid)


# --- RabbitMQ


def check_broker(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    namespace, name = overlay.broker_server
    reference = {"apiVersion": API, "kind": "RabbitmqCluster", "metadata": {"name": name, "namespace": namespace}}
    server = cluster.present(reference)
    if server is None:
        return
    nodes = len(cluster.listed("v1", "Node")) or 1
    metrics = read_metrics(cluster, namespace, name)
    if metrics is None:
        yield Finding(
            CHECK, Level.NOTE, f"{namespace}/{name}: its metrics cannot be read; the overlay opens {of_broker(overlay, nodes).burst} connections"
        )
        return
    yield broker_finding(f"{namespace}/{name}", server, metrics, of_broker(overlay, nodes), len(overlay.of_kind("Trigger")))


def read_metrics(cluster: ClusterApi, namespace: str, name: str) -> dict[str, float] | None:
    """Metrics without labels, of one node. None where they cannot be read."""
    for service in METRICS_PORTS:
        try:
            text = cluster.text(METRICS.format(namespace=namespace, name=service.format(name=name)))
        except ApiException:
            continue
        return metrics_of(text)
    return None


def metrics_of(text: str) -> dict[str, float]:
    """Prometheus' text format: the metrics without labels."""
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#") and "{" not in line)
    return {words[0]: float(words[1]) for words in lines if len(words) == 2}


def of_broker(overlay: Overlay, node_count: int) -> Need:
    """One connection each: dispatchers of Triggers, ingresses of Brokers, collectors of nodes, other workloads, and processes of functions."""
    always = sum(_always_connected(each, node_count) for each in overlay.objects)
    at_zero = [each for each in overlay.services if capacity.min_scale(each) == 0]
    return Need(always + min(capacity.BURST, len(at_zero)), always + sum(_max_scale(each) for each in at_zero))


def _always_connected(item: Object, node_count: int) -> int:
    match item["kind"]:
        case "Service" if item["apiVersion"].startswith("serving.knative.dev/"):
            return capacity.min_scale(item)
        case "Trigger" | "Broker":
            return 1
        case "Deployment":
            return int((item.get("spec") or {}).get("replicas", 1))
        case "DaemonSet":
            return node_count
    return 0


def _max_scale(service: Object) -> int:
    annotations = service["spec"]["template"].get("metadata", {}).get("annotations") or {}
    return int(annotations.get("autoscaling.knative.dev/max-scale", 1))


def broker_finding(title: str, server: Object, metrics: Mapping[str, float], need: Need, queues: int) -> Finding:
    """`metrics`: of one of its nodes. A file is a connection, or one of a queue."""
    spec = server.get("spec") or {}
    nodes = int(spec.get("replicas", 1))
    files = metrics.get("rabbitmq_process_max_fds")
    limits = [] if files is None else [(max(int(files) - FILES_OF_A_NODE - queues, 0) * nodes, f"{files:.0f} open files on each node", "ulimit -n")]
    if found := CONNECTION_MAX.search((spec.get("rabbitmq") or {}).get("additionalConfig") or ""):
        limits.append((int(found[1]) * nodes, f"connection_max = {found[1]} on each node", "connection_max"))
    if not limits:
        return Finding(CHECK, Level.NOTE, f"{title}: it does not say how many files it may open; the overlay opens {need.burst} connections")
    room, reason, name = min(limits)
    if room < need.burst:
        summary = f"{title} accepts {room} connections ({reason}), and what always runs and {capacity.BURST} functions at work open {need.burst}"
        return Finding(
            CHECK, Level.FAULT, summary, f"Raise {name} of RabbitMQ, or use fewer Triggers: components: [../../components/grouped]. {GUIDE}"
        )
    if room < need.full:
        summary = f"{title} accepts {room} connections ({reason}), and functions open {need.full} if all are at their maximum"
        return Finding(CHECK, Level.WARNING, summary, f"Raise {name} of RabbitMQ. {GUIDE}")
    return Finding(CHECK, Level.GOOD, f"{title} accepts {room} connections, {need.burst} to {need.full} are opened")


# --- PostgreSQL


@dataclass(frozen=True)
class Pools:
    """The connections of a context's functions: of each at work, and of all at their maximum. Grouped, they never have more than alone."""

    sizes: tuple[int, ...]
    full: int


def pools() -> dict[str, Pools]:
    """Context → its pools."""
    catalog = Catalog.of(Registry.load().declarations)
    full = connections(catalog)
    return {context: Pools(tuple(each.scale.pool for each in catalog.of_context(context)), full[context]) for context in catalog.contexts}


def need_of(found: Iterable[Pools]) -> Need:
    """What the functions of some contexts open. The burst is that of the largest pools."""
    found = tuple(found)
    largest = sorted((size for each in found for size in each.sizes), reverse=True)[: capacity.BURST]
    return Need(sum(largest), sum(each.full for each in found))


def database_findings(found: Iterable[tuple[str, str, Room]]) -> list[Finding]:
    """`found`: server, context, and what the login of its functions may open there."""
    rooms: dict[str, dict[str, Room]] = {}
    for server, context, room in found:
        rooms.setdefault(server, {})[context] = room
    own = pools() if rooms else {}
    return [finding for server, of_contexts in rooms.items() for finding in server_findings(server, of_contexts, own)]


def server_findings(server: str, rooms: Mapping[str, Room], own: Mapping[str, Pools]) -> Iterator[Finding]:
    """`rooms`, `own`: by context."""
    need = need_of(own[context] for context in rooms)
    if any(room.is_pooled for room in rooms.values()):
        yield Finding(CHECK, Level.GOOD, f"{server} is a pooler: functions open {need.burst} to {need.full} connections to it (max_client_conn)")
        return
    for context, room in rooms.items():
        if room.own is not None and room.own < (at_work := need_of([own[context]]).burst):
            summary = f"{server}: the functions of {context} may open {room.own} connections, and {capacity.BURST} at work open {at_work}"
            yield Finding(CHECK, Level.FAULT, summary, f"ALTER ROLE … CONNECTION LIMIT, or ALTER DATABASE {context} CONNECTION LIMIT. {GUIDE}")
    yield server_finding(server, min(room.connections for room in rooms.values()), need)


def server_finding(server: str, room: int, need: Need) -> Finding:
    """`room`: connections that are not reserved."""
    pooler = f"Put a pooler in transaction mode before it, or raise max_connections. {GUIDE}"
    if room < need.burst:
        return Finding(CHECK, Level.FAULT, f"{server} accepts {room} connections, and {capacity.BURST} functions at work open {need.burst}", pooler)
    if room < need.full:
        return Finding(
            CHECK, Level.WARNING, f"{server} accepts {room} connections, and functions open {need.full} if all are at their maximum", pooler
        )
    return Finding(CHECK, Level.GOOD, f"{server} accepts {room} connections, {need.burst} to {need.full} are opened")
