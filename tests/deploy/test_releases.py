"""What can be done with an existing release: promote, roll back, configure, scale. None of it builds."""

import base64
from typing import Any

import pytest

from events.deploy import DeploymentFailed, EnvironmentDeleted
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
from functions.deploy.queries.application_configuration import ShowApplicationConfiguration
from functions.deploy.queries.environment_configuration import ShowEnvironmentConfiguration
from functions.deploy.queries.environments import ListEnvironments
from functions.deploy.queries.releases import ListReleases, ReleasePage
from tests.deploy.deploy_capsule import IMAGE, OTHER_IMAGE, OWNER, DeployCapsule


def container(capsule: DeployCapsule, deployment: Deployment) -> dict[str, object]:
    web: dict[str, object] = capsule.service(deployment)["spec"]["template"]["spec"]["containers"][0]
    return web


def jobs(capsule: DeployCapsule) -> list[str]:
    return [name for kind, _, name in capsule.cluster.objects if kind == "Job"]


async def serving(capsule: DeployCapsule, deployment: Deployment) -> dict[str, list[str]]:
    page: ReleasePage = await capsule.call(ListReleases(application_id=deployment.application_id), caller=OWNER)
    return {f"r{each.number}": each.serves_in for each in page.items}


async def test_a_promotion_deploys_the_same_release_without_a_build(capsule: DeployCapsule) -> None:
    staging = await capsule.release()
    build_jobs = jobs(capsule)
    promoted = await capsule.complete((await capsule.promote(staging.application_id, "staging", "production")).id)
    assert (promoted.status, promoted.cause, promoted.release, promoted.release_id) == ("succeeded", "promotion", 1, staging.release_id)
    assert container(capsule, promoted)["image"] == IMAGE
    assert jobs(capsule) == build_jobs
    assert await serving(capsule, staging) == {"r1": ["production", "staging"]}


async def test_a_promotion_uses_the_configuration_of_its_target(capsule: DeployCapsule) -> None:
    staging = await capsule.release()
    await capsule.configure(staging.application_id, "production", variables={"MODE": "live"}, secrets={"KEY": "hush"})
    promoted = await capsule.complete((await capsule.promote(staging.application_id, "staging", "production")).id)
    assert (promoted.release, container(capsule, promoted)["image"]) == (2, IMAGE)
    assert container(capsule, promoted)["env"] == [
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "hello-production-c1", "key": "KEY"}}},
        {"name": "MODE", "value": "live"},
    ]
    assert "env" not in container(capsule, staging)
    repeated = await capsule.complete((await capsule.promote(staging.application_id, "staging", "production", release=2)).id)
    assert repeated.release == 2, "its configuration is the newest: the same release"


async def test_invalid_promotions_are_rejected(capsule: DeployCapsule) -> None:
    staging = await capsule.release()
    with pytest.raises(NothingReleased):
        await capsule.promote(staging.application_id, "production", "staging")
    with pytest.raises(ReleaseNotFound):
        await capsule.promote(staging.application_id, "staging", "production", release=9)
    with pytest.raises(EnvironmentNotFound):
        await capsule.promote(staging.application_id, "staging", "moon")
    await capsule.promote(staging.application_id, "staging", "production")
    with pytest.raises(DeploymentInProgress):
        await capsule.promote(staging.application_id, "staging", "production")


async def test_a_rollback_deploys_the_previous_release_or_the_given_one(capsule: DeployCapsule) -> None:
    first = await capsule.release()
    with pytest.raises(NoEarlierRelease):
        await capsule.roll_back(first.application_id)
    for image in (OTHER_IMAGE, IMAGE):
        await capsule.advance(minutes=1)
        await capsule.release(first.application_id, image=image)
    await capsule.advance(minutes=1)
    rolled_back = await capsule.complete((await capsule.roll_back(first.application_id)).id)
    assert (rolled_back.status, rolled_back.cause, rolled_back.release, container(capsule, rolled_back)["image"]) == (
        "succeeded",
        "rollback",
        2,
        OTHER_IMAGE,
    )
    await capsule.advance(minutes=1)
    assert (await capsule.complete((await capsule.roll_back(first.application_id)).id)).release == 1
    await capsule.advance(minutes=1)
    assert (await capsule.complete((await capsule.roll_back(first.application_id, release=3)).id)).release == 3
    with pytest.raises(NothingReleased):
        await capsule.roll_back(first.application_id, "production")


