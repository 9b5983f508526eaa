"""Pure functions that read Kubernetes objects as observations of a deployment: Jobs, pods, and Knative Services with
their revisions.

Each returns None while the outcome is open.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson

from functions.deploy.domain import observation as reasons
from functions.deploy.domain.application_settings import COMMAND, read_port
from functions.deploy.domain.build_steps import is_interrupted, read_step_failure
from functions.deploy.domain.exits import (
    EVICTED,
    MAX_DETAIL_LENGTH,
    OOM_KILLED,
    SIGKILL_EXIT_CODE,
    describe_code,
    read_exit,
    read_exit_at_start,
    with_cause,
)
from functions.deploy.domain.hidden_services import PUBLIC_URL
from functions.deploy.domain.inspection_job import CLONE
from functions.deploy.domain.manifests import DEPLOYMENT
from functions.deploy.domain.observation import (
    BuildJobFailed,
    BuildJobSucceeded,
    ReleasePhaseFailed,
    ReleasePhaseSucceeded,
    ServiceFailed,
    ServiceReady,
)
from functions.deploy.domain.pod_readings import IMAGE_ABSENT, IMAGE_NOT_KEPT_DETAIL, PULL_FAILURES, find_pull_failure, read_pull_failure
from functions.deploy.domain.processes import parse_commands
from functions.deploy.domain.repository_access import parse_learned_host_keys

Object = Mapping[str, Any]

DOMAIN_CONFLICTS = ("DomainConflict", "DomainAlreadyClaimed")
"""Knative's reasons for a host name that belongs to another Route."""
PUSH_FAILED = "ImagePushFailed"
"""Of a build on one machine whose image was not accepted."""
HTTP_FAILURE = re.compile(r"answered [345]\d\d|statuscode: [345]\d\d")
NO_HTTP_ANSWER = re.compile(
    r"the answer is not HTTP|without an answer|no answer within|: EOF\b|connection reset by peer|malformed HTTP|awaiting headers"
)
"""Probes of the one-machine Knative, and of kubelet and queue-proxy (messages of Go's net/http)."""
HEALTH_PATH = re.compile(r"[/][!-~]{0,199}")
PROBE_CONTEXT = re.compile(r"^The container never became ready within [\d.]+ s: | on port \d+(?=:)")
"""What a reader of the reason knows already."""
OUTPUT_MARK = " Last output:\n"
"""Between the builder's sentence and the output of the program that failed."""
IMAGE = re.compile(r"[a-z0-9.:/_-]+@sha256:[0-9a-f]{64}")
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
MAX_COMMAND_LENGTH = 1000
MAX_KIND_LENGTH = 40


def read_build_job(job: Object, pods: Iterable[Object]) -> BuildJobSucceeded | BuildJobFailed | None:
    """Read the outcome of a build Job. Its termination message comes from tenant code: only its form is trusted."""
    pods = list(pods)
    report, clone = termination_report(pods), _read_clone(pods)
    host_keys = parse_learned_host_keys(_text(clone, "hostKeys"))
    if true_condition(job, "Complete"):
        return replace(_read_success(report, _requested_image(job)), host_keys=host_keys)
    if failed := true_condition(job, "Failed"):
        if failed.get("reason") == "DeadlineExceeded":
            return BuildJobFailed(reasons.TIMED_OUT, "The build exceeded its time limit and was stopped.")
        failure = _read_failure(report, failed, next(iter(_terminated_containers(pods)), {}))
        commit = failure.commit or (_text(clone, "commit") if COMMIT.fullmatch(_text(clone, "commit")) else None)
        return replace(failure, commit=commit, host_keys=host_keys)
    if pull := find_pull_failure(pods):
        return BuildJobFailed(reasons.IMAGE_NOT_PULLED, pull.describe(f'The image {pull.image} of the build\'s step "{pull.container}"'))
    return None


