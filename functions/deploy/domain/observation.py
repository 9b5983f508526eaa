"""What the cluster's objects say about a deployment: pure readings of a Job and its pod, and of a Knative Service and its newest revision.

A reading is None while there is nothing to decide. Reasons are stable words that clients may switch on; details are sentences for people.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

Object = Mapping[str, Any]

DEPLOYMENT_LABEL = "capsule.dev/deployment"

BUILD_REASONS = frozenset({"repository-not-found", "repository-private", "ref-not-found", "not-recognized", "build-failed", "too-large", "timed-out"})
BUILD_FAILED, TIMED_OUT = "build-failed", "timed-out"
EXITS_AT_START, NEVER_LISTENS, NOT_READY, OUT_OF_MEMORY = "exits-at-start", "never-listens", "not-ready", "out-of-memory"
IMAGE = re.compile(r"[a-z0-9.:/_-]+@sha256:[0-9a-f]{64}")
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
LONGEST_DETAIL = 2000


@dataclass(frozen=True, slots=True)
class Built:
    image: str
    commit: str
    kind: str


@dataclass(frozen=True, slots=True)
class BuildBroken:
    reason: str
    detail: str
    commit: str | None = None
    interrupted: bool = False
    """It was ended from outside and said nothing: another attempt may do better."""


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no such object (any more)."""


@dataclass(frozen=True, slots=True)
class Serving:
    url: str


@dataclass(frozen=True, slots=True)
class NotServing:
    reason: str
    detail: str


Observation = Built | BuildBroken | Serving | NotServing


def read_build(job: Object, pods: Iterable[Object]) -> Built | BuildBroken | None:
    """The outcome of a build Job. What its container said in its termination message is a tenant's word: it is believed in its form only."""
    said = _termination(pods)
    if condition := _condition(job, "Complete"):
        return _built(said, _image_of(job))
    if condition := _condition(job, "Failed"):
        if condition.get("reason") == "DeadlineExceeded":
            return BuildBroken(TIMED_OUT, "The build took too long and was stopped.")
        return _broken(said, condition)
    return None


def read_rollout(service: Object, revision: Object | None, deployment_id: UUID) -> Serving | NotServing | None:
    """Whether the revision of this deployment serves. A Service that carries another deployment, or whose controller has not yet seen the last
    change, says nothing about this one."""
    labels = service["spec"]["template"].get("metadata", {}).get("labels", {})
    status = service.get("status", {})
    if labels.get(DEPLOYMENT_LABEL) != str(deployment_id) or status.get("observedGeneration") != service["metadata"].get("generation"):
        return None
    ready = _condition_of(service, "Ready")
    if ready.get("status") == "True":
        newest_is_ready = status.get("latestReadyRevisionName") == status.get("latestCreatedRevisionName")
        return Serving(status["url"]) if newest_is_ready else None
    if ready.get("status") == "False":
        return _not_serving(ready, revision)
    return None


def _built(said: Mapping[str, Any], wanted: str) -> Built | BuildBroken:
    """Only an image under the name that this build was given: a tenant's code could say the name of another's."""
    image, commit, kind = (str(said.get(word, "")) for word in ("image", "commit", "kind"))
    if IMAGE.fullmatch(image) and image.partition("@")[0] == wanted and COMMIT.fullmatch(commit) and kind:
        return Built(image, commit, kind[:40])
    return BuildBroken(BUILD_FAILED, "The build ended well but did not say which image of its own it made.")


def _image_of(job: Object) -> str:
    """What we asked for when we applied the Job."""
    for container in job["spec"]["template"]["spec"]["containers"]:
        for variable in container.get("env", []):
            if variable["name"] == "IMAGE":
                return str(variable.get("value", ""))
    return ""


def _broken(said: Mapping[str, Any], condition: Mapping[str, Any]) -> BuildBroken:
    reason, commit = str(said.get("reason", "")), str(said.get("commit", ""))
    if reason not in BUILD_REASONS:
        if told := str(said.get("text", "")).strip()[:LONGEST_DETAIL]:
            return BuildBroken(BUILD_FAILED, told)
        told = condition.get("message") or "its log may tell why"
        return BuildBroken(BUILD_FAILED, f"The build was ended before it could say how it went: {told}.", interrupted=not said)
    return BuildBroken(reason, str(said.get("detail", ""))[:LONGEST_DETAIL], commit if COMMIT.fullmatch(commit) else None)


def _termination(pods: Iterable[Object]) -> Mapping[str, Any]:
    """The message of the container that ended last: our builder's JSON, or what another has written there as `text`; empty if there is none."""
    ended = [
        terminated
        for pod in pods
        for kind in ("initContainerStatuses", "containerStatuses")
        for container in pod.get("status", {}).get(kind, [])
        if (terminated := container.get("state", {}).get("terminated"))
    ]
    for terminated in sorted(ended, key=lambda each: each.get("finishedAt") or "", reverse=True):
        if not (text := terminated.get("message")):
            continue  # an earlier container may have said what kept this one from its work
        try:
            said = json.loads(text)
        except ValueError:
            return {"text": text}
        return said if isinstance(said, dict) else {"text": text}
    return {}


def _not_serving(ready: Mapping[str, Any], revision: Object | None) -> NotServing:
    container, resources = (_condition_of(revision or {}, name) for name in ("ContainerHealthy", "ResourcesAvailable"))
    code = re.fullmatch(r"ExitCode(-?\d+)", container.get("reason", ""))
    said = (container.get("message") or resources.get("message") or ready.get("message") or "").strip()[:LONGEST_DETAIL]
    if code and code[1] == "137":
        return NotServing(OUT_OF_MEMORY, f"The application was killed at its start; it may need more memory than it may have. {said}".strip())
    if code:
        return NotServing(EXITS_AT_START, f"The application ended with code {code[1]} instead of serving. {said}".strip())
    if "ProgressDeadlineExceeded" in (resources.get("reason"), ready.get("reason")) or "nitial scale was never achieved" in said:
        return NotServing(NEVER_LISTENS, f"The application started but nothing answered on $PORT in time. {said}".strip())
    return NotServing(NOT_READY, said or "The new revision did not become ready.")


def _condition(object: Object, type: str) -> Mapping[str, Any] | None:
    found = _condition_of(object, type)
    return found if found.get("status") == "True" else None


def _condition_of(object: Object, type: str) -> Mapping[str, Any]:
    for condition in object.get("status", {}).get("conditions", []):
        if condition["type"] == type:
            return dict(condition)
    return {}
