"""An application moves between teams: who may do it, what each context makes of it, and who pays for what."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from events.deploy import ApplicationCreated, ApplicationDeleted, ApplicationTransferred
from events.monitor import UsageMeasured, WebhookDeliveryRequested
from events.teams import TeamDeleted, TeamMembershipChanged
from functions.auth import ports as auth
from functions.auth.commands.delete_team import DeleteTeam
from functions.auth.commands.set_member_grants import SetMemberGrants
from functions.auth.domain.team_rejections import TeamNotEmpty
from functions.auth.domain.team_views import GrantView
from functions.auth.queries.audit import ListAudit
from functions.billing import ports as billing
from functions.billing.domain.periods import Period
from functions.deploy import ports as deploy
from functions.deploy.commands.transfer_application import TransferApplication
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import ApplicationNotFound, ApplicationQuotaExceeded, MemoryQuotaExceeded, TeamNotFound
from functions.deploy.queries.application import ShowApplication
from functions.deploy.queries.quota import ShowQuota
from functions.kernel import Caller, Forbidden, NotFound, Order, RecentLoginRequired, Role, Scope
from functions.monitor import ports as monitor
from functions.monitor.commands.create_webhook import CreateWebhook
from functions.monitor.domain import applications as monitor_applications
from functions.monitor.domain.rules import Rule, RuleKind
from functions.monitor.queries.logs import ReadLogs
from functions.runtime.config.registry import Registry
from tests.auth.team_world import ADA, BOB, EVE, TeamWorld


class World(TeamWorld):
    async def transfer(self, application: UUID, team: UUID | None, by: Caller = ADA) -> None:
        await self.call(TransferApplication(application_id=application, team_id=team), caller=self.recently(by))
        await self.settle()

    async def used_applications(self, team: UUID, by: Caller = ADA) -> int:
        used = (await self.call(ShowQuota(team_id=team), caller=by)).applications.used
        assert isinstance(used, int)
        return used

    def usage(self, application: UUID, owner: UUID, offset_seconds: int, requests: int) -> UsageMeasured:
        """Of a window of ten seconds, which begins that many seconds after now."""
        begin = self.clock.now() + timedelta(seconds=offset_seconds)
        return UsageMeasured(
            usage_id=uuid4(), application_id=application, user_id=owner, environment="production",
            window_from=begin, window_to=begin + timedelta(seconds=10), requests=requests,
        )  # fmt: skip

    async def billed(self, team: UUID) -> int:
        now = self.clock.now()
        used = await self.port(billing.Usage).by_environment(team, Period(now - timedelta(days=2), now + timedelta(days=2)))
        return sum(each.requests for each in used)


@pytest.fixture
async def world() -> World:
    world = World()
    await world.prepare()
    return world


async def test_every_context_follows_to_the_team_and_back(world: World) -> None:
    team, application = await world.team(ADA), await world.application(ADA, None)
    await world.join(team, BOB, Role.VIEWER)
    reads = (ShowApplication(application_id=application), ReadLogs(application_id=application))
    for request in reads:
        with pytest.raises(NotFound):
            await world.call(request, caller=BOB)
    await world.transfer(application, team)
    for request in reads:
        await world.call(request, caller=BOB)
    assert [await world.used_applications(each) for each in (ADA.user_id, team)] == [0, 1]
    with pytest.raises(TeamNotEmpty):
        await world.call(DeleteTeam(team_id=team), caller=world.recently(ADA))
    (event,) = world.events(ApplicationTransferred)
    assert (event.former_user_id, event.user_id, event.name) == (ADA.user_id, team, "shared")
    [entry] = (await world.call(ListAudit(action="deploy.transfer_application"), caller=ADA)).items
    assert (entry.before, entry.after) == ({"team_id": str(ADA.user_id)}, {"team_id": str(team)})

    await world.transfer(application, team)  # idempotent
    assert len(world.events(ApplicationTransferred)) == 1
    await world.transfer(application, None)
    for request in reads:
        await world.call(request, caller=ADA)
        with pytest.raises(NotFound):
            await world.call(request, caller=BOB)
    assert [await world.used_applications(each) for each in (ADA.user_id, team)] == [1, 0]
    await world.call(DeleteTeam(team_id=team), caller=world.recently(ADA))


async def test_it_needs_a_permission_on_both_sides_and_a_recent_sign_in(world: World) -> None:
    team, application = await world.team(ADA), await world.application(ADA, None)
    await world.join(team, BOB, Role.DEVELOPER)
    shared, of_bob = await world.application(ADA, team, "other"), await world.application(BOB, None, "bobs")
    for target, by, refusal in ((team, EVE, ApplicationNotFound), (uuid4(), ADA, TeamNotFound), (EVE.user_id, ADA, TeamNotFound)):
        with pytest.raises(refusal):
            await world.transfer(application, target, by)
    with pytest.raises(Forbidden, match=r"app\.delete"):
        await world.transfer(shared, None, BOB)
    await world.transfer(of_bob, team, BOB)  # a developer creates applications in the team
    with pytest.raises(RecentLoginRequired):
        await world.call(TransferApplication(application_id=application, team_id=team), caller=ADA)
    with pytest.raises(RecentLoginRequired):  # an API token has none
        await world.call(TransferApplication(application_id=application, team_id=team), caller=Caller(ADA.user_id, scopes=frozenset(Scope)))


async def test_the_quota_of_the_other_team_must_have_room(world: World) -> None:
    team, application = await world.team(ADA), await world.application(ADA, None)
    quotas, now = world.port(deploy.Quotas), world.clock.now()
    await quotas.set(Quota(team, 0, 512, now))
    with pytest.raises(ApplicationQuotaExceeded):
        await world.transfer(application, team)
    await quotas.set(Quota(team, 1, 512, now))
    stored = await world.port(deploy.Applications).get_any(application)
    await quotas.reserve_memory(stored, "staging", 768, Quota.default(ADA.user_id, now))
    with pytest.raises(MemoryQuotaExceeded, match="the application has 768 MiB"):
        await world.transfer(application, team)
    assert not world.events(ApplicationTransferred)
    await quotas.set(Quota(team, 1, 768, now))
    await world.transfer(application, team)
    view = await world.call(ShowQuota(team_id=team), caller=ADA)
    assert (view.applications.used, view.memory_mib.used) == (1, 768)


async def test_grants_of_the_former_team_end(world: World) -> None:
    team = await world.team(ADA)
    application, other = await world.application(ADA, team), await world.application(ADA, team, "other")
    await world.join(team, BOB, Role.DEVELOPER)
    grants = [GrantView(application_id=each, environment="production") for each in (application, other)]
    await world.call(SetMemberGrants(team_id=team, user_id=BOB.user_id, grants=grants), caller=ADA)
    await world.transfer(application, None)
    member = await world.port(auth.Teams).find_membership(team, BOB.user_id)
    assert member is not None and [each.application_id for each in member.grants] == [other]
    last = world.events(TeamMembershipChanged)[-1]
    assert [each.application_id for each in last.grants] == [other]


async def test_usage_belongs_to_the_owner_at_the_begin_of_its_window_in_any_order(world: World) -> None:
    team, application = await world.team(ADA), await world.application(ADA, None)
    await world.publish(world.usage(application, ADA.user_id, -60, 1))
    await world.transfer(application, team)
    (moved,) = world.events(ApplicationTransferred)
    for late in (
        world.usage(application, team, -30, 2),  # measured before, attributed by a monitor that knew of the transfer
        world.usage(application, ADA.user_id, -5, 4),  # its window began before
        world.usage(application, ADA.user_id, 0, 8),  # after, from a monitor that did not know
        world.usage(application, team, 30, 16),
    ):
        for _ in range(2):
            await world.publish(late)
    assert [await world.billed(each) for each in (ADA.user_id, team)] == [1 + 2 + 4, 8 + 16]
    await world.publish(moved)
    assert [await world.billed(each) for each in (ADA.user_id, team)] == [7, 24]


async def test_a_transfer_that_arrives_before_the_creation_or_after_the_deletion_counts(world: World) -> None:
    team, application, at = await world.team(ADA), uuid4(), world.clock.now()
    transferred = ApplicationTransferred(application_id=application, user_id=team, former_user_id=ADA.user_id, name="late", at=at)
    await world.publish(transferred)
    await world.publish(ApplicationCreated(application_id=application, user_id=ADA.user_id, name="late", at=at - timedelta(hours=1)))
    assert (await world.port(monitor.Applications).find_many([application]))[application].user_id == team
    assert await world.port(auth.Teams).list_applications(team) == [application]
    deleted = uuid4()
    await world.port(auth.Teams).remove_application(team, deleted)
    await world.publish(transferred.model_copy(update={"application_id": deleted}))
    assert await world.port(auth.Teams).list_applications(team) == [application]


async def test_an_application_that_moved_into_a_team_while_it_was_deleted_goes_back(world: World) -> None:
    team, application = await world.team(ADA), await world.application(ADA, None)
    old = await world.application(ADA, None, "old")
    await world.transfer(old, team)
    await world.advance(hours=2)
    await world.call(TransferApplication(application_id=application, team_id=team), caller=world.recently(ADA))
    for _ in range(2):
        await world.publish(TeamDeleted(team_id=team, at=world.clock.now()))
    assert [each.application_id for each in world.events(ApplicationDeleted)] == [old]
    there, back = [each for each in world.events(ApplicationTransferred) if each.application_id == application]
    assert (there.user_id, back.former_user_id, back.user_id) == (team, team, ADA.user_id)
    await world.call(ShowApplication(application_id=application), caller=ADA)
    assert [await world.used_applications(ADA.user_id), (await world.port(deploy.Quotas).find(team)).applications_used] == [1, 0]


async def test_an_application_of_two_closed_owners_is_deleted(world: World) -> None:
    team, application = await world.team(ADA), await world.application(ADA, None)
    await world.transfer(application, team)
    await world.port(deploy.Quotas).close(ADA.user_id, world.clock.now())
    await world.publish(TeamDeleted(team_id=team, at=world.clock.now()))
    assert [each.application_id for each in world.events(ApplicationDeleted)] == [application]


async def test_an_older_transfer_that_arrives_late_ends_grants_and_is_told_but_does_not_set_the_owner(world: World) -> None:
    team, application = await world.team(ADA), await world.application(ADA, None)
    await world.transfer(application, team)
    (first,) = world.events(ApplicationTransferred)
    await world.join(team, BOB, Role.DEVELOPER)
    grants = [GrantView(application_id=application, environment="production")]
    await world.call(SetMemberGrants(team_id=team, user_id=BOB.user_id, grants=grants), caller=ADA)
    later = first.at + timedelta(minutes=2)
    newest = first.model_copy(update={"user_id": EVE.user_id, "former_user_id": ADA.user_id, "at": later})
    middle = first.model_copy(update={"user_id": ADA.user_id, "former_user_id": team, "at": later - timedelta(minutes=1)})
    request = CreateWebhook(url="https://hooks.example.org/x", event_types=["application.transferred"], team_id=team)
    await world.call(request, caller=ADA)
    for event in (newest, middle):
        await world.publish(event)
    assert (await world.port(monitor.Applications).find_many([application]))[application].user_id == EVE.user_id
    assert await world.port(auth.Teams).list_applications(team) == []
    member = await world.port(auth.Teams).find_membership(team, BOB.user_id)
    assert member is not None and member.grants == ()
    assert len(world.events(WebhookDeliveryRequested)) == 1
    declared = Registry.load().by_name
    assert all(declared[f"{each}.on_application_transferred"].order is Order.ANY for each in ("auth", "billing", "monitor"))


async def test_logs_of_an_application_that_had_moved_away_outlive_its_former_team(world: World) -> None:
    team, application = await world.team(ADA), uuid4()
    left = await world.application(ADA, team)  # deploy is about to delete it
    at = world.clock.now()
    await world.port(monitor.Applications).keep([monitor_applications.Application(application, team, "moved")])
    rules = world.port(monitor.Rules)
    for each in (application, left):
        await rules.add(Rule(uuid4(), each, RuleKind.ERROR_RATE, at, "staging", 0.25, timedelta(minutes=7), timedelta(minutes=1), 12))
    await world.publish(TeamDeleted(team_id=team, at=at))
    await world.publish(ApplicationTransferred(application_id=application, user_id=EVE.user_id, former_user_id=team, name="moved", at=at))
    kept = {each.application_id for each in await rules.of([application, left])}
    assert kept == {application, left}
    await world.advance(hours=2)
    await world.run("monitor.housekeeping")
    assert {each.application_id for each in await rules.of([application, left])} == {application}
