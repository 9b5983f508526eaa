"""Release commands, and deployments that are cancelled: the Job of each ends with it."""

import pytest

from functions.deploy.domain.rejections import DeploymentEnded
from tests.deploy.deploy_capsule import COMMIT, IMAGE, OTHER_IMAGE, DeployCapsule
from tests.deploy.observation import observe_second_release, view_of


async def test_the_release_command_runs_before_the_traffic_with_the_new_image(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await capsule.change(application.id, release_command="python migrate.py", health_path="/healthy")
    await capsule.configure(application.id, secrets={"DATABASE_URL": "postgres://"})
    accepted = await capsule.deploy(application.id)
    await capsule.settle()
    preparing = await capsule.succeed_build(await capsule.deployments.get(accepted.id))
    assert (preparing.status, capsule.service(preparing)) == ("preparing", None)
    job = capsule.cluster.objects["Job", "app-hello", preparing.release_job]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert (container["command"], container["image"]) == (["sh", "-c", "python migrate.py"], IMAGE)
    assert container["env"][0]["valueFrom"]["secretKeyRef"]["key"] == "DATABASE_URL"
    succeeded = await capsule.complete(preparing.id)
    assert (succeeded.status, [step.step for step in succeeded.steps]) == (
        "succeeded",
        ["requested", "building", "preparing", "releasing", "observing"],
    )
    probe = capsule.service(succeeded)["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    assert probe["httpGet"] == {"path": "/healthy", "port": 0}


async def test_a_failed_release_command_ends_the_deployment_with_its_output(capsule: DeployCapsule) -> None:
    good = await capsule.release()
    service = capsule.service(good)
    await capsule.advance(minutes=1)
    accepted = await capsule.deploy(good.application_id)
    await capsule.settle()
    building = await capsule.deployments.get(accepted.id)
    report = {"image": OTHER_IMAGE, "commit": COMMIT, "kind": "python", "release": "python migrate.py"}
    preparing = await capsule.finish_build(building, report)
    assert preparing.status == "preparing", "the Procfile's own command"
    capsule.cluster.job_ended(preparing.namespace, preparing.release_job, "relation users does not exist", code=1)
    await capsule.update_object("Job", preparing.namespace, preparing.release_job)
    failed = await capsule.deployments.get(preparing.id)
    assert (failed.status, failed.reason) == ("failed", "release-phase-failed")
    assert failed.detail == "Release command exited with code 1: relation users does not exist"
    assert capsule.service(good) == service


async def test_cancelling_a_build_deletes_its_job(capsule: DeployCapsule) -> None:
    building = await capsule.start_build()
    await capsule.cancel(building)
    await capsule.settle()
    cancelled = await capsule.deployments.get(building.id)
    assert (cancelled.status, cancelled.reason) == ("cancelled", "cancelled")
    assert ("Job", building.namespace, building.build_job) not in capsule.cluster.objects
    assert (await view_of(capsule, cancelled)).summary == "Deployment was cancelled."
    with pytest.raises(DeploymentEnded):
        await capsule.cancel(cancelled)
    await capsule.release(building.application_id)


async def test_cancelling_a_release_phase_deletes_its_job(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await capsule.change(application.id, release_command="python migrate.py")
    accepted = await capsule.deploy(application.id)
    await capsule.settle()
    preparing = await capsule.succeed_build(await capsule.deployments.get(accepted.id))
    assert ("Job", preparing.namespace, preparing.release_job) in capsule.cluster.objects
    await capsule.cancel(preparing)
    await capsule.settle()
    assert ("Job", preparing.namespace, preparing.release_job) not in capsule.cluster.objects


async def test_cancelling_a_release_with_traffic_rolls_it_back(capsule: DeployCapsule) -> None:
    _, observing = await observe_second_release(capsule)
    await capsule.cancel(observing)
    await capsule.settle()
    with pytest.raises(DeploymentEnded, match="already rolling back to r1"):
        await capsule.cancel(observing)
    rolled_back = await capsule.become_ready(observing)
    assert (rolled_back.status, rolled_back.reason, rolled_back.rolled_back_to) == ("rolled-back", "cancelled", 1)
