"""KEDA's ScaledObjects: the first instance starts when a trigger is active, the last one ends when none was for the cooldown period, and a
HorizontalPodAutoscaler (`keda-hpa-NAME`) decides the numbers between.

Source: KEDA 2.18, "Scaling Deployments", pkg/scaling/executor and controllers/keda/hpa.go.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from knative.local.autoscaling.decision import MetricUnavailable
from knative.local.autoscaling.horizontal import HPA, set_replicas
from knative.local.autoscaling.triggers import Triggers
from knative.local.controller import Key, RequeueAfter
from knative.local.deployments.reconciler import DEPLOYMENT
from knative.local.objects import Object, now, owner_reference
from knative.local.quantities import parse_quantity
from knative.local.serving.conditions import Condition, condition_entries
from knative.local.store import NotFound, Store

SCALED_OBJECT = "ScaledObject.keda.sh"
MANAGER = "keda-operator"
DEFAULT_POLLING_SECONDS, DEFAULT_COOLDOWN_SECONDS = 30, 300
RESOURCES = ("cpu", "memory")
TARGETS = {
    "postgresql": ("targetQueryValue",),
    "metrics-api": ("targetValue",),
    "redis": ("listLength",),
    "redis-streams": ("lagCount", "streamLength"),
    "rabbitmq": ("value",),
}
"""Type of a trigger → its fields with the target. The first that it has counts."""
ACTIVATIONS = {
    "postgresql": "activationTargetQueryValue",
    "metrics-api": "activationTargetValue",
    "redis": "activationListLength",
    "redis-streams": "activationLagCount",
    "rabbitmq": "activationValue",
}
"""Above this value (0) the first instance starts."""
NAMES = {"redis": "listName", "redis-streams": "stream", "rabbitmq": "queueName"}
"""Type of a trigger → the field that is part of its metric's name."""
NORMALIZED = str.maketrans(dict.fromkeys("/.:%()", "-"))
"""Source: KEDA, pkg/util/normalize_string.go."""


@dataclass(slots=True)
class _State:
    generation: int
    polled_at: float
    active_at: float
    values: dict[str, float | MetricUnavailable] = field(default_factory=dict)
    """By the name of the metric."""


class ScaledObjects:
    kind = SCALED_OBJECT

    def __init__(self, store: Store, triggers: Triggers) -> None:
        self._store, self._triggers = store, triggers
        self._states: dict[str, _State] = {}

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {}

    async def on_deleted(self, object: Object) -> None:
        """The garbage collector deletes its HorizontalPodAutoscaler."""
        self._states.pop(object["metadata"]["uid"], None)

    async def read_external(self, hpa: Object, metric: str) -> float:
        """Return the value of a trigger as it was polled last, for the HorizontalPodAutoscaler. Raises MetricUnavailable."""
        owners = hpa["metadata"].get("ownerReferences") or ()
        state = next((self._states[each["uid"]] for each in owners if each["uid"] in self._states), None)
        value = state.values.get(metric) if state is not None else None
        if value is None:
            raise MetricUnavailable(f"unable to get external metric {hpa['metadata']['namespace']}/{metric}: it is not read yet")
        if isinstance(value, MetricUnavailable):
            raise value
        return value

    async def reconcile(self, object: Object) -> None:
        """Poll once in each period: the status that it writes is a change of the object too."""
        metadata, spec = object["metadata"], object["spec"]
        if "deletionTimestamp" in metadata:
            return
        at, state = asyncio.get_running_loop().time(), self._states.get(metadata["uid"])
        polling_seconds = float(spec.get("pollingInterval", DEFAULT_POLLING_SECONDS))
        if state is None:
            state = self._states[metadata["uid"]] = _State(metadata.get("generation", 1), at, at)
        elif state.generation == metadata.get("generation", 1) and (wait := state.polled_at + polling_seconds - at) > 0:
            raise RequeueAfter(wait, "polling interval")
        state.generation, state.polled_at = metadata.get("generation", 1), at
        deployment = self._store.find(DEPLOYMENT, metadata["namespace"], spec["scaleTargetRef"]["name"])
        if deployment is None:
            self._write_status(object, {"Ready": Condition("False", "ScaledObjectCheckFailed", "ScaledObject doesn't have correct scaleTargetRef")})
            raise RequeueAfter(polling_seconds, "no target")
        self._store.apply(_autoscaler(object), MANAGER)
        state.values = await self._poll(spec["triggers"], deployment)
        self._scale(object, deployment, state, asyncio.get_running_loop().time())
        raise RequeueAfter(polling_seconds, "polling interval")

    async def _poll(self, triggers: list[Mapping[str, Any]], deployment: Object) -> dict[str, float | MetricUnavailable]:
        values: dict[str, float | MetricUnavailable] = {}
        for index, trigger in enumerate(triggers):
            if trigger["type"] in RESOURCES:
                continue
            try:
                values[metric_name(index, trigger)] = await self._triggers.read(trigger, deployment)
            except MetricUnavailable as unavailable:
                values[metric_name(index, trigger)] = unavailable
        return values

    def _scale(self, object: Object, deployment: Object, state: _State, at: float) -> None:
        """Between zero and one instance; a trigger that cannot be read is not active, and ends nothing."""
        spec = object["spec"]
        low, current = int(spec.get("minReplicaCount") or 0), int(deployment["spec"].get("replicas", 1))
        failure = next((each for each in state.values.values() if isinstance(each, MetricUnavailable)), None)
        is_active = any(_is_active(each, state.values.get(metric_name(index, each))) for index, each in enumerate(spec["triggers"]))
        if is_active or failure is not None:
            state.active_at = at
        cooldown_seconds, count = float(spec.get("cooldownPeriod", DEFAULT_COOLDOWN_SECONDS)), current
        if not current and (is_active or low):
            count = max(low, 1)
        elif current and not is_active and failure is None and not low and at - state.active_at >= cooldown_seconds:
            count = 0
        if count != current:
            with contextlib.suppress(NotFound):
                set_replicas(self._store, deployment, count, MANAGER)
        conditions = {
            "Ready": Condition("True", "ScaledObjectReady", "ScaledObject is defined correctly and is ready for scaling")
            if failure is None
            else Condition("False", "TriggerError", str(failure)),
            "Active": Condition("True", "ScalerActive", "Scaling is performed because triggers are active")
            if is_active
            else Condition("False", "ScalerNotActive", "Scaling is not performed because triggers are not active"),
        }
        self._write_status(object, conditions)

    def _write_status(self, object: Object, conditions: Mapping[str, Condition]) -> None:
        metadata, before = object["metadata"], object.get("status") or {}
        names = [metric_name(index, each) for index, each in enumerate(object["spec"]["triggers"]) if each["type"] not in RESOURCES]
        status: dict[str, Any] = {
            "hpaName": f"keda-hpa-{metadata['name']}",
            "externalMetricNames": names,
            "conditions": condition_entries(conditions, before.get("conditions") or [], now()),
        }
        with contextlib.suppress(NotFound):
            self._store.set_status(SCALED_OBJECT, metadata["namespace"], metadata["name"], status)


