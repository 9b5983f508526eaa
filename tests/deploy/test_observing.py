"""What happens around the moment at which a release gets the traffic: what runs before, what is watched after, and how it is taken back."""

import pytest

from events.deploy import DeploymentFailed, DeploymentRolledBack
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.rejections import DeploymentEnded, InvalidSettings
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.queries.deployment import ShowDeployment, ShownDeployment, deployment
from tests.deploy.world import COMMIT, IMAGE, OWNER, World

BAD = IMAGE.replace("a" * 64, "b" * 64)


async def shown(world: World, of: Deployment) -> ShownDeployment:
    return await deployment(ShowDeployment(application_id=of.application_id, deployment_id=of.id), world.applications, world.deployments, OWNER)


async def observed(world: World, image: str = BAD) -> tuple[Deployment, Deployment]:
    """A release that serves in production, and another that has just taken the traffic from it."""
    good = await world.released(environment="production")
    assert good.status == "succeeded"
    world.clock.forward(minutes=1)
    requested = await world.deploy(good.application_id, "production")
    await world.settle()
    found = await world.serving(await world.built(await world.deployments.get(requested.id), image))
    assert found.status == "observing"
    return good, found


async def test_a_release_that_stays_well_succeeds_when_its_time_is_over(world: World) -> None:
    _, found = await observed(world)
    await world.requests(found, 200, 100)
    await world.requests(found, 500, 2)
    await world.requests(found, 500, 2)
    await world.wait(seconds=29)
    assert (await world.deployments.get(found.id)).status == "observing"
    await world.wait(seconds=2)
    done = await world.deployments.get(found.id)
    assert done.status == "succeeded"
    assert [step.step for step in done.steps] == ["requested", "building", "releasing", "observing"]
    assert (done.steps[-1].finished_at or done.requested_at) >= done.steps[-1].started_at


