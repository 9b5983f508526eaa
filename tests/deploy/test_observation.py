"""What a Job and a Service say: their objects as Kubernetes and Knative write them."""

import json
from typing import Any
from uuid import uuid4

import pytest

from functions.deploy.domain.observation import BuildBroken, Built, NotServing, Serving, Unprepared, read_build, read_rollout, read_task

DEPLOYMENT = uuid4()
IMAGE = "registry.example.com:5000/apps/hello@sha256:" + "b" * 64
COMMIT = "1" * 40


def job(*conditions: dict[str, Any]) -> dict[str, Any]:
    variables = [{"name": "REF", "value": ""}, {"name": "IMAGE", "value": IMAGE.partition("@")[0]}]
    return {"spec": {"template": {"spec": {"containers": [{"env": variables}]}}}, "status": {"conditions": list(conditions)}}


def pod(message: str | None, finished: str = "2026-11-22T12:00:00Z", kind: str = "containerStatuses") -> dict[str, Any]:
    return {"status": {kind: [{"state": {"terminated": {"exitCode": 1, "message": message, "finishedAt": finished}}}]}}


def told(**said: str) -> str:
    return json.dumps(said)


COMPLETE, FAILED = {"type": "Complete", "status": "True"}, {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "limit"}


def test_a_job_that_runs_says_nothing() -> None:
    assert read_build({"status": {"active": 1}}, []) is None
    assert read_build({}, []) is None
    assert read_build(job({"type": "Complete", "status": "False"}), [pod(told(image=IMAGE, commit=COMMIT, kind="static"))]) is None


def test_a_complete_job_has_built() -> None:
    assert read_build(job(COMPLETE), [pod(told(image=IMAGE, commit=COMMIT, kind="python"))]) == Built(IMAGE, COMMIT, "python")


@pytest.mark.parametrize(
    "message",
    [
        None,
        "",
        "no json",
        "[]",
        told(image="capsule.local/apps/hello:latest", commit=COMMIT, kind="x"),
        told(image=IMAGE.replace("hello", "another-tenant-s"), commit=COMMIT, kind="x"),
        told(image=IMAGE, commit="main", kind="x"),
        told(image=IMAGE + "\n--privileged", commit=COMMIT, kind="x"),
        told(image=IMAGE, commit=COMMIT),
        "[" * 4096,
        '{"image":' * 450 + "1" + "}" * 450,
        '{"image":' + "[" * 1000 + "]" * 1000 + "}",
        '{"kind":"x","commit":"' + COMMIT + '","image":' + '{"a":' * 600 + "1" + "}" * 601,
    ],
)
def test_a_complete_job_that_says_no_image_has_failed(message: str | None) -> None:
    seen = read_build(job(COMPLETE), [pod(message)])
    assert isinstance(seen, BuildBroken)
    assert seen.reason == "build-failed"


def test_a_failed_job_has_its_builder_s_reason() -> None:
    seen = read_build(job(FAILED), [pod(told(reason="ref-not-found", detail="no branch", commit=COMMIT))])
    assert seen == BuildBroken("ref-not-found", "no branch", COMMIT)


def test_a_reason_of_a_tenant_s_own_is_not_repeated() -> None:
    seen = read_build(job(FAILED), [pod(told(reason="you-won", detail="click here"))])
    assert isinstance(seen, BuildBroken)
    assert seen.reason == "build-failed"
    assert not seen.interrupted


def test_a_failed_job_that_said_nothing_was_interrupted() -> None:
    seen = read_build(job(FAILED), [])
    assert isinstance(seen, BuildBroken)
    assert seen.interrupted


def test_words_that_are_not_our_builder_s_are_shown() -> None:
    seen = read_build(job(FAILED), [pod("the image was not accepted: digest")])
    assert seen == BuildBroken("build-failed", "the image was not accepted: digest")


def test_a_job_over_its_deadline_timed_out() -> None:
    seen = read_build(job({**FAILED, "reason": "DeadlineExceeded"}), [])
    assert isinstance(seen, BuildBroken)
    assert (seen.reason, seen.interrupted) == ("timed-out", False)


