"""What a HorizontalPodAutoscaler reports: the values of its metrics, and why it cannot scale. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from functions.deploy.domain.autoscaling import Metric, MetricType
from functions.deploy.domain.manifests import PROCESS

Object = Mapping[str, Any]
MIB = 1 << 20
QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(n|u|m|k|[MGTPE]i?|Ki)?")
FACTORS = {
    **{suffix: Decimal(1000) ** power for suffix, power in {"n": -3, "u": -2, "m": -1, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}.items()},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}


@dataclass(frozen=True, slots=True)
class AutoscalerReading:
    process: str
    desired: int | None
    """Instances that it asks for; None: it has not decided yet."""
    resources: Mapping[str, float]
    """Mean of the instances: `cpu` in cores, `memory` in bytes."""
    external: Mapping[int, float]
    """Mean of the instances, by the index of the trigger."""
    problem: str | None = None
    current: int = 0
    """Instances at the time of these values."""

    def current_of(self, index: int, metric: Metric, *, memory_mib: int, cpu_millis: int) -> float | None:
        """Return the value of a metric in the unit of its target; None: unknown. `index`: of the metric among all."""
        if metric.type is MetricType.QUEUE:
            return self.external.get(index)
        used = self.resources.get(metric.type)
        if used is None:
            return None
        limit = cpu_millis / 1000 if metric.type is MetricType.CPU else memory_mib * MIB
        return round(used / limit * 100, 1)


def read_autoscalers(objects: Iterable[Object]) -> list[AutoscalerReading]:
    """Read the HorizontalPodAutoscalers of an environment."""
    return [_read(each) for each in objects if PROCESS in (each["metadata"].get("labels") or {})]


def _read(object: Object) -> AutoscalerReading:
    status = object.get("status") or {}
    resources: dict[str, float] = {}
    external: dict[int, float] = {}
    for each in status.get("currentMetrics") or ():
        source = each.get(each.get("type", "").lower()) or {}
        value = _number((source.get("current") or {}).get("averageValue"))
        if value is None:
            continue
        if each["type"] == "Resource":
            resources[source["name"]] = value
        elif match := re.match(r"s([0-9]+)-", (source.get("metric") or {}).get("name", "")):  # KEDA numbers a metric by its trigger
            external[int(match[1])] = value
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    failed = next((conditions[name] for name in ("AbleToScale", "ScalingActive") if conditions.get(name, {}).get("status") == "False"), None)
    is_at_zero = failed is not None and failed.get("reason") == "ScalingDisabled"
    return AutoscalerReading(
        process=object["metadata"]["labels"][PROCESS],
        desired=status.get("desiredReplicas"),
        resources=resources,
        external=external,
        problem=failed.get("message") if failed is not None and not is_at_zero else None,
        current=status.get("currentReplicas") or 0,
    )


def _number(quantity: Any) -> float | None:
    match = QUANTITY.fullmatch(str(quantity))
    try:
        return float(Decimal(match[1]) * FACTORS.get(match[2], Decimal(1))) if match else None
    except InvalidOperation:
        return None
