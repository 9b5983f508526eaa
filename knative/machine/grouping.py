"""How functions are grouped into Services and Triggers, one per function or one per context, and the migration between the two under load.

During a migration both groupings exist. The new one is applied and bound first; from then on each message reaches both and is handled once, because
the inbox identifies functions, not Services. Earlier messages are only in the old queues, which drain before they are deleted. Messages in delay
queues are addressed to their function, which both groupings serve.
"""

import time
from typing import Literal, get_args

import pika

from knative.local.files import write_private
from knative.machine import keys
from knative.machine.cluster import Cluster, Object
from knative.machine.home import Home
from knative.machine.problems import Problem

Grouping = Literal["function", "context"]

OVERLAYS: dict[Grouping, str] = {"function": "local", "context": "local-grouped"}
LABEL = "capsule.dev/grouping"
KINDS = (
    ("sources.knative.dev/v1", "PingSource"),
    ("eventing.knative.dev/v1", "Trigger"),
    ("serving.knative.dev/v1", "Service"),
)
"""In the order of deletion: callers before the Services that they call."""
TRIGGER_LABEL = "eventing.knative.dev/trigger"
DRAIN_TIMEOUT_SECONDS = 60.0


def choose(home: Home, requested: Grouping | None) -> Grouping:
    """Store and return the requested grouping; without a request, return the stored one (default: per function). Raises: Problem."""
    if requested is not None:
        write_private(home.grouping, requested.encode())
        return requested
    stored = home.grouping.read_text().strip() if home.grouping.exists() else "function"
    for grouping in get_args(Grouping):
        if stored == grouping:
            return grouping  # type: ignore[no-any-return]
    raise Problem(f"{home.grouping} contains {stored!r}.", "Choose a grouping: ./taskw up --grouped or ./taskw up --ungrouped")


def find_other_objects(cluster: Cluster, grouping: Grouping) -> list[Object]:
    """Objects that belong to the other grouping."""
    objects = []
    for version, kind in KINDS:
        for item in cluster.find(version, kind, keys.NAMESPACE, f"{LABEL},{LABEL}!={grouping}"):
            objects.append({**item, "apiVersion": version, "kind": kind})
    return objects


def remove(cluster: Cluster, home: Home, items: list[Object]) -> str:
    """Delete the objects of the former grouping after its queues are empty. Returns a summary.

    Raises: Problem when the queues do not drain; both groupings then stay in use.
    """
    triggers = {item["metadata"]["name"] for item in items if item["kind"] == "Trigger"}
    for item in items:
        if item["kind"] == "PingSource":
            cluster.delete(item)
    queues = cluster.find("rabbitmq.com/v1beta1", "Queue", keys.NAMESPACE, TRIGGER_LABEL)
    drain(home, [queue["spec"]["name"] for queue in queues if queue["metadata"]["labels"][TRIGGER_LABEL] in triggers])
    for item in items:
        if item["kind"] != "PingSource":
            cluster.delete(item)
    return f"{len(items)} objects of the former grouping deleted"


def drain(home: Home, queues: list[str], timeout_seconds: float = DRAIN_TIMEOUT_SECONDS) -> None:
    """Wait until each queue has been empty once: later messages are in the new queues too. Raises: Problem."""
    with pika.BlockingConnection(pika.URLParameters(keys.amqp_url(home))) as connection:
        channel, deadline = connection.channel(), time.monotonic() + timeout_seconds
        while queues := [name for name in queues if channel.queue_declare(name, passive=True).method.message_count]:
            if time.monotonic() > deadline:
                raise Problem(
                    f"{len(queues)} queues of the former grouping are not empty after {timeout_seconds:g} s: {', '.join(queues[:5])}",
                    "See ./taskw status. Both groupings run until the next ./taskw up.",
                )
            connection.sleep(0.1)
