"""The pods of one revision that take their messages from RabbitMQ themselves (annotation `local.capsule.dev/consumes: "true"`).

They are told the queues of the Triggers that lead to their Service, and whether they may; what they do with it is read from their `activity`,
so that the autoscaler sees their messages as if they were requests that passed through here.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from functions.wire.queue_consumption import ACTIVITY_VARIABLE, QUEUES_VARIABLE, ActivityReader
from knative.local.objects import Object
from knative.local.serving.autoscaler import Meter
from knative.local.serving.node import Node

ANNOTATION = "local.capsule.dev/consumes"


class Consumption:
    def __init__(self, node: Node, revision: Object) -> None:
        metadata = revision["metadata"]
        self._node = node
        self._namespace = metadata["namespace"]
        self._service = (metadata.get("labels") or {}).get("serving.knative.dev/service", "")
        self._wanted = (metadata.get("annotations") or {}).get(ANNOTATION) == "true" and bool(self._service)
        self._pods: dict[str, tuple[ActivityReader, int]] = {}
        self.in_flight = 0
        self.full = 0
        """Pods that have as many messages as they take: others wait in the queue, which nobody here can count."""

    def environment(self, pod: Object, most: int, may: bool) -> Mapping[str, str]:
        """`most`: containerConcurrency, 0 is no limit. Several queues share it; where there are more of them than that, messages are pushed. `may`:
        whether it may begin to consume as soon as it is there."""
        queues = self._node.queues(self._namespace, self._service) if self._wanted else ()
        if not queues or 0 < most < len(queues):
            return {}
        metadata = pod["metadata"]
        reader = ActivityReader(Path(self._node.pods) / metadata["namespace"] / metadata["name"] / "activity", self._node.platform_user(pod))
        reader.set_may_consume(may)
        described = [each.to_json() for each in queues]
        for each in described:
            each["parallelism"] = min(each["parallelism"], most // len(described) or each["parallelism"])
        self._pods[metadata["uid"]] = (reader, sum(each["parallelism"] for each in described))
        return {QUEUES_VARIABLE: json.dumps(described), ACTIVITY_VARIABLE: str(reader.path)}

    def forget(self, uid: str) -> None:
        self._pods.pop(uid, None)

    def busy(self, uid: str) -> int:
        """Messages that this pod has in hand."""
        return self._pods[uid][0].read().in_flight if uid in self._pods else 0

    def going_on(self, pods: Iterable[str]) -> bool:
        """Whether one of these ready pods consumes."""
        return any(self._pods[uid][0].read().is_consuming for uid in pods if uid in self._pods)

    def measure(self, meter: Meter, now: float, may: bool) -> None:
        """What they did since the last time, as if it were requests."""
        self.in_flight = self.full = 0
        for reader, most in self._pods.values():
            reader.set_may_consume(may)
            snapshot, handled, busy = reader.read_difference()
            self.in_flight += snapshot.in_flight
            self.full += snapshot.in_flight >= most
            if handled or snapshot.in_flight:
                meter.add(busy, now)
