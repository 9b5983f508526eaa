"""Autoscaling of process types: range, metrics and what they measure."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType

from cli.render.tables import Prose

Json = Mapping[str, Any]
UNITS = {"cpu": "%", "memory": "%", "queue": " waiting"}


def autoscaled(accepted: Json) -> RenderableType:
    return Group(*(Prose(f"{each['name']} in {accepted['environment']}: {describe(each['autoscaling'])}") for each in accepted["processes"]))


def describe(autoscaling: Json) -> str:
    """Return the range, and each metric with what is measured beside its target: `1–5 instances by cpu 84% of 70%`."""
    by = " and ".join(_metric(each) for each in autoscaling["metrics"])
    return f"{autoscaling['minInstances']}–{autoscaling['maxInstances']} instances by {by}"


def _metric(metric: Json) -> str:
    unit, current = UNITS[metric["type"]], metric["current"]
    name = "queue" if metric["type"] == "queue" else metric["type"]
    measured = f"{current:g}{unit if unit == '%' else ''} of " if current is not None else ""
    return f"{name} {measured}{metric['target']}{unit}{' per instance' if name == 'queue' else ''}"