def _read_clone(pods: Iterable[Object]) -> Mapping[str, Any]:
    """Return the report of the container that clones, {} without one. No tenant code runs in it: its message is the platform's own."""
    for pod in pods:
        for container in pod.get("status", {}).get("initContainerStatuses", []):
            if container.get("name") == CLONE:
                with suppress(ValueError):
                    report = orjson.loads(container.get("state", {}).get("terminated", {}).get("message") or "{}")
                    return report if isinstance(report, dict) else {}
    return {}


def read_release_job(job: Object, pods: Iterable[Object]) -> ReleasePhaseSucceeded | ReleasePhaseFailed | None:
    """Read the outcome of a release phase. The detail of a failure is the end of its log."""
    pods = list(pods)
    if true_condition(job, "Complete"):
        return ReleasePhaseSucceeded()
    if failed := true_condition(job, "Failed"):
        if failed.get("reason") == "DeadlineExceeded":
            return ReleasePhaseFailed("The release command exceeded its time limit and was stopped.")
        last = next(iter(_terminated_containers(pods)), {})
        if last.get("reason") in PULL_FAILURES:
            return ReleasePhaseFailed(IMAGE_NOT_KEPT_DETAIL, reasons.IMAGE_NOT_KEPT)
        code = last.get("exitCode")
        if code is None:
            return ReleasePhaseFailed("The release command was stopped from outside.")
        if last.get("reason") == OOM_KILLED:
            return ReleasePhaseFailed("The release command needed more memory than the environment's instances have.", reasons.OUT_OF_MEMORY)
        return ReleasePhaseFailed(with_cause(f"Release command exited with {describe_code(code)}.", last.get("message")))
    if pull := find_pull_failure(pods):
        failure = read_pull_failure(pull)
        return ReleasePhaseFailed(failure.detail, failure.reason)
    return None


def read_instances(pods: Iterable[Object], revision: Object | None = None) -> ServiceFailed | None:
    """Report instances that have exited since their revision became ready, with any exit code: a server does not end.

    The restart count shows an exit between two observations. An instance that exited before the revision was ready and
    has run since then counts as healthy.
    """
    ready_at = str((true_condition(revision or {}, "ResourcesAvailable") or {}).get("lastTransitionTime", ""))
    for pod in pods:
        for container in pod.get("status", {}).get("containerStatuses", []):
            last = container.get("lastState", {}).get("terminated") or container.get("state", {}).get("terminated")
            if container.get("restartCount", 0) and last and _has_ended_since(ready_at, last, container):
                return read_exit(last)
    return None


def _has_ended_since(ready_at: str, terminated: Mapping[str, Any], container: Mapping[str, Any]) -> bool:
    """Kubernetes' times have seconds: within the second of the readiness, the start of the next run decides."""
    finished_at = terminated.get("finishedAt") or ""
    restarted_at = (container.get("state", {}).get("running") or {}).get("startedAt")
    return not ready_at or finished_at > ready_at or (finished_at == ready_at and (restarted_at is None or restarted_at > ready_at))


def read_service(
    service: Object, revision: Object | None, deployment_id: UUID, pinned_revision: str | None = None
) -> ServiceReady | ServiceFailed | None:
    """Read whether the revision of this deployment serves.

    None if the Service belongs to another deployment, or if its controller has not processed the last change. With
    `pinned_revision`, a failed newest revision counts as ready if the pinned one has the traffic. While the newest may
    still become ready, the result is None: the next deployment starts from the last ready revision.
    """
    labels = service["spec"]["template"].get("metadata", {}).get("labels", {})
    status = service.get("status", {})
    if labels.get(DEPLOYMENT) != str(deployment_id) or status.get("observedGeneration") != service["metadata"].get("generation"):
        return None
    ready = _condition(service, "Ready")
    if ready.get("status") == "True":
        newest_is_ready = status.get("latestReadyRevisionName") == status.get("latestCreatedRevisionName")
        return ServiceReady(_url_of(service), status.get("latestReadyRevisionName", "")) if newest_is_ready else None
    if ready.get("status") == "False":
        if pinned_revision and _has_traffic(service, pinned_revision):
            return ServiceReady(_url_of(service), pinned_revision)
        return _read_service_failure(ready, revision)
    return None


