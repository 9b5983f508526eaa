"""HorizontalPodAutoscalers and ScaledObjects on the store: a queue in a real PostgreSQL, an application's answer, and what pods use."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from knative.local.api import rules, schema
from knative.local.api.schema import with_defaults
from knative.local.autoscaling.decision import MetricUnavailable
from knative.local.autoscaling.destinations import Destinations
from knative.local.autoscaling.horizontal import HorizontalPodAutoscalers
from knative.local.autoscaling.pod_usage import PodUsage
from knative.local.autoscaling.scaled_objects import ScaledObjects
from knative.local.autoscaling.triggers import Triggers
from knative.local.controller import RequeueAfter
from knative.local.definitions import load
from knative.local.objects import Object, kind_of, owner_reference
from knative.local.serving.http.upstreams import Response
from knative.local.serving.pods.usage import Usage
from knative.local.store import Store

NAMESPACE = "shop"
QUERY = "SELECT count(*) AS waiting FROM jobs"


class Application:
    """The `Services` of a machine on which one application answers."""

    def __init__(self) -> None:
        self.response = Response(200, {}, b'{"queues": [{"length": "7"}]}')
        self.paths: list[str] = []

    async def request(
        self, namespace: str, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> Response:
        assert (namespace, service, method) == (NAMESPACE, "shop-staging", "GET")
        self.paths.append(path)
        return self.response


class Machine:
    def __init__(self, folder: Path, services_port: int, redis: Any = None, destinations: Destinations | None = None) -> None:
        self.store, self.application = Store(folder / "store.db", load()), Application()
        self.used: dict[str, tuple[float, int]] = {}
        """uid of a pod → CPU in milliseconds, memory in bytes."""
        self.now = 0.0
        self.triggers = Triggers(self.store, self.application, services_port, redis, destinations or Destinations())
        self.scaled = ScaledObjects(self.store, self.triggers)
        self.usage = PodUsage(lambda: [({"metadata": {"uid": uid}}, Usage(1, *each)) for uid, each in self.used.items()], lambda: self.now)
        self.horizontal = HorizontalPodAutoscalers(self.store, self.usage, self.scaled.read_external, sync_seconds=0.0)

    def deploy(self, **variables: str) -> Object:
        data = {name: b64encode(value.encode()).decode() for name, value in variables.items()}
        self.store.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "config", "namespace": NAMESPACE}, "data": data})
        env = [{"name": name, "valueFrom": {"secretKeyRef": {"name": "config", "key": name}}} for name in variables]
        template = {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "worker", "image": "i", "env": env}]}}
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": "w"}}, "template": template}
        return self.store.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w", "namespace": NAMESPACE}, "spec": spec})

    def create(self, object: Object) -> Object:
        definition = load().of(kind_of(object))
        whole = schema.whole(definition)
        object = with_defaults(object, whole)
        assert not [*schema.unknown_paths(object, whole), *schema.schema_causes(object, definition), *rules.causes(object)]
        return self.store.create(object)

    def pod(self, name: str, *, is_ready: bool = True) -> str:
        owner = self.store.get("Deployment.apps", NAMESPACE, "w")
        metadata = {"name": name, "namespace": NAMESPACE, "ownerReferences": [owner_reference(owner)]}
        made = self.store.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}})
        self.store.set_status("Pod", NAMESPACE, name, {"phase": "Running", "containerStatuses": [{"name": "worker", "ready": is_ready}]})
        return str(made["metadata"]["uid"])

    @property
    def replicas(self) -> int:
        return int(self.store.get("Deployment.apps", NAMESPACE, "w")["spec"]["replicas"])

    async def decide(self, kind: str, name: str) -> Any:
        """Let a reconciler decide once, as at its next period, and return the status."""
        object = self.store.get(kind, NAMESPACE, name)
        reconciler = self.scaled if kind.startswith("ScaledObject") else self.horizontal
        for state in self.scaled._states.values():
            state.polled_at = float("-inf")
        with suppress(RequeueAfter):
            await reconciler.reconcile(object)
        return self.store.get(kind, NAMESPACE, name)["status"]


@pytest.fixture(scope="module")
def database(postgres: Any) -> str:
    created = postgres.database("auth")
    with psycopg.connect(created.owner_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE jobs (id int)")
        connection.execute("GRANT ALL ON jobs TO PUBLIC")
    return str(created.functions_url)


@pytest.fixture
def machine(tmp_path: Path, database: str) -> Iterator[Machine]:
    machine = Machine(tmp_path, urlsplit(database).port or 0)
    yield machine
    machine.store.close()


def as_tenant(url: str) -> str:
    """The URL as an application has it: the server is on its own loopback."""
    address = urlsplit(url)
    return address._replace(netloc=f"{address.username}:{address.password}@127.0.0.1:5432").geturl()


def scaled_object(*triggers: Any, low: int = 0, high: int = 5) -> Object:
    spec = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w"}, "cooldownPeriod": 0, "pollingInterval": 15}
    bounds = {"minReplicaCount": low, "maxReplicaCount": high, "triggers": list(triggers)}
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    config = {"advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}}}
    metadata = {"name": "w", "namespace": NAMESPACE, "labels": {"capsule.dev/process": "worker"}}
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": {**spec, **bounds, **config}}


def postgresql(query: str = QUERY, target: str = "10") -> Any:
    details = {"connectionFromEnv": "DATABASE_URL", "query": query, "targetQueryValue": target}
    return {"type": "postgresql", "metricType": "AverageValue", "useCachedMetrics": True, "metadata": details}


def metrics_api(path: str = "/queue?all=1", location: str = "queues.0.length") -> Any:
    details = {"url": f"http://shop-staging.{NAMESPACE}.svc.cluster.local{path}", "valueLocation": location, "targetValue": "5"}
    return {"type": "metrics-api", "metricType": "AverageValue", "metadata": details}


def streams() -> Any:
    return {"type": "redis-streams", "metadata": {"stream": "s", "streamLength": "5"}, "authenticationRef": {"name": "w-0"}}


def rabbitmq(**fields: str) -> Any:
    details = {"hostFromEnv": "AMQP_URL", "protocol": "amqp", "queueName": "jobs", "mode": "QueueLength", "value": "5", **fields}
    return {"type": "rabbitmq", "metricType": "AverageValue", "metadata": details}


def insert(url: str, count: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM jobs")
        connection.execute("INSERT INTO jobs SELECT * FROM generate_series(1, %s)", (count,))


async def test_a_queue_scales_a_worker_from_zero_up_and_back_to_zero(machine: Machine, database: str) -> None:
    machine.deploy(DATABASE_URL=as_tenant(database))
    machine.create(scaled_object(postgresql()))
    insert(database, 0)
    status = await machine.decide("ScaledObject.keda.sh", "w")
    assert machine.replicas == 0 and {each["type"]: each["status"] for each in status["conditions"]} == {"Active": "False", "Ready": "True"}
    hpa = machine.store.get("HorizontalPodAutoscaler.autoscaling", NAMESPACE, "keda-hpa-w")
    assert hpa["metadata"]["labels"]["capsule.dev/process"] == "worker" and hpa["spec"]["minReplicas"] == 1
    status = await machine.decide("HorizontalPodAutoscaler.autoscaling", "keda-hpa-w")
    assert machine.replicas == 0 and "ScalingDisabled" in {each.get("reason") for each in status["conditions"]}, "it leaves zero alone"

    insert(database, 35)
    await machine.decide("ScaledObject.keda.sh", "w")
    assert machine.replicas == 1
    status = await machine.decide("HorizontalPodAutoscaler.autoscaling", "keda-hpa-w")
    assert machine.replicas == 4 and status["currentMetrics"][0]["external"]["current"] == {"averageValue": "35"}
    owners = {each["manager"]: each["fieldsV1"] for each in machine.store.get("Deployment.apps", NAMESPACE, "w")["metadata"]["managedFields"]}
    assert "f:replicas" in owners["horizontal-pod-autoscaler"]["f:spec"]

    insert(database, 0)
    await machine.decide("ScaledObject.keda.sh", "w")
    assert machine.replicas == 0


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("SELECT count(*) FROM nothing", 'relation "nothing" does not exist'),
        ("SELECT 'many'", "invalid input syntax"),
        ("SELECT NULL", "returns no number"),
        ("SELECT 1 WHERE false", "returns no number"),
        ("SELECT 1) , (SELECT repeat('x', 1000000)", "syntax error"),
        ("DELETE FROM jobs RETURNING 1", "DELETE is not allowed in a non-volatile function"),
    ],
)
async def test_a_query_that_returns_no_number_ends_no_instance_and_says_why(machine: Machine, database: str, query: str, problem: str) -> None:
    machine.deploy(DATABASE_URL=as_tenant(database))
    machine.create(scaled_object(postgresql(query)))
    status = await machine.decide("ScaledObject.keda.sh", "w")
    ready = next(each for each in status["conditions"] if each["type"] == "Ready")
    assert machine.replicas == 1 and ready["status"] == "False" and problem in ready["message"]
    status = await machine.decide("HorizontalPodAutoscaler.autoscaling", "keda-hpa-w")
    active = next(each for each in status["conditions"] if each["type"] == "ScalingActive")
    assert active["status"] == "False" and problem in active["message"]


@pytest.mark.parametrize("query", ["SELECT 4.5", "SELECT 4.5 UNION ALL SELECT 9 -- first row", "SELECT 4.5;", "SELECT '4.5'::text AS \"odd name\""])
async def test_the_first_number_of_a_query_counts(machine: Machine, database: str, query: str) -> None:
    deployment = machine.deploy(DATABASE_URL=as_tenant(database))
    assert await machine.triggers.read(postgresql(query), deployment) == 4.5


@pytest.mark.parametrize(
    "url", ["postgresql://a:b@10.0.0.1/x", "postgresql://a:b@127.0.0.1:5433/x", "redis://127.0.0.1:5432", "postgresql://a@localhost/x", ""]
)
async def test_only_the_server_of_the_data_services_is_asked(machine: Machine, url: str) -> None:
    deployment = machine.deploy(DATABASE_URL=url)
    with pytest.raises(MetricUnavailable, match="data service"):
        await machine.triggers.read(postgresql(), deployment)


async def test_the_application_tells_its_queue(machine: Machine) -> None:
    deployment = machine.deploy()
    assert await machine.triggers.read(metrics_api(), deployment) == 7.0
    assert machine.application.paths == ["/queue?all=1"]
    with pytest.raises(MetricUnavailable, match=r'no number at "queues\.1\.length"'):
        await machine.triggers.read(metrics_api(location="queues.1.length"), deployment)
    machine.application.response = Response(500, {}, b"")
    with pytest.raises(MetricUnavailable, match="/queue answered 500"):
        await machine.triggers.read(metrics_api(), deployment)
    other = metrics_api()
    other["metadata"]["url"] = "http://capsule-api.capsule.svc.cluster.local/"
    with pytest.raises(MetricUnavailable, match="same namespace"):
        await machine.triggers.read(other, deployment)


def hpa(target: Any, name: str = "cpu") -> Object:
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w"},
        "minReplicas": 1,
        "maxReplicas": 5,
        "metrics": [{"type": "Resource", "resource": {"name": name, "target": target}}],
    }
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "w", "namespace": NAMESPACE}, "spec": spec}


async def test_cpu_scales_by_what_the_pods_used_since_the_last_look(machine: Machine) -> None:
    machine.deploy()
    machine.create(hpa({"type": "AverageValue", "averageValue": "500m"}))
    uid = machine.pod("w-1")
    machine.used[uid] = (1000.0, 1 << 20)
    status = await machine.decide("HorizontalPodAutoscaler.autoscaling", "w")
    assert machine.replicas == 1 and any("did not receive metrics" in each.get("message", "") for each in status["conditions"]), "one look is no rate"
    machine.now, machine.used[uid] = 15.0, (1000.0 + 15 * 1400, 1 << 20)
    status = await machine.decide("HorizontalPodAutoscaler.autoscaling", "w")
    assert machine.replicas == 3 and status["currentMetrics"][0]["resource"]["current"] == {"averageValue": "1400m"}


async def test_memory_scales_by_what_the_pods_hold(machine: Machine) -> None:
    machine.deploy()
    machine.create(hpa({"type": "AverageValue", "averageValue": str(100 << 20)}, "memory"))
    machine.used = {machine.pod("w-1"): (0.0, 190 << 20)}
    await machine.decide("HorizontalPodAutoscaler.autoscaling", "w")
    assert machine.replicas == 2


async def test_a_change_of_its_own_status_decides_nothing(machine: Machine) -> None:
    machine.deploy()
    machine.create(hpa({"type": "AverageValue", "averageValue": "500m"}))
    reconciler = HorizontalPodAutoscalers(machine.store, machine.usage, machine.scaled.read_external)
    waits = []
    for _ in range(2):
        with pytest.raises(RequeueAfter) as requeue:
            await reconciler.reconcile(machine.store.get("HorizontalPodAutoscaler.autoscaling", NAMESPACE, "w"))
        waits.append(requeue.value.seconds)
        version = machine.store.version
    assert waits[0] == 15.0 and 0 < waits[1] <= 15.0 and machine.store.version == version


@pytest.mark.parametrize(
    ("object", "message"),
    [
        (scaled_object(postgresql(), low=6), "greater than or equal"),
        (scaled_object({"type": "cpu", "metadata": {"value": "500m"}}), "at least one trigger of another type"),
        (scaled_object(postgresql(target="many")), "must be a number"),
        (scaled_object({"type": "postgresql", "metadata": {"query": "SELECT 1"}}), "connectionFromEnv"),
        (scaled_object({**metrics_api(), "metadata": {**metrics_api()["metadata"], "unsafeSsl": "true"}}), "not supported on one machine"),
        (scaled_object({"type": "redis", "metadata": {"listName": "jobs", "listLength": "5"}}), "authenticationRef"),
        (scaled_object({**streams(), "metadata": {"stream": "s", "lagCount": "5"}}), "lagCount and consumerGroup belong together"),
        (scaled_object({**streams(), "metadata": {"stream": "s"}}), "streamLength"),
        (scaled_object(rabbitmq(mode="MessageRate")), "supported values: QueueLength"),
        (scaled_object(rabbitmq(value="many")), "must be a number"),
        (hpa({"type": "AverageValue"}), "must set the value"),
        (hpa({"type": "Value", "value": "3"}), "supported values: AverageValue, Utilization"),
    ],
)
def test_what_a_cluster_refuses_is_refused(object: Object, message: str) -> None:
    definition = load().of(kind_of(object))
    assert not list(schema.schema_causes(object, definition))
    assert any(message in f"{each.field} {each.message}" for each in rules.causes(object))
