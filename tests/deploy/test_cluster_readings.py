"""Observations read from Jobs and Services as Kubernetes and Knative write them."""

import json
from typing import Any
from uuid import uuid4

import pytest

from functions.deploy.domain.cluster_readings import read_build_job, read_instances, read_release_job, read_service
from functions.deploy.domain.observation import BuildJobFailed, BuildJobSucceeded, ReleasePhaseFailed, ServiceFailed, ServiceReady

DEPLOYMENT = uuid4()
IMAGE = "registry.example.com:5000/apps/hello@sha256:" + "b" * 64
COMMIT = "1" * 40


def job(*conditions: dict[str, Any]) -> dict[str, Any]:
    variables = [{"name": "REF", "value": ""}, {"name": "IMAGE", "value": IMAGE.partition("@")[0]}]
    return {"spec": {"template": {"spec": {"containers": [{"env": variables}]}}}, "status": {"conditions": list(conditions)}}


def pod(message: str | None, finished: str = "2026-11-22T12:00:00Z", kind: str = "containerStatuses") -> dict[str, Any]:
    return {"status": {kind: [{"state": {"terminated": {"exitCode": 1, "message": message, "finishedAt": finished}}}]}}


def report(**fields: str) -> str:
    return json.dumps(fields)


COMPLETE, FAILED = {"type": "Complete", "status": "True"}, {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "limit"}


def test_a_running_job_has_no_outcome() -> None:
    assert read_build_job({"status": {"active": 1}}, []) is None
    assert read_build_job({}, []) is None
    assert read_build_job(job({"type": "Complete", "status": "False"}), [pod(report(image=IMAGE, commit=COMMIT, kind="static"))]) is None


def test_a_complete_job_has_built_an_image() -> None:
    assert read_build_job(job(COMPLETE), [pod(report(image=IMAGE, commit=COMMIT, kind="python"))]) == BuildJobSucceeded(IMAGE, COMMIT, "python")


@pytest.mark.parametrize(
    ("named", "port"), [("80", 80), ("3000", 3000), ("0", None), ("65536", None), ("9090", None), ("8080; x", None), ("", None), (80, None)]
)
def test_a_build_names_the_port_of_its_application(named: Any, port: int | None) -> None:
    outcome = read_build_job(job(COMPLETE), [pod(report(image=IMAGE, commit=COMMIT, kind="image", port=named))])
    assert outcome == BuildJobSucceeded(IMAGE, COMMIT, "image", port=port)


@pytest.mark.parametrize(
    "message",
    [
        None,
        "",
        "no json",
        "[]",
        report(image="capsule.local/apps/hello:latest", commit=COMMIT, kind="x"),
        report(image=IMAGE.replace("hello", "another-tenant-s"), commit=COMMIT, kind="x"),
        report(image=IMAGE, commit="main", kind="x"),
        report(image=IMAGE + "\n--privileged", commit=COMMIT, kind="x"),
        report(image=IMAGE, commit=COMMIT),
        "[" * 4096,
        '{"image":' * 450 + "1" + "}" * 450,
        '{"image":' + "[" * 1000 + "]" * 1000 + "}",
        '{"kind":"x","commit":"' + COMMIT + '","image":' + '{"a":' * 600 + "1" + "}" * 601,
    ],
)
def test_a_complete_job_without_a_valid_report_has_failed(message: str | None) -> None:
    observation = read_build_job(job(COMPLETE), [pod(message)])
    assert isinstance(observation, BuildJobFailed)
    assert observation.reason == "build-failed"


def test_a_failed_job_has_the_builder_s_reason() -> None:
    observation = read_build_job(job(FAILED), [pod(report(reason="ref-not-found", detail="no branch", commit=COMMIT))])
    assert observation == BuildJobFailed("ref-not-found", "no branch", COMMIT, is_logged=True)


def test_an_unknown_reason_is_not_repeated() -> None:
    observation = read_build_job(job(FAILED), [pod(report(reason="you-won", detail="click here"))])
    assert isinstance(observation, BuildJobFailed)
    assert observation.reason == "build-failed"
    assert not observation.is_interrupted


def test_a_failed_job_without_a_report_was_interrupted() -> None:
    observation = read_build_job(job(FAILED), [])
    assert isinstance(observation, BuildJobFailed)
    assert observation.is_interrupted


