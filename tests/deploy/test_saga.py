"""A deployment from its request to its end: every way there is, by the same messages as in the real thing."""

from uuid import uuid4

import pytest

from events.deploy import BuildSucceeded, DeploymentFailed, DeploymentRequested, DeploymentSucceeded
from functions.deploy.domain.rejections import ApplicationNotFound, DeploymentInProgress, DeploymentNotFound
from functions.deploy.queries.deployment import ShowDeployment, deployment
from functions.deploy.queries.deployments import ListDeployments, deployments
from tests.deploy.world import COMMIT, IMAGE, OWNER, STRANGER, World


async def test_from_request_to_url(world: World) -> None:
    building = await world.building()
    assert building.status == "building"
    world.clock.forward(seconds=20)
    releasing = await world.built(building)
    assert (releasing.status, releasing.commit) == ("releasing", COMMIT)
    world.clock.forward(seconds=2)
    done = await world.serving(releasing)
    assert (done.status, done.url) == ("succeeded", "http://hello-staging.localhost:7080")
    assert world.said() == ["application.created", "deployment.requested", "build.succeeded", "deployment.release-started", "deployment.succeeded"]
    last = world.facts[-1]
    assert isinstance(last, DeploymentSucceeded)
    assert (last.url, last.release_id, last.user_id) == (done.url, done.release_id, OWNER.user_id)

    shown = await deployment(ShowDeployment(application_id=done.application_id, deployment_id=done.id), world.applications, world.deployments, OWNER)
    assert (shown.status, shown.release, shown.commit, shown.url, shown.correlation_id) == ("succeeded", 1, COMMIT, done.url, "correlation-1")
    assert [(step.step, (step.finished_at - step.started_at).seconds if step.finished_at else None) for step in shown.steps] == [
        ("requested", 0),
        ("building", 20),
        ("releasing", 2),
    ]


async def test_the_build_gets_what_it_needs_and_nothing_of_ours(world: World) -> None:
    application = await world.create()
    requested = await world.deploy(application.id, ref="v1")
    await world.settle()
    building = await world.deployments.get(requested.id)
    job = world.cluster.objects[("Job", "app-hello", building.job)]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    env = {each["name"]: each["value"] for each in container["env"]}
    assert {name: env[name] for name in ("REPOSITORY", "REF", "APPLICATION", "IMAGE", "BASE_DIRECTORY", "PIP_INDEX_URL")} == {
        "REPOSITORY": application.repository,
        "REF": "v1",
        "APPLICATION": "hello",
        "IMAGE": "capsule.local/apps/hello",
        "BASE_DIRECTORY": "",
        "PIP_INDEX_URL": "https://m/",
    }
    assert not [name for name in env if name.startswith("CAPSULE_")]
    assert job["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    assert job["metadata"]["labels"]["capsule.dev/managed"] == "true"
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert (labels["capsule.dev/component"], labels["capsule.dev/deployment"]) == ("build", str(building.id))
    assert world.cluster.objects[("Namespace", "", "app-hello")]["metadata"]["labels"]["capsule.dev/application"] == str(application.id)


async def test_one_at_a_time_in_an_environment(world: World) -> None:
    building = await world.building()
    with pytest.raises(DeploymentInProgress):
        await world.deploy(building.application_id)
    await world.deploy(building.application_id, "production")
    await world.serving(await world.built(building))
    await world.deploy(building.application_id)


@pytest.mark.parametrize("reason", ["repository-not-found", "repository-private", "ref-not-found", "not-recognized", "build-failed", "too-large"])
async def test_a_build_that_fails_ends_with_its_reason(world: World, reason: str) -> None:
    failed = await world.build_ends(await world.building(), {"reason": reason, "detail": "because", "commit": COMMIT}, code=1)
    assert (failed.status, failed.reason, failed.detail, failed.commit) == ("failed", reason, "because", COMMIT)
    assert world.said()[-2:] == ["build.failed", "deployment.failed"]
    assert world.service(failed) is None, "nothing was released"


async def test_an_interrupted_build_is_tried_again_under_another_name_and_once(world: World) -> None:
    building = await world.building()
    again = await world.build_ends(building, None, code=137)
    assert (again.status, again.attempt) == ("requested", 2)
    await world.wait(seconds=2)
    again = await world.deployments.get(building.id)
    assert again.status == "building"
    assert again.job != building.job
    assert ("Job", again.namespace, again.job) in world.cluster.objects
    await world.updated("Job", building.namespace, building.job)  # the first Job says its end once more
    assert (await world.deployments.get(building.id)).status == "building"
    failed = await world.build_ends(again, None, code=137)
    assert (failed.status, failed.reason) == ("failed", "build-failed")
    assert [step.step for step in failed.steps] == ["requested", "building"]


async def test_a_job_that_somebody_removed_ends_the_deployment(world: World) -> None:
    building = await world.building()
    await world.cluster.remove_job(building.namespace, building.job)
    await world.updated("Job", building.namespace, building.job)
    assert (await world.deployments.get(building.id)).reason == "build-failed"


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ({"type": "ContainerHealthy", "status": "False", "reason": "ExitCode1", "message": "boom"}, "exits-at-start"),
        ({"type": "ResourcesAvailable", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "x"}, "never-listens"),
    ],
)
async def test_a_release_that_does_not_serve_leaves_the_last_good_one(world: World, condition: dict[str, str], reason: str) -> None:
    good = await world.serving(await world.built(await world.building()))
    before = world.service(good)["spec"]
    world.clock.forward(minutes=1)
    requested = await world.deploy(good.application_id)
    await world.settle()
    bad = await world.built(await world.deployments.get(requested.id), IMAGE.replace("a" * 64, "b" * 64))
    assert world.service(bad)["spec"] != before
    failed = await world.service_is(bad, "False", revision={"status": {"conditions": [condition]}}, reason="RevisionFailed")
    assert (failed.status, failed.reason) == ("failed", reason)
    assert world.service(bad)["spec"] == before, "a restart would wake the broken release"
    last = world.facts[-1]
    assert isinstance(last, DeploymentFailed)
    assert (last.reason, last.deployment_id) == (reason, bad.id)


