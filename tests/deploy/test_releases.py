"""What may be done with a release once it is there: promoted, gone back to, configured anew, scaled, and nothing of it is built again."""

import base64

import pytest

from events.deploy import DeploymentFailed
from functions.deploy.domain.application import Quota
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.rejections import (
    DeploymentInProgress,
    EnvironmentNameTaken,
    EnvironmentNotFound,
    InvalidConfiguration,
    InvalidScale,
    MemoryQuotaExceeded,
    NoEarlierRelease,
    NothingReleased,
    ReleaseNotFound,
)
from functions.deploy.queries.environment_configuration import ShowEnvironmentConfiguration, environment_configuration
from functions.deploy.queries.environments import ListEnvironments, environments
from functions.deploy.queries.releases import ListReleases, releases
from tests.deploy.world import IMAGE, OWNER, World

OTHER = IMAGE.replace("a" * 64, "b" * 64)


def container(world: World, deployment: Deployment) -> dict[str, object]:
    found: dict[str, object] = world.service(deployment)["spec"]["template"]["spec"]["containers"][0]
    return found


def jobs(world: World) -> list[str]:
    return [name for kind, _, name in world.cluster.objects if kind == "Job"]


async def serving(world: World, deployment: Deployment) -> dict[str, list[str]]:
    ports = (world.applications, world.environments, world.deployments, world.releases)
    page = await releases(ListReleases(application_id=deployment.application_id), *ports, OWNER)
    return {f"r{each.number}": each.serves_in for each in page.items}


async def test_a_promotion_is_the_same_release_and_builds_nothing(world: World) -> None:
    staging = await world.released()
    built = jobs(world)
    promoted = await world.arrived((await world.promote(staging.application_id, "staging", "production")).id)
    assert (promoted.status, promoted.cause, promoted.release, promoted.release_id) == ("succeeded", "promotion", 1, staging.release_id)
    assert container(world, promoted)["image"] == IMAGE
    assert jobs(world) == built
    assert await serving(world, staging) == {"r1": ["production", "staging"]}


async def test_a_promotion_takes_the_configuration_of_where_it_goes(world: World) -> None:
    staging = await world.released()
    await world.configure(staging.application_id, "production", variables={"MODE": "live"}, secrets={"KEY": "hush"})
    promoted = await world.arrived((await world.promote(staging.application_id, "staging", "production")).id)
    assert (promoted.release, container(world, promoted)["image"]) == (2, IMAGE)
    assert container(world, promoted)["env"] == [
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "hello-production-c1", "key": "KEY"}}},
        {"name": "MODE", "value": "live"},
    ]
    assert "env" not in container(world, staging)
    again = await world.arrived((await world.promote(staging.application_id, "staging", "production", release=2)).id)
    assert again.release == 2, "its configuration is the newest: the same release"


async def test_what_cannot_be_promoted(world: World) -> None:
    staging = await world.released()
    with pytest.raises(NothingReleased):
        await world.promote(staging.application_id, "production", "staging")
    with pytest.raises(ReleaseNotFound):
        await world.promote(staging.application_id, "staging", "production", release=9)
    with pytest.raises(EnvironmentNotFound):
        await world.promote(staging.application_id, "staging", "moon")
    await world.promote(staging.application_id, "staging", "production")
    with pytest.raises(DeploymentInProgress):
        await world.promote(staging.application_id, "staging", "production")


async def test_a_rollback_goes_to_the_release_before_or_to_any(world: World) -> None:
    first = await world.released()
    with pytest.raises(NoEarlierRelease):
        await world.roll_back(first.application_id)
    for image in (OTHER, IMAGE):
        world.clock.forward(minutes=1)
        await world.released(first.application_id, image=image)
    world.clock.forward(minutes=1)
    back = await world.arrived((await world.roll_back(first.application_id)).id)
    assert (back.status, back.cause, back.release, container(world, back)["image"]) == ("succeeded", "rollback", 2, OTHER)
    world.clock.forward(minutes=1)
    assert (await world.arrived((await world.roll_back(first.application_id)).id)).release == 1
    world.clock.forward(minutes=1)
    assert (await world.arrived((await world.roll_back(first.application_id, release=3)).id)).release == 3
    with pytest.raises(NothingReleased):
        await world.roll_back(first.application_id, "production")


