"""The two containers of a build Job, as knative/overlays/local/build-job.yaml has them."""

from collections.abc import Sequence
from typing import Any

from kubernetes import client

from tests.knative.machine import PLATFORM, Machine

Object = dict[str, Any]


def clone_container(env: Sequence[Object], workspace: Object) -> Object:
    """The init container that clones into the volume that both containers mount."""
    return {"name": "clone", "image": PLATFORM, "command": ["python", "-m", "knative.builder.clone"], "env": list(env), "volumeMounts": [workspace]}


def terminated(pod: client.V1Pod) -> client.V1ContainerStateTerminated:
    """How the build ended: its own container, or the clone if that failed."""
    statuses = [*pod.status.container_statuses, *(pod.status.init_container_statuses or [])]
    return next(each.state.terminated for each in statuses if each.state.terminated)


def read_log(machine: Machine, namespace: str, pod: client.V1Pod) -> str:
    """The log of both containers."""
    names = [each.name for each in (*pod.status.init_container_statuses, *pod.status.container_statuses) if each.state.terminated]
    return "".join(machine.core.read_namespaced_pod_log(pod.metadata.name, namespace, container=name) for name in names)
