"""The pods of a revision that consume their messages from RabbitMQ themselves (annotation `local.capsule.dev/consumes: "true"`).

Such a pod receives the queues of its Service's Triggers in its environment, and the permission to consume them in its
activity file. There it reports what it does, so that the autoscaler counts its messages like requests that pass through
the platform.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from functions.wire.queue_consumption import ACTIVITY, CONSUMES, ActivityReader
from knative.local.objects import Object
from knative.local.serving.autoscaler import ConcurrencyMeter
from knative.local.serving.node import Node

ANNOTATION = "local.capsule.dev/consumes"


class Consumption:
    def __init__(self, node: Node, revision: Object) -> None:
        metadata = revision["metadata"]
        self._node = node
        self._namespace = metadata["namespace"]
        self._service = (metadata.get("labels") or {}).get("serving.knative.dev/service", "")
        self._is_enabled = (metadata.get("annotations") or {}).get(ANNOTATION) == "true" and bool(self._service)
        self._pods: dict[str, tuple[ActivityReader, int]] = {}
        """Pod uid → (its activity, messages that it handles at once)."""
        self._measured_at: float | None = None
        self.in_flight = 0
        self.pods_at_capacity = 0
        """Pods with as many messages as they handle at once. More messages probably wait in the queue, which cannot
        be counted here."""

    def environment(self, pod: Object, max_concurrency: int, may_consume: bool) -> Mapping[str, str]:
        """Return the variables that let a new pod consume; empty when messages are pushed to it.

        `max_concurrency`: containerConcurrency, 0 is no limit. The queues share it; with more queues than that,
        messages are pushed. `may_consume`: whether the pod may consume as soon as it is ready.
        """
        queues = self._node.queues(self._namespace, self._service) if self._is_enabled else ()
        if not queues or 0 < max_concurrency < len(queues):
            return {}
        metadata = pod["metadata"]
        reader = ActivityReader(Path(self._node.pods_folder) / metadata["namespace"] / metadata["name"] / "activity", self._node.platform_user(pod))
        reader.set_may_consume(may_consume)
        settings = [each.to_json() for each in queues]
        for each in settings:
            each["parallelism"] = min(each["parallelism"], max_concurrency // len(settings) or each["parallelism"])
        self._pods[metadata["uid"]] = (reader, sum(each["parallelism"] for each in settings))
        return {CONSUMES.name: json.dumps(settings), ACTIVITY.name: str(reader.path)}

    def remove(self, uid: str) -> None:
        self._pods.pop(uid, None)

    def in_flight_of(self, uid: str) -> int:
        """Return the number of messages that a pod handles now."""
        return self._pods[uid][0].read().in_flight if uid in self._pods else 0

    def is_active(self, uids: Iterable[str]) -> bool:
        """Return whether one of these pods consumes."""
        return any(self._pods[uid][0].read().is_consuming for uid in uids if uid in self._pods)

    def measure(self, meter: ConcurrencyMeter, now: float, may_consume: bool) -> None:
        """Add what the pods did since the last call to the meter, and renew or withdraw their permission."""
        self.in_flight = self.pods_at_capacity = 0
        for reader, capacity in self._pods.values():
            reader.set_may_consume(may_consume)
            activity, handled, busy_seconds = reader.read_difference()
            self.in_flight += activity.in_flight
            self.pods_at_capacity += activity.in_flight >= capacity
            if handled or activity.in_flight:
                meter.add(busy_seconds, now, self._measured_at)
        self._measured_at = now if self._pods else None