async def test_a_rollback_brings_the_configuration_of_then(world: World) -> None:
    await world.configure((app := await world.create()).id, variables={"MODE": "one"})
    first = await world.released(app.id)
    world.clock.forward(minutes=1)
    changed = await world.configure(app.id, variables={"MODE": "two"})
    second = await world.arrived(changed.deployments[0].id)
    assert container(world, second)["env"] == [{"name": "MODE", "value": "two"}]
    world.clock.forward(minutes=1)
    back = await world.arrived((await world.roll_back(app.id)).id)
    assert (back.release, container(world, back)["env"]) == (first.release, [{"name": "MODE", "value": "one"}])


async def test_a_changed_configuration_is_a_release_without_a_build(world: World) -> None:
    good = await world.released()
    built = jobs(world)
    changed = await world.configure(good.application_id, variables={"A": "1", "B": "2"}, secrets={"KEY": "hush"})
    assert changed.version == 1
    done = await world.arrived(changed.deployments[0].id)
    assert (done.status, done.cause, done.release) == ("succeeded", "configuration", 2)
    assert jobs(world) == built
    secret = world.cluster.objects["Secret", "app-hello", "hello-staging-c1"]
    assert {name: base64.b64decode(value) for name, value in secret["data"].items()} == {"KEY": b"hush"}
    assert secret["immutable"] is True

    same = await world.configure(good.application_id, variables={"A": "1"}, unset=["NEVER"])
    assert (same.version, same.deployments) == (1, [])
    world.clock.forward(minutes=1)
    gone = await world.configure(good.application_id, unset=["A", "KEY"])
    last = await world.arrived(gone.deployments[0].id)
    assert container(world, last)["env"] == [{"name": "B", "value": "2"}]
    assert secret == world.cluster.objects["Secret", "app-hello", "hello-staging-c1"], "what is released keeps what it was released with"


async def test_secrets_are_never_read_again(world: World) -> None:
    app = await world.create()
    await world.configure(app.id, None, variables={"REGION": "eu", "MODE": "any"}, secrets={"KEY": "hush"})
    await world.configure(app.id, "staging", variables={"MODE": "test"})
    asked = ShowEnvironmentConfiguration(application_id=app.id, environment="staging")
    shown = await environment_configuration(asked, world.applications, world.environments, world.configurations, OWNER)
    assert [(each.name, each.secret, each.value, each.version, each.scope) for each in shown.entries] == [
        ("KEY", True, None, 1, "application"),
        ("MODE", False, "test", 2, "environment"),
        ("REGION", False, "eu", 1, "application"),
    ]
    assert "hush" not in shown.model_dump_json()
    (stored,) = [each for each in await world.configurations.at(app.id, 2) if each.secret]
    assert (stored.value, stored.sealed) == (None, "sealed:hush")


async def test_a_configuration_of_the_application_is_released_wherever_something_serves(world: World) -> None:
    staging = await world.released()
    await world.arrived((await world.promote(staging.application_id, "staging", "production")).id)
    world.clock.forward(minutes=1)
    changed = await world.configure(staging.application_id, None, variables={"REGION": "eu"})
    assert sorted(each.environment for each in changed.deployments) == ["production", "staging"]
    later = await world.configure(staging.application_id, None, variables={"REGION": "us"}, deploy=False)
    assert (later.version, later.deployments) == (2, [])


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"variables": {"1A": "x"}}, "/variables/1A"),
        ({"variables": {"PORT": "80"}}, "/variables/PORT"),
        ({"secrets": {"A B": "x"}}, "/secrets/A B"),
        ({"variables": {"A": "x" * 40000}}, "/variables/A"),
        ({"variables": {"A": "1"}, "secrets": {"A": "2"}}, "/secrets/A"),
        ({"variables": {"A": "1"}, "unset": ["A"]}, "/unset"),
    ],
)
async def test_what_cannot_be_a_variable(world: World, said: dict[str, object], pointer: str) -> None:
    app = await world.create()
    with pytest.raises(InvalidConfiguration) as no:
        await world.configure(app.id, **said)
    assert [each.pointer for each in no.value.errors] == [pointer]
    assert not await world.configurations.at(app.id, 9)