async def test_a_rollback_restores_the_configuration_of_its_release(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await capsule.configure(application.id, variables={"MODE": "one"})
    first = await capsule.release(application.id)
    await capsule.advance(minutes=1)
    accepted = await capsule.configure(application.id, variables={"MODE": "two"})
    second = await capsule.complete(accepted.deployments[0].id)
    assert container(capsule, second)["env"] == [{"name": "MODE", "value": "two"}]
    await capsule.advance(minutes=1)
    rolled_back = await capsule.complete((await capsule.roll_back(application.id)).id)
    assert (rolled_back.release, container(capsule, rolled_back)["env"]) == (first.release, [{"name": "MODE", "value": "one"}])


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


async def test_a_changed_configuration_is_released_without_a_build(capsule: DeployCapsule) -> None:
    good = await capsule.release()
    build_jobs = jobs(capsule)
    accepted = await capsule.configure(good.application_id, variables={"A": "1", "B": "2"}, secrets={"KEY": "hush"})
    assert accepted.version == 1
    deployment = await capsule.complete(accepted.deployments[0].id)
    assert (deployment.status, deployment.cause, deployment.release) == ("succeeded", "configuration", 2)
    assert jobs(capsule) == build_jobs
    secret = capsule.cluster.objects["Secret", "app-hello", "hello-staging-c1"]
    assert {name: base64.b64decode(value) for name, value in secret["data"].items()} == {"KEY": b"hush"}
    assert secret["immutable"] is True

    unchanged = await capsule.configure(good.application_id, variables={"A": "1"}, unset=["NEVER"])
    assert (unchanged.version, unchanged.deployments) == (1, [])
    await capsule.advance(minutes=1)
    accepted = await capsule.configure(good.application_id, unset=["A", "KEY"])
    deployment = await capsule.complete(accepted.deployments[0].id)
    assert container(capsule, deployment)["env"] == [{"name": "B", "value": "2"}]
    assert secret == capsule.cluster.objects["Secret", "app-hello", "hello-staging-c1"], "a release keeps its values"


async def test_secrets_are_write_only(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await capsule.configure(application.id, None, variables={"REGION": "eu", "MODE": "any"}, secrets={"KEY": "hush"})
    await capsule.configure(application.id, "staging", variables={"MODE": "test"})
    request = ShowEnvironmentConfiguration(application_id=application.id, environment="staging")
    view = await capsule.call(request, caller=OWNER)
    assert [(each.name, each.secret, each.value, each.version, each.scope) for each in view.entries] == [
        ("KEY", True, None, 1, "application"),
        ("MODE", False, "test", 2, "environment"),
        ("REGION", False, "eu", 1, "application"),
    ]
    assert "hush" not in view.model_dump_json()
    (stored,) = [each for each in await capsule.configurations.at(application.id, 2) if each.is_secret]
    assert (stored.value, stored.sealed) == (None, "sealed:hush")

    shared = await capsule.call(ShowApplicationConfiguration(application_id=application.id), caller=OWNER)
    assert [(each.name, each.value, each.scope) for each in shared.entries] == [
        ("KEY", None, "application"),
        ("MODE", "any", "application"),
        ("REGION", "eu", "application"),
    ]
    assert "hush" not in shared.model_dump_json()


async def test_a_shared_configuration_redeploys_every_environment_that_serves(capsule: DeployCapsule) -> None:
    staging = await capsule.release()
    await capsule.complete((await capsule.promote(staging.application_id, "staging", "production")).id)
    await capsule.advance(minutes=1)
    accepted = await capsule.configure(staging.application_id, None, variables={"REGION": "eu"})
    assert sorted(each.environment for each in accepted.deployments) == ["production", "staging"]
    without_deployment = await capsule.configure(staging.application_id, None, variables={"REGION": "us"}, deploy=False)
    assert (without_deployment.version, without_deployment.deployments) == (2, [])


@pytest.mark.parametrize(
    ("fields", "pointer", "detail"),
    [
        ({"variables": {"1A": "x"}}, "/variables/1A", 'name "1A": use letters'),
        ({"variables": {"PORT": "80"}}, "/variables/PORT", "PORT is set by the platform."),
        ({"secrets": {"A B": "x"}}, "/secrets/A B", 'name "A B"'),
        ({"variables": {"a/b~": "x"}}, "/variables/a~1b~0", 'name "a/b~"'),
        ({"variables": {"A": "x" * 40000}}, "/variables/A", "A has 40000 bytes: use at most 32768."),
        ({"variables": {"A": "\x00"}}, "/variables/A", "A contains U+0000"),
        ({"variables": {"A": "1"}, "secrets": {"A": "2"}}, "/secrets/A", "A is also set as a variable."),
        ({"variables": {"A": "1"}, "unset": ["A"]}, "/unset", "A is set and unset by the same request."),
    ],
)
async def test_an_invalid_variable_is_rejected(capsule: DeployCapsule, fields: dict[str, Any], pointer: str, detail: str) -> None:
    application = await capsule.create()
    with pytest.raises(InvalidConfiguration) as rejection:
        await capsule.configure(application.id, **fields)
    assert [each.pointer for each in rejection.value.errors] == [pointer]
    assert detail in rejection.value.detail
    assert not await capsule.configurations.at(application.id, 9)


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
    assert not [key for key in capsule.cluster.objects if key[0] == "Secret"]
    assert capsule.service(good) is not None
    view = await capsule.call(ListEnvironments(application_id=good.application_id), caller=OWNER)
    assert [(each.name, each.release, each.observation_seconds) for each in view.items] == [("production", None, 30), ("staging", 1, 0)]

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


async def test_only_promotion_and_configuration_run_the_release_command_again(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await capsule.change(application.id, release_command="python migrate.py")
    await capsule.release(application.id)
    await capsule.advance(minutes=1)
    configured = (await capsule.configure(application.id, variables={"A": "1"})).deployments[0]
    assert configured.status == "preparing"
    await capsule.complete(configured.id)
    await capsule.advance(minutes=1)
    scaled = (await capsule.scale(application.id, max_scale=2)).deployment
    assert scaled is not None and scaled.status == "releasing"
    await capsule.complete(scaled.id)
    await capsule.advance(minutes=1)
    rolled_back = await capsule.roll_back(application.id)
    assert rolled_back.status == "releasing"
    await capsule.complete(rolled_back.id)
    assert (await capsule.promote(application.id, "staging", "production")).status == "preparing"


async def test_a_rollback_is_not_observed(capsule: DeployCapsule) -> None:
    first = await capsule.release(environment="production")
    await capsule.advance(minutes=1)
    await capsule.release(first.application_id, "production", OTHER_IMAGE)
    await capsule.advance(minutes=1)
    accepted = await capsule.roll_back(first.application_id, "production")
    await capsule.settle()
    rolled_back = await capsule.become_ready(await capsule.deployments.get(accepted.id))
    assert rolled_back.status == "succeeded"
