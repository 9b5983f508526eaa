"""What pods show before their Job or Service does: images that cannot be pulled, processes that exit at their start, steps of a build."""

import json
from typing import Any

import pytest

from functions.deploy.domain.cluster_readings import read_build_job, read_release_job
from functions.deploy.domain.observation import BuildJobFailed, ReleasePhaseFailed, ServiceFailed
from functions.deploy.domain.pod_readings import read_start

PLATFORM = "registry.example.com/capsule:0.2.0"
MISSING = f'Back-off pulling image "{PLATFORM}": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "{PLATFORM}": {{}}'
FAILED = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "limit"}]}


def pod(kind: str = "containerStatuses", /, **container: Any) -> dict[str, Any]:
    return {"status": {"phase": "Running", kind: [{"name": "web", "image": PLATFORM, "ready": False, **container}]}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def test_a_build_that_cannot_pull_an_image_names_image_and_step() -> None:
    state = waiting("ImagePullBackOff", MISSING.format("failed to resolve image: 401 Unauthorized"))
    pods = [pod("initContainerStatuses", name="clone", state=state)]
    assert read_build_job({"status": {"active": 1}}, pods) == BuildJobFailed(
        "image-not-pulled", f'The image {PLATFORM} of the build\'s step "clone" cannot be pulled: 401 Unauthorized'
    )


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing", "CrashLoopBackOff"])
def test_a_build_that_is_starting_has_no_outcome(reason: str) -> None:
    assert read_build_job({"status": {"active": 1}}, [pod(state=waiting(reason))]) is None


def test_a_release_phase_that_cannot_pull_its_image_fails() -> None:
    gone = [pod(state=waiting("ErrImagePull", MISSING.format("not found")))]
    refused = [pod(state=waiting("ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout"))]
    assert read_release_job({"status": {}}, gone) == ReleasePhaseFailed(
        "The image of this release is no longer stored. Deploy its commit again to rebuild it.", "image-not-kept"
    )
    assert read_release_job({"status": {}}, refused) == ReleasePhaseFailed(
        f"The image {PLATFORM} cannot be pulled: dial tcp 10.0.0.1:443: i/o timeout", "image-not-pulled"
    )


@pytest.mark.parametrize("is_restarting", [False, True])
def test_a_process_that_exits_at_its_start_fails_at_once(is_restarting: bool) -> None:
    terminated = {"terminated": {"exitCode": 1, "reason": "Error", "message": "KeyError: 'DATABASE_URL'"}}
    states = {"state": waiting("CrashLoopBackOff"), "lastState": terminated} if is_restarting else {"state": terminated}
    assert read_start([pod(**states)]) == ServiceFailed(
        "exits-at-start", "Process exited with code 1 before listening on $PORT: KeyError: 'DATABASE_URL'"
    )


def test_a_process_that_needs_too_much_memory_at_its_start_fails_with_that_reason() -> None:
    outcome = read_start([pod(state={"terminated": {"exitCode": 137, "reason": "OOMKilled"}})])
    assert outcome is not None and outcome.reason == "out-of-memory"


@pytest.mark.parametrize(
    "healthy",
    [
        pod(state={"running": {}}),
        pod(state={"running": {}}, ready=True, lastState={"terminated": {"exitCode": 1}}),
        pod(name="queue-proxy", state={"terminated": {"exitCode": 1}}),
        pod(state={"terminated": {"exitCode": 143}}) | {"metadata": {"deletionTimestamp": "2026-11-30T08:00:00Z"}},
        {"status": {"phase": "Failed", "reason": "Evicted", "containerStatuses": [{"name": "web", "state": {"terminated": {"exitCode": 137}}}]}},
        {"status": {"phase": "Pending"}},
    ],
    ids=["starting", "ready after a restart", "sidecar", "deleted by the cluster", "evicted", "not scheduled"],
)
def test_an_instance_that_may_still_serve_is_no_failure(healthy: dict[str, Any]) -> None:
    assert read_start([healthy]) is None


def step(name: str, code: int, message: str | None = None, *, reason: str = "Error") -> dict[str, Any]:
    terminated = {"exitCode": code, "reason": reason, "finishedAt": "2026-11-30T08:00:00Z", **({"message": message} if message else {})}
    return pod("initContainerStatuses", name=name, state={"terminated": terminated})


@pytest.mark.parametrize(
    ("ended", "reason", "detail"),
    [
        (
            step("detect", 20, "ERROR: No buildpack groups passed detection."),
            "not-recognized",
            'The step "detect" of the build exited with code 20: ERROR: No buildpack groups passed detection.',
        ),
        (
            step("buildpacks", 51, "Collecting flsk\nERROR: No matching distribution found for flsk==1\nERROR: failed to build: exit status 1"),
            "build-failed",
            'The step "buildpacks" of the build exited with code 51: ERROR: No matching distribution found for flsk==1',
        ),
        (step("export", 62), "build-failed", 'The step "export" of the build exited with code 62.'),
        (step("buildpacks", 137, "x", reason="OOMKilled"), "out-of-memory", "The build needed more memory than its limit. x"),
    ],
)
def test_a_step_that_reports_nothing_itself_fails_the_build_once_with_its_output(ended: dict[str, Any], reason: str, detail: str) -> None:
    assert read_build_job({"status": FAILED}, [ended]) == BuildJobFailed(reason, detail)


@pytest.mark.parametrize("ended", [step("buildpacks", 143, "Installing"), step("build", 137)])
def test_a_build_that_its_node_ended_is_built_again(ended: dict[str, Any]) -> None:
    outcome = read_build_job({"status": FAILED}, [ended])
    assert isinstance(outcome, BuildJobFailed) and outcome.is_interrupted


def test_a_builder_that_fails_without_a_report_is_not_started_again() -> None:
    outcome = read_build_job({"status": FAILED}, [step("build", 1)])
    assert outcome == BuildJobFailed("build-failed", "The build was stopped before it reported a result: limit.")


def test_only_the_clone_names_host_keys_and_the_commit_of_a_failed_step() -> None:
    key = "git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    message = {"commit": "1" * 40, "hostKeys": key}
    cloned = step("clone", 0, json.dumps(message))
    forged = step("buildpacks", 51, json.dumps({"commit": "2" * 40, "hostKeys": key.replace("git.", "other.")}))
    outcome = read_build_job({"status": FAILED}, [cloned, forged])
    assert isinstance(outcome, BuildJobFailed)
    assert (outcome.commit, [each.names for each in outcome.host_keys]) == ("1" * 40, ["git.example.com"])
