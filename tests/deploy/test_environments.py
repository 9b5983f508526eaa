"""Environments: their size, their memory reservation, creation and deletion."""

import pytest

from events.deploy import EnvironmentDeleted
from events.deployments import DeploymentFailed
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.rejections import (
    EnvironmentNameTaken,
    EnvironmentNotFound,
    InvalidScale,
    MemoryQuotaExceeded,
    NothingReleased,
)
from functions.deploy.queries.environments import ListEnvironments
from tests.deploy.deploy_capsule import OTHER_IMAGE, OWNER, DeployCapsule


def container(capsule: DeployCapsule, deployment: Deployment) -> dict[str, object]:
    web: dict[str, object] = capsule.service(deployment)["spec"]["template"]["spec"]["containers"][0]
    return web


@pytest.mark.parametrize(("command", "memory_mib"), [("deploy", 512), ("promote", 512), ("roll_back", 512), ("scale", 1024)])
async def test_starting_a_deployment_reserves_memory(capsule: DeployCapsule, command: str, memory_mib: int) -> None:
    first = await capsule.release()
    await capsule.advance(minutes=1)
    await capsule.release(first.application_id, image=OTHER_IMAGE)
    await capsule.advance(minutes=1)
    await capsule.quotas.release_memory(first.application_id)

    async def start() -> object:
        match command:
            case "deploy":
                return await capsule.deploy(first.application_id)
            case "promote":
                return await capsule.promote(first.application_id, "staging", "production")
            case "roll_back":
                return await capsule.roll_back(first.application_id)
            case _:
                return await capsule.scale(first.application_id, max_scale=2)

    await capsule.set_quota(5, memory_mib - 1)
    with pytest.raises(MemoryQuotaExceeded):
        await start()
    await capsule.set_quota(5, memory_mib)
    await start()
    assert await capsule.memory_used_mib() == memory_mib


async def test_a_new_size_is_deployed_within_the_memory_quota(capsule: DeployCapsule) -> None:
    await capsule.set_quota(5, 1024)
    good = await capsule.release()
    accepted = await capsule.scale(good.application_id, max_scale=4, min_scale=1, memory_mib=256, cpu_millis=500)
    assert accepted.deployment is not None
    scaled = await capsule.complete(accepted.deployment.id)
    assert (scaled.status, scaled.cause, scaled.release) == ("succeeded", "scale", 1)
    annotations = capsule.service(scaled)["spec"]["template"]["metadata"]["annotations"]
    assert [annotations[f"autoscaling.knative.dev/{bound}-scale"] for bound in ("min", "max")] == ["1", "4"]
    limits = container(capsule, scaled)["resources"]
    assert limits == {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}}
    await capsule.advance(minutes=1)
    with pytest.raises(MemoryQuotaExceeded) as exceeded:
        await capsule.scale(good.application_id, max_scale=5)
    assert "1024 MiB" in exceeded.value.detail and "staging needs 1280 MiB" in exceeded.value.detail
    with pytest.raises(MemoryQuotaExceeded):
        await capsule.promote(good.application_id, "staging", "production")
    with pytest.raises(InvalidScale) as invalid:
        await capsule.scale(good.application_id, min_scale=3, max_scale=2)
    assert [each.pointer for each in invalid.value.errors] == ["/minScale"]
    with pytest.raises(InvalidScale) as invalid:
        await capsule.scale(good.application_id, memory_mib=99_999)
    assert invalid.value.detail == "memory 99999 MiB: use 64–8192."


async def test_a_deployment_that_never_served_releases_its_memory(capsule: DeployCapsule) -> None:
    await capsule.set_quota(5, 512)
    failed = await capsule.fail_build(await capsule.start_build())
    assert (failed.status, await capsule.memory_used_mib()) == ("failed", 0)


async def test_a_late_failure_event_leaves_the_memory_of_the_next_deployment(capsule: DeployCapsule) -> None:
    failed = await capsule.fail_build(await capsule.start_build())
    (event,) = capsule.events(DeploymentFailed)
    await capsule.advance(minutes=1)
    await capsule.deploy(failed.application_id)
    await capsule.publish(event)
    assert await capsule.memory_used_mib() == 512


async def test_environments_are_created_used_and_deleted(capsule: DeployCapsule) -> None:
    good = await capsule.release()
    with pytest.raises(EnvironmentNotFound) as rejection:
        await capsule.deploy(good.application_id, "qa")
    assert rejection.value.detail == (
        'hello has no environment "qa". Environments: production, staging. Create it: capsule environments create qa --app hello'
    )
    await capsule.create_environment(good.application_id, "qa")
    for name in ("qa", "staging"):
        with pytest.raises(EnvironmentNameTaken):
            await capsule.create_environment(good.application_id, name)
    await capsule.configure(good.application_id, "qa", variables={"A": "1"}, secrets={"B": "2"})
    promoted = await capsule.complete((await capsule.promote(good.application_id, "staging", "qa")).id)
    assert promoted.service == "hello-qa"

    await capsule.advance(minutes=1)
    assert (await capsule.delete_environment(good.application_id, "qa")).warning is None
    await capsule.settle()
    assert capsule.service(promoted) is None
    assert not [key for key in capsule.cluster.objects if key[0] == "Secret" and not key[2].startswith("build-")]
    assert capsule.service(good) is not None
    view = await capsule.call(ListEnvironments(application_id=good.application_id), caller=OWNER)
    assert [(each.name, each.release, each.observation_seconds) for each in view.items] == [("production", None, 10), ("staging", 1, 10)]

    await capsule.advance(minutes=1)
    await capsule.create_environment(good.application_id, "qa")
    with pytest.raises(NothingReleased):
        await capsule.roll_back(good.application_id, "qa", release=1)
    assert not [each for each in await capsule.configurations.at(good.application_id, 99) if each.scope == "qa"]


async def test_deleting_a_default_environment_warns_of_what_follows(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    accepted = await capsule.delete_environment(application.id, "staging")
    assert accepted.warning is not None
    assert "until you create it again: capsule environments create staging --app hello" in accepted.warning
    with pytest.raises(EnvironmentNotFound) as rejection:
        await capsule.deploy(application.id, "staging")
    assert "Environments: production." in rejection.value.detail
    await capsule.create_environment(application.id, "staging")
    await capsule.deploy(application.id, "staging")


async def test_deleting_an_environment_deletes_its_running_build(capsule: DeployCapsule) -> None:
    building = await capsule.start_build()
    await capsule.delete_environment(building.application_id, "staging")
    await capsule.settle()
    failed = await capsule.deployments.get(building.id)
    assert (failed.status, failed.reason) == ("failed", "environment-deleted")
    assert ("Job", building.namespace, building.build_job) not in capsule.cluster.objects


async def test_a_late_deletion_does_not_touch_an_environment_that_was_created_again(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await capsule.create_environment(application.id, "qa")
    await capsule.delete_environment(application.id, "qa")
    (event,) = capsule.events(EnvironmentDeleted)
    await capsule.advance(minutes=1)
    await capsule.create_environment(application.id, "qa")
    deployment = await capsule.release(application.id, "qa")
    await capsule.publish(event)
    assert capsule.service(deployment) is not None


async def test_an_unchanged_size_is_not_deployed(capsule: DeployCapsule) -> None:
    good = await capsule.release()
    accepted = await capsule.scale(good.application_id, max_scale=1, observation_seconds=5)
    assert (accepted.deployment, accepted.observation_seconds) == (None, 5)