def test_a_message_of_another_program_is_the_detail() -> None:
    observation = read_build_job(job(FAILED), [pod("the image was not accepted: digest")])
    assert observation == BuildJobFailed("build-failed", "the image was not accepted: digest")


def test_a_job_over_its_deadline_has_timed_out() -> None:
    observation = read_build_job(job({**FAILED, "reason": "DeadlineExceeded"}), [])
    assert isinstance(observation, BuildJobFailed)
    assert (observation.reason, observation.is_interrupted) == ("timed-out", False)


def test_the_last_container_s_message_counts_or_else_an_earlier_one_s() -> None:
    first, last = (
        pod(report(reason="too-large", detail="a"), "2026-11-22T12:00:00Z"),
        pod(report(reason="build-failed", detail="b"), "2026-11-22T12:01:00Z"),
    )
    assert read_build_job(job(FAILED), [first, last]) == BuildJobFailed("build-failed", "b", is_logged=True)
    cloning = pod(report(reason="repository-private", detail="c"), kind="initContainerStatuses")
    assert read_build_job(job(FAILED), [cloning, pod(None, "2026-11-22T12:01:00Z")]) == BuildJobFailed("repository-private", "c", is_logged=True)


def test_a_release_phase_without_its_image_has_a_reason_of_its_own() -> None:
    terminated = {"exitCode": 128, "reason": "ImagePullBackOff", "message": "image is no longer kept", "finishedAt": "2026-11-22T12:00:00Z"}
    observation = read_release_job(job(FAILED), [{"status": {"containerStatuses": [{"state": {"terminated": terminated}}]}}])
    assert observation == ReleasePhaseFailed(
        "The image of this release is no longer stored. Deploy its commit again to rebuild it.", "image-not-kept"
    )


def service(status: str, *, deployment: str = str(DEPLOYMENT), generation: int = 3, observed: int = 3, **condition: str) -> dict[str, Any]:
    return {
        "metadata": {"generation": generation},
        "spec": {"template": {"metadata": {"labels": {"capsule.dev/deployment": deployment}}}},
        "status": {
            "observedGeneration": observed,
            "url": "http://hello-staging.localhost:7080",
            "conditions": [{"type": "Ready", "status": status, **condition}],
        },
    }


def revision(type: str, reason: str, message: str = "") -> dict[str, Any]:
    return {"status": {"conditions": [{"type": type, "status": "False", "reason": reason, "message": message}]}}


def test_a_ready_service_has_its_url() -> None:
    assert read_service(service("True"), None, DEPLOYMENT) == ServiceReady("http://hello-staging.localhost:7080")


def test_readiness_of_another_state_is_ignored() -> None:
    assert read_service(service("True", observed=2), None, DEPLOYMENT) is None, "the controller has not seen our change yet"
    assert read_service(service("True", deployment=str(uuid4())), None, DEPLOYMENT) is None, "another deployment's"
    assert read_service(service("Unknown"), None, DEPLOYMENT) is None
    older = service("True")
    older["status"] |= {"latestReadyRevisionName": "hello-00002", "latestCreatedRevisionName": "hello-00003"}
    assert read_service(older, None, DEPLOYMENT) is None, "the previous revision is ready"
    assert read_service({**service("True"), "status": {}}, None, DEPLOYMENT) is None


@pytest.mark.parametrize(
    ("newest", "reason", "word"),
    [
        (revision("ContainerHealthy", "ExitCode1", "Traceback: no module named x"), "exits-at-start", "no module named x"),
        (revision("ContainerHealthy", "ExitCode137"), "out-of-memory", "memory"),
        (revision("ResourcesAvailable", "ProgressDeadlineExceeded", "Initial scale was never achieved"), "never-listens", "$PORT"),
        (revision("ContainerHealthy", "ContainerMissing", "no such image"), "not-ready", "no such image"),
        (revision("ResourcesAvailable", "ImagePullBackOff", 'image "x@sha256:0" is no longer kept on this machine.'), "image-not-kept", "again"),
        (revision("ResourcesAvailable", "ImagePullBackOff", "manifest unknown: manifest unknown"), "image-not-kept", "Deploy its commit again"),
        (revision("ResourcesAvailable", "ImagePullBackOff", "unauthorized: authentication required"), "image-not-pulled", "unauthorized"),
        (revision("ContainerHealthy", "ExitCode1", "file not found"), "exits-at-start", "file not found"),
        (None, "not-ready", "Configuration"),
    ],
)
def test_a_failed_service_has_a_clear_reason(newest: dict[str, Any] | None, reason: str, word: str) -> None:
    observation = read_service(
        service("False", reason="RevisionFailed", message="Configuration does not have any ready Revision"), newest, DEPLOYMENT
    )
    assert isinstance(observation, ServiceFailed)
    assert observation.reason == reason
    assert word in observation.detail


