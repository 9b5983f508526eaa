"""Pure functions that read what pods show before their Job or Service does: an image that cannot be pulled, a process that exits at its start.

A Job counts such a pod as active until its deadline, and Knative waits for a Revision until its progress deadline.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from functions.deploy.domain import observation as reasons
from functions.deploy.domain.exits import EVICTED, MAX_DETAIL_LENGTH, OOM_KILLED, SIGKILL_EXIT_CODE, read_exit_at_start
from functions.deploy.domain.observation import ServiceFailed

Object = Mapping[str, Any]

PULL_FAILURES = frozenset({"ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable"})
"""Reasons of a waiting container (kubernetes, pkg/kubelet/images/types.go)."""
IMAGE_ABSENT = re.compile(r"no longer kept|manifest unknown|not found", re.IGNORECASE)
"""Messages for an image that does not exist: of the one-machine Knative, and of registries (OCI distribution
specification, error codes)."""
PULL_CONTEXT = re.compile(
    r'^Back-off pulling image "[^"]*":? ?|ErrImagePull: |rpc error: code = \w+ desc = |failed to pull and unpack image "[^"]*": '
    r'|failed to resolve (?:image|reference "[^"]*"): '
)
"""What kubelet and containerd put before the registry's answer."""
SIDECAR = "queue-proxy"
"""The container that Knative adds to every pod."""
IMAGE_NOT_KEPT_DETAIL = "The image of this release is no longer stored. Deploy its commit again to rebuild it."


@dataclass(frozen=True, slots=True)
class PullFailure:
    container: str
    image: str
    cause: str

    @property
    def is_absent(self) -> bool:
        """Whether the registry answered that it has no such image."""
        return IMAGE_ABSENT.search(self.cause) is not None

    def describe(self, subject: str) -> str:
        return f"{subject} cannot be pulled: {self.cause}"[:MAX_DETAIL_LENGTH]


def find_pull_failure(pods: Iterable[Object]) -> PullFailure | None:
    """Return why a container has not started: kubelet has tried to pull its image at least once."""
    for container in _containers(pods, "initContainerStatuses", "containerStatuses"):
        waiting = container.get("state", {}).get("waiting") or {}
        if waiting.get("reason") in PULL_FAILURES:
            cause = PULL_CONTEXT.sub("", str(waiting.get("message") or "")).strip() or str(waiting["reason"])
            return PullFailure(str(container.get("name", "")), str(container.get("image", "")), cause[:MAX_DETAIL_LENGTH])
    return None


def read_pull_failure(failure: PullFailure) -> ServiceFailed:
    """An instance that cannot pull its image."""
    if failure.is_absent:
        return ServiceFailed(reasons.IMAGE_NOT_KEPT, IMAGE_NOT_KEPT_DETAIL)
    return ServiceFailed(reasons.IMAGE_NOT_PULLED, failure.describe(f"The image {failure.image}"))


def read_start(pods: Iterable[Object]) -> ServiceFailed | None:
    """Read why instances of a release that has no traffic yet do not start: their image, or the exit of their process, with any exit code.

    A pod that the cluster ends or evicts says nothing about the release.
    """
    pods = [pod for pod in pods if "deletionTimestamp" not in pod.get("metadata", {}) and pod.get("status", {}).get("phase") != "Failed"]
    if failure := find_pull_failure(pods):
        return read_pull_failure(failure)
    for container in _containers(pods, "containerStatuses"):
        terminated = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated")
        if container.get("ready") or container.get("name") == SIDECAR or not terminated or terminated.get("reason") == EVICTED:
            continue
        code = SIGKILL_EXIT_CODE if terminated.get("reason") == OOM_KILLED else terminated.get("exitCode", 0)
        return read_exit_at_start(str(code), str(terminated.get("message") or ""))
    return None


def _containers(pods: Iterable[Object], *kinds: str) -> Iterator[Object]:
    for pod in pods:
        for kind in kinds:
            yield from pod.get("status", {}).get(kind) or ()