def metric_name(index: int, trigger: Mapping[str, Any]) -> str:
    """Return the name of the external metric of a trigger, as KEDA gives it."""
    details, type = trigger["metadata"], trigger["type"]
    if type == "metrics-api":
        return f"s{index}-metric-api-{details['valueLocation'].replace('.', '-')}"
    if type in NAMES:
        name = quote_plus(details[NAMES[type]]) if type == "rabbitmq" else details[NAMES[type]]
        return f"s{index}-{type}-{name}".translate(NORMALIZED)
    return f"s{index}-{type}"


def _target(trigger: Mapping[str, Any]) -> str:
    details: Mapping[str, str] = trigger["metadata"]
    return next(details[name] for name in TARGETS[trigger["type"]] if name in details)


def _is_active(trigger: Mapping[str, Any], value: float | MetricUnavailable | None) -> bool:
    if trigger["type"] in RESOURCES or not isinstance(value, float):
        return False
    return value > float(trigger["metadata"].get(ACTIVATIONS[trigger["type"]], 0))


def _autoscaler(object: Object) -> Object:
    metadata, spec = object["metadata"], object["spec"]
    behavior = ((spec.get("advanced") or {}).get("horizontalPodAutoscalerConfig") or {}).get("behavior")
    return {
        "apiVersion": "autoscaling/v2",
        "kind": HPA.partition(".")[0],
        "metadata": {
            "name": f"keda-hpa-{metadata['name']}",
            "namespace": metadata["namespace"],
            "labels": {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": MANAGER},
            "ownerReferences": [owner_reference(object)],
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": spec["scaleTargetRef"]["name"]},
            "minReplicas": max(int(spec.get("minReplicaCount") or 0), 1),
            "maxReplicas": int(spec.get("maxReplicaCount", 100)),
            "metrics": [_metric(index, each, metadata["name"]) for index, each in enumerate(spec["triggers"])],
            **({"behavior": behavior} if behavior else {}),
        },
    }


def _metric(index: int, trigger: Mapping[str, Any], name: str) -> dict[str, Any]:
    details, kind = trigger["metadata"], trigger.get("metricType", "AverageValue")
    if trigger["type"] in RESOURCES:
        target: dict[str, Any] = {"type": kind}
        target |= {"averageUtilization": int(details["value"])} if kind == "Utilization" else {"averageValue": details["value"]}
        return {"type": "Resource", "resource": {"name": trigger["type"], "target": target}}
    parse_quantity(_target(trigger))
    metric = {"name": metric_name(index, trigger), "selector": {"matchLabels": {"scaledobject.keda.sh/name": name}}}
    field_name = "averageValue" if kind == "AverageValue" else "value"
    target = {"type": kind, field_name: _target(trigger)}
    return {"type": "External", "external": {"metric": metric, "target": target}}
