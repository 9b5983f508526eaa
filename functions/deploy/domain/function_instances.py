"""Where the platform's own functions run, read from their Knative Services and pods. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from functions.deploy.domain.instances import Instance, InstanceState, read_instances_of

Object = Mapping[str, Any]

SERVICE = "serving.knative.dev/service"
COMPONENT = "app.kubernetes.io/component"
SUMMARY = "capsule.dev/summary"
MIN_SCALE, MAX_SCALE = "autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/max-scale"
FUNCTION_VARIABLE = "CAPSULE_FUNCTION"
MAX_DETAIL_LENGTH = 300


class FunctionState(StrEnum):
    FAILED = "failed"
    """Its Service is not ready, or a process exited and starts again."""
    STARTING = "starting"
    RUNNING = "running"
    ZERO = "zero"
    """No instance: the next message starts one."""


@dataclass(frozen=True, slots=True)
class FunctionService:
    """One Service with the functions that it carries: one, or all of a context in a grouped installation."""

    name: str
    functions: Sequence[str]
    context: str
    summary: str
    state: FunctionState
    detail: str
    """Why it failed; else empty."""
    min_scale: int
    max_scale: int | None
    """None: without a limit."""
    instances: Sequence[Instance]

    @property
    def ready(self) -> int:
        return sum(each.state is InstanceState.READY for each in self.instances)

    @property
    def restarts(self) -> int:
        return sum(each.restarts for each in self.instances)

    @property
    def oldest_at(self) -> datetime | None:
        return min((each.created_at for each in self.instances), default=None)


def read_functions(services: Iterable[Object], pods: Iterable[Object]) -> list[FunctionService]:
    """Read Services that carry functions, by name. Others of the namespace, such as samples, are left out."""
    by_service: dict[str, list[Object]] = {}
    for pod in pods:
        by_service.setdefault((pod["metadata"].get("labels") or {}).get(SERVICE, ""), []).append(pod)
    found = [_read(each, by_service.get(each["metadata"]["name"], [])) for each in services if _functions(each)]
    return sorted(found, key=lambda each: each.name)


def _read(service: Object, pods: Iterable[Object]) -> FunctionService:
    metadata = service["metadata"]
    annotations = service["spec"]["template"].get("metadata", {}).get("annotations") or {}
    instances = read_instances_of(pods)
    crashed = next((each for each in instances if each.state is InstanceState.CRASHED), None)
    ready: Object = next((each for each in service.get("status", {}).get("conditions", ()) if each["type"] == "Ready"), {})
    detail = ""
    if ready.get("status") == "False":
        detail = str(ready.get("message") or ready.get("reason") or "The Service is not ready.")[:MAX_DETAIL_LENGTH]
    elif crashed is not None:
        code = f" with code {crashed.last_exit_code}" if crashed.last_exit_code is not None else ""
        detail = f"{crashed.name} exited{code} and starts again."
    return FunctionService(
        name=metadata["name"],
        functions=_functions(service),
        context=(metadata.get("labels") or {}).get(COMPONENT, ""),
        summary=(metadata.get("annotations") or {}).get(SUMMARY, ""),
        state=_state(bool(detail), instances),
        detail=detail,
        min_scale=int(annotations.get(MIN_SCALE) or 0),
        max_scale=int(annotations.get(MAX_SCALE) or 0) or None,
        instances=instances,
    )


def _state(has_failed: bool, instances: Sequence[Instance]) -> FunctionState:
    if has_failed:
        return FunctionState.FAILED
    if any(each.state is InstanceState.READY for each in instances):
        return FunctionState.RUNNING
    return FunctionState.STARTING if any(each.state is InstanceState.STARTING for each in instances) else FunctionState.ZERO


def _functions(service: Object) -> list[str]:
    containers = service["spec"]["template"]["spec"].get("containers") or ()
    values = [one.get("value", "") for each in containers for one in each.get("env") or () if one["name"] == FUNCTION_VARIABLE]
    return [name for value in values for name in value.split(",") if name]
