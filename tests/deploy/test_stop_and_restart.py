"""Restart, stop and start an environment, and what runs in it."""

from typing import Any

import pytest

from events.deploy import EnvironmentStopped
from functions.deploy.domain.instances import InstanceState, read_instances_of
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import (
    ApplicationNotFound,
    DeploymentInProgress,
    EnvironmentIsStopped,
    EnvironmentNotFound,
    EnvironmentNotStopped,
    NothingReleased,
)
from functions.deploy.queries.application import ShowApplication
from functions.deploy.queries.instances import ListInstances
from tests.deploy.deploy_capsule import OWNER, STRANGER, DeployCapsule

STOPPED, VISIBILITY = "capsule.dev/stopped", "networking.knative.dev/visibility"


async def summary(capsule: DeployCapsule, application_id: Any) -> str:
    view = await capsule.call(ShowApplication(application_id=application_id), caller=OWNER)
    return str(view.environments[0].summary)


async def test_a_restart_deploys_the_release_that_serves_without_build_and_release_phase(capsule: DeployCapsule) -> None:
    application = await capsule.create(release_command="migrate")
    first = await capsule.release(application.id)
    accepted = await capsule.restart(application.id)
    restarted = await capsule.complete(accepted.id)
    assert (restarted.cause, restarted.status, restarted.release) == ("restart", "succeeded", first.release)
    assert not {"building", "preparing"} & {str(each.step) for each in restarted.steps}
    assert capsule.service(restarted)["spec"]["template"]["metadata"]["labels"]["capsule.dev/deployment"] == str(restarted.id)


async def test_a_stop_reaches_the_cluster_although_the_application_has_another_owner_by_then(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    await capsule.stop(serving.application_id)
    application = await capsule.applications.lock_any(serving.application_id)
    await capsule.quotas.grant(Quota.default(STRANGER.user_id, capsule.clock.now()))
    application.transfer(STRANGER.user_id, capsule.clock.now())
    await capsule.applications.transfer(application, OWNER.user_id)
    assert STOPPED not in capsule.service(serving)["metadata"].get("annotations", {})
    await capsule.settle()
    assert capsule.service(serving)["metadata"]["annotations"][STOPPED] == "true"


async def test_a_stopped_environment_has_no_address_and_starts_again_with_its_release(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    stopped = await capsule.stop(serving.application_id)
    assert (stopped.release, stopped.stopped_at) == (1, capsule.clock.now())
    await capsule.settle()
    metadata = capsule.service(serving)["metadata"]
    assert metadata["annotations"][STOPPED] == "true" and metadata["labels"][VISIBILITY] == "cluster-local"
    assert metadata["generation"] == 1, "the template is the same: no revision starts"
    assert await summary(capsule, serving.application_id) == "r1 stopped"

    accepted = await capsule.start(serving.application_id)
    started = await capsule.complete(accepted.id)
    assert (started.cause, started.status, started.release) == ("start", "succeeded", 1)
    metadata = capsule.service(started)["metadata"]
    assert STOPPED not in metadata.get("annotations", {}) and VISIBILITY not in metadata["labels"]
    assert await summary(capsule, serving.application_id) == "r1 serving"


async def test_a_stopped_environment_with_minimum_instances_scales_to_zero(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await capsule.scale(application.id, min_scale=1)
    serving = await capsule.release(application.id)
    await capsule.stop(application.id)
    await capsule.settle()
    annotations = capsule.service(serving)["spec"]["template"]["metadata"]["annotations"]
    assert annotations["autoscaling.knative.dev/min-scale"] == "0"


async def test_stopping_twice_publishes_one_event(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    first = await capsule.stop(serving.application_id)
    await capsule.advance(minutes=1)
    assert await capsule.stop(serving.application_id) == first
    assert len(capsule.events(EnvironmentStopped)) == 1


async def test_a_stopped_environment_refuses_deployments_and_takes_settings(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    await capsule.stop(serving.application_id)
    await capsule.settle()
    for refused in (capsule.deploy, capsule.restart):
        with pytest.raises(EnvironmentIsStopped, match="Environment staging of hello is stopped"):
            await refused(serving.application_id)
    assert (await capsule.configure(serving.application_id, variables={"MODE": "new"})).deployments == []
    assert (await capsule.scale(serving.application_id, memory_mib=256)).deployment is None
    started = await capsule.complete((await capsule.start(serving.application_id)).id)
    assert (started.release, started.terms.size.memory_mib) == (2, 256)
    (container,) = capsule.service(started)["spec"]["template"]["spec"]["containers"]
    assert {"name": "MODE", "value": "new"} in container["env"]


async def test_a_late_stop_does_not_stop_what_was_started_again(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    await capsule.stop(serving.application_id)
    (event,) = capsule.events(EnvironmentStopped)
    await capsule.settle()
    started = await capsule.complete((await capsule.start(serving.application_id)).id)
    await capsule.publish(event)
    assert STOPPED not in capsule.service(started)["metadata"].get("annotations", {})


async def test_what_cannot_be_stopped_restarted_or_started(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    for command in (capsule.restart, capsule.stop):
        with pytest.raises(NothingReleased):
            await command(application.id)
        with pytest.raises(EnvironmentNotFound):
            await command(application.id, "qa")
    await capsule.release(application.id)
    with pytest.raises(EnvironmentNotStopped, match="Environment staging of hello is not stopped"):
        await capsule.start(application.id)
    await capsule.deploy(application.id)
    for command in (capsule.restart, capsule.stop):
        with pytest.raises(DeploymentInProgress):
            await command(application.id)


async def test_instances_of_a_service_are_listed_to_the_owner(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    capsule.cluster.run_instances(serving.namespace, serving.service, pod("b", 2, ready=True), pod("a", 1, restarts=3, code=1))
    page = await capsule.call(ListInstances(application_id=serving.application_id), caller=OWNER)
    (staging,) = page.items
    assert (staging.name, staging.release, staging.memory_mib) == ("staging", 1, 512)
    assert [(each.name, each.state, each.restarts, each.last_exit_code) for each in staging.instances] == [
        ("a", "crashed", 3, 1),
        ("b", "ready", 0, None),
    ]
    with pytest.raises(ApplicationNotFound):
        await capsule.call(ListInstances(application_id=serving.application_id), caller=STRANGER)
    with pytest.raises(EnvironmentNotFound):
        await capsule.call(ListInstances(application_id=serving.application_id, environment="qa"), caller=OWNER)


def pod(name: str, minute: int, *, ready: bool = False, restarts: int = 0, code: int | None = None, **metadata: Any) -> dict[str, Any]:
    waiting = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": code}}} if code is not None else {}
    container = {"name": "web", "ready": ready, "restartCount": restarts, **waiting}
    created = {"name": name, "creationTimestamp": f"2026-11-29T01:{minute:02}:00Z", **metadata}
    return {"metadata": created, "status": {"phase": "Running", "containerStatuses": [{"name": "queue-proxy", "ready": True}, container]}}


def test_states_of_instances() -> None:
    ended = pod("gone", 1)
    ended["status"]["phase"] = "Succeeded"
    pods = [pod("s", 1), pod("d", 2, ready=True, deletionTimestamp="2026-11-29T01:03:00Z"), {"metadata": pod("n", 3)["metadata"]}, ended]
    assert [each.state for each in read_instances_of(pods)] == [InstanceState.STARTING, InstanceState.STOPPING, InstanceState.STARTING]
