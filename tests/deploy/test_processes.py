"""Process types beside web: they follow the release that serves, are scaled without a deployment, and tell when they crash."""

import json
from typing import Any
from uuid import UUID

import pytest

from events.deployments import DeploymentSucceeded
from functions.deploy.commands.scale_processes import ProcessScaleAccepted, ScaleProcesses
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.processes import ProcessSize, ProcessSizes, parse_commands
from functions.deploy.domain.rejections import EnvironmentIsStopped, MemoryQuotaExceeded
from functions.deploy.domain.workload_rejections import InvalidProcesses, UnknownProcess
from functions.deploy.queries.instances import ListInstances, RunningEnvironmentView
from functions.deploy.queries.operation import ShowOperation
from tests.deploy.deploy_capsule import COMMIT, IMAGE, OTHER_IMAGE, OWNER, DeployCapsule

WORKER = {"worker": "celery -A shop worker"}


async def build(capsule: DeployCapsule, deployment_id: UUID, processes: Any = WORKER, image: str = IMAGE) -> Deployment:
    """Build and become ready, up to the observation."""
    await capsule.settle()
    report = {"image": image, "commit": COMMIT, "kind": "python", "processes": json.dumps(processes)}
    deployment = await capsule.finish_build(await capsule.deployments.get(deployment_id), report)
    return await capsule.become_ready(deployment)


async def deployed(capsule: DeployCapsule, processes: Any = WORKER) -> Deployment:
    application = await capsule.create()
    accepted = await capsule.deploy(application.id)
    await build(capsule, accepted.id, processes)
    return await capsule.complete(accepted.id)


def worker(capsule: DeployCapsule, deployment: Deployment, name: str = "worker") -> Any:
    return capsule.cluster.objects.get(("Deployment", deployment.namespace, f"{deployment.service}-{name}"))


async def scale(capsule: DeployCapsule, deployment: Deployment, **processes: Any) -> ProcessScaleAccepted:
    request = ScaleProcesses.model_validate(
        {"application_id": deployment.application_id, "environment": deployment.environment, "processes": processes}
    )
    accepted: ProcessScaleAccepted = await capsule.call(request, caller=OWNER)
    return accepted


async def listed(capsule: DeployCapsule, deployment: Deployment) -> RunningEnvironmentView:
    page = await capsule.call(ListInstances(application_id=deployment.application_id), caller=OWNER)
    view: RunningEnvironmentView = page.items[0]
    return view


async def test_a_worker_runs_with_the_release_and_other_types_wait_to_be_scaled(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule, {**WORKER, "clock": "python clock.py"})
    manifest = worker(capsule, serving)
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    assert (manifest["spec"]["replicas"], container["image"], container["command"][-1]) == (1, IMAGE, "celery -A shop worker")
    assert manifest["spec"]["template"]["metadata"]["labels"]["capsule.dev/deployment"] == str(serving.id)
    assert worker(capsule, serving, "clock")["spec"]["replicas"] == 0
    assert await capsule.memory_used_mib() == 1024
    view = await listed(capsule, serving)
    assert [(each.name, each.instances, each.command) for each in view.processes] == [
        ("clock", 0, "python clock.py"),
        ("worker", 1, "celery -A shop worker"),
    ]


