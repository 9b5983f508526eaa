"""What can be done with an existing release: promote, roll back, configure. None of it builds."""

import base64
from typing import Any

import pytest

from functions.deploy.domain.configuration import PLATFORM_VARIABLES
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.rejections import (
    DeploymentInProgress,
    EnvironmentNotFound,
    InvalidConfiguration,
    NoEarlierRelease,
    NothingReleased,
    ReleaseNotFound,
    SameEnvironment,
)
from functions.deploy.queries.application_configuration import ShowApplicationConfiguration
from functions.deploy.queries.environment_configuration import ShowEnvironmentConfiguration
from functions.deploy.queries.releases import ListReleases, ReleaseSummaryView
from functions.kernel import Page
from tests.deploy.deploy_capsule import IMAGE, OTHER_IMAGE, OWNER, DeployCapsule


def container(capsule: DeployCapsule, deployment: Deployment) -> dict[str, object]:
    web: dict[str, object] = capsule.service(deployment)["spec"]["template"]["spec"]["containers"][0]
    return web


def variables(capsule: DeployCapsule, deployment: Deployment) -> list[dict[str, object]]:
    """Return the variables of the user, without the facts about the release."""
    env: list[dict[str, object]] = container(capsule, deployment)["env"]  # type: ignore[assignment]
    return [each for each in env if each["name"] not in PLATFORM_VARIABLES]


def jobs(capsule: DeployCapsule) -> list[str]:
    return [name for kind, _, name in capsule.cluster.objects if kind == "Job"]


async def serving(capsule: DeployCapsule, deployment: Deployment) -> dict[str, list[str]]:
    page: Page[ReleaseSummaryView] = await capsule.call(ListReleases(application_id=deployment.application_id), caller=OWNER)
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
    assert variables(capsule, promoted) == [
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "hello-production-c1", "key": "KEY"}}},
        {"name": "MODE", "value": "live"},
    ]
    assert variables(capsule, staging) == []
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
    for name in ("staging", "production"):
        with pytest.raises(SameEnvironment, match=f"{name} is both source and target. Name another target") as caught:
            await capsule.promote(staging.application_id, name, name, release=1)
        assert [(each.pointer, each.location) for each in caught.value.errors] == [("/to", "body")]
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
    assert variables(capsule, second) == [{"name": "MODE", "value": "two"}]
    await capsule.advance(minutes=1)
    rolled_back = await capsule.complete((await capsule.roll_back(application.id)).id)
    assert (rolled_back.release, variables(capsule, rolled_back)) == (first.release, [{"name": "MODE", "value": "one"}])


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
    assert variables(capsule, deployment) == [{"name": "B", "value": "2"}]
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
