"""One-off commands: what their Job gets, how they end, and how many run at once."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.workloads import RunRequested
from functions.deploy.commands.cancel_run import CancelRun
from functions.deploy.commands.start_run import RunAccepted, StartRun
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.rejections import ApplicationNotFound, InvalidCommand, NothingReleased, RunNotFound, TooManyRuns
from functions.deploy.domain.run import JOB_PREFIX
from functions.deploy.domain.run_views import RunView
from functions.deploy.queries.run import ShowRun
from functions.kernel import Caller
from tests.deploy.deploy_capsule import OWNER, STRANGER, DeployCapsule


async def start(capsule: DeployCapsule, application_id: UUID, command: str = "python manage.py migrate") -> RunAccepted:
    accepted: RunAccepted = await capsule.call(StartRun(application_id=application_id, environment="staging", command=command), caller=OWNER)
    await capsule.settle()
    return accepted


async def show(capsule: DeployCapsule, application_id: UUID, run_id: UUID, caller: Caller = OWNER) -> RunView:
    view: RunView = await capsule.call(ShowRun(application_id=application_id, run_id=run_id), caller=caller)
    return view


def job_of(accepted: RunAccepted) -> str:
    return f"{JOB_PREFIX}{accepted.id.hex[-12:]}"


async def end(capsule: DeployCapsule, serving: Deployment, accepted: RunAccepted, **outcome: Any) -> None:
    capsule.cluster.job_ended(serving.namespace, job_of(accepted), None, **outcome)
    await capsule.update_object("Job", serving.namespace, job_of(accepted))


async def test_a_command_runs_with_image_configuration_and_size_of_the_release(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await capsule.configure(application.id, variables={"MODE": "x"}, secrets={"TOKEN": "s3cret"})
    await capsule.scale(application.id, memory_mib=256)
    serving = await capsule.release(application.id)
    accepted = await start(capsule, application.id, "a && b")
    assert (accepted.release, accepted.status) == (1, "running")

    job = capsule.cluster.objects["Job", "app-hello", job_of(accepted)]
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert (labels["capsule.dev/component"], labels["capsule.dev/run"]) == ("run", str(accepted.id))
    assert "capsule.dev/deployment" not in labels
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["sh", "-c", "a && b"]
    assert container["image"] == capsule.service(serving)["spec"]["template"]["spec"]["containers"][0]["image"]
    assert container["resources"]["limits"]["memory"] == "256Mi"
    secret = container["env"][1]["valueFrom"]["secretKeyRef"]["name"]
    assert container["env"][0] == {"name": "MODE", "value": "x"} and ("Secret", "app-hello", secret) in capsule.cluster.objects
    assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (0, 3600)


@pytest.mark.parametrize(("code", "status"), [(0, "succeeded"), (3, "failed")])
async def test_the_exit_code_is_recorded_when_the_job_ends(capsule: DeployCapsule, code: int, status: str) -> None:
    serving = await capsule.release()
    accepted = await start(capsule, serving.application_id)
    assert (await show(capsule, serving.application_id, accepted.id)).status == "running"
    await end(capsule, serving, accepted, code=code)
    del capsule.cluster.objects["Job", "app-hello", job_of(accepted)]  # as Kubernetes does an hour later
    ended = await show(capsule, serving.application_id, accepted.id)
    assert (ended.status, ended.exit_code, ended.finished_at) == (status, code, capsule.clock.now())


async def test_a_lost_event_does_not_hide_the_end(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await start(capsule, serving.application_id)
    capsule.cluster.job_ended(serving.namespace, job_of(accepted), None, code=137)
    assert (await show(capsule, serving.application_id, accepted.id)).exit_code == 137


async def test_a_command_that_exceeds_its_time_has_no_exit_code(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await start(capsule, serving.application_id)
    await end(capsule, serving, accepted, reason="DeadlineExceeded")
    ended = await show(capsule, serving.application_id, accepted.id)
    assert (ended.status, ended.exit_code, ended.detail) == ("failed", None, "The command was stopped after 60 minutes.")


async def test_cancelling_deletes_the_job(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await start(capsule, serving.application_id)
    for _ in range(2):
        cancelled = await capsule.call(CancelRun(application_id=serving.application_id, run_id=accepted.id), caller=OWNER)
        assert cancelled.status == "cancelled"
    await capsule.settle()
    assert ("Job", "app-hello", job_of(accepted)) not in capsule.cluster.objects
    (event,) = capsule.events(RunRequested)
    await capsule.publish(event)
    assert ("Job", "app-hello", job_of(accepted)) not in capsule.cluster.objects


async def test_an_ended_command_is_not_cancelled(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await start(capsule, serving.application_id)
    await end(capsule, serving, accepted)
    assert (await capsule.call(CancelRun(application_id=serving.application_id, run_id=accepted.id), caller=OWNER)).status == "succeeded"


async def test_a_refusal_of_the_cluster_is_the_result(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    capsule.cluster.refusal = "quota exceeded"
    accepted = await start(capsule, serving.application_id)
    ended = await show(capsule, serving.application_id, accepted.id)
    assert (ended.status, ended.detail) == ("failed", "The cluster refused it: quota exceeded")


async def test_three_commands_run_at_once(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = [await start(capsule, serving.application_id) for _ in range(3)]
    with pytest.raises(TooManyRuns, match="3 one-off commands of hello run already"):
        await start(capsule, serving.application_id)
    await end(capsule, serving, accepted[0])
    await start(capsule, serving.application_id)
    await capsule.advance(minutes=61)
    await start(capsule, serving.application_id)


async def test_what_cannot_run(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    with pytest.raises(NothingReleased):
        await start(capsule, application.id)
    await capsule.release(application.id)
    for command in ("", " ", "a\x00b", "x" * 4001):
        with pytest.raises(InvalidCommand):
            await start(capsule, application.id, command)
    accepted = await start(capsule, application.id)
    with pytest.raises(ApplicationNotFound):
        await show(capsule, application.id, accepted.id, STRANGER)
    with pytest.raises(RunNotFound):
        await show(capsule, application.id, uuid4())


async def test_old_commands_are_deleted(capsule: DeployCapsule) -> None:
    serving = await capsule.release()
    accepted = await start(capsule, serving.application_id)
    await capsule.advance(until=capsule.clock.now() + timedelta(days=31))
    await capsule.housekeeping()
    with pytest.raises(RunNotFound):
        await show(capsule, serving.application_id, accepted.id)
