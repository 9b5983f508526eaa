"""Kubernetes' conditions (pure): Ready summarizes the others, and a condition's time changes only with the condition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Condition:
    status: Status
    reason: str = ""
    message: str = ""
    severity: Literal["", "Info"] = ""
    """Info: does not count for Ready."""


TRUE = Condition("True")
UNKNOWN = Condition("Unknown")


def summarize(dependents: Mapping[str, Condition], order: Sequence[str]) -> Condition:
    """Return the first condition that is False, else the first that is Unknown, else True."""
    counted = [dependents[name] for name in order if dependents[name].severity == ""]
    for status in ("False", "Unknown"):
        for condition in counted:
            if condition.status == status:
                return Condition(condition.status, condition.reason, condition.message)
    return TRUE


def condition_entries(conditions: Mapping[str, Condition], before: Sequence[Mapping[str, Any]], now: str) -> list[dict[str, Any]]:
    """Return conditions as an object's status holds them, sorted by type.

    `before`: the conditions in the stored status; an unchanged one keeps its lastTransitionTime. `now`: RFC 3339.
    """
    known = {each["type"]: each for each in before}
    entries = []
    for type, condition in sorted(conditions.items()):
        entry: dict[str, Any] = {"type": type, "status": condition.status}
        for field in ("severity", "reason", "message"):
            if value := getattr(condition, field):
                entry[field] = value
        old = known.get(type)
        is_same = old is not None and {**old, "lastTransitionTime": ""} == {**entry, "lastTransitionTime": ""}
        entries.append(entry | {"lastTransitionTime": old["lastTransitionTime"] if old is not None and is_same else now})
    return entries


def find_condition(object: Mapping[str, Any] | None, type: str) -> Condition | None:
    """Return a condition of an object; None when the object or the condition does not exist."""
    for each in ((object or {}).get("status") or {}).get("conditions") or []:
        if each["type"] == type:
            return Condition(each["status"], each.get("reason", ""), each.get("message", ""), each.get("severity", ""))
    return None
