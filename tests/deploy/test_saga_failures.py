"""A deployment when the cluster is unavailable, messages are lost or time runs out."""

import pytest

from events.deployments import BuildFailed, DeploymentRequested
from functions.deploy.domain.deployment import DeploymentTimedOut
from tests.deploy.deploy_capsule import COMMIT, IMAGE, DeployCapsule

REPORT = f'{{"image": "{IMAGE}", "commit": "{COMMIT}", "kind": "python"}}'


async def test_updates_of_unknown_objects_call_no_cluster(capsule: DeployCapsule) -> None:
    capsule.cluster.is_unavailable = True
    await capsule.update_object("Job", "app-hello", "build-000000000000-1")
    await capsule.update_object("Service", "capsule", "gateway")
    assert not capsule.reminders() and not capsule.dead_letters, "a call would have failed and been scheduled again"


async def test_a_call_to_an_unavailable_cluster_is_retried(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await capsule.deploy(application.id)
    capsule.cluster.is_unavailable = True
    await capsule.settle()
    assert (await capsule.deployments.get(accepted.id)).status == "requested"
    assert DeploymentRequested in [type(event) for _, event in capsule.reminders()]
    capsule.cluster.is_unavailable = False
    await capsule.advance(seconds=30)
    assert (await capsule.deployments.get(accepted.id)).status == "building"


async def test_a_refusal_of_the_cluster_ends_the_deployment(capsule: DeployCapsule) -> None:
    capsule.cluster.refusal = "exceeded quota"
    failed = await capsule.start_build()
    assert (failed.status, failed.reason, failed.detail) == ("failed", "cluster-refused", "exceeded quota")


@pytest.mark.parametrize("step", ["preparing", "releasing"])
async def test_a_refusal_of_a_release_ends_the_deployment(capsule: DeployCapsule, step: str) -> None:
    application = await capsule.create()
    if step == "preparing":
        await capsule.change(application.id, release_command="python migrate.py")
    accepted = await capsule.deploy(application.id)
    await capsule.settle()
    building = await capsule.deployments.get(accepted.id)
    capsule.cluster.refusal = "exceeded quota"
    failed = await capsule.succeed_build(building)
    assert (failed.status, failed.reason, failed.detail) == ("failed", "cluster-refused", "exceeded quota")
    assert failed.steps[-1].step == step


async def test_a_build_without_an_end_times_out_and_its_job_is_deleted(capsule: DeployCapsule) -> None:
    building = await capsule.start_build()
    await capsule.advance(minutes=19)
    assert (await capsule.deployments.get(building.id)).is_running
    await capsule.advance(minutes=2)
    failed = await capsule.deployments.get(building.id)
    assert (failed.status, failed.reason) == ("failed", "timed-out")
    assert ("Job", building.namespace, building.build_job) not in capsule.cluster.objects


async def test_a_reminder_replaces_a_lost_cluster_event(capsule: DeployCapsule) -> None:
    building = await capsule.start_build()
    capsule.cluster.job_ended(building.namespace, building.build_job, REPORT)  # its event is lost
    await capsule.advance(minutes=1)
    assert (await capsule.deployments.get(building.id)).status == "releasing"


async def test_an_outdated_reminder_is_ignored(capsule: DeployCapsule) -> None:
    building = await capsule.start_build()
    releasing = await capsule.succeed_build(building)
    await capsule.publish(DeploymentTimedOut(deployment_id=building.id, deployment_version=building.version))
    assert (await capsule.deployments.get(building.id)).version == releasing.version


async def test_housekeeping_resumes_a_deployment_after_lost_messages(capsule: DeployCapsule) -> None:
    """Lost are the build's event and reminder, then the event that applies the Service, then the Service's event."""
    building = await capsule.start_build()
    capsule.lose_messages()
    capsule.cluster.job_ended(building.namespace, building.build_job, REPORT)
    await capsule.advance(minutes=3)
    await capsule.housekeeping()
    await capsule.advance(seconds=5)
    releasing = await capsule.deployments.get(building.id)
    assert releasing.status == "releasing"

    capsule.lose_messages()
    del capsule.cluster.objects[("Service", releasing.namespace, releasing.service)]
    await capsule.advance(minutes=3)
    await capsule.housekeeping()
    await capsule.advance(seconds=5)
    assert capsule.service(releasing) is not None

    capsule.lose_messages()
    capsule.cluster.service_became(releasing.namespace, releasing.service, "True")
    await capsule.advance(minutes=3)
    await capsule.housekeeping()
    await capsule.advance(seconds=5)
    observing = await capsule.deployments.get(building.id)
    assert observing.status == "observing"

    capsule.lose_messages()
    await capsule.advance(minutes=3)
    await capsule.housekeeping()
    await capsule.report_no_requests(observing)
    await capsule.advance(seconds=5)
    assert (await capsule.deployments.get(building.id)).status == "succeeded"


async def test_housekeeping_starts_a_deployment_whose_request_was_lost(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await capsule.deploy(application.id)
    capsule.lose_messages()
    await capsule.advance(minutes=3)
    await capsule.housekeeping()
    await capsule.advance(seconds=5)
    assert (await capsule.deployments.get(accepted.id)).status == "building"


async def test_housekeeping_ignores_ended_deployments(capsule: DeployCapsule) -> None:
    await capsule.first_release()
    await capsule.advance(hours=1)
    capsule.lose_messages()
    await capsule.housekeeping()
    assert not capsule.reminders()


async def test_housekeeping_ends_a_deployment_whose_time_is_over(capsule: DeployCapsule) -> None:
    building = await capsule.start_build()
    capsule.lose_messages()
    await capsule.advance(hours=1)
    await capsule.housekeeping()
    await capsule.advance(seconds=5)
    failed = await capsule.deployments.get(building.id)
    assert (failed.status, failed.reason) == ("failed", "timed-out")
    assert ("Job", building.namespace, building.build_job) not in capsule.cluster.objects


async def test_a_slow_start_has_the_time_of_its_progress_deadline_and_what_the_cluster_needs() -> None:
    capsule = DeployCapsule(settings={"CAPSULE_READY_SECONDS": "900"})
    releasing = await capsule.succeed_build(await capsule.start_build())
    await capsule.advance(minutes=17)
    assert (await capsule.deployments.get(releasing.id)).status == "releasing", "15 minutes are its own, the rest is the cluster's"
    succeeded = await capsule.become_ready(releasing)
    assert succeeded.status == "observing"


async def test_a_release_without_an_end_times_out(capsule: DeployCapsule) -> None:
    releasing = await capsule.succeed_build(await capsule.start_build())
    await capsule.advance(minutes=4)
    assert (await capsule.deployments.get(releasing.id)).is_running
    await capsule.advance(minutes=2)
    assert (await capsule.deployments.get(releasing.id)).reason == "timed-out"


async def test_duplicate_reminders_do_not_multiply(capsule: DeployCapsule) -> None:
    building = await capsule.start_build()
    for _ in range(3):
        await capsule.publish(building.reminder())
    await capsule.advance(minutes=3)
    current = await capsule.deployments.get(building.id)
    reminders = [event for _, event in capsule.reminders() if isinstance(event, DeploymentTimedOut)]
    assert [event for event in reminders if event.deployment_version == current.version] == [current.reminder()]
    assert not [event for due, event in capsule.reminders() if due > capsule.clock.now() and event != current.reminder()]


async def test_objects_applied_during_a_deletion_are_deleted(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await capsule.deploy(application.id)
    apply = capsule.cluster.apply

    async def delete_then_apply(*objects: object) -> None:
        await capsule.delete(application.id)
        await capsule.settle()  # the deletion finds no namespace
        await apply(*objects)  # type: ignore[arg-type]

    capsule.cluster.apply = delete_then_apply  # type: ignore[method-assign]
    await capsule.settle()
    assert not capsule.cluster.objects


@pytest.mark.parametrize(("command", "status"), [("cancel", "cancelled"), ("delete_environment", "failed")])
async def test_a_job_applied_during_a_cancellation_is_deleted(capsule: DeployCapsule, command: str, status: str) -> None:
    application = await capsule.create()
    accepted = await capsule.deploy(application.id)
    apply = capsule.cluster.apply

    async def cancel_then_apply(*objects: object) -> None:
        if command == "cancel":
            await capsule.cancel(await capsule.deployments.get(accepted.id))
        else:
            await capsule.delete_environment(application.id, "staging")
        await capsule.settle()  # the clean-up finds no Job
        await apply(*objects)  # type: ignore[arg-type]

    capsule.cluster.apply = cancel_then_apply  # type: ignore[method-assign]
    await capsule.settle()
    assert (await capsule.deployments.get(accepted.id)).status == status
    assert not [key for key in capsule.cluster.objects if key[0] == "Job"]


async def test_a_failed_build_says_whether_its_log_has_the_reason(capsule: DeployCapsule) -> None:
    """The builder writes its own; steps of others, time limits and cancelled builds do not."""
    by_builder = await capsule.fail_build(await capsule.start_build())
    by_step = await capsule.deploy(by_builder.application_id)
    await capsule.settle()
    await capsule.finish_build(await capsule.deployments.get(by_step.id), "ERROR: no buildpack groups passed detection", code=20)
    stopped = await capsule.deploy(by_builder.application_id)
    await capsule.settle()
    await capsule.advance(minutes=21)
    assert [(each.deployment_id, each.is_logged) for each in capsule.events(BuildFailed)] == [
        (by_builder.id, True),
        (by_step.id, False),
        (stopped.id, False),
    ]
