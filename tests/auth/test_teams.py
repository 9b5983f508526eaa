"""Teams from the command to what a member may do in every context."""

from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from functions.auth import ports as auth
from functions.auth.commands.accept_invitation import AcceptInvitation
from functions.auth.commands.change_member_role import ChangeMemberRole
from functions.auth.commands.create_team import CreateTeam
from functions.auth.commands.delete_account import DeleteAccount
from functions.auth.commands.delete_team import DeleteTeam
from functions.auth.commands.invite_member import InviteMember
from functions.auth.commands.leave_team import LeaveTeam
from functions.auth.commands.remove_member import RemoveMember
from functions.auth.commands.revoke_invitation import RevokeInvitation
from functions.auth.commands.set_member_grants import SetMemberGrants
from functions.auth.commands.transfer_team import TransferTeam
from functions.auth.domain.email_limits import EmailKind
from functions.auth.domain.rejections import (
    ExpiredLink,
    UnknownLink,
)
from functions.auth.domain.team_rejections import (
    AlreadyInvited,
    AlreadyMember,
    InvitationForOther,
    LastOwner,
    OwnsTeams,
    PersonalTeam,
    TeamNotEmpty,
    TeamNotFound,
    UnknownApplication,
)
from functions.auth.domain.team_views import GrantView
from functions.auth.queries.permissions import ListPermissions
from functions.auth.queries.team_members import ListTeamMembers
from functions.auth.queries.teams import ListTeams
from functions.billing.queries.subscription import ShowSubscription
from functions.deploy import ports as deploy
from functions.deploy.commands.create_application import CreateApplication
from functions.deploy.commands.delete_application import DeleteApplication
from functions.deploy.commands.stop_environment import StopEnvironment
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import ApplicationNotFound, EnvironmentNotFound, NothingReleased
from functions.deploy.queries.application import ShowApplication
from functions.deploy.queries.applications import ListApplications
from functions.deploy.queries.quota import ShowQuota
from functions.kernel import Forbidden, NotFound, Role
from functions.monitor import ports as monitor
from functions.monitor.queries.logs import ReadLogs
from tests.auth.team_world import ADA, BOB, EVE, PASSWORD, TeamWorld

PRODUCTION, STAGING = EnvironmentName("production"), EnvironmentName("staging")


@pytest.fixture
async def world() -> TeamWorld:
    world = TeamWorld()
    await world.prepare()
    return world


async def test_a_new_team_has_a_quota_and_a_subscription_of_its_own(world: TeamWorld) -> None:
    team = await world.team(ADA)
    for _ in range(2):  # the event may arrive twice
        await world.publish(world.published[0].event)
    assert (await world.call(ShowQuota(team_id=team), caller=ADA)).applications.used == 0
    subscription = await world.call(ShowSubscription(team_id=team), caller=ADA)
    assert subscription.plan == "free"
    assert subscription.subscription_id != (await world.call(ShowSubscription(), caller=ADA)).subscription_id
    assert await world.port(monitor.Addresses).of(team) == "ada@example.org"


