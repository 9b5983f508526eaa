"""A row of the table of failures, and what can happen to a deployment: what the cluster shows, and commands of its owner."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.observation import ServiceFailed
from functions.deploy.ports import ClusterRefused
from tests.deploy.deploy_capsule import DeployCapsule

FIX = "Fix it, push a commit, then: capsule deploy --app hello"
AGAIN = "Try again: capsule deploy --env staging --app hello"
LOGS = "capsule logs --deployment ID --app hello"
BUILD_LOGS = "capsule logs --build --deployment ID --app hello"
HEALTH = f"See why: {LOGS}; another path: capsule apps update hello --health-path PATH"
MEMORY = "capsule scale --memory MIB --env staging --app hello"
DISK = "Write less to the disk, or to a database or object storage; see: "
TRACEBACK = """Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    import flask
{}
"""

Happens = Callable[[DeployCapsule, Deployment], Awaitable[object]]


@dataclass(frozen=True)
class Failure:
    name: str
    during: str
    """The step in which it happens."""
    happens: Happens
    status: str
    reason: str
    detail: str
    next_step: str
    serves: str = "r1 keeps serving."
    """What the CLI says about the traffic."""
    is_first: bool = False


def build_report(reason: str, detail: str) -> Happens:
    return lambda capsule, deployment: capsule.finish_build(deployment, {"reason": reason, "detail": detail}, code=1)


def build_ended(message: Any = None, **outcome: Any) -> Happens:
    return lambda capsule, deployment: capsule.finish_build(deployment, message, **outcome)


async def build_interrupted_twice(capsule: DeployCapsule, deployment: Deployment) -> None:
    retried = await capsule.finish_build(deployment, None, code=1, has_pod=False)
    await capsule.advance(seconds=2)
    retried = await capsule.deployments.get(retried.id)
    await capsule.finish_build(retried, None, code=1, has_pod=False)


async def build_job_deleted(capsule: DeployCapsule, deployment: Deployment) -> None:
    del capsule.cluster.objects["Job", deployment.namespace, deployment.build_job]
    await capsule.update_object("Job", deployment.namespace, deployment.build_job)


def release_phase_ended(message: str | None = None, **outcome: Any) -> Happens:
    async def happens(capsule: DeployCapsule, deployment: Deployment) -> None:
        capsule.cluster.job_ended(deployment.namespace, deployment.release_job, message, **outcome)
        await capsule.update_object("Job", deployment.namespace, deployment.release_job)

    return happens


def revision_failed(condition: str, reason: str, message: str = "") -> Happens:
    revision = {"status": {"conditions": [{"type": condition, "status": "False", "reason": reason, "message": message}]}}
    return lambda capsule, deployment: capsule.set_service_status(deployment, "False", revision=revision, reason="RevisionFailed")


def service_failed(reason: str, message: str) -> Happens:
    return lambda capsule, deployment: capsule.set_service_status(deployment, "False", reason=reason, message=message)


def not_ready(message: str) -> Happens:
    return revision_failed("ResourcesAvailable", "ProgressDeadlineExceeded", message)


def exited(code: int, output: str = "") -> Happens:
    return revision_failed("ContainerHealthy", f"ExitCode{code}", output)


def instance_ended(code: int, output: str = "", reason: str = "Error") -> Happens:
    async def happens(capsule: DeployCapsule, deployment: Deployment) -> None:
        capsule.cluster.instance_restarted(deployment.namespace, deployment.service, code, output, reason)
        await capsule.advance(seconds=6)

    return happens


def requests_failed(count: int) -> Happens:
    return lambda capsule, deployment: capsule.measure_requests(deployment, 500, count)


async def url_does_not_answer(capsule: DeployCapsule, deployment: Deployment) -> None:
    capsule.application_requests.failure = ServiceFailed("does-not-answer", f"GET {deployment.url}/ answered 502 Bad Gateway.")
    await capsule.advance(seconds=11)


async def url_answers_500(capsule: DeployCapsule, deployment: Deployment) -> None:
    capsule.application_requests.failure = ServiceFailed("failing-requests", f"GET {deployment.url}/ answered 500 Internal Server Error.")
    await capsule.advance(seconds=11)


async def service_deleted(capsule: DeployCapsule, deployment: Deployment) -> None:
    del capsule.cluster.objects["Service", deployment.namespace, deployment.service]
    await capsule.update_object("Service", deployment.namespace, deployment.service)


async def cancelled(capsule: DeployCapsule, deployment: Deployment) -> None:
    await capsule.cancel(deployment)
    await capsule.settle()


async def environment_deleted(capsule: DeployCapsule, deployment: Deployment) -> None:
    await capsule.delete_environment(deployment.application_id, deployment.environment)
    await capsule.settle()


async def rollback_fails(capsule: DeployCapsule, deployment: Deployment) -> None:
    capsule.cluster.revisions.clear()
    failing = await capsule.measure_requests(deployment, 500, 9)
    await capsule.set_service_status(failing, "False", reason="RevisionFailed", message="no node")


async def rollback_refused(capsule: DeployCapsule, deployment: Deployment) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise ClusterRefused("exceeded quota")

    capsule.cluster.replace_service = refuse  # type: ignore[method-assign]
    await capsule.measure_requests(deployment, 500, 9)


async def never_becomes_ready(capsule: DeployCapsule, deployment: Deployment) -> None:
    await capsule.advance(minutes=6)


async def release_phase_never_ends(capsule: DeployCapsule, deployment: Deployment) -> None:
    await capsule.advance(minutes=13)


async def build_never_ends(capsule: DeployCapsule, deployment: Deployment) -> None:
    await capsule.advance(minutes=21)


def success_report(image: str, commit: str, *, release: str = "") -> str:
    return json.dumps({"image": image, "commit": commit, "kind": "python"} | ({"release": release} if release else {}))
