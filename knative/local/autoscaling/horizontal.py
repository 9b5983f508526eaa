"""HorizontalPodAutoscalers of Deployments: read the metrics every 15 s, and set the number of replicas.

Sources: Kubernetes, autoscaling/v2, and pkg/controller/podautoscaler/horizontal.go (v1.34).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from knative.local.autoscaling.behavior import Behavior, History
from knative.local.autoscaling.decision import MetricUnavailable, PodValue, Proposal, by_pods, by_total, by_value, largest
from knative.local.autoscaling.pod_usage import PodMeasurement, PodUsage
from knative.local.controller import Key, RequeueAfter
from knative.local.deployments.reconciler import DEPLOYMENT
from knative.local.objects import Object, now
from knative.local.quantities import parse_quantity
from knative.local.serving.conditions import Condition, condition_entries
from knative.local.store import NotFound, Store

HPA = "HorizontalPodAutoscaler.autoscaling"
SYNC_SECONDS = 15.0
"""--horizontal-pod-autoscaler-sync-period."""
MANAGER = "horizontal-pod-autoscaler"

ReadExternal = Callable[[Object, str], Awaitable[float]]
"""(HorizontalPodAutoscaler, name of the metric) → total. Raises MetricUnavailable."""


@dataclass(slots=True)
class _State:
    generation: int
    decided_at: float
    history: History = field(default_factory=History)


class HorizontalPodAutoscalers:
    kind = HPA

    def __init__(self, store: Store, usage: PodUsage, read_external: ReadExternal, sync_seconds: float = SYNC_SECONDS) -> None:
        self._store, self._usage, self._read_external, self._sync_seconds = store, usage, read_external, sync_seconds
        self._states: dict[str, _State] = {}

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {}

    async def on_deleted(self, object: Object) -> None:
        self._states.pop(object["metadata"]["uid"], None)

    async def reconcile(self, object: Object) -> None:
        """Decide once in each period: the status that it writes is a change of the object too."""
        metadata = object["metadata"]
        if "deletionTimestamp" in metadata or not self._has_owner(object):
            return
        at, state = asyncio.get_running_loop().time(), self._states.get(metadata["uid"])
        if state is None:
            state = self._states[metadata["uid"]] = _State(metadata.get("generation", 1), at)
        elif state.generation == metadata.get("generation", 1) and (wait := state.decided_at + self._sync_seconds - at) > 0:
            raise RequeueAfter(wait, "sync period")
        state.generation, state.decided_at = metadata.get("generation", 1), at
        await self._decide(object, state.history, at)
        raise RequeueAfter(self._sync_seconds, "sync period")

    def _has_owner(self, object: Object) -> bool:
        """Whether its ScaledObject still exists; the garbage collector comes a moment later."""
        return all(self._store.exists(each["uid"]) for each in object["metadata"].get("ownerReferences") or ())

    async def _decide(self, object: Object, history: History, at: float) -> None:
        spec, namespace = object["spec"], object["metadata"]["namespace"]
        name = spec["scaleTargetRef"]["name"]
        deployment = self._store.find(DEPLOYMENT, namespace, name)
        if deployment is None:
            missing = Condition(
                "False", "FailedGetScale", f'the HPA controller was unable to get the target\'s current scale: deployments "{name}" not found'
            )
            self._write_status(object, {}, {"AbleToScale": missing})
            return
        current, low, high = int(deployment["spec"].get("replicas", 1)), int(spec.get("minReplicas") or 1), int(spec["maxReplicas"])
        conditions = {"AbleToScale": Condition("True", "SucceededGetScale", "the HPA controller was able to get the target's current scale")}
        if not current:
            disabled = Condition("False", "ScalingDisabled", "scaling is disabled since the replica count of the target is zero")
            self._write_status(object, {"currentReplicas": 0, "desiredReplicas": 0}, {**conditions, "ScalingActive": disabled})
            return
        values: list[dict[str, Any]] = []
        proposals: list[Proposal | MetricUnavailable] = []
        for metric in spec.get("metrics") or ():
            try:
                proposal = await self._propose(object, metric, deployment, current)
            except MetricUnavailable as unavailable:
                proposals.append(unavailable)
                continue
            proposals.append(proposal)
            values.append(_metric_status(metric, proposal))
        desired = current
        try:
            desired = largest(current, proposals)
        except MetricUnavailable as unavailable:
            message = f"the HPA was unable to compute the replica count: {unavailable}"
            conditions["ScalingActive"] = Condition("False", "FailedGetMetrics", message)
        else:
            conditions["ScalingActive"] = Condition("True", "ValidMetricFound", "the HPA was able to successfully calculate a replica count")
        is_outside = not low <= current <= high
        count = current
        if conditions["ScalingActive"].status == "True" or is_outside:
            count = min(max(current, low), high) if is_outside else history.next_count(current, desired, Behavior.of(spec), low, high, at)
        conditions["ScalingLimited"] = _limited(desired, low, high)
        status: dict[str, Any] = {"currentReplicas": current, "desiredReplicas": count, "currentMetrics": values}
        if count != current:
            with contextlib.suppress(NotFound):
                set_replicas(self._store, deployment, count, MANAGER)
            status["lastScaleTime"] = now()
        self._write_status(object, status, conditions)

    async def _propose(self, hpa: Object, metric: Mapping[str, Any], deployment: Object, current: int) -> Proposal:
        """Raises MetricUnavailable."""
        if metric["type"] == "External":
            external = metric["external"]
            total, target = await self._read_external(hpa, external["metric"]["name"]), external["target"]
            if target["type"] == "AverageValue":
                return by_total(current, float(parse_quantity(target["averageValue"])), total)
            return by_value(current, current, float(parse_quantity(target["value"])), total)
        resource = metric["resource"]
        target = resource["target"]
        factor, goal = 1.0, float(parse_quantity(target.get("averageValue", 0)))
        if target["type"] == "Utilization":
            requests = [(each.get("resources") or {}).get("requests") or {} for each in deployment["spec"]["template"]["spec"]["containers"]]
            requested = sum(float(parse_quantity(each.get(resource["name"], 0))) for each in requests)
            if not requested:
                raise MetricUnavailable(f"missing request for {resource['name']} in a container of {deployment['metadata']['name']}")
            factor, goal = 100 / requested, float(target["averageUtilization"])
        measured = self._usage.measure()
        pods = [each for each in self._store.children(deployment["metadata"]["uid"]) if each["kind"] == "Pod" and _runs(each)]
        return by_pods(current, goal, [_pod_value(each, measured.get(each["metadata"]["uid"]), resource["name"], factor) for each in pods])

    def _write_status(self, object: Object, status: Mapping[str, Any], conditions: Mapping[str, Condition]) -> None:
        metadata, before = object["metadata"], object.get("status") or {}
        written = {
            **({"lastScaleTime": before["lastScaleTime"]} if "lastScaleTime" in before else {}),
            "observedGeneration": metadata.get("generation", 1),
            **status,
            "conditions": condition_entries(conditions, before.get("conditions") or [], now()),
        }
        with contextlib.suppress(NotFound):
            self._store.set_status(HPA, metadata["namespace"], metadata["name"], written)


def set_replicas(store: Store, deployment: Object, replicas: int, manager: str) -> None:
    """Set the replicas of a Deployment as a manager of its own, which takes their field over. Raises NotFound."""
    metadata = {each: deployment["metadata"][each] for each in ("name", "namespace")}
    if store.find(DEPLOYMENT, metadata["namespace"], metadata["name"]) is None:
        raise NotFound(f"{DEPLOYMENT} {metadata['name']} not found")
    body = {"apiVersion": deployment["apiVersion"], "kind": deployment["kind"], "metadata": metadata, "spec": {"replicas": replicas}}
    store.apply(body, manager, force=True)


def _runs(pod: Object) -> bool:
    return "deletionTimestamp" not in pod["metadata"] and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def _pod_value(pod: Object, measured: PodMeasurement | None, resource: str, factor: float) -> PodValue:
    """A pod that is not ready matters for CPU alone: it uses much while it starts."""
    if resource == "memory":
        return PodValue(measured.memory_bytes * factor if measured else None)
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    value = measured.cpu_cores * factor if measured and measured.cpu_cores is not None else None
    return PodValue(value, is_ready=bool(statuses) and all(each.get("ready") for each in statuses))


def _metric_status(metric: Mapping[str, Any], proposal: Proposal) -> dict[str, Any]:
    kind = metric["type"].lower()
    source, target = metric[kind], metric[kind]["target"]
    identity = {"metric": source["metric"]} if kind == "external" else {"name": source["name"]}
    if target["type"] == "Utilization":
        current: dict[str, Any] = {"averageUtilization": round(proposal.average)}
    elif target["type"] == "Value":
        current = {"value": _quantity(proposal.average)}
    else:
        current = {"averageValue": _quantity(proposal.average)}
    return {"type": metric["type"], kind: {**identity, "current": current}}


def _quantity(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{round(value * 1000)}m"


def _limited(desired: int, low: int, high: int) -> Condition:
    if desired > high:
        return Condition("True", "TooManyReplicas", "the desired replica count is more than the maximum replica count")
    if desired < low:
        return Condition("True", "TooFewReplicas", "the desired replica count is less than the minimum replica count")
    return Condition("False", "DesiredWithinRange", "the desired count is within the acceptable range")
