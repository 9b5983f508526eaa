"""What the cluster's objects say about a deployment: pure readings of a Job and its pod, and of a Knative Service and its newest revision.

A reading is None while there is nothing to decide. Reasons are stable words that clients may switch on; details are sentences for people.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

Object = Mapping[str, Any]

DEPLOYMENT_LABEL = "capsule.dev/deployment"

BUILD_REASONS = frozenset({"repository-not-found", "repository-private", "ref-not-found", "not-recognized", "build-failed", "too-large", "timed-out"})
BUILD_FAILED, TIMED_OUT = "build-failed", "timed-out"
CANCELLED, REMOVED = "cancelled", "removed"
APPLICATION_DESTROYED, ENVIRONMENT_DESTROYED, CLUSTER_REFUSED = "application-deleted", "environment-deleted", "cluster-refused"
RELEASE_PHASE_FAILED, CRASHES, FAILING_REQUESTS = "release-phase-failed", "crashes", "failing-requests"
UNHEALTHY, WRONG_PORT = "unhealthy", "wrong-port"
EXITS_AT_START, NEVER_LISTENS, NOT_READY, OUT_OF_MEMORY = "exits-at-start", "never-listens", "not-ready", "out-of-memory"
IMAGE_NOT_KEPT = "image-not-kept"
NO_IMAGE = "The image of this release is no longer kept. Deploy its commit again to build it anew."
PULL_FAILURES = frozenset({"ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull"})
ABSENT = re.compile(r"no longer kept|manifest unknown|not found", re.IGNORECASE)
"""What one machine and registries (OCI distribution specification, error codes) say of an image that is not there."""
HOST_NAME_TAKEN = "host-name-taken"
DOMAIN_CONFLICTS = ("DomainConflict", "DomainAlreadyClaimed")
"""Knative's reasons for a host name that belongs to another Route."""
IMAGE = re.compile(r"[a-z0-9.:/_-]+@sha256:[0-9a-f]{64}")
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
LONGEST_DETAIL = 2000
LONGEST_COMMAND = 1000


@dataclass(frozen=True, slots=True)
class Built:
    image: str
    commit: str
    kind: str
    release_command: str | None = None
    """The Procfile's `release:`, if it has one."""


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
    revision: str = ""


@dataclass(frozen=True, slots=True)
class NotServing:
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """The release phase has ended well."""


@dataclass(frozen=True, slots=True)
class Unprepared:
    detail: str
    reason: str = RELEASE_PHASE_FAILED


Observation = Built | BuildBroken | Prepared | Unprepared | Serving | NotServing | Gone


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


def read_task(job: Object, pods: Iterable[Object]) -> Prepared | Unprepared | None:
    """The outcome of a release phase; the end of its log says why it failed."""
    if _condition(job, "Complete"):
        return Prepared()
    if condition := _condition(job, "Failed"):
        if condition.get("reason") == "DeadlineExceeded":
            return Unprepared("The release phase took too long and was stopped.")
        ended = next(iter(_ended(pods)), {})
        if ended.get("reason") in PULL_FAILURES:
            return Unprepared(NO_IMAGE, IMAGE_NOT_KEPT)
        said = str(ended.get("message") or "").strip()[-LONGEST_DETAIL:]
        code = ended.get("exitCode")
        return Unprepared(
            f"The release phase ended with code {code}: {said or 'its log may tell why'}" if code is not None else "It was ended from outside."
        )
    return None


def read_instances(pods: Iterable[Object]) -> NotServing | None:
    """Whether instances of a revision that is ready end again: a crash between two looks leaves its trace in the count of restarts."""
    for pod in pods:
        for container in pod.get("status", {}).get("containerStatuses", []):
            last = container.get("lastState", {}).get("terminated") or container.get("state", {}).get("terminated") or {}
            if container.get("restartCount", 0) and (code := last.get("exitCode", 0)):
                why = "was killed; it may need more memory than it may have" if code == 137 else f"ended with code {code} after it had become ready"
                return NotServing(CRASHES, f"The application {why}. {str(last.get('message') or '').strip()[-LONGEST_DETAIL:]}".strip())
    return None


def read_rollout(service: Object, revision: Object | None, deployment_id: UUID, pinned: str | None = None) -> Serving | NotServing | None:
    """Whether the revision of this deployment serves. A Service that carries another deployment, or whose controller has not yet seen the last
    change, says nothing about this one. Where an earlier revision of it is pinned and has the traffic, it serves even if the newest comes to nothing;
    while the newest may still become ready it is waited for, since the next deployment begins with what was ready last."""
    labels = service["spec"]["template"].get("metadata", {}).get("labels", {})
    status = service.get("status", {})
    if labels.get(DEPLOYMENT_LABEL) != str(deployment_id) or status.get("observedGeneration") != service["metadata"].get("generation"):
        return None
    ready = _condition_of(service, "Ready")
    if ready.get("status") == "True":
        newest_is_ready = status.get("latestReadyRevisionName") == status.get("latestCreatedRevisionName")
        return Serving(status["url"], status.get("latestReadyRevisionName", "")) if newest_is_ready else None
    if ready.get("status") == "False":
        return Serving(status["url"], pinned) if pinned and _has_traffic(service, pinned) else _not_serving(ready, revision)
    return None