def _url_of(service: Object) -> str:
    """Return the application's address, also while maintenance hides it: Knative's own is one within the cluster then."""
    url: str = (service["metadata"].get("annotations") or {}).get(PUBLIC_URL) or service["status"]["url"]
    return url


def _has_traffic(service: Object, revision: str) -> bool:
    routed = [each.get("revisionName") for each in service.get("status", {}).get("traffic", []) if each.get("percent")]
    return routed == [revision] and true_condition(service, "RoutesReady") is not None


def _read_success(report: Mapping[str, Any], requested_image: str) -> BuildJobSucceeded | BuildJobFailed:
    """Accepts only an image under the name that the build was given: tenant code could report the name of another
    application."""
    image, commit, kind = (_text(report, name) for name in ("image", "commit", "kind"))
    if IMAGE.fullmatch(image) and image.partition("@")[0] == requested_image and COMMIT.fullmatch(commit) and kind:
        command, health_path = _text(report, "release"), _text(report, "health")
        is_valid = 0 < len(command) <= MAX_COMMAND_LENGTH and COMMAND.fullmatch(command) is not None
        own_health_path = health_path if HEALTH_PATH.fullmatch(health_path) else None
        return BuildJobSucceeded(
            image,
            commit,
            kind[:MAX_KIND_LENGTH],
            command if is_valid else None,
            own_health_path,
            read_port(_text(report, "port")),
            parse_commands(_text(report, "processes")),
        )
    return BuildJobFailed(reasons.BUILD_FAILED, "The build exited with code 0 but did not report an image under its own name.")


def _requested_image(job: Object) -> str:
    """The image name of the build Job as it was applied."""
    for container in job["spec"]["template"]["spec"]["containers"]:
        for variable in container.get("env", []):
            if variable["name"] == "IMAGE":
                return str(variable.get("value", ""))
    return ""


def _read_failure(report: Mapping[str, Any], failed: Mapping[str, Any], ended: Mapping[str, Any]) -> BuildJobFailed:
    """`ended`: `state.terminated` of the container that ended last, with its `name`."""
    reason, commit, text = _text(report, "reason"), _text(report, "commit"), _text(report, "text").strip()
    if ended.get("reason") == OOM_KILLED:
        detail = "The build needed more memory than its limit."
        return BuildJobFailed(reasons.OUT_OF_MEMORY, f"{detail} {text.splitlines()[0]}" if text else detail)
    if ended.get("reason") == EVICTED:
        return BuildJobFailed(reasons.DISK_FULL, f"The build was stopped: {text[:MAX_DETAIL_LENGTH] or 'it used too much disk space.'}")
    if reason in reasons.BUILD_REASONS:
        sentence, _, output = _text(report, "detail").partition(OUTPUT_MARK)
        detail = with_cause(sentence[:MAX_DETAIL_LENGTH], output)
        return BuildJobFailed(reason, detail, commit if COMMIT.fullmatch(commit) else None, is_logged=True)
    was_interrupted = not report.keys() - {"text"} and is_interrupted(ended)
    if not was_interrupted and (failure := read_step_failure(ended)):
        return failure
    if text and not was_interrupted:
        is_push = ended.get("reason") == PUSH_FAILED
        is_too_large = is_push and re.search(r"\b(larger|more) than\b", text)
        return BuildJobFailed(reasons.TOO_LARGE if is_too_large else reasons.BUILD_FAILED, text[:MAX_DETAIL_LENGTH], is_logged=is_push)
    cause = failed.get("message") or "see its log"
    detail = f"The build was stopped before it reported a result: {cause}."
    return BuildJobFailed(reasons.BUILD_FAILED, detail, is_interrupted=was_interrupted)


