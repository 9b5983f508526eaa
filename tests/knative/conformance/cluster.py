"""A Kubernetes with Knative and a RabbitMQ, known by a kubeconfig and an AMQP address and by nothing else.

Without CAPSULE_CONFORMANCE_KUBECONFIG one is started here, `python -m knative.local serve`, and messages take both of its ways. With it, a real
one is tried, which always pushes:

    CAPSULE_CONFORMANCE_KUBECONFIG       of somebody who may do anything in the namespace
    CAPSULE_CONFORMANCE_NAMESPACE        it exists, and the RabbitmqCluster's annotation allows it (capsule)
    CAPSULE_CONFORMANCE_AMQP_URL         RabbitMQ as reached from here
    CAPSULE_CONFORMANCE_AMQP_URL_INSIDE  and as reached from pods, if that is another address
    CAPSULE_CONFORMANCE_RABBITMQ         namespace/name of the RabbitmqCluster (rabbitmq/rabbitmq)
    CAPSULE_CONFORMANCE_IMAGE            any with Python and pika, so the platform's own will do
    CAPSULE_CONFORMANCE_KILL             kills a container by its id on its node, `ctr -n k8s.io tasks kill -s SIGKILL`; else that row is skipped
"""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pika
import pytest
from kubernetes import client, config
from kubernetes.client.rest import ApiException
from pika.adapters.blocking_connection import BlockingChannel
from urllib3.exceptions import HTTPError

T = TypeVar("T")

PROJECT = Path(__file__).resolve().parents[3]
SINK = Path(__file__).with_name("sink.py").read_text()
PATIENCE = 90.0

PLURALS = {
    "Service": ("serving.knative.dev", "v1", "services"),
    "Broker": ("eventing.knative.dev", "v1", "brokers"),
    "Trigger": ("eventing.knative.dev", "v1", "triggers"),
    "RabbitmqBrokerConfig": ("eventing.knative.dev", "v1alpha1", "rabbitmqbrokerconfigs"),
    "PingSource": ("sources.knative.dev", "v1", "pingsources"),
    "ApiServerSource": ("sources.knative.dev", "v1", "apiserversources"),
    "Exchange": ("rabbitmq.com", "v1beta1", "exchanges"),
    "Queue": ("rabbitmq.com", "v1beta1", "queues"),
}


def until(found: Callable[[], T | None], seconds: float = PATIENCE, what: str = "it did not come") -> T:
    end = time.monotonic() + seconds
    while not (value := found()):
        if time.monotonic() > end:
            pytest.fail(what)
        time.sleep(0.05)
    return value


@dataclass
class Observation:
    sink: str
    at: float
    number: int
    way: str
    """pushed by the dispatcher, or consumed: taken from the queue by the function itself"""
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def case(self) -> str:
        return self.headers.get("ce-case", "")


