"""status.conditions as Knative keeps them: one for each concern, Ready summing them up, times that move only when a status does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from knative.local.objects import Object, now

Truth = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Condition:
    status: Truth
    reason: str = ""
    message: str = ""


TRUE: Final = Condition("True")
UNKNOWN: Final = Condition("Unknown")


def false(reason: str, message: str) -> Condition:
    return Condition("False", reason, message)


def summed(concerns: Mapping[str, Condition]) -> Condition:
    """False if one is, with its reason; else Unknown if one is; else True."""
    for status in ("False", "Unknown"):
        for condition in concerns.values():
            if condition.status == status:
                return condition
    return TRUE


def conditions(object: Object, concerns: Mapping[str, Condition], top: str = "Ready") -> list[dict[str, Any]]:
    previous = {condition["type"]: condition for condition in object.get("status", {}).get("conditions", [])}
    made = []
    for type, condition in sorted({**concerns, top: summed(concerns)}.items()):
        entry = {"type": type, "status": condition.status}
        if condition.reason:
            entry["reason"] = condition.reason
        if condition.message:
            entry["message"] = condition.message
        before = previous.get(type)
        same = before is not None and before["status"] == condition.status
        entry["lastTransitionTime"] = before["lastTransitionTime"] if same and before is not None else now()
        made.append(entry)
    return made


def condition_of(object: Object, type: str = "Ready") -> Condition:
    for condition in object.get("status", {}).get("conditions", []):
        if condition["type"] == type:
            return Condition(condition["status"], condition.get("reason", ""), condition.get("message", ""))
    return UNKNOWN


def is_ready(object: Object) -> bool:
    """Ready, and that said of the object as it is now."""
    observed = object.get("status", {}).get("observedGeneration", object["metadata"].get("generation"))
    return observed == object["metadata"].get("generation") and condition_of(object).status == "True"
