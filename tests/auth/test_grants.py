"""A grant names an environment that exists, and ends with it."""

from datetime import timedelta
from uuid import UUID

import pytest

from events.deploy import EnvironmentDeleted
from functions.auth.commands.set_member_grants import SetMemberGrants
from functions.auth.domain.environments import KnownEnvironments, created_at
from functions.auth.domain.team_rejections import UnknownEnvironment
from functions.auth.domain.team_views import GrantView
from functions.deploy.commands.create_environment import CreateEnvironment
from functions.deploy.commands.delete_environment import DeleteEnvironment
from functions.deploy.commands.protect_environment import ProtectEnvironment
from functions.deploy.commands.start_maintenance import StartMaintenance
from functions.deploy.domain.names import EnvironmentName
from functions.kernel import Forbidden, Role, new_id
from tests.auth.team_world import ADA, BOB, TeamWorld

REVIEW = EnvironmentName("review")


@pytest.fixture
async def world() -> TeamWorld:
    world = TeamWorld()
    await world.prepare()
    return world


async def grant(world: TeamWorld, team: UUID, application: UUID, environment: str | None) -> None:
    grants = [GrantView(application_id=application, environment=environment)]
    await world.call(SetMemberGrants(team_id=team, user_id=BOB.user_id, grants=grants), caller=ADA)
    await world.settle()


async def create(world: TeamWorld, application: UUID) -> None:
    await world.call(CreateEnvironment(application_id=application, name=REVIEW), caller=ADA)
    await world.call(ProtectEnvironment(application_id=application, environment=REVIEW, is_protected=True), caller=ADA)
    await world.settle()


async def test_a_grant_for_an_environment_that_does_not_exist_is_refused(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.DEVELOPER)
    application = await world.application(ADA, team)
    for name in ("review", "PRODUCTION", "prodution", "a\x01"):
        with pytest.raises(UnknownEnvironment) as refused:
            await grant(world, team, application, name)
        assert [each.pointer for each in refused.value.errors] == ["/grants/0/environment"]
        assert "Environments: production, staging" in refused.value.errors[0].detail
    for known in (None, "production", "staging"):
        await grant(world, team, application, known)


async def test_a_grant_ends_with_its_environment_and_does_not_return_with_another_of_its_name(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.DEVELOPER)
    application = await world.application(ADA, team)
    await create(world, application)
    await grant(world, team, application, "review")
    maintenance = StartMaintenance(application_id=application, environment=REVIEW)
    await world.call(maintenance, caller=BOB)

    await world.call(DeleteEnvironment(application_id=application, environment=REVIEW), caller=ADA)
    await world.settle()
    with pytest.raises(UnknownEnvironment):
        await grant(world, team, application, "review")
    await world.advance(seconds=1)
    await create(world, application)
    with pytest.raises(Forbidden):
        await world.call(maintenance, caller=BOB)
    await grant(world, team, application, "review")
    await world.call(maintenance, caller=BOB)

    (deleted,) = world.events(EnvironmentDeleted)
    await world.publish(deleted.model_copy(update={"at": deleted.at - timedelta(minutes=1)}))  # an older one that arrives late
    await world.call(maintenance, caller=BOB)


def test_environments_of_an_older_application_may_be_unknown() -> None:
    known = KnownEnvironments({"review": True, "staging": False}, is_complete=False)
    assert [each for each in ("review", "qa", "production", "staging") if known.may_have(each)] == ["review", "qa", "production"]
    assert known.names == ["production", "review"]
    assert abs((created_at(new_id()) - created_at(new_id())).total_seconds()) < 60
