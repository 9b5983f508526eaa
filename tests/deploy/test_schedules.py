"""Schedules: CronJobs in the cluster, and the history of their runs here."""

from datetime import timedelta
from typing import Any

import pytest

from events.workloads import ScheduledRunFailed, ScheduledRunMissed, ScheduledRunSucceeded
from functions.deploy.commands.change_schedule import ChangeSchedule
from functions.deploy.commands.create_schedule import CreateSchedule
from functions.deploy.commands.delete_schedule import DeleteSchedule
from functions.deploy.commands.run_schedule import RunSchedule
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.rejections import NothingReleased
from functions.deploy.domain.run_views import RunView
from functions.deploy.domain.schedule_views import ScheduleAccepted
from functions.deploy.domain.workload_rejections import InvalidSchedule, ScheduleNotFound
from functions.deploy.queries.operation import ShowOperation
from functions.deploy.queries.schedule_runs import ListScheduleRuns
from functions.deploy.queries.schedules import ListSchedules
from tests.deploy.deploy_capsule import IMAGE, OTHER_IMAGE, OWNER, DeployCapsule


async def create(capsule: DeployCapsule, serving: Deployment, **settings: Any) -> ScheduleAccepted:
    fields = {"cron": "*/5 * * * *", "command": "python manage.py nightly", **settings}
    request = CreateSchedule(application_id=serving.application_id, environment="staging", **fields)
    created: ScheduleAccepted = await capsule.call(request, caller=OWNER)
    await capsule.settle()
    return created


def cron_job(capsule: DeployCapsule, serving: Deployment) -> Any:
    found = [each for (kind, namespace, _), each in capsule.cluster.objects.items() if (kind, namespace) == ("CronJob", serving.namespace)]
    return found[0] if found else None


async def start_job(capsule: DeployCapsule, serving: Deployment) -> str:
    """The cluster starts the Job of the present minute."""
    manifest = cron_job(capsule, serving)
    name = f"{manifest['metadata']['name']}-{int(capsule.clock.now().timestamp()) // 60}"
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": serving.namespace}, "spec": {}}
    await capsule.cluster.apply(job)
    await capsule.update_object("Job", serving.namespace, name)
    return name


async def end_job(capsule: DeployCapsule, serving: Deployment, name: str, code: int = 0) -> None:
    capsule.cluster.job_ended(serving.namespace, name, None, code=code)
    await capsule.update_object("Job", serving.namespace, name)


async def history(capsule: DeployCapsule, created: ScheduleAccepted, serving: Deployment) -> list[RunView]:
    request = ListScheduleRuns(application_id=serving.application_id, schedule_id=created.id)
    items: list[RunView] = (await capsule.call(request, caller=OWNER)).items
    return items


async def change(capsule: DeployCapsule, created: ScheduleAccepted, serving: Deployment, **settings: Any) -> ScheduleAccepted:
    request = ChangeSchedule(application_id=serving.application_id, schedule_id=created.id, **settings)
    changed: ScheduleAccepted = await capsule.call(request, caller=OWNER)
    await capsule.settle()
    return changed


