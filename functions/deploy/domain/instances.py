"""The running instances of an environment, read from the cluster's pods. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from functions.deploy.domain.manifests import PROCESS, RELEASE

Object = Mapping[str, Any]


class InstanceState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    CRASHED = "crashed"
    """Its process exited and starts again."""
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Instance:
    name: str
    state: InstanceState
    restarts: int
    created_at: datetime
    release: str | None
    """`r3`."""
    last_exit_code: int | None
    """Of the process before this one; None if it never exited."""
    process: str = "web"
    """Its process type."""
    last_output: str | None = None
    """The end of the output of the process before this one."""


def read_instances_of(pods: Iterable[Object]) -> list[Instance]:
    """Read the pods of a Service that have not ended, oldest first."""
    running = [each for each in pods if each.get("status", {}).get("phase") not in ("Succeeded", "Failed")]
    return sorted((_read(each) for each in running), key=lambda each: (each.created_at, each.name))


def _read(pod: Object) -> Instance:
    metadata, status = pod["metadata"], pod.get("status", {})
    # a sidecar of the cluster, such as Knative's queue-proxy, is no part of the application
    statuses = status.get("containerStatuses") or [{}]
    container = next((each for each in statuses if each.get("name") in ("web", "user-container")), statuses[0])
    last = container.get("lastState", {}).get("terminated") or container.get("state", {}).get("terminated") or {}
    return Instance(
        name=metadata["name"],
        state=_state(metadata, container),
        restarts=int(container.get("restartCount") or 0),
        created_at=datetime.fromisoformat(metadata["creationTimestamp"].replace("Z", "+00:00")),
        release=(metadata.get("annotations") or {}).get(RELEASE),
        last_exit_code=last.get("exitCode"),
        process=(metadata.get("labels") or {}).get(PROCESS, "web"),
        last_output=last.get("message"),
    )


def _state(metadata: Object, container: Object) -> InstanceState:
    if "deletionTimestamp" in metadata:
        return InstanceState.STOPPING
    if container.get("ready"):
        return InstanceState.READY
    state = container.get("state", {})
    has_exited = "terminated" in state or state.get("waiting", {}).get("reason") == "CrashLoopBackOff"
    return InstanceState.CRASHED if has_exited else InstanceState.STARTING