def termination_report(pods: Iterable[Object]) -> Mapping[str, Any]:
    """The termination message of the container that ended last: the builder's JSON, or other text as `text`. Empty if
    there is none.

    Tenant code can write it: Kubernetes bounds its length, orjson its depth.
    """
    for terminated in _terminated_containers(pods):
        if not (text := terminated.get("message")):
            continue  # an earlier container may have reported what stopped this one
        try:
            report = orjson.loads(text)
        except ValueError:
            return {"text": text}
        return report if isinstance(report, dict) else {"text": text}
    return {}


def _text(report: Mapping[str, Any], field: str) -> str:
    """The field if it is text, else ""."""
    value = report.get(field)
    return value if isinstance(value, str) else ""


def _terminated_containers(pods: Iterable[Object]) -> list[Mapping[str, Any]]:
    """`state.terminated` of all containers with their names, the last first. Without init containers that succeeded: they report no outcome."""
    terminated_states = [
        {**terminated, "name": container.get("name")}
        for pod in pods
        for kind in ("initContainerStatuses", "containerStatuses")
        for container in pod.get("status", {}).get(kind, [])
        if (terminated := container.get("state", {}).get("terminated")) and (kind == "containerStatuses" or terminated.get("exitCode"))
    ]
    return sorted(terminated_states, key=lambda each: each.get("finishedAt") or "", reverse=True)


def _read_service_failure(ready: Mapping[str, Any], revision: Object | None) -> ServiceFailed:
    container, resources = (_condition(revision or {}, name) for name in ("ContainerHealthy", "ResourcesAvailable"))
    conditions = (container, resources, ready)
    if ready.get("reason") in DOMAIN_CONFLICTS:
        return ServiceFailed(reasons.HOST_NAME_TAKEN, str(ready.get("message") or "The host name belongs to another Service.")[:MAX_DETAIL_LENGTH])
    message = next((text for each in conditions if (text := each.get("message"))), "").strip()[:MAX_DETAIL_LENGTH]
    if {each.get("reason") for each in conditions} & PULL_FAILURES:
        is_absent = IMAGE_ABSENT.search(message) is not None
        return ServiceFailed(*((reasons.IMAGE_NOT_KEPT, IMAGE_NOT_KEPT_DETAIL) if is_absent else (reasons.IMAGE_NOT_PULLED, message)))
    if EVICTED in (container.get("reason"), resources.get("reason")):
        return ServiceFailed(reasons.DISK_FULL, f"The process was stopped. {message}".strip())
    if code := re.fullmatch(r"ExitCode(-?\d+)|OOMKilled", container.get("reason", "")):
        return read_exit_at_start(code[1] or str(SIGKILL_EXIT_CODE), message)
    if "it listens on" in message.lower():
        return ServiceFailed(reasons.WRONG_PORT, f"The process listens, but not on $PORT. {message}")
    if HTTP_FAILURE.search(message):
        return ServiceFailed(reasons.UNHEALTHY, f"The process listens, but its health check fails: {PROBE_CONTEXT.sub('', message)}")
    if NO_HTTP_ANSWER.search(message):
        detail = f"The process listens on $PORT, but does not answer HTTP requests: {PROBE_CONTEXT.sub('', message)}"
        return ServiceFailed(reasons.DOES_NOT_ANSWER, detail)
    if "ProgressDeadlineExceeded" in (resources.get("reason"), ready.get("reason")) or "nitial scale was never achieved" in message:
        return ServiceFailed(reasons.NEVER_LISTENS, f"The process started but did not listen on $PORT in time. {message}".strip())
    return ServiceFailed(reasons.NOT_READY, message or "The new revision did not become ready.")


def true_condition(resource: Object, type: str) -> Mapping[str, Any] | None:
    condition = _condition(resource, type)
    return condition if condition.get("status") == "True" else None


def _condition(resource: Object, type: str) -> Mapping[str, Any]:
    for condition in resource.get("status", {}).get("conditions", []):
        if condition["type"] == type:
            return dict(condition)
    return {}
