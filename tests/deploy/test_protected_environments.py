"""Which environments are protected is a setting of the application; and who asked for a deployment."""

from dataclasses import replace
from uuid import UUID

import pytest

from events.deploy import EnvironmentProtectionChanged
from functions.auth.commands.set_member_grants import SetMemberGrants
from functions.auth.domain.team_views import GrantView
from functions.auth.queries.audit import ListAudit
from functions.deploy import ports as deploy
from functions.deploy.commands.configure_application import ConfigureApplication
from functions.deploy.commands.create_deploy_key import CreateDeployKey
from functions.deploy.commands.create_environment import CreateEnvironment
from functions.deploy.commands.delete_environment import DeleteEnvironment
from functions.deploy.commands.deploy import Deploy
from functions.deploy.commands.protect_environment import ProtectEnvironment
from functions.deploy.commands.rotate_deploy_key import RotateDeployKey
from functions.deploy.domain.application import MAX_PROTECTED_ENVIRONMENTS
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import EnvironmentNotFound, TooManyProtectedEnvironments
from functions.deploy.queries.deployments import ListDeployments
from functions.deploy.queries.environments import ListEnvironments
from functions.kernel import Caller, Forbidden, Role, Scope
from tests.auth.team_world import ADA, BOB, TeamWorld

STAGING, PRODUCTION, REVIEW = EnvironmentName("staging"), EnvironmentName("production"), EnvironmentName("review")


@pytest.fixture
async def world() -> TeamWorld:
    world = TeamWorld()
    await world.prepare()
    return world


async def prepared(world: TeamWorld) -> tuple[UUID, UUID]:
    """A team with Bob as a developer, and its application."""
    team = await world.team(ADA)
    await world.join(team, BOB, Role.DEVELOPER)
    return team, await world.application(ADA, team)


async def protect(world: TeamWorld, application: UUID, environment: EnvironmentName, is_protected: bool = True, by: Caller = ADA) -> None:
    await world.call(ProtectEnvironment(application_id=application, environment=environment, is_protected=is_protected), caller=by)


async def names(world: TeamWorld, application: UUID) -> list[str]:
    listed = (await world.call(ListEnvironments(application_id=application), caller=BOB)).items
    return [str(each.name) for each in listed if each.is_protected]


async def test_an_environment_is_protected_and_opened_by_those_who_manage_the_team(world: TeamWorld) -> None:
    team, application = await prepared(world)
    assert await names(world, application) == ["production"]
    with pytest.raises(Forbidden, match=r"team\.manage"):
        await protect(world, application, STAGING, by=BOB)
    for _ in range(2):
        await protect(world, application, STAGING)
    assert [(each.environment, each.is_protected) for each in world.events(EnvironmentProtectionChanged)] == [("staging", True)]
    with pytest.raises(Forbidden, match="staging is a protected environment"):
        await world.call(Deploy(application_id=application, environment=STAGING), caller=BOB)
    grants = [GrantView(application_id=application, environment="staging")]
    await world.call(SetMemberGrants(team_id=team, user_id=BOB.user_id, grants=grants), caller=ADA)
    await world.settle()
    await world.call(Deploy(application_id=application, environment=STAGING), caller=BOB)
    [entry, *_] = (await world.call(ListAudit(action="deploy.protect_environment"), caller=ADA)).items
    assert entry.function == "deploy.protect_environment"


async def test_production_can_be_opened_and_what_reaches_every_environment_needs_every_grant(world: TeamWorld) -> None:
    _, application = await prepared(world)
    change = ConfigureApplication.model_validate({"applicationId": application, "variables": {"NAME": "value"}, "deploy": False})
    with pytest.raises(Forbidden, match="production is a protected environment"):
        await world.call(change, caller=BOB)
    await protect(world, application, PRODUCTION, is_protected=False)
    assert await names(world, application) == []
    await world.call(change, caller=BOB)
    await world.call(Deploy(application_id=application, environment=PRODUCTION), caller=BOB)
    await protect(world, application, STAGING)
    with pytest.raises(Forbidden, match="staging is a protected environment"):
        await world.call(change, caller=BOB)


async def test_only_what_exists_is_protected_and_a_protection_outlives_its_environment(world: TeamWorld) -> None:
    _, application = await prepared(world)
    with pytest.raises(EnvironmentNotFound):
        await protect(world, application, REVIEW)
    await world.call(CreateEnvironment(application_id=application, name=REVIEW), caller=ADA)
    await protect(world, application, REVIEW)
    await world.call(DeleteEnvironment(application_id=application, environment=REVIEW), caller=ADA)
    await world.settle()
    with pytest.raises(Forbidden, match="review is a protected environment"):
        await world.call(CreateEnvironment(application_id=application, name=REVIEW), caller=BOB)
    await protect(world, application, REVIEW, is_protected=False)
    await world.call(CreateEnvironment(application_id=application, name=REVIEW), caller=BOB)


async def test_an_api_token_cannot_open_an_environment(world: TeamWorld) -> None:
    _, application = await prepared(world)
    with pytest.raises(Forbidden, match="An API token cannot do this"):
        await protect(world, application, PRODUCTION, is_protected=False, by=replace(ADA, scopes=frozenset(Scope)))
    assert await names(world, application) == ["production"]


async def test_an_application_has_only_so_many_protected_environments(world: TeamWorld) -> None:
    _, application = await prepared(world)
    store = world.port(deploy.Applications)
    stored = await store.lock_any(application)
    for number in range(MAX_PROTECTED_ENVIRONMENTS - 1):
        stored.protect(f"review{number}", True, world.clock.now())
    await store.save(stored)
    with pytest.raises(TooManyProtectedEnvironments, match="shared has 100 protected environments"):
        await protect(world, application, STAGING)
    await protect(world, application, PRODUCTION)  # idempotent
    await protect(world, application, EnvironmentName("review1"), is_protected=False)
    await protect(world, application, STAGING)


async def test_the_first_deploy_key_needs_no_grant_and_its_replacement_every_one(world: TeamWorld) -> None:
    """Nothing used a key before the first one."""
    _, application = await prepared(world)
    await world.call(CreateDeployKey(application_id=application), caller=BOB)
    with pytest.raises(Forbidden, match="production is a protected environment"):
        await world.call(RotateDeployKey(application_id=application), caller=BOB)


async def test_a_deployment_names_who_asked_for_it(world: TeamWorld) -> None:
    team, application = await prepared(world)
    program = Caller(UUID(int=900), frozenset(), scopes=frozenset(Scope), service_team_id=team)
    await world.call(Deploy(application_id=application, environment=STAGING), caller=BOB)
    found = (await world.call(ListDeployments(application_id=application), caller=ADA)).items
    assert [each.started_by for each in found] == [BOB.user_id]
    assert program.default_team_id == team
