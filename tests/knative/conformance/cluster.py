"""A Kubernetes with Knative and RabbitMQ, used through a kubeconfig and an AMQP URL only.

Without CAPSULE_CONFORMANCE_KUBECONFIG the suite starts one here (`one_machine`) and sends messages in both ways: pushed
by the dispatcher, and consumed by the function itself. With it, the suite uses that cluster (`external`), which always
pushes.
"""

import base64
import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pika
import pytest
from kubernetes import client, config
from kubernetes.client.rest import ApiException
from pika.adapters.blocking_connection import BlockingChannel

from tests.waiting import wait_limit

T = TypeVar("T")
Objects = list[dict[str, Any]]

SINK = Path(__file__).with_name("sink.py").read_text()
TIMEOUT_SECONDS = 90.0

PLURALS = {
    "Service": ("serving.knative.dev", "v1", "services"),
    "Route": ("serving.knative.dev", "v1", "routes"),
    "Broker": ("eventing.knative.dev", "v1", "brokers"),
    "Trigger": ("eventing.knative.dev", "v1", "triggers"),
    "RabbitmqBrokerConfig": ("eventing.knative.dev", "v1alpha1", "rabbitmqbrokerconfigs"),
    "PingSource": ("sources.knative.dev", "v1", "pingsources"),
    "ApiServerSource": ("sources.knative.dev", "v1", "apiserversources"),
    "Exchange": ("rabbitmq.com", "v1beta1", "exchanges"),
    "Queue": ("rabbitmq.com", "v1beta1", "queues"),
}


def until(look: Callable[[], T | None], seconds: float = TIMEOUT_SECONDS, failure: str = "timed out") -> T:
    """Return the first true value of `look`. Fails the test after `seconds`."""
    end = time.monotonic() + wait_limit(seconds)
    while not (value := look()):
        if time.monotonic() > end:
            pytest.fail(failure)
        time.sleep(0.05)
    return value


@dataclass
class Observation:
    """A request that a sink received."""

    sink: str
    at: float
    attempt: int
    mode: str
    """`pushed` by the dispatcher, or `consumed` from the queue by the function itself."""
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def case(self) -> str:
        return self.headers.get("ce-case", "")


Observations = list[Observation]


