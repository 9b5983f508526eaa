"""Rules of HorizontalPodAutoscalers and ScaledObjects that schemas do not state.

Sources: Kubernetes, pkg/apis/autoscaling/validation (v1.34); KEDA 2.18, its scalers and its admission webhook (verifyScaledObjects).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from knative.local.api.status import Cause
from knative.local.objects import Object
from knative.local.quantities import parse_quantity

FIELDS = {"AverageValue": "averageValue", "Utilization": "averageUtilization", "Value": "value"}
ALLOWED = {"resource": ("AverageValue", "Utilization"), "external": ("AverageValue", "Value")}
RESOURCES = ("cpu", "memory")
REDIS = ("redis", "redis-streams")
TRIGGERS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cpu": (("value",), ()),
    "memory": (("value",), ()),
    "postgresql": (("connectionFromEnv", "query", "targetQueryValue"), ("activationTargetQueryValue",)),
    "metrics-api": (("url", "valueLocation", "targetValue"), ("activationTargetValue", "format")),
    "redis": (("listName", "listLength"), ("activationListLength", "databaseIndex")),
    "redis-streams": (("stream",), ("consumerGroup", "lagCount", "streamLength", "activationLagCount", "databaseIndex")),
    "rabbitmq": (("hostFromEnv", "queueName", "mode", "value"), ("protocol", "activationValue")),
}
"""Type of a trigger → the fields of its metadata that it needs, and those that it may have on one machine."""
NUMBERS = (
    *("targetQueryValue", "activationTargetQueryValue", "targetValue", "activationTargetValue", "value", "activationValue"),
    *("listLength", "activationListLength", "lagCount", "streamLength", "activationLagCount", "databaseIndex"),
)
SUPPORTED = {"mode": ("QueueLength",), "protocol": ("amqp", "auto")}
"""Fields of the trigger rabbitmq: the values that this machine knows."""


def horizontal_pod_autoscaler(object: Object) -> Iterator[Cause]:
    spec = object["spec"]
    if spec.get("minReplicas", 1) > spec["maxReplicas"]:
        detail = f"Invalid value: {spec['maxReplicas']}: must be greater than or equal to `minReplicas`"
        yield Cause("spec.maxReplicas", detail)
    for index, metric in enumerate(spec["metrics"]):
        place, kind = f"spec.metrics[{index}]", metric["type"].lower()
        if kind not in metric:
            yield Cause(f"{place}.{kind}", f"Required value: must populate information for the given metric source: {metric['type']}")
        else:
            yield from _target(f"{place}.{kind}.target", metric[kind]["target"], ALLOWED[kind])


def _target(place: str, target: Mapping[str, Any], allowed: tuple[str, ...]) -> Iterator[Cause]:
    kind, field = target["type"], FIELDS[target["type"]]
    if kind not in allowed:
        yield Cause(f"{place}.type", f'Unsupported value: "{kind}": supported values: {", ".join(allowed)}', "FieldValueNotSupported")
    elif field not in target:
        yield Cause(f"{place}.{field}", "Required value: must set the value of the given type", "FieldValueRequired")
    elif field != "averageUtilization" and parse_quantity(target[field]) <= 0:
        yield Cause(f"{place}.{field}", f'Invalid value: "{target[field]}": must be positive')


def scaled_object(object: Object) -> Iterator[Cause]:
    spec = object["spec"]
    low, high = spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100)
    if low > high:
        yield Cause("spec.maxReplicaCount", f"Invalid value: {high}: must be greater than or equal to `minReplicaCount`")
    if not spec["triggers"]:
        yield Cause("spec.triggers", "Required value: no triggers defined in the ScaledObject", "FieldValueRequired")
    elif not low and all(each["type"] in RESOURCES for each in spec["triggers"]):
        detail = "Invalid value: 0: scaling to zero needs at least one trigger of another type than cpu and memory"
        yield Cause("spec.minReplicaCount", detail)
    for index, trigger in enumerate(spec["triggers"]):
        yield from _trigger(f"spec.triggers[{index}]", trigger)


def _trigger(place: str, trigger: Mapping[str, Any]) -> Iterator[Cause]:
    details, kind = trigger["metadata"], trigger["type"]
    required, optional = TRIGGERS[kind]
    for name in required:
        if not details.get(name):
            yield Cause(f"{place}.metadata.{name}", "Required value", "FieldValueRequired")
    for name in sorted(details.keys() - {*required, *optional}):
        yield Cause(f"{place}.metadata.{name}", "Forbidden: not supported on one machine")
    allowed = ALLOWED["resource" if kind in RESOURCES else "external"]
    if trigger.get("metricType", "AverageValue") not in allowed:
        yield Cause(f"{place}.metricType", f'Unsupported value: "{trigger["metricType"]}": supported values: {", ".join(allowed)}')
    if kind in RESOURCES and trigger.get("useCachedMetrics"):
        yield Cause(f"{place}.useCachedMetrics", f"Forbidden: property useCachedMetrics is not supported for the scaler {kind}")
    if kind in REDIS and "authenticationRef" not in trigger:
        yield Cause(f"{place}.authenticationRef", "Required value: on one machine the address of a Redis is in a TriggerAuthentication")
    if kind == "redis-streams" and ("lagCount" in details) is not ("consumerGroup" in details):
        yield Cause(f"{place}.metadata.lagCount", "Invalid value: lagCount and consumerGroup belong together; without them give streamLength")
    if kind == "redis-streams" and "lagCount" not in details and "streamLength" not in details:
        yield Cause(f"{place}.metadata.streamLength", "Required value", "FieldValueRequired")
    for name, values in SUPPORTED.items():
        if kind == "rabbitmq" and details.get(name, values[0]) not in values:
            yield Cause(f"{place}.metadata.{name}", f'Unsupported value: "{details[name]}": supported values: {", ".join(values)}')
    for name in (each for each in NUMBERS if each in details and kind not in RESOURCES):
        if not _is_number(details[name]):
            yield Cause(f"{place}.metadata.{name}", f'Invalid value: "{details[name]}": must be a number')
    if kind in RESOURCES and details.get("value"):
        yield from _resource_value(f"{place}.metadata.value", details["value"], trigger.get("metricType", "AverageValue"))


def _resource_value(place: str, value: str, kind: str) -> Iterator[Cause]:
    try:
        is_valid = (int(value) if kind == "Utilization" else parse_quantity(value)) > 0
    except ValueError:
        is_valid = False
    if not is_valid:
        yield Cause(place, f'Invalid value: "{value}": must be a positive {"number" if kind == "Utilization" else "quantity"}')


def _is_number(text: str) -> bool:
    try:
        return 0 <= float(text) < float("inf")
    except ValueError:
        return False