async def test_it_starts_when_web_has_taken_the_traffic_and_not_before(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await capsule.deploy(application.id)
    await capsule.settle()
    report = {"image": IMAGE, "commit": COMMIT, "kind": "python", "processes": json.dumps(WORKER)}
    deployment = await capsule.finish_build(await capsule.deployments.get(accepted.id), report)
    assert worker(capsule, deployment) is None
    await capsule.become_ready(deployment)
    assert worker(capsule, deployment) is not None


async def test_scaling_counts_at_once_without_a_deployment_and_its_operation_ends(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    template = worker(capsule, serving)["spec"]["template"]
    accepted = await scale(capsule, serving, worker={"instances": 2, "stop_seconds": 60})
    await capsule.settle()
    manifest = worker(capsule, serving)
    assert manifest["spec"]["replicas"] == 2 and manifest["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 60
    progress = await capsule.call(ShowOperation(operation_id=accepted.operation_id), caller=OWNER)
    assert (progress.kind, progress.state) == ("process-scale", "succeeded")
    await scale(capsule, serving, worker={"instances": 0, "stop_seconds": 30})
    await capsule.settle()
    assert worker(capsule, serving)["spec"]["replicas"] == 0 and worker(capsule, serving)["spec"]["template"] == template, "nothing restarts"
    assert (await capsule.deployments.list_latest(serving.application_id))[0].id == serving.id


async def test_what_does_not_fit_is_refused(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    with pytest.raises(MemoryQuotaExceeded):
        await scale(capsule, serving, worker={"instances": 9})
    with pytest.raises(InvalidProcesses, match="use 0–20"):
        await scale(capsule, serving, worker={"instances": 21})
    with pytest.raises(UnknownProcess, match="capsule scale --min"):
        await scale(capsule, serving, web={"instances": 1})
    with pytest.raises(UnknownProcess, match="process types: worker"):
        await scale(capsule, serving, other={"instances": 1})


async def test_a_worker_without_room_in_the_quota_waits_and_web_serves(capsule: DeployCapsule) -> None:
    await capsule.set_quota(5, 600)
    serving = await deployed(capsule)
    assert serving.status == "succeeded" and worker(capsule, serving)["spec"]["replicas"] == 0
    assert await capsule.memory_used_mib() == 512


async def test_a_release_replaces_the_workers_and_removes_types_that_it_does_not_name(capsule: DeployCapsule) -> None:
    first = await deployed(capsule, {**WORKER, "clock": "python clock.py"})
    accepted = await capsule.deploy(first.application_id)
    await build(capsule, accepted.id, WORKER, OTHER_IMAGE)
    second = await capsule.complete(accepted.id)
    assert worker(capsule, second)["spec"]["template"]["spec"]["containers"][0]["image"] == OTHER_IMAGE
    assert worker(capsule, second, "clock") is None


async def test_a_rollback_takes_the_workers_back(capsule: DeployCapsule) -> None:
    first = await deployed(capsule)
    accepted = await capsule.deploy(first.application_id)
    second = await build(capsule, accepted.id, WORKER, OTHER_IMAGE)
    assert worker(capsule, second)["spec"]["template"]["spec"]["containers"][0]["image"] == OTHER_IMAGE
    capsule.cluster.instance_restarted(second.namespace, second.service, 1)
    await capsule.update_object("Service", second.namespace, second.service)
    assert (await capsule.deployments.get(second.id)).status == "rolling-back"
    assert worker(capsule, second)["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE


async def test_a_worker_that_crashes_is_a_warning_of_the_deployment(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await capsule.deploy(application.id)
    observing = await build(capsule, accepted.id)
    capsule.cluster.process_exited(observing.namespace, f"{observing.service}-worker", 3, "no broker at amqp://queue")
    deployment = await capsule.complete(accepted.id)
    assert (deployment.status, deployment.reason) == ("succeeded", "process-crashes")
    assert deployment.detail == "worker exited with code 3 and is started again: no broker at amqp://queue"
    (event,) = capsule.events(DeploymentSucceeded)
    assert event.warning == deployment.detail
    (process,) = (await listed(capsule, deployment)).processes
    assert [(each.state, each.last_exit_code, each.last_output) for each in process.running] == [("crashed", 3, "no broker at amqp://queue")]


async def test_a_stop_ends_workers_and_a_deleted_environment_has_none(capsule: DeployCapsule) -> None:
    serving = await deployed(capsule)
    await capsule.stop(serving.application_id)
    await capsule.settle()
    assert worker(capsule, serving)["spec"]["replicas"] == 0
    with pytest.raises(EnvironmentIsStopped):
        await scale(capsule, serving, worker={"instances": 2})
    await capsule.delete_environment(serving.application_id, "staging")
    await capsule.settle()
    assert worker(capsule, serving) is None


async def test_a_lost_event_of_the_rollout_does_not_lose_a_later_change(capsule: DeployCapsule) -> None:
    """A refresh applies the state of now: what one event missed comes with the next."""
    serving = await deployed(capsule)
    await scale(capsule, serving, worker={"instances": 2})
    capsule.lose_messages()
    await scale(capsule, serving, worker={"stop_seconds": 5})
    await capsule.settle()
    manifest = worker(capsule, serving)
    assert (manifest["spec"]["replicas"], manifest["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]) == (2, 5)


@pytest.mark.parametrize("text", ["", "[]", "no", '{"web": "x"}', '{"Up": "x"}', '{"worker": ""}', '{"worker": 1}', '{"worker": "a\\nb"}'])
def test_what_a_build_reports_is_not_trusted(text: str) -> None:
    assert parse_commands(text) == {}


def test_new_types_get_their_default_once() -> None:
    sizes = ProcessSizes().introduce(["worker", "clock"])
    assert {name: each.instances for name, each in sizes.by_name.items()} == {"worker": 1, "clock": 0}
    zero = sizes.with_changes({"worker": ProcessSize(0)})
    assert zero.introduce(["worker"]) == zero
    assert ProcessSizes.from_json(sizes.as_json()) == sizes