async def test_a_first_release_that_does_not_serve_leaves_no_service(world: World) -> None:
    failed = await world.service_is(await world.built(await world.building()), "False", reason="RevisionFailed")
    assert failed.status == "failed"
    assert world.service(failed) is None


async def test_a_late_compensation_does_not_undo_the_next_deployment(world: World) -> None:
    failed = await world.service_is(await world.built(await world.building()), "False", reason="RevisionFailed")
    (told,) = [fact for fact in world.facts if isinstance(fact, DeploymentFailed)]
    requested = await world.deploy(failed.application_id)
    await world.settle()
    await world.built(await world.deployments.get(requested.id))
    await world.deliver(told)
    assert world.service(failed)["spec"]["template"]["metadata"]["labels"]["capsule.dev/deployment"] == str(requested.id)


async def test_every_message_may_come_twice(world: World) -> None:
    done = await world.serving(await world.built(await world.building()))
    objects, facts = len(world.cluster.objects), world.said()
    for fact in list(world.facts):
        await world.deliver(fact)
    await world.updated("Job", done.namespace, done.job)
    await world.updated("Service", done.namespace, done.service)
    assert (len(world.cluster.objects), world.said()) == (objects, facts)
    assert (await world.deployments.get(done.id)).version == done.version


async def test_a_build_that_is_quicker_than_its_own_beginning(world: World) -> None:
    application = await world.create()
    requested = await world.deploy(application.id)
    fact = world.facts[-1]
    assert isinstance(fact, DeploymentRequested)

    apply = world.cluster.apply

    async def applied_and_over(*objects: object) -> None:
        await apply(*objects)  # type: ignore[arg-type]
        if any(each["kind"] == "Job" for each in objects):  # type: ignore[index]
            world.cluster.works.clear()
            await world.built(await world.deployments.get(requested.id))

    world.cluster.apply = applied_and_over  # type: ignore[method-assign]
    await world.settle()
    found = await world.deployments.get(requested.id)
    assert found.status == "releasing"
    assert [step.step for step in found.steps] == ["requested", "building", "releasing"]


async def test_releases_are_numbered_by_application_and_listed(world: World) -> None:
    first = await world.serving(await world.built(await world.building()))
    await world.deploy(first.application_id, "production")
    await world.settle()
    second = (await world.deployments.running_of(first.application_id))[0]
    await world.serving(await world.built(second))
    page = await deployments(ListDeployments(application_id=first.application_id), world.applications, world.deployments, OWNER)
    assert [(each.environment, each.release, each.status) for each in page.items] == [("production", 2, "observing"), ("staging", 1, "succeeded")]
    with pytest.raises(ApplicationNotFound):
        await deployments(ListDeployments(application_id=first.application_id), world.applications, world.deployments, STRANGER)


async def test_a_deployment_is_only_found_in_its_own_application(world: World) -> None:
    mine = await world.building()
    other = await world.create("other")
    for application, id in ((other.id, mine.id), (mine.application_id, uuid4())):
        with pytest.raises(DeploymentNotFound):
            await deployment(ShowDeployment(application_id=application, deployment_id=id), world.applications, world.deployments, OWNER)


async def test_what_is_built_is_what_is_applied(world: World) -> None:
    releasing = await world.built(await world.building())
    (built,) = [fact for fact in world.facts if isinstance(fact, BuildSucceeded)]
    service = world.service(releasing)
    assert service["spec"]["template"]["spec"]["containers"][0]["image"] == built.image == IMAGE
    assert service["spec"]["template"]["metadata"]["annotations"]["capsule.dev/release"] == "r1"