@dataclass
class Cluster:
    kubeconfig: Path
    amqp_url: str
    amqp_url_inside: str
    namespace: str
    image: str
    rabbitmq: tuple[str, str]
    kill_dispatcher: Callable[[str], None] = field(default=lambda trigger: None)
    consumes: bool = False
    """whether a function can be told to take its messages from its queue itself"""
    observed: list[Observation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api = client.CustomObjectsApi(config.new_client_from_config(str(self.kubeconfig)))
        self.name = f"conformance-{os.urandom(3).hex()}"
        self.made: list[tuple[str, str]] = []
        self._local = threading.local()
        self.channel().queue_declare(self.name, durable=True)
        threading.Thread(target=self._observe, daemon=True).start()

    # --- the API

    def create(self, kind: str, name: str, spec: Mapping[str, Any], annotations: Mapping[str, str] | None = None) -> None:
        group, version, plural = PLURALS[kind]
        metadata = {"name": name, "namespace": self.namespace, "annotations": dict(annotations or {})}
        body = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": metadata, "spec": dict(spec)}
        self.api.create_namespaced_custom_object(group, version, self.namespace, plural, body)
        self.made.append((kind, name))

    def patch(self, kind: str, name: str, change: Mapping[str, Any]) -> None:
        self.api.patch_namespaced_custom_object(*PLURALS[kind][:2], self.namespace, PLURALS[kind][2], name, dict(change))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get_namespaced_custom_object(*PLURALS[kind][:2], self.namespace, PLURALS[kind][2], name)
        return found

    def listed(self, kind: str, labels: str) -> list[dict[str, Any]]:
        group, version, plural = PLURALS[kind]
        found: list[dict[str, Any]] = self.api.list_namespaced_custom_object(group, version, self.namespace, plural, label_selector=labels)["items"]
        return found

    def delete(self, kind: str, name: str) -> None:
        with suppress(ApiException):
            self.api.delete_namespaced_custom_object(*PLURALS[kind][:2], self.namespace, PLURALS[kind][2], name)

    def ready(self, kind: str, name: str) -> dict[str, Any]:
        last: dict[str, Any] = {}

        def found() -> dict[str, Any] | None:
            last.update(self.get(kind, name))
            generation = last["metadata"].get("generation")
            conditions = last.get("status", {}).get("conditions", [])
            current = last.get("status", {}).get("observedGeneration") == generation
            return last if current and any(each["type"] == "Ready" and each["status"] == "True" for each in conditions) else None

        return until(found, what=f"{kind} {name} is not ready: {json.dumps(last.get('status'))}")

    # --- what the rows need

    def sink(self, name: str, answers: str, consumes: bool = False) -> None:
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
        """A new revision: its pods are told of the Triggers that there are by now."""
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

    def exchange(self, broker: str, dead: bool = False) -> str:
        """Read from the cluster, never computed: the one whose name says dlx is the dead letters'."""
        labels = f"eventing.knative.dev/broker={broker},!eventing.knative.dev/trigger"
        names: list[str] = [each["spec"]["name"] for each in self.listed("Exchange", labels)]
        return next(name for name in names if (".dlx." in name) is dead)

    def queue(self, trigger: str) -> str:
        (found,) = self.listed("Queue", f"eventing.knative.dev/trigger={trigger}")
        name: str = found["spec"]["name"]
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

    def waiting(self, queue: str) -> int:
        count: int = self.channel().queue_declare(queue, passive=True).method.message_count
        return count

    def consumers(self, queue: str) -> int:
        count: int = self.channel().queue_declare(queue, passive=True).method.consumer_count
        return count

    def _observe(self) -> None:
        while True:
            with suppress(pika.exceptions.AMQPError):
                channel = pika.BlockingConnection(pika.URLParameters(self.amqp_url)).channel()
                for _, _, body in channel.consume(self.name, auto_ack=True):
                    told = json.loads(body)
                    self.observed.append(
                        Observation(told["sink"], told["at"], told["try"], told["way"], told["path"], told["headers"], base64.b64decode(told["body"]))
                    )
            time.sleep(0.2)

    def seen(self, case: str, sink: str | None = None) -> list[Observation]:
        return [each for each in self.observed if each.case == case and (sink is None or each.sink == sink)]

    def until_spared(self, queues: Sequence[str]) -> None:
        """Until a function consumes them all: beside the dispatcher, who leaves with the first message."""
        until(lambda: all(self.consumers(queue) == 2 for queue in queues), what=f"{queues} are not consumed")

    def until_it_consumes(self, trigger: str) -> None:
        """Until a message of the Trigger is no longer pushed: the function and the dispatcher have seen each other."""
        queue = self.queue(trigger)

        def consumed() -> bool:
            case = f"probe-{trigger}-{time.time()}"
            headers = {"specversion": "1.0", "id": case, "source": "/conformance", "type": "probe", "content-type": "application/json", "case": case}
            self.publish("", queue, headers, b"{}")
            until(lambda: self.seen(case), 60, "the probe did not arrive")
            alone = self.channel().queue_declare(queue, passive=True).method.consumer_count == 1  # the dispatcher has left
            return alone and self.seen(case)[0].way == "consumed"

        until(consumed, 60, "it does not consume")

    def remove(self) -> None:
        for kind, name in reversed(self.made):
            self.delete(kind, name)
        self.channel().queue_delete(self.name)


@contextmanager
def real(environment: Mapping[str, str]) -> Iterator[Cluster]:
    namespace, _, name = environment.get("CAPSULE_CONFORMANCE_RABBITMQ", "rabbitmq/rabbitmq").partition("/")
    url = environment["CAPSULE_CONFORMANCE_AMQP_URL"]
    cluster = Cluster(
        kubeconfig=Path(environment["CAPSULE_CONFORMANCE_KUBECONFIG"]),
        amqp_url=url,
        amqp_url_inside=environment.get("CAPSULE_CONFORMANCE_AMQP_URL_INSIDE", url),
        namespace=environment.get("CAPSULE_CONFORMANCE_NAMESPACE", "capsule"),
        image=environment["CAPSULE_CONFORMANCE_IMAGE"],
        rabbitmq=(namespace, name),
    )
    core = client.CoreV1Api(cluster.api.api_client)

    def kill(trigger: str) -> None:
        if (command := environment.get("CAPSULE_CONFORMANCE_KILL")) is None:
            pytest.skip("only a node can kill a container without a word: CAPSULE_CONFORMANCE_KILL is not set")
        for pod in core.list_namespaced_pod(cluster.namespace, label_selector="eventing.knative.dev/brokerRole=dispatcher").items:
            if pod.metadata.name.startswith(f"{trigger}-dispatcher"):
                identity = pod.status.container_statuses[0].container_id.rpartition("/")[2]
                subprocess.run(f"{command} {identity}", shell=True, check=True)

    cluster.kill_dispatcher = kill
    try:
        yield cluster
    finally:
        cluster.remove()


class Local:
    """The one-machine Knative in a process of its own."""

    def __init__(self, home: Path, offset: int, amqp_url: str, shared: Path | None) -> None:
        self.home = home
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CAPSULE_")}
        self.environment = inherited | {
            "CAPSULE_HOME": str(home),
            "CAPSULE_PORT_OFFSET": str(offset),
            "CAPSULE_AMQP_URL": amqp_url,
            "CAPSULE_DISPATCHER_STOP": "dead-letter",
            "CAPSULE_SHARED_FOLDERS": str(shared or ""),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        home_log = self.home / "serve.log"
        with home_log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "knative.local", "serve"], cwd=PROJECT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        until(self._answers, what=f"the one-machine Knative did not start:\n{home_log.read_text()[-3000:]}")

    def _answers(self) -> bool:
        if not (self.home / "kubeconfig").exists():
            return False
        try:
            with socket.create_connection(("127.0.0.1", 7030 + int(self.environment["CAPSULE_PORT_OFFSET"])), 1):
                client.VersionApi(config.new_client_from_config(str(self.home / "kubeconfig"))).get_code(_request_timeout=2)
        except (OSError, ApiException, HTTPError, config.ConfigException):
            return False
        return True

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(60)


@contextmanager
def local(home: Path, offset: int, amqp_url: str, shared: Path | None = None) -> Iterator[Cluster]:
    """`shared`: a folder that pods of the platform's namespace may write to."""
    machine = Local(home, offset, amqp_url, shared)
    machine.start()

    def kill(_: str) -> None:
        machine.kill()
        machine.start()

    try:
        cluster = Cluster(home / "kubeconfig", amqp_url, amqp_url, "capsule", "capsule.local/capsule:dev", ("rabbitmq", "rabbitmq"))
        cluster.kill_dispatcher, cluster.consumes = kill, True
        core = client.CoreV1Api(cluster.api.api_client)
        with suppress(ApiException):
            core.create_namespace({"metadata": {"name": "capsule"}})
        yield cluster
    finally:
        machine.stop()
