"""A deployment when the cluster is away, messages are lost or time runs out: it is found, goes on or is given up, and leaves nothing behind."""

import pytest

from events.deploy import DeploymentRequested
from functions.deploy.domain.timeouts import DeploymentTimedOut
from functions.deploy.ports import ClusterUnavailable
from tests.deploy.world import COMMIT, IMAGE, World


async def test_objects_of_nobody_wake_no_cluster_call(world: World) -> None:
    world.cluster.away = True
    await world.updated("Job", "app-hello", "build-000000000000-1")
    await world.updated("Service", "capsule", "gateway")


async def test_a_cluster_that_is_away_is_asked_again_and_nothing_is_half_done(world: World) -> None:
    application = await world.create()
    requested = await world.deploy(application.id)
    fact = world.facts[-1]
    world.cluster.away = True
    with pytest.raises(ClusterUnavailable):
        await world.settle()
    assert (await world.deployments.get(requested.id)).status == "requested"
    world.cluster.away = False
    await world.deliver(fact)
    assert (await world.deployments.get(requested.id)).status == "building"


async def test_a_cluster_that_refuses_ends_the_deployment(world: World) -> None:
    world.cluster.refusing = "exceeded quota"
    failed = await world.building()
    assert (failed.status, failed.reason, failed.detail) == ("failed", "cluster-refused", "exceeded quota")


async def test_a_build_that_never_says_anything_times_out_and_is_stopped(world: World) -> None:
    building = await world.building()
    await world.wait(minutes=19)
    assert (await world.deployments.get(building.id)).running
    await world.wait(minutes=2)
    failed = await world.deployments.get(building.id)
    assert (failed.status, failed.reason) == ("failed", "timed-out")
    assert ("Job", building.namespace, building.job) not in world.cluster.objects


async def test_a_lost_event_costs_a_minute(world: World) -> None:
    building = await world.building()
    world.cluster.job_ended(building.namespace, building.job, f'{{"image": "{IMAGE}", "commit": "{COMMIT}", "kind": "python"}}')  # its event is lost
    await world.wait(minutes=1)
    assert (await world.deployments.get(building.id)).status == "releasing"


async def test_an_old_timeout_says_nothing(world: World) -> None:
    building = await world.building()
    releasing = await world.built(building)
    await world.deliver(DeploymentTimedOut(deployment_id=building.id, deployment_version=building.version))
    assert (await world.deployments.get(building.id)).version == releasing.version


async def test_housekeeping_finds_what_was_lost(world: World) -> None:
    """The build's event lost, then the event that the Service is to be applied, then the Service's."""
    building = await world.building()
    world.later.clear()
    world.cluster.job_ended(building.namespace, building.job, f'{{"image": "{IMAGE}", "commit": "{COMMIT}", "kind": "python"}}')
    world.clock.forward(minutes=3)
    await world.housekeeping()
    await world.wait(seconds=5)
    releasing = await world.deployments.get(building.id)
    assert releasing.status == "releasing"

    del world.cluster.objects[("Service", releasing.namespace, releasing.service)]
    world.clock.forward(minutes=3)
    await world.housekeeping()
    await world.wait(seconds=5)
    assert world.service(releasing) is not None

    world.cluster.service_became(releasing.namespace, releasing.service, "True")
    world.clock.forward(minutes=3)
    await world.housekeeping()
    await world.wait(seconds=5)
    assert (await world.deployments.get(building.id)).status == "succeeded"


async def test_housekeeping_begins_what_never_began(world: World) -> None:
    application = await world.create()
    requested = await world.deploy(application.id)
    world._queue.clear()
    world.clock.forward(minutes=3)
    await world.housekeeping()
    await world.wait(seconds=5)
    assert (await world.deployments.get(requested.id)).status == "building"


async def test_housekeeping_leaves_the_rest_alone(world: World) -> None:
    await world.serving(await world.built(await world.building()))
    world.clock.forward(hours=1)
    world.later.clear()
    await world.housekeeping()
    assert not world.later


async def test_housekeeping_gives_up_what_has_had_its_time(world: World) -> None:
    building = await world.building()
    world.later.clear()
    world.clock.forward(hours=1)
    await world.housekeeping()
    await world.wait(seconds=5)
    failed = await world.deployments.get(building.id)
    assert (failed.status, failed.reason) == ("failed", "timed-out")
    assert ("Job", building.namespace, building.job) not in world.cluster.objects


async def test_a_running_deployment_has_one_reminder_whatever_else_it_was_sent(world: World) -> None:
    building = await world.building()
    for _ in range(3):
        await world.deliver(building.reminder())
    await world.wait(minutes=3)
    reminders = [event for _, event in world.later if isinstance(event, DeploymentTimedOut)]
    now = await world.deployments.get(building.id)
    assert [event for event in reminders if event.deployment_version == now.version] == [now.reminder()]
    assert not [event for at, event in world.later if at > world.clock.now() and event != now.reminder()]


async def test_a_deployment_that_was_deleted_while_its_objects_were_made_leaves_none(world: World) -> None:
    application = await world.create()
    await world.deploy(application.id)
    apply = world.cluster.apply

    async def deleted_meanwhile(*objects: object) -> None:
        await world.delete(application.id)
        await apply(*objects)  # type: ignore[arg-type]

    world.cluster.apply = deleted_meanwhile  # type: ignore[method-assign]
    await world.deliver(next(fact for fact in world.facts if isinstance(fact, DeploymentRequested)))
    assert not world.cluster.objects