async def test_a_size_is_released_and_the_quota_counts_it_first(world: World) -> None:
    await world.quotas.grant(Quota(OWNER.user_id, 5, 1024, world.clock.now()))
    good = await world.released()
    scaled = await world.scale(good.application_id, max_scale=4, min_scale=1, memory_mib=256, cpu_millis=500)
    done = await world.arrived(scaled.deployment.id)
    assert (done.status, done.cause, done.release) == ("succeeded", "scale", 1)
    annotations = world.service(done)["spec"]["template"]["metadata"]["annotations"]
    assert [annotations[f"autoscaling.knative.dev/{which}-scale"] for which in ("min", "max")] == ["1", "4"]
    limits = container(world, done)["resources"]
    assert limits == {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}}
    world.clock.forward(minutes=1)
    with pytest.raises(MemoryQuotaExceeded):
        await world.scale(good.application_id, max_scale=5)
    with pytest.raises(MemoryQuotaExceeded):
        await world.promote(good.application_id, "staging", "production")
    with pytest.raises(InvalidScale) as no:
        await world.scale(good.application_id, min_scale=3, max_scale=2)
    assert [each.pointer for each in no.value.errors] == ["/minScale"]


async def test_a_deployment_that_never_served_gives_its_memory_back(world: World) -> None:
    await world.quotas.grant(Quota(OWNER.user_id, 5, 512, world.clock.now()))
    failed = await world.build_ends(await world.building(), {"reason": "build-failed", "detail": "no"}, code=1)
    found = await world.quotas.find(OWNER.user_id)
    assert (failed.status, found.memory_used_mib if found else None) == ("failed", 0)


async def test_a_late_end_of_a_failed_deployment_leaves_the_next_one_its_memory(world: World) -> None:
    failed = await world.build_ends(await world.building(), {"reason": "build-failed", "detail": "no"}, code=1)
    (told,) = [fact for fact in world.facts if isinstance(fact, DeploymentFailed)]
    world.clock.forward(minutes=1)
    await world.deploy(failed.application_id)
    await world.deliver(told)
    found = await world.quotas.find(OWNER.user_id)
    assert found is not None
    assert found.memory_used_mib == 512


async def test_environments_by_name(world: World) -> None:
    good = await world.released()
    with pytest.raises(EnvironmentNotFound):
        await world.deploy(good.application_id, "qa")
    await world.create_environment(good.application_id, "qa")
    for taken in ("qa", "staging"):
        with pytest.raises(EnvironmentNameTaken):
            await world.create_environment(good.application_id, taken)
    await world.configure(good.application_id, "qa", variables={"A": "1"}, secrets={"B": "2"})
    promoted = await world.arrived((await world.promote(good.application_id, "staging", "qa")).id)
    assert promoted.service == "hello-qa"

    world.clock.forward(minutes=1)
    await world.delete_environment(good.application_id, "qa")
    await world.settle()
    assert world.service(promoted) is None
    assert not [key for key in world.cluster.objects if key[0] == "Secret"]
    assert world.service(good) is not None
    ports = (world.applications, world.environments, world.deployments, world.patience)
    shown = await environments(ListEnvironments(application_id=good.application_id), *ports, OWNER)
    assert [(each.name, each.release, each.observation_seconds) for each in shown.items] == [("production", None, 30), ("staging", 1, 0)]

    world.clock.forward(minutes=1)
    await world.create_environment(good.application_id, "qa")
    with pytest.raises(NothingReleased):
        await world.roll_back(good.application_id, "qa", release=1)
    assert not [each for each in await world.configurations.at(good.application_id, 99) if each.scope == "qa"]
