"""Autoscaling of process types: range, metrics and what they measure."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType

from cli.render.formats import age
from cli.render.tables import Prose

Json = Mapping[str, Any]
UNITS = {"cpu": "%", "memory": "%", "queue": " waiting"}


def autoscaled(accepted: Json) -> RenderableType:
    return Group(*(Prose(f"{each['name']} in {accepted['environment']}: {describe(each['autoscaling'])}") for each in accepted["processes"]))


def describe(autoscaling: Json) -> str:
    """Return the range, and each metric with what is measured beside its target: `1–5 instances by cpu 84% of 70%`."""
    by = " and ".join(_metric(each) for each in autoscaling["metrics"])
    return f"{autoscaling['minInstances']}–{autoscaling['maxInstances']} instances by {by}"


def web_metric(view: Json, current: float | None = None) -> str:
    """Return by what web scales, and how fast, as the end of a sentence; empty by default. `current`: of one instance."""
    unit = "%" if view["scaleMetric"] in ("cpu", "memory") else ""
    measured = f"{current:.3g}{unit} of " if current is not None else ""
    by = f", by {view['scaleMetric']} {measured}{view['scaleTarget']}{unit} per instance" if view["scaleTarget"] is not None else ""
    window = f" over {view['scaleWindowSeconds']} s" if view["scaleWindowSeconds"] is not None else ""
    delay = f", fewer after {view['scaleDownDelaySeconds']} s" if view["scaleDownDelaySeconds"] else ""
    initial = f", releases start with {view['initialScale']}" if view["initialScale"] > 1 else ""
    return f"{by}{window}{delay}{initial}"


def last_scaling(autoscaling: Json) -> str:
    """Return when and why the number changed last: `; 1 → 4 5 min ago, queue 35 (target 10)`."""
    last = autoscaling["lastScaling"]
    if last is None:
        return ""
    unit = "%" if last["metric"] in ("cpu", "memory") else ""
    cause = f", {last['metric']} {last['value']:g}{unit} (target {last['target']}{unit})" if last["metric"] else ""
    return f"; {last['formerInstances']} → {last['instances']} {age(last['at'])}{cause}"


def _metric(metric: Json) -> str:
    unit, current = UNITS[metric["type"]], metric["current"]
    name = "queue" if metric["type"] == "queue" else metric["type"]
    measured = f"{current:g}{unit if unit == '%' else ''} of " if current is not None else ""
    return f"{name} {measured}{metric['target']}{unit}{' per instance' if name == 'queue' else ''}"