@dataclass
class Cluster:
    kubeconfig: Path
    amqp_url: str
    amqp_url_inside: str
    namespace: str
    image: str
    rabbitmq: tuple[str, str]
    kill_dispatcher: Callable[[str], None] = field(default=lambda trigger: None)
    supports_consuming: bool = False
    """Whether functions can consume their queues themselves."""
    observed: list[Observation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api = client.CustomObjectsApi(config.new_client_from_config(str(self.kubeconfig)))
        self.name = f"conformance-{os.urandom(3).hex()}"
        self.created: list[tuple[str, str]] = []
        self._local = threading.local()
        self.channel().queue_declare(self.name, durable=True)
        threading.Thread(target=self._observe, daemon=True).start()

    # --- the API

    def create(self, kind: str, name: str, spec: Mapping[str, Any], annotations: Mapping[str, str] | None = None) -> None:
        group, version, plural = PLURALS[kind]
        metadata = {"name": name, "namespace": self.namespace, "annotations": dict(annotations or {})}
        body = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": metadata, "spec": dict(spec)}
        self.api.create_namespaced_custom_object(group, version, self.namespace, plural, body)
        self.created.append((kind, name))

    def admits(self, object: Mapping[str, Any]) -> bool:
        """Whether the API would create the object. Nothing is stored."""
        group, version, plural = PLURALS[object["kind"]]
        try:
            self.api.create_namespaced_custom_object(group, version, self.namespace, plural, dict(object), dry_run="All")
        except ApiException as error:
            if error.status not in (400, 403, 422):
                raise
            return False
        return True

    def features(self) -> dict[str, str]:
        """Return the features of Knative Serving that the operator has set; none where the cluster has no such ConfigMap."""
        try:
            found = client.CoreV1Api(self.api.api_client).read_namespaced_config_map("config-features", "knative-serving")
        except ApiException as error:
            if error.status != 404:
                raise
            return {}
        return dict(found.data or {})

    def patch(self, kind: str, name: str, change: Mapping[str, Any]) -> None:
        self.api.patch_namespaced_custom_object(*PLURALS[kind][:2], self.namespace, PLURALS[kind][2], name, dict(change))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        object: dict[str, Any] = self.api.get_namespaced_custom_object(*PLURALS[kind][:2], self.namespace, PLURALS[kind][2], name)
        return object

    def list(self, kind: str, labels: str) -> Objects:
        group, version, plural = PLURALS[kind]
        objects: Objects = self.api.list_namespaced_custom_object(group, version, self.namespace, plural, label_selector=labels)["items"]
        return objects

    def delete(self, kind: str, name: str) -> None:
        with suppress(ApiException):
            self.api.delete_namespaced_custom_object(*PLURALS[kind][:2], self.namespace, PLURALS[kind][2], name)

    def ready(self, kind: str, name: str) -> dict[str, Any]:
        """Wait until an object is ready and return it."""
        last: dict[str, Any] = {}

        def look() -> dict[str, Any] | None:
            last.update(self.get(kind, name))
            generation = last["metadata"].get("generation")
            conditions = last.get("status", {}).get("conditions", [])
            current = last.get("status", {}).get("observedGeneration") == generation
            return last if current and any(each["type"] == "Ready" and each["status"] == "True" for each in conditions) else None

        return until(look, failure=f"{kind} {name} is not ready: {json.dumps(last.get('status'))}")

    # --- objects of the suite

    def sink(self, name: str, answers: str, consumes: bool = False) -> None:
        """Create a Service that runs `sink.py`. `answers`: the header that says how it responds."""
        env = {"AMQP_URL": self.amqp_url_inside, "OBSERVED": self.name, "ANSWERS": answers, "PYTHONUNBUFFERED": "1"}
        container = {
            "image": self.image,
            "command": ["python", "-c"],
            "args": [SINK],
            "env": [{"name": key, "value": value} for key, value in env.items()],
            "readinessProbe": {"httpGet": {"path": "/"}},
        }
        annotations = {"autoscaling.knative.dev/min-scale": "1", "autoscaling.knative.dev/max-scale": "1"}
        if consumes:
            annotations["local.capsule.dev/consumes"] = "true"
        self.create("Service", name, {"template": {"metadata": {"annotations": annotations}, "spec": {"containers": [container]}}})

    def renew(self, name: str) -> None:
        """Create a new revision: its pods get the queues of all current Triggers."""
        self.patch("Service", name, {"spec": {"template": {"metadata": {"annotations": {"capsule.dev/renewed": str(time.time())}}}}})
        self.ready("Service", name)

    def subscriber(self, name: str) -> dict[str, Any]:
        return {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": name, "namespace": self.namespace}}

    def broker(self, name: str, delivery: Mapping[str, Any] | None) -> None:
        namespace, cluster = self.rabbitmq
        server = {"rabbitmqClusterReference": {"name": cluster, "namespace": namespace}, "queueType": "quorum", "vhost": "/"}
        self.create("RabbitmqBrokerConfig", name, server)
        reference = {"apiVersion": "eventing.knative.dev/v1alpha1", "kind": "RabbitmqBrokerConfig", "name": name, "namespace": self.namespace}
        spec: dict[str, Any] = {"config": reference}
        if delivery is not None:
            spec["delivery"] = dict(delivery)
        self.create("Broker", name, spec, {"eventing.knative.dev/broker.class": "RabbitMQBroker"})

    def trigger(self, name: str, broker: str, subscriber: Mapping[str, Any], parallelism: int | None = None, **spec: Any) -> None:
        annotations = {"rabbitmq.eventing.knative.dev/parallelism": str(parallelism)} if parallelism else {}
        self.create("Trigger", name, {"broker": broker, "subscriber": dict(subscriber), **spec}, annotations)

    def exchange(self, broker: str, is_for_dead_letters: bool = False) -> str:
        """Return the name of a Broker's exchange, read from the cluster. A long name ends with a hash (knative.dev/pkg/kmeta, ChildName)."""
        labels = f"eventing.knative.dev/broker={broker},!eventing.knative.dev/trigger"
        names = [str(each["spec"]["name"]) for each in self.list("Exchange", labels)]
        return next(name for name in names if name.startswith(f"b.{self.namespace}.{broker}.dlx") is is_for_dead_letters)

    def queue(self, trigger: str) -> str:
        """Return the name of a Trigger's queue, read from the cluster."""
        (object,) = self.list("Queue", f"eventing.knative.dev/trigger={trigger}")
        name: str = object["spec"]["name"]
        return name

    # --- RabbitMQ

    def channel(self) -> BlockingChannel:
        if getattr(self._local, "channel", None) is None or not self._local.channel.is_open:
            self._local.channel = pika.BlockingConnection(pika.URLParameters(self.amqp_url)).channel()
            self._local.channel.confirm_delivery()
        channel: BlockingChannel = self._local.channel
        return channel

    def publish(self, exchange: str, key: str, headers: Mapping[str, Any], body: bytes, mandatory: bool = False, **properties: Any) -> None:
        self.channel().basic_publish(exchange, key, body, pika.BasicProperties(headers=dict(headers), **properties), mandatory)

    def consumer_count(self, queue: str) -> int:
        count: int = self.channel().queue_declare(queue, passive=True).method.consumer_count
        return count

    def _observe(self) -> None:
        while True:
            with suppress(pika.exceptions.AMQPError):
                channel = pika.BlockingConnection(pika.URLParameters(self.amqp_url)).channel()
                for _, _, body in channel.consume(self.name, auto_ack=True):
                    fields = json.loads(body)
                    self.observed.append(Observation(**{**fields, "body": base64.b64decode(fields["body"])}))
            time.sleep(0.2)

    def requests(self, case: str, sink: str | None = None) -> Observations:
        """Return the requests with header `ce-case`, to one sink or to all."""
        return [each for each in self.observed if each.case == case and (sink is None or each.sink == sink)]

    def wait_until_consumed(self, queues: Sequence[str]) -> None:
        """Wait until a function consumes all queues, beside the dispatcher, which is paused with the next message."""
        until(lambda: all(self.consumer_count(queue) == 2 for queue in queues), failure=f"{queues} are not consumed")

    def wait_until_paused(self, trigger: str) -> None:
        """Wait until messages of the Trigger are no longer pushed: the function consumes and the dispatcher is paused."""
        queue = self.queue(trigger)

        def is_consumed_alone() -> bool:
            case = f"probe-{trigger}-{time.time()}"
            headers = {"specversion": "1.0", "id": case, "source": "/conformance", "type": "probe", "content-type": "application/json", "case": case}
            self.publish("", queue, headers, b"{}")
            until(lambda: self.requests(case), 60, "the probe did not arrive")
            return self.consumer_count(queue) == 1 and self.requests(case)[0].mode == "consumed"

        until(is_consumed_alone, 60, "the function does not consume")

    def remove(self) -> None:
        for kind, name in reversed(self.created):
            self.delete(kind, name)
        self.channel().queue_delete(self.name)