async def test_a_release_that_answers_with_errors_is_rolled_back_and_shown_as_that(world: World) -> None:
    good, found = await observed(world)
    await world.requests(found, 500, 2)
    assert (await world.deployments.get(found.id)).status == "observing", "too few to tell"
    failing = await world.requests(found, 503, 4)
    assert (failing.status, failing.reason, failing.detail) == (
        "rolling-back",
        "failing-requests",
        "6 of the 6 requests that it was given ended with an error of its own (5xx).",
    )
    template = world.service(found)["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == IMAGE
    assert template["metadata"]["labels"]["capsule.dev/deployment"] == str(good.id)

    back = await world.serving(failing)
    assert (back.status, back.rolled_back_to) == ("rolled-back", 1)
    told = world.facts[-1]
    assert isinstance(told, DeploymentRolledBack)
    assert (told.reason, told.rolled_back_to, told.release, told.commit, told.application) == ("failing-requests", 1, 2, COMMIT, "hello")
    seen = await shown(world, found)
    assert seen.summary == f"failed, rolled back to r1: {failing.detail}"
    assert [step.step for step in seen.steps] == ["requested", "building", "releasing", "observing", "rolling-back"]
    assert "deployment.failed" not in world.said()
    world.clock.forward(minutes=1)
    assert (await world.roll_back(good.application_id, "production", release=1)).release == 1


async def test_many_good_answers_at_first_hide_nothing(world: World) -> None:
    _, found = await observed(world)
    assert (await world.requests(found, 200, 10_000)).status == "observing"
    failing = await world.requests(found, 500, 3)
    assert (failing.status, failing.detail) == ("rolling-back", "3 of the 3 requests that it was given ended with an error of its own (5xx).")


async def test_errors_of_another_revision_do_not_count(world: World) -> None:
    _, found = await observed(world)
    found.revision = "hello-production-00099"
    assert (await world.requests(found, 500, 50)).status == "observing"


async def test_instances_that_end_again_and_again_are_seen_between_two_events(world: World) -> None:
    _, found = await observed(world)
    world.cluster.instance_restarted(found.namespace, found.service, 3, "KeyError: 'DATABASE_URL'")
    await world.wait(seconds=6)
    failing = await world.deployments.get(found.id)
    assert (failing.status, failing.reason) == ("rolling-back", "crashes")
    assert "KeyError" in (failing.detail or "")


async def test_a_first_release_that_fails_while_it_is_observed_leaves_nothing(world: World) -> None:
    requested = await world.deploy((await world.create()).id, "production")
    await world.settle()
    found = await world.serving(await world.built(await world.deployments.get(requested.id)))
    failed = await world.requests(found, 500, 9)
    assert (failed.status, failed.rolled_back_to, world.service(found)) == ("failed", None, None)


async def test_the_traffic_is_back_on_the_revision_of_before_at_once(world: World) -> None:
    good, found = await observed(world)
    assert world.service(found)["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]
    failing = await world.requests(found, 500, 9)
    assert world.service(found)["spec"]["traffic"] == [{"revisionName": good.revision, "latestRevision": False, "percent": 100}]
    assert good.revision != found.revision == failing.revision

    assert (await world.service_is(failing, "Unknown")).status == "rolling-back", "the next deployment would begin with the bad revision"
    assert (await world.serving(failing)).status == "rolled-back"
    await world.released(good.application_id, "production")
    assert world.service(found)["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]


async def test_a_new_revision_that_comes_to_nothing_does_not_matter_while_the_one_of_before_serves(world: World) -> None:
    _, found = await observed(world)
    failing = await world.requests(found, 500, 9)
    back = await world.service_is(failing, "False", reason="RevisionFailed", message="no node")
    assert (back.status, back.rolled_back_to) == ("rolled-back", 1)


async def test_what_does_not_come_up_again_is_no_rollback(world: World) -> None:
    _, found = await observed(world)
    world.cluster.revisions.clear()  # the one of before is kept no more
    failing = await world.requests(found, 500, 9)
    failed = await world.service_is(failing, "False", reason="RevisionFailed", message="no node")
    assert (failed.status, failed.reason, failed.rolled_back_to) == ("failed", "failing-requests", None)
    assert "Nor does r1 come up again" in (failed.detail or "")


async def test_a_lost_message_does_not_stop_a_rollback(world: World) -> None:
    _, found = await observed(world)
    await world.deliver(DeploymentTimedOut(deployment_id=found.id, deployment_version=found.version))
    world.later.clear()
    failing = await world.requests(found, 500, 9)
    service = world.service(found)
    service["spec"]["template"]["metadata"]["labels"]["capsule.dev/deployment"] = str(found.id)  # as if it had not been put back
    world.later.clear()
    world.clock.forward(minutes=3)
    await world.housekeeping()
    await world.wait(seconds=5)
    assert (await world.serving(failing)).status == "rolled-back"


async def test_a_release_that_never_gets_ready_says_what_serves(world: World) -> None:
    good = await world.released()
    world.clock.forward(minutes=1)
    requested = await world.deploy(good.application_id)
    await world.settle()
    releasing = await world.built(await world.deployments.get(requested.id), BAD)
    condition = {"type": "ResourcesAvailable", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "GET / answered 500"}
    failed = await world.service_is(releasing, "False", revision={"status": {"conditions": [condition]}}, reason="RevisionFailed")
    assert (failed.status, failed.reason, failed.rolled_back_to) == ("failed", "unhealthy", 1)
    assert (await shown(world, failed)).summary.startswith("failed, rolled back to r1: The application listens but")
    told = world.facts[-1]
    assert isinstance(told, DeploymentFailed)
    assert told.rolled_back_to == 1


async def test_the_release_phase_runs_before_the_traffic_with_the_new_image(world: World) -> None:
    app = await world.create()
    await world.change(app.id, release_command="python migrate.py", health_path="/healthy")
    await world.configure(app.id, secrets={"DATABASE_URL": "postgres://"})
    requested = await world.deploy(app.id)
    await world.settle()
    preparing = await world.built(await world.deployments.get(requested.id))
    assert (preparing.status, world.service(preparing)) == ("preparing", None)
    job = world.cluster.objects["Job", "app-hello", preparing.task]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert (container["command"], container["image"]) == (["sh", "-c", "python migrate.py"], IMAGE)
    assert container["env"][0]["valueFrom"]["secretKeyRef"]["key"] == "DATABASE_URL"
    done = await world.arrived(preparing.id)
    assert (done.status, [step.step for step in done.steps]) == ("succeeded", ["requested", "building", "preparing", "releasing"])
    probe = world.service(done)["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    assert probe["httpGet"] == {"path": "/healthy", "port": 0}


async def test_a_release_phase_that_fails_blocks_with_the_end_of_its_log(world: World) -> None:
    good = await world.released()
    before = world.service(good)
    world.clock.forward(minutes=1)
    requested = await world.deploy(good.application_id)
    await world.settle()
    building = await world.deployments.get(requested.id)
    said = {"image": BAD, "commit": COMMIT, "kind": "python", "release": "python migrate.py"}
    preparing = await world.build_ends(building, said)
    assert preparing.status == "preparing", "the Procfile's own command"
    world.cluster.job_ended(preparing.namespace, preparing.task, "relation users does not exist", code=1)
    await world.updated("Job", preparing.namespace, preparing.task)
    failed = await world.deployments.get(preparing.id)
    assert (failed.status, failed.reason) == ("failed", "release-phase-failed")
    assert failed.detail == "The release phase ended with code 1: relation users does not exist"
    assert world.service(good) == before


@pytest.mark.parametrize(
    "settings",
    [
        {"health_path": "no-slash"},
        {"health_path": "/a b"},
        {"release_command": "a\nb"},
        {"release_command": ""},
        {"directory": "../x"},
        {"directory": "/x"},
    ],
)
async def test_settings_that_cannot_be(world: World, settings: dict[str, str]) -> None:
    app = await world.create()
    with pytest.raises(InvalidSettings):
        await world.change(app.id, **settings)


async def test_settings_that_are_left_out_stay_and_null_takes_away(world: World) -> None:
    app = await world.create()
    await world.change(app.id, health_path="/a", release_command="b")
    assert (await world.change(app.id, health_path=None)).model_dump(exclude={"id"}) == {
        "health_path": None,
        "release_command": "b",
        "directory": None,
    }


async def test_a_cancelled_build_stops_and_leaves_what_serves(world: World) -> None:
    building = await world.building()
    await world.cancel(building)
    await world.settle()
    ended = await world.deployments.get(building.id)
    assert (ended.status, ended.reason) == ("cancelled", "cancelled")
    assert ("Job", building.namespace, building.job) not in world.cluster.objects
    with pytest.raises(DeploymentEnded):
        await world.cancel(ended)
    await world.released(building.application_id)


async def test_a_cancelled_release_that_has_the_traffic_is_taken_back(world: World) -> None:
    _, found = await observed(world)
    await world.cancel(found)
    await world.settle()
    back = await world.serving(found)
    assert (back.status, back.reason, back.rolled_back_to) == ("rolled-back", "cancelled", 1)
