"""Ways in which a deployment fails: what the cluster shows → state, reason, message and next step.

`FAILURES` is the table. Each row happens to the second release of an application whose first release serves, unless
`is_first` says that nothing serves yet.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from functions.deploy.domain.deployment import Deployment
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
    capsule.application_requests.failure = f"GET {deployment.url}/ answered 502 Bad Gateway."
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


BUILD_FAILURES = (
    Failure(
        "the repository does not exist",
        "building",
        build_report("repository-not-found", "https://git.example.com/ada/hello.git does not exist."),
        "failed",
        "repository-not-found",
        "https://git.example.com/ada/hello.git does not exist.",
        "Check the repository's address: capsule apps show hello",
    ),
    Failure(
        "the repository is private",
        "building",
        build_report("repository-private", "https://git.example.com/ada/hello.git needs a login."),
        "failed",
        "repository-private",
        "https://git.example.com/ada/hello.git needs a login.",
        "Check the repository's address and access: capsule apps show hello",
    ),
    Failure(
        "the ref does not exist",
        "building",
        build_report("ref-not-found", 'Ref "feature/x" does not exist. Existing branches: main.'),
        "failed",
        "ref-not-found",
        'Ref "feature/x" does not exist. Existing branches: main.',
        "Push the ref, or name another: capsule deploy --ref BRANCH --app hello",
    ),
    Failure(
        "nothing in the repository starts",
        "building",
        build_report("not-recognized", "No application was recognized: add a Procfile."),
        "failed",
        "not-recognized",
        "No application was recognized: add a Procfile.",
        FIX,
    ),
    Failure(
        "the language is not supported",
        "building",
        build_report("unsupported", "This is Elixir (mix.exs). Capsule builds it from a Dockerfile."),
        "failed",
        "unsupported",
        "This is Elixir (mix.exs). Capsule builds it from a Dockerfile.",
        FIX,
    ),
    Failure(
        "the version is not available",
        "building",
        build_report("version-unavailable", ".python-version asks for Python 3.6. Available: 3.11."),
        "failed",
        "version-unavailable",
        ".python-version asks for Python 3.6. Available: 3.11.",
        FIX,
    ),
    Failure(
        "the lock file is missing",
        "building",
        build_report("missing-lock", "package.json has no lock file: run npm install and commit package-lock.json."),
        "failed",
        "missing-lock",
        "package.json has no lock file: run npm install and commit package-lock.json.",
        FIX,
    ),
    Failure(
        "a dependency does not exist",
        "building",
        build_report(
            "install-failed",
            "pip exited with code 1. Last output:\nCollecting flask\nERROR: Could not find a version that satisfies the requirement flsk==1\n"
            "ERROR: No matching distribution found for flsk==1",
        ),
        "failed",
        "install-failed",
        "pip exited with code 1: ERROR: No matching distribution found for flsk==1",
        FIX,
    ),
    Failure(
        "an npm dependency cannot be resolved",
        "building",
        build_report(
            "install-failed",
            "npm exited with code 1. Last output:\nnpm error code ETARGET\nnpm error notarget No matching version found for express@99.\n"
            "npm error A complete log of this run can be found in: /tmp/x.log",
        ),
        "failed",
        "install-failed",
        "npm exited with code 1: npm error notarget No matching version found for express@99.",
        FIX,
    ),
    Failure(
        "TypeScript does not compile",
        "building",
        build_report(
            "build-failed",
            "npm run build exited with code 2. Last output:\n> tsc\n/workspace/source/src/main.ts(3,5): error TS2304: Cannot find name 'x'.\n"
            "npm error Lifecycle script `build` failed with error:\nnpm error code 2",
        ),
        "failed",
        "build-failed",
        "npm run build exited with code 2: src/main.ts(3,5): error TS2304: Cannot find name 'x'.",
        FIX,
    ),
    Failure(
        "Go does not compile",
        "building",
        build_report("build-failed", "go build exited with code 1. Last output:\n# example.com/app\n./main.go:5:2: undefined: x\n"),
        "failed",
        "build-failed",
        "go build exited with code 1: ./main.go:5:2: undefined: x",
        FIX,
    ),
    Failure(
        "the build needs too much memory",
        "building",
        build_ended("The container needed more memory than its limit of 2Gi.\nKilled", code=137, container_reason="OOMKilled"),
        "failed",
        "out-of-memory",
        "The build needed more memory than its limit. The container needed more memory than its limit of 2Gi.",
        "Make the build need less memory (fewer parallel jobs, smaller assets), push a commit, then: capsule deploy --app hello",
    ),
    Failure(
        "the build fills the disk",
        "building",
        build_ended("The container's files use more than 4096 MiB.", code=137, container_reason="Evicted"),
        "failed",
        "disk-full",
        "The build was stopped: The container's files use more than 4096 MiB.",
        f"{DISK}{BUILD_LOGS}",
    ),
    Failure(
        "the builder stops at its time limit",
        "building",
        build_report("timed-out", "npm was stopped: the build exceeded its time limit."),
        "failed",
        "timed-out",
        "npm was stopped: the build exceeded its time limit.",
        f"See where it stopped: {BUILD_LOGS}",
    ),
    Failure(
        "the build Job exceeds its deadline",
        "building",
        build_ended(None, code=137, reason="DeadlineExceeded"),
        "failed",
        "timed-out",
        "The build exceeded its time limit and was stopped.",
        f"See where it stopped: {BUILD_LOGS}",
    ),
    Failure(
        "the build Job never ends",
        "building",
        build_never_ends,
        "failed",
        "timed-out",
        "The step building exceeded its time limit.",
        f"See where it stopped: {BUILD_LOGS}",
    ),
    Failure(
        "the repository is too large",
        "building",
        build_report("too-large", "The build uses more than 4096 MiB, the limit of one build."),
        "failed",
        "too-large",
        "The build uses more than 4096 MiB, the limit of one build.",
        FIX,
    ),
    Failure(
        "the image is too large",
        "building",
        build_ended("The image is larger than 1,024 MiB.", code=1, container_reason="ImagePushFailed"),
        "failed",
        "too-large",
        "The image is larger than 1,024 MiB.",
        FIX,
    ),
    Failure(
        "the image is not accepted",
        "building",
        build_ended('The image contains a device file: "dev/x".', code=1, container_reason="ImagePushFailed"),
        "failed",
        "build-failed",
        'The image contains a device file: "dev/x".',
        FIX,
    ),
    Failure(
        "the build is deleted from the cluster",
        "building",
        build_job_deleted,
        "failed",
        "build-failed",
        "The build Job was deleted before it ended.",
        FIX,
    ),
    Failure(
        "the build is interrupted twice",
        "building",
        build_interrupted_twice,
        "failed",
        "build-failed",
        "The build was stopped before it reported a result: see its log.",
        FIX,
    ),
    Failure(
        "the build reports the image of another application",
        "building",
        build_ended({"image": f"capsule.local/apps/other@sha256:{'a' * 64}", "commit": "c" * 40, "kind": "python"}),
        "failed",
        "build-failed",
        "The build exited with code 0 but did not report an image under its own name.",
        FIX,
    ),
    Failure(
        "it is cancelled during the build",
        "building",
        cancelled,
        "cancelled",
        "cancelled",
        "The deployment was cancelled.",
        "capsule deploy --app hello",
    ),
    Failure(
        "its environment is deleted during the build",
        "building",
        environment_deleted,
        "failed",
        "environment-deleted",
        "The environment was deleted.",
        "capsule environments create staging --app hello",
        serves="",
    ),
)

RELEASE_PHASE_FAILURES = (
    Failure(
        "the release command fails",
        "preparing",
        release_phase_ended(TRACEBACK.format("sqlalchemy.exc.OperationalError: no such host: db"), code=1),
        "failed",
        "release-phase-failed",
        "Release command exited with code 1: sqlalchemy.exc.OperationalError: no such host: db (main.py:3)",
        LOGS,
    ),
    Failure(
        "the release command exceeds its deadline",
        "preparing",
        release_phase_ended(None, code=137, reason="DeadlineExceeded"),
        "failed",
        "release-phase-failed",
        "The release command exceeded its time limit and was stopped.",
        LOGS,
    ),
    Failure(
        "the release command never ends",
        "preparing",
        release_phase_never_ends,
        "failed",
        "timed-out",
        "The step preparing exceeded its time limit.",
        f"See where it stopped: {LOGS}",
    ),
    Failure(
        "the release command needs too much memory",
        "preparing",
        release_phase_ended(None, code=137, container_reason="OOMKilled"),
        "failed",
        "out-of-memory",
        "The release command needed more memory than the environment's instances have.",
        MEMORY,
    ),
    Failure(
        "the image is gone before the release command",
        "preparing",
        release_phase_ended("no longer kept", code=128, container_reason="ImagePullBackOff"),
        "failed",
        "image-not-kept",
        "The image of this release is no longer stored. Deploy its commit again to rebuild it.",
        AGAIN,
    ),
)

START_FAILURES = (
    Failure(
        "a module is missing",
        "releasing",
        exited(1, TRACEBACK.format("ModuleNotFoundError: No module named 'flask'")),
        "failed",
        "exits-at-start",
        "Process exited with code 1 before listening on $PORT: ModuleNotFoundError: No module named 'flask' (main.py:3)",
        LOGS,
    ),
    Failure(
        "a variable is missing",
        "releasing",
        exited(1, TRACEBACK.format("KeyError: 'DATABASE_URL'")),
        "failed",
        "exits-at-start",
        "Process exited with code 1 before listening on $PORT: KeyError: 'DATABASE_URL' (main.py:3)",
        "Set the variable: capsule env set DATABASE_URL=VALUE --env staging --app hello",
    ),
    Failure(
        "a Node module is missing",
        "releasing",
        exited(1, "Error: Cannot find module 'express'\n    at Module._load (node:internal:1:2)\n    at Object.<anonymous> (/app/index.js:1:17)"),
        "failed",
        "exits-at-start",
        "Process exited with code 1 before listening on $PORT: Error: Cannot find module 'express' (index.js:1)",
        LOGS,
    ),
    Failure(
        "it exits with code 0",
        "releasing",
        exited(0, "done"),
        "failed",
        "exits-at-start",
        "Process exited with code 0 before listening on $PORT: done",
        LOGS,
    ),
    Failure(
        "it needs too much memory at start",
        "releasing",
        revision_failed("ContainerHealthy", "OOMKilled", "The container needed more memory than its limit of 512Mi."),
        "failed",
        "out-of-memory",
        "Process was killed before listening on $PORT (exit code 137); it may need more memory.",
        MEMORY,
    ),
    Failure(
        "it fills its disk at start",
        "releasing",
        revision_failed("ContainerHealthy", "Evicted", "The container's files use more than 1024 MiB."),
        "failed",
        "disk-full",
        "The process was stopped. The container's files use more than 1024 MiB.",
        f"{DISK}{LOGS}",
    ),
    Failure(
        "it listens on another port",
        "releasing",
        not_ready("The container never listened on port 8080 (its $PORT) within 120 s. It listens on 3000, but must listen on the port in $PORT."),
        "failed",
        "wrong-port",
        "The process listens, but not on $PORT. The container never listened on port 8080 (its $PORT) within 120 s. It listens on 3000, but must"
        " listen on the port in $PORT.",
        FIX,
    ),
    Failure(
        "it starts too slowly, or never listens",
        "releasing",
        not_ready("The container never listened on port 8080 (its $PORT) within 120 s."),
        "failed",
        "never-listens",
        "The process started but did not listen on $PORT in time. The container never listened on port 8080 (its $PORT) within 120 s.",
        FIX,
    ),
    Failure(
        "its health path answers 500",
        "releasing",
        not_ready("The container never became ready within 120 s: GET /healthz answered 500 Internal Server Error."),
        "failed",
        "unhealthy",
        "The process listens, but its health check fails: GET /healthz answered 500 Internal Server Error.",
        HEALTH,
    ),
    Failure(
        "it does not speak HTTP",
        "releasing",
        not_ready("The container never became ready within 120 s: GET / on port 8080: the answer is not HTTP/1.1."),
        "failed",
        "does-not-answer",
        "The process listens on $PORT, but does not answer HTTP requests: GET /: the answer is not HTTP/1.1.",
        HEALTH,
    ),
    Failure(
        "it listens and does not answer",
        "releasing",
        not_ready("The container never became ready within 120 s: GET / on port 8080: no answer within 10 s."),
        "failed",
        "does-not-answer",
        "The process listens on $PORT, but does not answer HTTP requests: GET /: no answer within 10 s.",
        HEALTH,
    ),
    Failure(
        "it dies on its first request",
        "releasing",
        exited(1, "The container listened on its port and exited before its readiness probe succeeded.\nassert request.user"),
        "failed",
        "exits-at-start",
        "Process exited with code 1 after it listened on $PORT, before it answered a request successfully: assert request.user",
        LOGS,
    ),
    Failure(
        "its image is gone",
        "releasing",
        revision_failed("ResourcesAvailable", "ImagePullBackOff", "manifest unknown"),
        "failed",
        "image-not-kept",
        "The image of this release is no longer stored. Deploy its commit again to rebuild it.",
        AGAIN,
    ),
    Failure(
        "the registry refuses the image",
        "releasing",
        revision_failed("ResourcesAvailable", "ImagePullBackOff", "unauthorized: authentication required"),
        "failed",
        "not-ready",
        "unauthorized: authentication required",
        AGAIN,
    ),
    Failure(
        "its host name belongs to another Service",
        "releasing",
        service_failed("DomainConflict", 'Ingress rejected: the domain name "hello-staging.localhost" belongs to another Route.'),
        "failed",
        "host-name-taken",
        'Ingress rejected: the domain name "hello-staging.localhost" belongs to another Route.',
        "Choose another name for the environment or the application: capsule environments create NAME --app hello",
    ),
    Failure(
        "nothing happens until the time limit",
        "releasing",
        never_becomes_ready,
        "failed",
        "timed-out",
        "The step releasing exceeded its time limit.",
        f"See where it stopped: {LOGS}",
    ),
    Failure(
        "it is cancelled before it serves",
        "releasing",
        cancelled,
        "cancelled",
        "cancelled",
        "The deployment was cancelled.",
        "capsule deploy --app hello",
    ),
)

OBSERVED_FAILURES = (
    Failure(
        "it crashes after five seconds",
        "observing",
        instance_ended(3, TRACEBACK.format("RuntimeError: no worker")),
        "rolled-back",
        "crashes",
        "Process exited with code 3 after it was ready: RuntimeError: no worker (main.py:3)",
        LOGS,
        serves="r1 serves again.",
    ),
    Failure(
        "it ends with code 0 after a while",
        "observing",
        instance_ended(0),
        "rolled-back",
        "crashes",
        "Process exited with code 0 after it was ready.",
        LOGS,
        serves="r1 serves again.",
    ),
    Failure(
        "it needs more and more memory",
        "observing",
        instance_ended(137, reason="OOMKilled"),
        "rolled-back",
        "out-of-memory",
        "Process was killed after it was ready (exit code 137); it may need more memory.",
        MEMORY,
        serves="r1 serves again.",
    ),
    Failure(
        "it fills its disk",
        "observing",
        instance_ended(137, "The container's files use more than 1024 MiB.", "Evicted"),
        "rolled-back",
        "disk-full",
        "The process was stopped after it was ready. The container's files use more than 1024 MiB.",
        f"{DISK}{LOGS}",
        serves="r1 serves again.",
    ),
    Failure(
        "its visitors get 500",
        "observing",
        requests_failed(5),
        "rolled-back",
        "failing-requests",
        "5 of 5 requests failed with 5xx (100 %).",
        LOGS,
        serves="r1 serves again.",
    ),
    Failure(
        "its URL answers 502",
        "observing",
        url_does_not_answer,
        "rolled-back",
        "does-not-answer",
        "GET http://hello-staging.localhost:7080/ answered 502 Bad Gateway.",
        HEALTH,
        serves="r1 serves again.",
    ),
    Failure(
        "its instances become unhealthy",
        "observing",
        exited(1, "out of file descriptors"),
        "rolled-back",
        "exits-at-start",
        "Process exited with code 1 before listening on $PORT: out of file descriptors",
        LOGS,
        serves="r1 serves again.",
    ),
    Failure(
        "it is cancelled while it is observed",
        "observing",
        cancelled,
        "rolled-back",
        "cancelled",
        "The deployment was cancelled.",
        LOGS,
        serves="r1 serves again.",
    ),
    Failure(
        "its Service is deleted from the cluster",
        "observing",
        service_deleted,
        "failed",
        "removed",
        "The Service was deleted from the cluster.",
        AGAIN,
        serves="r1 does not serve again.",
    ),
    Failure(
        "the previous release does not serve again",
        "observing",
        rollback_fails,
        "failed",
        "failing-requests",
        "9 of 9 requests failed with 5xx (100 %). r1 does not become ready: no node",
        LOGS,
        serves="r1 does not serve again.",
    ),
    Failure(
        "the cluster refuses the rollback",
        "observing",
        rollback_refused,
        "failed",
        "cluster-refused",
        "9 of 9 requests failed with 5xx (100 %). The cluster refused the rollback: exceeded quota",
        AGAIN,
        serves="r1 does not serve again.",
    ),
    Failure(
        "the first release crashes while it is observed",
        "observing",
        instance_ended(1, "boom"),
        "failed",
        "crashes",
        "Process exited with code 1 after it was ready: boom",
        LOGS,
        serves="Nothing serves: no release succeeded before.",
        is_first=True,
    ),
    Failure(
        "the first release's visitors get 500",
        "observing",
        requests_failed(4),
        "failed",
        "failing-requests",
        "4 of 4 requests failed with 5xx (100 %).",
        LOGS,
        serves="Nothing serves: no release succeeded before.",
        is_first=True,
    ),
)

FAILURES = (*BUILD_FAILURES, *RELEASE_PHASE_FAILURES, *START_FAILURES, *OBSERVED_FAILURES)


def success_report(image: str, commit: str, *, release: str = "") -> str:
    return json.dumps({"image": image, "commit": commit, "kind": "python"} | ({"release": release} if release else {}))
