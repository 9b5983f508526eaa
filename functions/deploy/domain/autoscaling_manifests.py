"""Manifests of autoscaling: a HorizontalPodAutoscaler for CPU and memory, a KEDA ScaledObject as soon as a queue counts.

Targets are quantities of an instance's limits, not percentages: Kubernetes relates a percentage to requests, which are small here so that
instances that wait do not reserve a machine. KEDA makes a HorizontalPodAutoscaler of its own, `keda-hpa-NAME`, with the labels of the
ScaledObject, so what scales is read in one way.

Sources: Kubernetes, autoscaling/v2; KEDA 2.18, ScaledObject, scalers PostgreSQL, Metrics API, CPU and Memory.
"""

from collections.abc import Mapping
from typing import Any

from functions.deploy.domain.autoscaling import Autoscaling, Metric, MetricType
from functions.deploy.domain.environment import Size
from functions.deploy.domain.manifests import Manifest

HPA, SCALED_OBJECT = "HorizontalPodAutoscaler", "ScaledObject"
POLLING_SECONDS = 15
COOLDOWN_SECONDS = 60
"""Without work for so long, the last instance ends; and the number falls to the largest that was asked for in this time."""
MIB = 1 << 20
BEHAVIOR: Manifest = {"scaleDown": {"stabilizationWindowSeconds": COOLDOWN_SECONDS}}


def autoscaler(deployment: Mapping[str, Any], autoscaling: Autoscaling, size: Size, web_url: str) -> Manifest:
    """Render what scales a Deployment. `size`: of an instance. `web_url`: of the application, for queues that it tells itself."""
    metadata = {each: deployment["metadata"][each] for each in ("name", "namespace", "labels")}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"]}
    if not autoscaling.has_queue:
        return {
            "apiVersion": "autoscaling/v2",
            "kind": HPA,
            "metadata": metadata,
            "spec": {
                "scaleTargetRef": target,
                "minReplicas": autoscaling.min_instances,
                "maxReplicas": autoscaling.max_instances,
                "metrics": [_resource(each, size) for each in autoscaling.metrics],
                "behavior": BEHAVIOR,
            },
        }
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": SCALED_OBJECT,
        "metadata": metadata,
        "spec": {
            "scaleTargetRef": target,
            "pollingInterval": POLLING_SECONDS,
            "cooldownPeriod": COOLDOWN_SECONDS,
            "minReplicaCount": autoscaling.min_instances,
            "maxReplicaCount": autoscaling.max_instances,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": BEHAVIOR}},
            "triggers": [_trigger(each, size, web_url) for each in autoscaling.metrics],
        },
    }


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
    target = target_quantity(metric, size)
    if metric.type is not MetricType.QUEUE:
        return {"type": str(metric.type), "metricType": "AverageValue", "metadata": {"value": target}}
    if metric.query is not None:
        details = {"connectionFromEnv": metric.variable, "query": metric.query, "targetQueryValue": target}
        return {"type": "postgresql", "metricType": "AverageValue", "useCachedMetrics": True, "metadata": details}
    details = {"url": f"{web_url}{metric.path}", "valueLocation": metric.value, "targetValue": target}
    return {"type": "metrics-api", "metricType": "AverageValue", "useCachedMetrics": True, "metadata": details}
