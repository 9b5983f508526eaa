"""status.conditions of Brokers, Triggers and sources: serving's own rules, with the few turns that eventing needs."""

from collections.abc import Mapping
from typing import Any

from knative.local.objects import Object, now
from knative.local.serving.conditions import TRUE, UNKNOWN, Condition, read, ready, written

__all__ = ["TRUE", "UNKNOWN", "Condition", "condition_of", "conditions", "false", "is_ready", "summed"]


def false(reason: str, message: str) -> Condition:
    return Condition("False", reason, message)


def summed(concerns: Mapping[str, Condition]) -> Condition:
    return ready(concerns, list(concerns))


def conditions(object: Object, concerns: Mapping[str, Condition]) -> list[dict[str, Any]]:
    """What to write: each concern, and Ready, their sum (unless it is the one concern there is)."""
    before = object.get("status", {}).get("conditions", [])
    return written({"Ready": summed(concerns), **concerns}, before, now())


def condition_of(object: Object, type: str = "Ready") -> Condition:
    return read(object, type) or UNKNOWN


def is_ready(object: Object) -> bool:
    """Ready, and that said of the object as it is now."""
    generation = object["metadata"].get("generation")
    observed = object.get("status", {}).get("observedGeneration", generation)
    return bool(observed == generation) and condition_of(object).status == "True"