def test_the_last_container_s_word_counts_and_an_earlier_one_s_if_it_said_nothing() -> None:
    first, last = (
        pod(told(reason="too-large", detail="a"), "2026-11-22T12:00:00Z"),
        pod(told(reason="build-failed", detail="b"), "2026-11-22T12:01:00Z"),
    )
    assert read_build(job(FAILED), [first, last]) == BuildBroken("build-failed", "b")
    cloning = pod(told(reason="repository-private", detail="c"), kind="initContainerStatuses")
    assert read_build(job(FAILED), [cloning, pod(None, "2026-11-22T12:01:00Z")]) == BuildBroken("repository-private", "c")


def test_a_release_phase_without_its_image_says_so() -> None:
    ended = {"exitCode": 128, "reason": "ImagePullBackOff", "message": "image is no longer kept", "finishedAt": "2026-11-22T12:00:00Z"}
    seen = read_task(job(FAILED), [{"status": {"containerStatuses": [{"state": {"terminated": ended}}]}}])
    assert seen == Unprepared("The image of this release is no longer kept. Deploy its commit again to build it anew.", "image-not-kept")


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


def test_a_ready_service_serves_at_its_own_url() -> None:
    assert read_rollout(service("True"), None, DEPLOYMENT) == Serving("http://hello-staging.localhost:7080")


def test_readiness_of_something_else_is_not_ours() -> None:
    assert read_rollout(service("True", observed=2), None, DEPLOYMENT) is None, "the controller has not seen our change yet"
    assert read_rollout(service("True", deployment=str(uuid4())), None, DEPLOYMENT) is None, "another deployment's"
    assert read_rollout(service("Unknown"), None, DEPLOYMENT) is None
    older = service("True")
    older["status"] |= {"latestReadyRevisionName": "hello-00002", "latestCreatedRevisionName": "hello-00003"}
    assert read_rollout(older, None, DEPLOYMENT) is None, "it is the revision before that is ready"
    assert read_rollout({**service("True"), "status": {}}, None, DEPLOYMENT) is None


@pytest.mark.parametrize(
    ("newest", "reason", "word"),
    [
        (revision("ContainerHealthy", "ExitCode1", "Traceback: no module named x"), "exits-at-start", "no module named x"),
        (revision("ContainerHealthy", "ExitCode137"), "out-of-memory", "memory"),
        (revision("ResourcesAvailable", "ProgressDeadlineExceeded", "Initial scale was never achieved"), "never-listens", "$PORT"),
        (revision("ContainerHealthy", "ContainerMissing", "no such image"), "not-ready", "no such image"),
        (revision("ResourcesAvailable", "ImagePullBackOff", 'image "x@sha256:0" is no longer kept on this machine.'), "image-not-kept", "again"),
        (revision("ResourcesAvailable", "ImagePullBackOff", "manifest unknown: manifest unknown"), "image-not-kept", "Deploy its commit again"),
        (revision("ResourcesAvailable", "ImagePullBackOff", "unauthorized: authentication required"), "not-ready", "unauthorized"),
        (revision("ContainerHealthy", "ExitCode1", "file not found"), "exits-at-start", "file not found"),
        (None, "not-ready", "Configuration"),
    ],
)
def test_a_service_that_is_not_ready_has_a_clear_reason(newest: dict[str, Any] | None, reason: str, word: str) -> None:
    seen = read_rollout(service("False", reason="RevisionFailed", message="Configuration does not have any ready Revision"), newest, DEPLOYMENT)
    assert isinstance(seen, NotServing)
    assert seen.reason == reason
    assert word in seen.detail


def test_a_pinned_revision_serves_even_if_the_newest_comes_to_nothing() -> None:
    def seen(status: str, revision: str = "hello-00001", routed: str = "True") -> object:
        found = service(status, reason="RevisionFailed")
        found["status"] |= {"traffic": [{"revisionName": revision, "percent": 100}, {"revisionName": "hello-00002", "tag": "x"}]}
        found["status"]["conditions"].append({"type": "RoutesReady", "status": routed})
        return read_rollout(found, None, DEPLOYMENT, "hello-00001")

    assert seen("False") == Serving("http://hello-staging.localhost:7080", "hello-00001")
    assert isinstance(seen("False", revision="hello-00002"), NotServing), "another has the traffic"
    assert isinstance(seen("False", routed="False"), NotServing), "the Route does not have it yet"
    assert seen("Unknown") is None, "the newest may still become ready"
