"""`status.conditions` of Brokers, Triggers and sources, with serving's rules."""

from collections.abc import Mapping
from typing import Any

from knative.local.objects import Object, now
from knative.local.serving.conditions import TRUE, UNKNOWN, Condition, condition_entries, find_condition, summarize

__all__ = ["NO_OIDC", "TRUE", "UNKNOWN", "Condition", "NotReady", "condition_list", "condition_of", "false", "is_ready", "ready_condition"]

NO_OIDC = Condition("True", "authentication-oidc feature disabled")
"""OIDCIdentityCreated, as Knative reports it without OIDC."""


class NotReady(Exception):
    """Raised in a reconcile when a condition is not met and the following ones cannot be checked. `must_poll`: no watch reports its change."""

    def __init__(self, type: str, condition: Condition, must_poll: bool = False) -> None:
        super().__init__(condition.message)
        self.type = type
        self.condition = condition
        self.must_poll = must_poll


def false(reason: str, message: str) -> Condition:
    return Condition("False", reason, message)


def ready_condition(conditions: Mapping[str, Condition]) -> Condition:
    """Summarize conditions to Ready."""
    return summarize(conditions, list(conditions))


def condition_list(object: Object, conditions: Mapping[str, Condition]) -> list[dict[str, Any]]:
    """Return `status.conditions` with Ready; transition times of unchanged conditions stay."""
    before = object.get("status", {}).get("conditions", [])
    return condition_entries({"Ready": ready_condition(conditions), **conditions}, before, now())


def condition_of(object: Object, type: str = "Ready") -> Condition:
    return find_condition(object, type) or UNKNOWN


def is_ready(object: Object) -> bool:
    """Whether Ready is True and observed for the current generation."""
    generation = object["metadata"].get("generation")
    observed = object.get("status", {}).get("observedGeneration", generation)
    return bool(observed == generation) and condition_of(object).status == "True"
