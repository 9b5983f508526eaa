"""What follows from a transfer for the bills of both teams, what a refusal names, and applications of a team that ends with its only member."""

import pytest
from pydantic import SecretStr

from events.deploy import ApplicationDeleted
from functions.auth import ports as auth
from functions.auth.commands.delete_account import DeleteAccount
from functions.billing import ports as billing
from functions.billing.domain.subscriptions import SubscriptionReviewRequested
from functions.deploy import ports as deploy
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import ApplicationQuotaExceeded, SubscriptionSuspended
from functions.kernel import Rejection
from tests.auth.team_world import ADA, PASSWORD
from tests.auth.test_application_transfer import World


@pytest.fixture
async def world() -> World:
    world = World()
    await world.prepare()
    return world


async def test_the_limits_of_both_payers_are_reviewed(world: World) -> None:
    team, application = await world.team(ADA), await world.application(ADA, None)
    world.published.clear()
    await world.transfer(application, team)
    customers = [await world.port(billing.Customers).get_by_user(each) for each in (ADA.user_id, team)]
    assert {each.customer_id for each in world.events(SubscriptionReviewRequested)} == {each.id for each in customers if each}
    assert len(world.events(SubscriptionReviewRequested)) == 2


async def test_a_refusal_by_a_quota_names_the_team(world: World) -> None:
    team, application = await world.team(ADA), await world.application(ADA, None)
    quotas, now = world.port(deploy.Quotas), world.clock.now()
    await quotas.set(Quota(team, 0, 512, now))
    with pytest.raises(ApplicationQuotaExceeded, match=r'^The team "crew": '):
        await world.transfer(application, team)
    await quotas.set(Quota(team, 5, 512, now))
    await quotas.set(Quota(ADA.user_id, 5, 512, now, is_suspended=True))
    with pytest.raises(SubscriptionSuspended, match=r"^The personal team: ") as refused:
        await world.transfer(application, team)
    assert isinstance(refused.value, Rejection) and "is suspended" in refused.value.detail


async def test_applications_that_a_team_of_one_gained_during_the_grace_period_go_with_it(world: World) -> None:
    """The deletion of the account is refused while such a team has applications. What is added afterwards nobody else could take over."""
    team = await world.team(ADA)
    await world.call(DeleteAccount(password=SecretStr(PASSWORD)), caller=world.recently(ADA))
    application = await world.application(ADA, team)
    await world.advance(days=15)
    await world.run("auth.housekeeping")
    await world.settle()
    assert [each.application_id for each in world.events(ApplicationDeleted)] == [application]
    assert await world.port(auth.Teams).find(team) is None
    quota = await world.port(deploy.Quotas).find(team)
    assert quota is None or quota.applications_used == 0