async def test_an_invitation_makes_a_member_and_works_once(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.call(InviteMember(team_id=team, email="Bob@example.org", role=Role.VIEWER), caller=ADA)
    with pytest.raises(AlreadyInvited):
        await world.call(InviteMember(team_id=team, email="bob@example.org"), caller=ADA)
    await world.settle()
    [token] = world.port(auth.Mailer).tokens(EmailKind.INVITATION)
    with pytest.raises(InvitationForOther):
        await world.call(AcceptInvitation(token=SecretStr(token)), caller=EVE)
    await world.call(AcceptInvitation(token=SecretStr(token)), caller=BOB)
    with pytest.raises(UnknownLink):
        await world.call(AcceptInvitation(token=SecretStr(token)), caller=BOB)
    with pytest.raises(AlreadyMember):
        await world.call(InviteMember(team_id=team, email="bob@example.org"), caller=ADA)
    members = await world.call(ListTeamMembers(team_id=team), caller=BOB)
    assert [(each.email, each.role) for each in members.items] == [("ada@example.org", Role.OWNER), ("bob@example.org", Role.VIEWER)]
    assert [(each.name, each.role) for each in (await world.call(ListTeams(), caller=BOB)).items] == [("", Role.OWNER), ("crew", Role.VIEWER)]


async def test_an_invitation_ends_after_seven_days_or_when_it_is_revoked(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.call(InviteMember(team_id=team, email="bob@example.org"), caller=ADA)
    await world.settle()
    await world.advance(days=7)
    [token] = world.port(auth.Mailer).tokens(EmailKind.INVITATION)
    with pytest.raises(ExpiredLink):
        await world.call(AcceptInvitation(token=SecretStr(token)), caller=BOB)
    another = await world.call(InviteMember(team_id=team, email="bob@example.org"), caller=ADA)
    await world.settle()
    await world.call(RevokeInvitation(team_id=team, invitation_id=another.id), caller=ADA)
    with pytest.raises(UnknownLink):
        await world.call(AcceptInvitation(token=SecretStr(world.port(auth.Mailer).tokens(EmailKind.INVITATION)[-1])), caller=BOB)


async def test_a_removed_member_is_refused_in_every_context(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.DEVELOPER)
    application = await world.application(BOB, team)
    requests = (ShowApplication(application_id=application), ReadLogs(application_id=application), ListTeamMembers(team_id=team))
    for request in requests:
        await world.call(request, caller=BOB)
        with pytest.raises(NotFound):
            await world.call(request, caller=EVE)
    listed = await world.call(ListApplications(), caller=BOB)
    assert [(each.name, each.team_id, each.team) for each in listed.items] == [("shared", team, "crew")]
    with pytest.raises(Forbidden, match=r"permission billing\.read, which the role developer does not have"):
        await world.call(ShowSubscription(team_id=team), caller=BOB)

    await world.call(RemoveMember(team_id=team, user_id=BOB.user_id), caller=ADA)
    await world.settle()
    for request in requests:
        with pytest.raises(NotFound):
            await world.call(request, caller=BOB)
    assert (await world.call(ListApplications(), caller=BOB)).items == []
    await world.join(team, BOB, Role.VIEWER)
    await world.call(ShowApplication(application_id=application), caller=BOB)


async def test_a_protected_environment_needs_a_grant(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.DEVELOPER)
    application = await world.application(BOB, team)

    async def stop(environment: EnvironmentName) -> None:
        with pytest.raises((NothingReleased, EnvironmentNotFound)):  # allowed, and nothing runs there
            await world.call(StopEnvironment(application_id=application, environment=environment), caller=BOB)

    await stop(STAGING)
    with pytest.raises(Forbidden, match=r"production is a protected environment: for the permission app\.deploy"):
        await world.call(StopEnvironment(application_id=application, environment=PRODUCTION), caller=BOB)
    with pytest.raises(UnknownApplication):
        await world.call(SetMemberGrants(team_id=team, user_id=BOB.user_id, grants=[GrantView(application_id=uuid4())]), caller=ADA)

    grant = GrantView(application_id=application, environment="production")
    await world.call(SetMemberGrants(team_id=team, user_id=BOB.user_id, grants=[grant]), caller=ADA)
    await world.settle()
    await stop(PRODUCTION)
    [_, permissions] = (await world.call(ListPermissions(), caller=BOB)).items
    assert (permissions.role, permissions.grants) == (Role.DEVELOPER, [grant])
    await world.call(SetMemberGrants(team_id=team, user_id=BOB.user_id, grants=[]), caller=ADA)
    await world.settle()
    with pytest.raises(Forbidden):
        await world.call(StopEnvironment(application_id=application, environment=PRODUCTION), caller=BOB)


async def test_a_viewer_with_a_grant_deploys_one_application(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.VIEWER)
    one, other = await world.application(ADA, team), await world.application(ADA, team, "other")
    await world.call(SetMemberGrants(team_id=team, user_id=BOB.user_id, grants=[GrantView(application_id=one)]), caller=ADA)
    await world.settle()
    with pytest.raises((NothingReleased, EnvironmentNotFound)):
        await world.call(StopEnvironment(application_id=one, environment=STAGING), caller=BOB)
    for application, environment in ((one, PRODUCTION), (other, STAGING)):
        with pytest.raises(Forbidden):
            await world.call(StopEnvironment(application_id=application, environment=environment), caller=BOB)
    with pytest.raises(Forbidden):
        await world.call(DeleteApplication(application_id=one), caller=BOB)


async def test_a_team_always_has_an_owner(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.ADMIN)
    for request in (
        LeaveTeam(team_id=team),
        RemoveMember(team_id=team, user_id=ADA.user_id),
        ChangeMemberRole(team_id=team, user_id=ADA.user_id, role=Role.ADMIN),
    ):
        with pytest.raises(LastOwner):
            await world.call(request, caller=ADA)
    for role, user in ((Role.OWNER, BOB), (Role.ADMIN, ADA)):
        with pytest.raises(Forbidden, match="Only an owner"):
            await world.call(ChangeMemberRole(team_id=team, user_id=user.user_id, role=role), caller=BOB)
    with pytest.raises(Forbidden, match="Only an owner"):
        await world.call(InviteMember(team_id=team, email="eve@example.org", role=Role.OWNER), caller=BOB)

    await world.advance(seconds=1)
    await world.call(TransferTeam(team_id=team, user_id=BOB.user_id), caller=world.recently(ADA))
    await world.settle()
    assert [each.role for each in (await world.call(ListTeamMembers(team_id=team), caller=ADA)).items] == [Role.ADMIN, Role.OWNER]
    assert await world.port(monitor.Addresses).of(team) == "bob@example.org"
    await world.call(LeaveTeam(team_id=team), caller=ADA)
    with pytest.raises(TeamNotFound):
        await world.call(ListTeamMembers(team_id=team), caller=ADA)


async def test_an_empty_team_is_deleted_in_every_context(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.ADMIN)
    application = await world.application(BOB, team)
    with pytest.raises(Forbidden):
        await world.call(DeleteTeam(team_id=team), caller=world.recently(BOB))
    with pytest.raises(TeamNotEmpty):
        await world.call(DeleteTeam(team_id=team), caller=world.recently(ADA))
    await world.call(DeleteApplication(application_id=application), caller=BOB)
    await world.settle()
    await world.call(DeleteTeam(team_id=team), caller=world.recently(ADA))
    await world.settle()
    for request in (ShowQuota(team_id=team), ShowSubscription(team_id=team), ListTeamMembers(team_id=team)):
        with pytest.raises(NotFound):
            await world.call(request, caller=ADA)
    assert (await world.port(deploy.Quotas).find(team)).applications == 0
    assert await world.port(monitor.Addresses).of(team) is None


async def test_a_personal_team_has_one_member(world: TeamWorld) -> None:
    await world.application(ADA, None, "own")
    assert [each.team_id for each in (await world.call(ListApplications(), caller=ADA)).items] == [ADA.user_id]
    assert (await world.call(ListApplications(team_id=ADA.user_id), caller=ADA)).items[0].team is None
    for request in (InviteMember(team_id=ADA.user_id, email="bob@example.org"), LeaveTeam(team_id=ADA.user_id), DeleteTeam(team_id=ADA.user_id)):
        with pytest.raises(PersonalTeam):
            await world.call(request, caller=world.recently(ADA))
    with pytest.raises(TeamNotFound):
        await world.call(ListTeamMembers(team_id=ADA.user_id), caller=BOB)
    with pytest.raises(ApplicationNotFound):
        await world.call(ShowApplication(application_id=(await world.call(ListApplications(), caller=ADA)).items[0].id), caller=BOB)
    with pytest.raises(NotFound):
        await world.call(CreateApplication(name="x", repository="https://samples.localhost/x.git", team_id=ADA.user_id), caller=BOB)


async def test_a_deleted_account_leaves_its_teams(world: TeamWorld) -> None:
    shared, alone = await world.team(ADA), await world.team(ADA)
    await world.join(shared, BOB, Role.DEVELOPER)
    with pytest.raises(OwnsTeams, match='"crew"'):
        await world.call(DeleteAccount(password=SecretStr(PASSWORD)), caller=world.recently(ADA))
    await world.call(ChangeMemberRole(team_id=shared, user_id=BOB.user_id, role=Role.OWNER), caller=world.recently(ADA))
    await world.call(DeleteAccount(password=SecretStr(PASSWORD)), caller=world.recently(ADA))
    await world.advance(days=15)
    await world.run("auth.housekeeping")
    assert [each.user_id for each in (await world.call(ListTeamMembers(team_id=shared), caller=BOB)).items] == [BOB.user_id]
    assert await world.port(auth.Teams).find(alone) is None
    assert await world.port(deploy.Memberships).find(shared, ADA.user_id) is None


async def test_the_longest_standing_member_inherits_a_team(world: TeamWorld) -> None:
    team = await world.team(ADA)
    await world.call(DeleteAccount(password=SecretStr(PASSWORD)), caller=world.recently(ADA))
    await world.join(team, BOB, Role.VIEWER)  # during the grace period
    await world.advance(days=15)
    await world.run("auth.housekeeping")
    [member] = (await world.call(ListTeamMembers(team_id=team), caller=BOB)).items
    assert (member.user_id, member.role) == (BOB.user_id, Role.OWNER)
    assert isinstance(team, UUID)
    assert await world.port(monitor.Addresses).of(team) == "bob@example.org"


async def test_a_team_belongs_to_who_created_it(world: TeamWorld) -> None:
    created = await world.call(CreateTeam(name=" crew "), caller=ADA)
    assert (created.name, created.role, created.is_personal) == ("crew", Role.OWNER, False)
