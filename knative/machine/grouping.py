"""Whether each function has a Service and a Trigger of its own or each context has, and the change from one to the other while work goes on.

Both shapes stand side by side for a moment: the new one is applied and bound first, so that from then on each message reaches both, and is handled
once, since the inbox knows functions and not Services. What had come before lies in the old queues alone; they are left to drain before they go.
What waits in a delay queue is addressed to its function, which both answer to.
"""

import time
from typing import Literal, get_args

import pika

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
"""In the order in which they go: nothing calls a Service that is gone."""
TRIGGER = "eventing.knative.dev/trigger"
PATIENCE = 60.0


def chosen(home: Home, asked: Grouping | None) -> Grouping:
    """What is asked for is remembered; without a word it is what it was."""
    if asked is not None:
        home.grouping.write_text(asked)
        return asked
    said = home.grouping.read_text().strip() if home.grouping.exists() else "function"
    for grouping in get_args(Grouping):
        if said == grouping:
            return grouping  # type: ignore[no-any-return]
    raise Problem(f"{home.grouping} says {said!r}", "./taskw up --grouped or ./taskw up --ungrouped writes it anew")


def others(cluster: Cluster, grouping: Grouping) -> list[Object]:
    """What is there of the other shape."""
    found = []
    for version, kind in KINDS:
        for item in cluster.find(version, kind, keys.NAMESPACE, f"{LABEL},{LABEL}!={grouping}"):
            found.append({**item, "apiVersion": version, "kind": kind})
    return found


def leave(cluster: Cluster, home: Home, items: list[Object]) -> str:
    """Deletes it, its queues being empty. Raises Problem when they do not become so; then both shapes go on side by side."""
    triggers = {item["metadata"]["name"] for item in items if item["kind"] == "Trigger"}
    for item in items:
        if item["kind"] == "PingSource":
            cluster.delete(item)
    queues = cluster.find("rabbitmq.com/v1beta1", "Queue", keys.NAMESPACE, TRIGGER)
    drain(home, [queue["spec"]["name"] for queue in queues if queue["metadata"]["labels"][TRIGGER] in triggers])
    for item in items:
        if item["kind"] != "PingSource":
            cluster.delete(item)
    return f"{len(items)} objects of the former shape are gone"


def drain(home: Home, queues: list[str], patience: float = PATIENCE) -> None:
    """Each queue is waited for until it was seen empty once: what comes after that moment is in the new queues too."""
    with pika.BlockingConnection(pika.URLParameters(keys.amqp_url(home))) as connection:
        channel, until = connection.channel(), time.monotonic() + patience
        while queues := [name for name in queues if channel.queue_declare(name, passive=True).method.message_count]:
            if time.monotonic() > until:
                raise Problem(
                    f"{len(queues)} queues of the former shape do not become empty: {', '.join(queues[:5])}",
                    "./taskw status shows what fails; both shapes run until the next ./taskw up",
                )
            connection.sleep(0.1)