async def test_a_schedule_is_a_cron_job_with_the_release_that_serves(capsule: DeployCapsule) -> None:
    serving = await capsule.first_release()
    created = await create(capsule, serving, time_zone="Europe/Berlin", overlap="replace", timeout_seconds=600, stop_seconds=90)
    spec = cron_job(capsule, serving)["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"], spec["suspend"]) == ("*/5 * * * *", "Europe/Berlin", "Replace", False)
    job = spec["jobTemplate"]["spec"]
    (container,) = job["template"]["spec"]["containers"]
    assert (container["image"], container["command"][-1], job["activeDeadlineSeconds"]) == (IMAGE, "python manage.py nightly", 600)
    assert job["template"]["spec"]["terminationGracePeriodSeconds"] == created.stop_seconds == 90
    operation = await capsule.call(ShowOperation(operation_id=created.operation_id), caller=OWNER)
    assert (operation.kind, operation.state) == ("schedule", "succeeded")

    accepted = await capsule.deploy(serving.application_id)
    await capsule.complete(accepted.id, OTHER_IMAGE)
    (container,) = cron_job(capsule, serving)["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == OTHER_IMAGE, "a new release replaces the image of the next run"


async def test_its_runs_have_a_history_with_exit_codes(capsule: DeployCapsule) -> None:
    serving = await capsule.first_release()
    created = await create(capsule, serving)
    first = await start_job(capsule, serving)
    assert [each.status for each in await history(capsule, created, serving)] == ["running"]
    await end_job(capsule, serving, first)
    await end_job(capsule, serving, first)
    await capsule.advance(seconds=300)
    await end_job(capsule, serving, await start_job(capsule, serving), code=3)
    runs = await history(capsule, created, serving)
    assert [(each.status, each.exit_code, each.log_id) for each in runs] == [("failed", 3, created.id), ("succeeded", 0, created.id)]
    assert all(each.scheduled_at is not None for each in runs)
    assert [each.run_id for each in capsule.events(ScheduledRunSucceeded)] == [runs[1].id], "a repeated event about a Job publishes nothing"
    assert [each.exit_code for each in capsule.events(ScheduledRunFailed)] == [3]
    (view,) = (await capsule.call(ListSchedules(application_id=serving.application_id), caller=OWNER)).items
    assert view.last_run is not None and view.last_run.exit_code == 3


async def test_a_run_that_is_replaced_ends(capsule: DeployCapsule) -> None:
    serving = await capsule.first_release()
    created = await create(capsule, serving, overlap="replace")
    await start_job(capsule, serving)
    await capsule.advance(seconds=300)
    await start_job(capsule, serving)
    runs = await history(capsule, created, serving)
    assert [(each.status, each.detail) for each in runs] == [("running", None), ("failed", "It was replaced by the next run.")]


async def test_run_now_is_a_run_of_its_history(capsule: DeployCapsule) -> None:
    serving = await capsule.first_release()
    created = await create(capsule, serving)
    accepted = await capsule.call(RunSchedule(application_id=serving.application_id, schedule_id=created.id), caller=OWNER)
    await capsule.settle()
    job = capsule.cluster.objects["Job", serving.namespace, f"run-{accepted.id.hex[-12:]}"]
    assert job["spec"]["template"]["spec"]["containers"][0]["command"][-1] == "python manage.py nightly"
    env = {each["name"]: each.get("value") for each in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["CAPSULE_RELEASE"] == "r1", "as at its time"
    (run,) = await history(capsule, created, serving)
    assert (run.id, run.scheduled_at, run.log_id) == (accepted.id, None, accepted.id)


async def test_pause_and_resume(capsule: DeployCapsule) -> None:
    serving = await capsule.first_release()
    created = await create(capsule, serving)
    paused = await change(capsule, created, serving, is_paused=True)
    assert paused.next_at is None and cron_job(capsule, serving)["spec"]["suspend"] is True
    await capsule.advance(seconds=3600)
    await capsule.housekeeping()
    assert not capsule.events(ScheduledRunMissed)
    resumed = await change(capsule, created, serving, is_paused=False)
    assert resumed.next_at is not None and cron_job(capsule, serving)["spec"]["suspend"] is False


async def test_a_run_that_does_not_come_is_reported_once(capsule: DeployCapsule) -> None:
    serving = await capsule.first_release()
    await create(capsule, serving, cron="0 * * * *")
    await capsule.advance(seconds=3600 + 16 * 60)
    await capsule.housekeeping()
    await capsule.housekeeping()
    (missed,) = capsule.events(ScheduledRunMissed)
    assert missed.at - missed.expected_at >= timedelta(minutes=15)


async def test_a_stopped_environment_runs_no_schedule_and_misses_none(capsule: DeployCapsule) -> None:
    serving = await capsule.first_release()
    await create(capsule, serving)
    await capsule.stop(serving.application_id)
    await capsule.settle()
    assert cron_job(capsule, serving)["spec"]["suspend"] is True
    await capsule.advance(seconds=3600)
    await capsule.housekeeping()
    assert not capsule.events(ScheduledRunMissed)


async def test_a_deleted_schedule_leaves_the_cluster_and_ends_its_run(capsule: DeployCapsule) -> None:
    serving = await capsule.first_release()
    created = await create(capsule, serving)
    await start_job(capsule, serving)
    await capsule.call(DeleteSchedule(application_id=serving.application_id, schedule_id=created.id), caller=OWNER)
    await capsule.settle()
    assert cron_job(capsule, serving) is None
    with pytest.raises(ScheduleNotFound):
        await history(capsule, created, serving)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cron": "0 3 * *"}, "has 4 fields"),
        ({"cron": "61 3 * * *"}, "minute"),
        ({"cron": "TZ=UTC 0 3 * * *"}, "timeZone"),
        ({"cron": "0 0 30 2 *"}, "no time within five years"),
        ({"time_zone": "Mars/Olympus"}, "Europe/Berlin"),
        ({"time_zone": "america/new_york"}, "America/New_York"),
        ({"time_zone": "localtime"}, "Europe/Berlin"),
        ({"time_zone": "right/UTC"}, "Europe/Berlin"),
        ({"command": " "}, "use 1–4000"),
        ({"timeout_seconds": 1}, "use 10–86400"),
    ],
)
async def test_an_invalid_schedule_is_refused(capsule: DeployCapsule, settings: Any, message: str) -> None:
    serving = await capsule.first_release()
    with pytest.raises(InvalidSchedule, match=message):
        await create(capsule, serving, **settings)


async def test_an_expression_is_stored_in_one_line(capsule: DeployCapsule) -> None:
    assert (await create(capsule, await capsule.first_release(), cron=" 0\n3\t* * * ")).cron == "0 3 * * *"


async def test_it_needs_a_release(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    with pytest.raises(NothingReleased):
        await capsule.call(CreateSchedule(application_id=application.id, environment="staging", cron="@daily", command="x"), caller=OWNER)
