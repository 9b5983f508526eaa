"""Manifests of autoscaling: a HorizontalPodAutoscaler for CPU and memory, a KEDA ScaledObject as soon as a queue counts.

Targets are quantities of an instance's limits, not percentages: Kubernetes relates a percentage to requests, which are small here so that
instances that wait do not reserve a machine. KEDA makes a HorizontalPodAutoscaler of its own, `keda-hpa-NAME`, with the labels of the
ScaledObject, so what scales is read in one way.

A Redis is known to KEDA by a TriggerAuthentication that names the Secret of the data service.

Sources: Kubernetes, autoscaling/v2; KEDA 2.18, ScaledObject, TriggerAuthentication, scalers PostgreSQL, Redis Lists, Redis Streams, RabbitMQ
Queue, Metrics API, CPU and Memory.
"""

from collections.abc import Mapping
from typing import Any

from functions.deploy.domain.autoscaling import Autoscaling, Metric, MetricType
from functions.deploy.domain.connection_parameters import REDIS_PARAMETERS
from functions.deploy.domain.environment import Size
from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.queue_sources import QueueSource

HPA, SCALED_OBJECT, TRIGGER_AUTHENTICATION = "HorizontalPodAutoscaler", "ScaledObject", "TriggerAuthentication"
KEDA_VERSION = "keda.sh/v1alpha1"
POLLING_SECONDS = 15
COOLDOWN_SECONDS = 60
"""Without work for so long, the last instance ends; and the number falls to the largest that was asked for in this time."""
MIB = 1 << 20
BEHAVIOR: Manifest = {"scaleDown": {"stabilizationWindowSeconds": COOLDOWN_SECONDS}}


def autoscalers(
    deployment: Mapping[str, Any], autoscaling: Autoscaling, size: Size, web_url: str, service_secrets: Mapping[str, str]
) -> list[Manifest]:
    """Render what scales a Deployment.

    `size`: of an instance. `web_url`: of the application, for queues that it reports itself. `service_secrets`: variable → the Secret of the
    data service that is bound to it.
    """
    metadata = {each: deployment["metadata"][each] for each in ("name", "namespace", "labels")}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"]}
    if not autoscaling.has_queue:
        spec: Manifest = {
            "scaleTargetRef": target,
            "minReplicas": autoscaling.min_instances,
            "maxReplicas": autoscaling.max_instances,
            "metrics": [_resource(each, size) for each in autoscaling.metrics],
            "behavior": BEHAVIOR,
        }
        return [{"apiVersion": "autoscaling/v2", "kind": HPA, "metadata": metadata, "spec": spec}]
    authentications: list[Manifest] = []
    triggers = []
    for index, each in enumerate(autoscaling.metrics):
        trigger = _trigger(each, size, web_url)
        secret = service_secrets.get(each.queue.variable or "") if each.queue is not None and each.queue.is_redis else None
        if secret is not None:
            authentication = _authentication({**metadata, "name": f"{metadata['name']}-{index}"}, secret)
            authentications.append(authentication)
            trigger["authenticationRef"] = {"name": authentication["metadata"]["name"]}
        triggers.append(trigger)
    spec = {
        "scaleTargetRef": target,
        "pollingInterval": POLLING_SECONDS,
        "cooldownPeriod": COOLDOWN_SECONDS,
        "minReplicaCount": autoscaling.min_instances,
        "maxReplicaCount": autoscaling.max_instances,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": BEHAVIOR}},
        "triggers": triggers,
    }
    return [*authentications, {"apiVersion": KEDA_VERSION, "kind": SCALED_OBJECT, "metadata": metadata, "spec": spec}]


def _authentication(metadata: Manifest, secret: str) -> Manifest:
    references = [{"parameter": each, "name": secret, "key": each} for each in REDIS_PARAMETERS]
    return {"apiVersion": KEDA_VERSION, "kind": TRIGGER_AUTHENTICATION, "metadata": metadata, "spec": {"secretTargetRef": references}}


def target_quantity(metric: Metric, size: Size) -> str:
    """Return the value that one instance is to have, as a quantity of Kubernetes."""
    match metric.type:
        case MetricType.CPU:
            return f"{max(size.cpu_millis * metric.target // 100, 1)}m"
        case MetricType.MEMORY:
            return str(size.memory_mib * MIB * metric.target // 100)
        case MetricType.QUEUE:
            return str(metric.target)


def _resource(metric: Metric, size: Size) -> Manifest:
    target = {"type": "AverageValue", "averageValue": target_quantity(metric, size)}
    return {"type": "Resource", "resource": {"name": str(metric.type), "target": target}}


def _trigger(metric: Metric, size: Size, web_url: str) -> Manifest:
    target, queue = target_quantity(metric, size), metric.queue
    if queue is None:
        return {"type": str(metric.type), "metricType": "AverageValue", "metadata": {"value": target}}
    type, details = _queue_trigger(queue, target, web_url)
    return {"type": type, "metricType": "AverageValue", "useCachedMetrics": True, "metadata": details}


def _queue_trigger(queue: QueueSource, target: str, web_url: str) -> tuple[str, Manifest]:
    if queue.query is not None:
        return "postgresql", {"connectionFromEnv": queue.variable, "query": queue.query, "targetQueryValue": target}
    if queue.redis_list is not None:
        return "redis", {"listName": queue.redis_list, "listLength": target}
    if queue.redis_stream is not None and queue.consumer_group is not None:
        return "redis-streams", {"stream": queue.redis_stream, "consumerGroup": queue.consumer_group, "lagCount": target}
    if queue.redis_stream is not None:
        return "redis-streams", {"stream": queue.redis_stream, "streamLength": target}
    if queue.rabbitmq_queue is not None:
        details = {"hostFromEnv": queue.variable, "protocol": "amqp", "queueName": queue.rabbitmq_queue}
        return "rabbitmq", {**details, "mode": "QueueLength", "value": target}
    return "metrics-api", {"url": f"{web_url}{queue.path}", "valueLocation": queue.value, "targetValue": target}