def _has_traffic(service: Object, revision: str) -> bool:
    has = [each.get("revisionName") for each in service.get("status", {}).get("traffic", []) if each.get("percent")]
    return has == [revision] and _condition(service, "RoutesReady") is not None


def _built(said: Mapping[str, Any], wanted: str) -> Built | BuildBroken:
    """Only an image under the name that this build was given: a tenant's code could say the name of another's."""
    image, commit, kind = (_text(said, word) for word in ("image", "commit", "kind"))
    if IMAGE.fullmatch(image) and image.partition("@")[0] == wanted and COMMIT.fullmatch(commit) and kind:
        command = _text(said, "release")
        told = 0 < len(command) <= LONGEST_COMMAND and command.isprintable()
        return Built(image, commit, kind[:40], command if told else None)
    return BuildBroken(BUILD_FAILED, "The build ended well but did not say which image of its own it made.")


def _image_of(job: Object) -> str:
    """What we asked for when we applied the Job."""
    for container in job["spec"]["template"]["spec"]["containers"]:
        for variable in container.get("env", []):
            if variable["name"] == "IMAGE":
                return str(variable.get("value", ""))
    return ""


def _broken(said: Mapping[str, Any], condition: Mapping[str, Any]) -> BuildBroken:
    reason, commit = _text(said, "reason"), _text(said, "commit")
    if reason not in BUILD_REASONS:
        if told := _text(said, "text").strip()[:LONGEST_DETAIL]:
            return BuildBroken(BUILD_FAILED, told)
        told = condition.get("message") or "its log may tell why"
        return BuildBroken(BUILD_FAILED, f"The build was ended before it could say how it went: {told}.", interrupted=not said)
    return BuildBroken(reason, _text(said, "detail")[:LONGEST_DETAIL], commit if COMMIT.fullmatch(commit) else None)


def _termination(pods: Iterable[Object]) -> Mapping[str, Any]:
    """The message of the container that ended last: our builder's JSON, or what another has written there as `text`; empty if there is none.

    A tenant wrote it: Kubernetes bounds its length, orjson its depth.
    """
    for terminated in _ended(pods):
        if not (text := terminated.get("message")):
            continue  # an earlier container may have said what kept this one from its work
        try:
            said = orjson.loads(text)
        except ValueError:
            return {"text": text}
        return said if isinstance(said, dict) else {"text": text}
    return {}


def _text(said: Mapping[str, Any], field: str) -> str:
    """A field that is text; anything else, which may be nested deeply, counts as absent."""
    value = said.get(field)
    return value if isinstance(value, str) else ""


def _ended(pods: Iterable[Object]) -> list[Mapping[str, Any]]:
    """How containers ended, the last first."""
    ended = [
        terminated
        for pod in pods
        for kind in ("initContainerStatuses", "containerStatuses")
        for container in pod.get("status", {}).get(kind, [])
        if (terminated := container.get("state", {}).get("terminated"))
    ]
    return sorted(ended, key=lambda each: each.get("finishedAt") or "", reverse=True)


def _not_serving(ready: Mapping[str, Any], revision: Object | None) -> NotServing:
    container, resources = (_condition_of(revision or {}, name) for name in ("ContainerHealthy", "ResourcesAvailable"))
    code = re.fullmatch(r"ExitCode(-?\d+)", container.get("reason", ""))
    if ready.get("reason") in DOMAIN_CONFLICTS:
        return NotServing(HOST_NAME_TAKEN, str(ready.get("message") or "Its host name belongs to another Service.")[:LONGEST_DETAIL])
    said = (container.get("message") or resources.get("message") or ready.get("message") or "").strip()[:LONGEST_DETAIL]
    if {container.get("reason"), resources.get("reason"), ready.get("reason")} & PULL_FAILURES and ABSENT.search(said):
        return NotServing(IMAGE_NOT_KEPT, NO_IMAGE)
    if code and code[1] == "137":
        return NotServing(OUT_OF_MEMORY, f"The application was killed at its start; it may need more memory than it may have. {said}".strip())
    if code:
        return NotServing(EXITS_AT_START, f"The application ended with code {code[1]} instead of serving. {said}".strip())
    if "it listens on" in said:
        return NotServing(WRONG_PORT, f"The application listens, but not on $PORT. {said}")
    if re.search(r"answered [345]\d\d|statuscode: [345]\d\d", said):
        return NotServing(UNHEALTHY, f"The application listens but does not say that it is well. {said}")
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