def test_a_pinned_revision_serves_even_if_the_newest_fails() -> None:
    def read(status: str, revision: str = "hello-00001", routed: str = "True") -> object:
        manifest = service(status, reason="RevisionFailed")
        manifest["status"] |= {"traffic": [{"revisionName": revision, "percent": 100}, {"revisionName": "hello-00002", "tag": "x"}]}
        manifest["status"]["conditions"].append({"type": "RoutesReady", "status": routed})
        return read_service(manifest, None, DEPLOYMENT, "hello-00001")

    assert read("False") == ServiceReady("http://hello-staging.localhost:7080", "hello-00001")
    assert isinstance(read("False", revision="hello-00002"), ServiceFailed), "another has the traffic"
    assert isinstance(read("False", routed="False"), ServiceFailed), "the Route does not have it yet"
    assert read("Unknown") is None, "the newest may still become ready"


def test_a_failed_start_has_the_exit_code_and_the_last_output() -> None:
    failed = service("False", reason="RevisionFailed")
    assert read_service(failed, revision("ContainerHealthy", "ExitCode1", "the setting DATABASE is missing"), DEPLOYMENT) == ServiceFailed(
        "exits-at-start", "Process exited with code 1 before listening on $PORT: the setting DATABASE is missing"
    )


@pytest.mark.parametrize(
    ("terminated", "restarts", "detail"),
    [
        ({"exitCode": 3, "message": "boom"}, 1, "Process exited with code 3 after it was ready: boom"),
        ({"exitCode": 3}, 0, None),
        ({"exitCode": 0}, 1, "Process exited with code 0 after it was ready."),
    ],
)
def test_instances_that_exit_are_reported(terminated: dict[str, Any], restarts: int, detail: str | None) -> None:
    pods = [{"status": {"containerStatuses": [{"restartCount": restarts, "lastState": {"terminated": terminated}}]}}]
    assert read_instances(pods) == (ServiceFailed("crashes", detail) if detail else None)


@pytest.mark.parametrize(
    ("finished", "restarted", "is_reported"),
    [
        ("2026-11-22T12:00:04Z", "2026-11-22T12:00:04Z", False),
        ("2026-11-22T12:00:05Z", "2026-11-22T12:00:05Z", False),
        ("2026-11-22T12:00:05Z", "2026-11-22T12:00:06Z", True),
        ("2026-11-22T12:00:05Z", None, True),
        ("2026-11-22T12:00:06Z", "2026-11-22T12:00:06Z", True),
    ],
)
def test_an_exit_counts_if_the_revision_was_ready(finished: str, restarted: str | None, is_reported: bool) -> None:
    ready = {"type": "ResourcesAvailable", "status": "True", "lastTransitionTime": "2026-11-22T12:00:05Z"}
    status: dict[str, Any] = {"restartCount": 1, "lastState": {"terminated": {"exitCode": 1, "finishedAt": finished}}}
    status["state"] = {"running": {"startedAt": restarted}} if restarted else {"waiting": {"reason": "CrashLoopBackOff"}}
    observation = read_instances([{"status": {"containerStatuses": [status]}}], {"status": {"conditions": [ready]}})
    assert (observation is not None) == is_reported


@pytest.mark.parametrize(
    "message",
    [
        'Get "http://10.1.0.7:8080/": EOF',
        'Get "http://10.1.0.7:8080/": read tcp 10.1.0.1:40000->10.1.0.7:8080: read: connection reset by peer',
        'Get "http://10.1.0.7:8080/": net/http: HTTP/1.x transport connection broken: malformed HTTP response "220 ready"',
        'Get "http://10.1.0.7:8080/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
    ],
)
def test_a_server_that_does_not_answer_http_is_told_by_kubelet_too(message: str) -> None:
    """As Go's net/http has it."""
    failed = service("False", reason="RevisionFailed")
    outcome = read_service(failed, revision("ContainerHealthy", "ProgressDeadlineExceeded", message), DEPLOYMENT)
    assert isinstance(outcome, ServiceFailed) and outcome.reason == "does-not-answer"
