"""Service accounts: created, used with API tokens in every context, disabled and deleted."""

from dataclasses import replace
from uuid import UUID

import pytest

from events.auth import SessionEnded
from events.platform import ActorKind
from events.teams import ServiceAccountCreated, ServiceAccountDeleted
from functions.auth import ports as auth
from functions.auth.commands.create_service_account import CreateServiceAccount
from functions.auth.commands.create_team import CreateTeam
from functions.auth.commands.create_token import CreateToken
from functions.auth.commands.delete_service_account import DeleteServiceAccount
from functions.auth.commands.delete_team import DeleteTeam
from functions.auth.commands.update_service_account import UpdateServiceAccount
from functions.auth.domain.rejections import InvalidApiToken
from functions.auth.domain.service_account import MAX_SERVICE_ACCOUNTS
from functions.auth.domain.team_rejections import (
    DisabledServiceAccount,
    PersonalTeam,
    ServiceAccountNameTaken,
    ServiceAccountNotFound,
    TeamNotFound,
    TooManyServiceAccounts,
    UnknownApplication,
)
from functions.auth.domain.team_views import GrantView
from functions.auth.queries.audit import ListAudit
from functions.auth.queries.me import ShowCaller
from functions.auth.queries.permissions import ListPermissions
from functions.auth.queries.profile import ShowProfile
from functions.auth.queries.service_account_tokens import ListServiceAccountTokens
from functions.auth.queries.service_accounts import ListServiceAccounts
from functions.auth.queries.team import ShowTeam
from functions.auth.queries.teams import ListTeams
from functions.billing.queries.subscription import ShowSubscription
from functions.deploy.commands.create_application import CreateApplication
from functions.deploy.commands.stop_environment import StopEnvironment
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.rejections import NothingReleased
from functions.deploy.queries.application import ShowApplication
from functions.deploy.queries.applications import ListApplications
from functions.kernel import Forbidden, NotFound, Role, Scope
from functions.monitor.queries.logs import ReadLogs
from tests.auth.service_account_world import World, acting, world
from tests.auth.team_world import ADA, BOB, EVE

__all__ = ["world"]


async def test_it_acts_in_every_context_with_its_role_and_its_team_by_default(world: World) -> None:
    team = await world.team(ADA)
    account = await world.account(team)
    (created,) = world.events(ServiceAccountCreated)
    assert (created.service_account_id, created.name, created.role, created.created_by) == (account, "ci", "developer", ADA.user_id)
    program = acting(team, account)
    made = await world.call(CreateApplication(name="shop", repository="https://samples.localhost/hello.git"), caller=program)
    await world.settle()
    listed = (await world.call(ListApplications(), caller=program)).items
    assert [(each.id, each.team_id) for each in listed] == [(made.id, team)]
    await world.call(ReadLogs(application_id=made.id), caller=program)
    with pytest.raises(Forbidden, match=r"billing\.read"):
        await world.call(ShowSubscription(), caller=program)
    with pytest.raises(Forbidden, match="production is a protected environment"):
        await world.call(StopEnvironment(application_id=made.id, environment=EnvironmentName("production")), caller=program)
    await world.update(team, account, grants=[{"applicationId": str(made.id), "environment": "production"}])
    with pytest.raises(NothingReleased):
        await world.call(StopEnvironment(application_id=made.id, environment=EnvironmentName("production")), caller=program)
    await world.update(team, account, role="viewer")
    with pytest.raises(Forbidden):
        await world.call(CreateApplication(name="other", repository="https://samples.localhost/hello.git"), caller=program)
    [(role, grants)] = [(each.role, each.grants) for each in (await world.call(ListServiceAccounts(team_id=team), caller=ADA)).items]
    assert (role, grants) == (Role.VIEWER, [])


async def test_it_has_no_account_no_personal_team_and_no_way_into_other_teams(world: World) -> None:
    team, account = await world.team(ADA), UUID(int=0)
    account = await world.account(team, Role.ADMIN)
    program = acting(team, account)
    own, others = await world.application(ADA, None, "own"), (await world.call(CreateTeam(name="others"), caller=EVE)).id
    await world.settle()
    with pytest.raises(NotFound):
        await world.call(ShowApplication(application_id=own), caller=program)
    for strange in (account, others, ADA.user_id):
        with pytest.raises(NotFound):
            await world.call(CreateApplication(name="x", repository="https://samples.localhost/hello.git", team_id=strange), caller=program)
        with pytest.raises(TeamNotFound):
            await world.call(ShowTeam(team_id=strange), caller=program)
    assert [each.id for each in (await world.call(ListTeams(), caller=program)).items] == [team]
    assert [(each.team_id, each.role) for each in (await world.call(ListPermissions(), caller=program)).items] == [(team, Role.ADMIN)]
    caller = await world.call(ShowCaller(), caller=program)
    assert (caller.kind, caller.id, caller.name, caller.team_id, caller.email) == ("service-account", account, "ci", team, None)
    with pytest.raises(Forbidden, match="GET /v1/me"):
        await world.call(ShowProfile(), caller=program)
    for request in (CreateToken(name="x", scopes=[Scope.READ]), CreateServiceAccount(team_id=team, name="another"), DeleteTeam(team_id=team)):
        with pytest.raises(Forbidden, match="An API token cannot do this"):
            await world.call(request, caller=program)


async def test_a_disabled_account_is_refused_everywhere_and_its_tokens_work_again_when_it_is_enabled(world: World) -> None:
    team = await world.team(ADA)
    application = await world.application(ADA, team)
    account = await world.account(team)
    program, token = acting(team, account), await world.token(team, account)
    assert await world.exchange(token) == f"access of {account} in {token.id}"
    await world.update(team, account, isDisabled=True)
    assert [(each.session_id, each.reason) for each in world.events(SessionEnded)] == [(token.id, "suspended")]
    for request in (ShowApplication(application_id=application), ReadLogs(application_id=application), ShowTeam(team_id=team)):
        with pytest.raises(NotFound):
            await world.call(request, caller=program)
    with pytest.raises(InvalidApiToken, match='"ci" is disabled'):
        await world.exchange(token)
    with pytest.raises(DisabledServiceAccount):
        await world.token(team, account, "another")
    await world.update(team, account, isDisabled=True)  # idempotent
    assert len(world.events(SessionEnded)) == 1

    await world.update(team, account, isDisabled=False)
    renewed = await world.exchange(token)
    assert renewed.startswith(f"access of {account} in ") and str(token.id) not in renewed, "its former id stays on the lists of ended sessions"
    await world.call(ShowApplication(application_id=application), caller=program)


async def test_a_deleted_account_is_gone_with_its_tokens_and_its_name_is_free(world: World) -> None:
    team = await world.team(ADA)
    account = await world.account(team)
    token = await world.token(team, account)
    with pytest.raises(ServiceAccountNameTaken):
        await world.account(team)
    await world.call(DeleteServiceAccount(team_id=team, service_account_id=account), caller=ADA)
    await world.settle()
    assert len(world.events(ServiceAccountDeleted)) == 1
    assert [each.session_id for each in world.events(SessionEnded)] == [token.id]
    with pytest.raises(InvalidApiToken):
        await world.exchange(token)
    with pytest.raises(NotFound):
        await world.call(ListApplications(team_id=team), caller=acting(team, account))
    for request in (
        DeleteServiceAccount(team_id=team, service_account_id=account),
        ListServiceAccountTokens(team_id=team, service_account_id=account),
    ):
        with pytest.raises(ServiceAccountNotFound):
            await world.call(request, caller=ADA)
    assert (await world.call(ListServiceAccounts(team_id=team), caller=ADA)).items == []
    await world.account(team)


async def test_with_its_team_goes_every_service_account(world: World) -> None:
    team = await world.team(ADA)
    account = await world.account(team)
    token = await world.token(team, account)
    await world.call(DeleteTeam(team_id=team), caller=world.recently(ADA))
    await world.settle()
    assert [each.session_id for each in world.events(SessionEnded)] == [token.id]
    with pytest.raises(InvalidApiToken):
        await world.exchange(token)


async def test_auth_refuses_a_disabled_account_in_the_same_transaction_and_the_log_names_the_new_ids(world: World) -> None:
    team = await world.team(ADA)
    account = await world.account(team)
    token = await world.token(team, account)
    await world.call(UpdateServiceAccount(team_id=team, service_account_id=account, is_disabled=True), caller=ADA)
    assert token.id in await world.port(auth.RevokedSessions).list_page(after=None, limit=10)
    await world.update(team, account, isDisabled=False)
    [renamed] = (await world.call(ListServiceAccountTokens(team_id=team, service_account_id=account), caller=ADA)).items
    [entry, *_] = (await world.call(ListAudit(action="auth.update_service_account"), caller=ADA)).items
    assert entry.before is not None and entry.after is not None
    assert (entry.before["token_ids"], entry.after["token_ids"]) == ([str(token.id)], [str(renamed.id)])


async def test_a_team_has_only_so_many_and_a_personal_team_none(world: World) -> None:
    team = await world.team(ADA)
    for number in range(MAX_SERVICE_ACCOUNTS):
        await world.call(CreateServiceAccount(team_id=team, name=f"ci-{number}"), caller=ADA)
    with pytest.raises(TooManyServiceAccounts):
        await world.account(team)
    with pytest.raises(PersonalTeam):
        await world.account(ADA.user_id)
    unknown = UpdateServiceAccount(
        team_id=team, service_account_id=(await world.call(ListServiceAccounts(team_id=team), caller=ADA)).items[0].id,
        grants=[GrantView(application_id=UUID(int=9))],
    )  # fmt: skip
    with pytest.raises(UnknownApplication):
        await world.call(unknown, caller=ADA)


async def test_the_audit_log_names_it_as_the_actor_to_those_who_manage_its_team(world: World) -> None:
    team = await world.team(ADA)
    await world.join(team, BOB, Role.DEVELOPER)
    account = await world.account(team)
    program = replace(acting(team, account), session_id=UUID(int=77))
    await world.call(CreateApplication(name="shop", repository="https://samples.localhost/hello.git"), caller=program)
    await world.call(DeleteServiceAccount(team_id=team, service_account_id=account), caller=ADA)
    await world.settle()
    [entry] = (await world.call(ListAudit(user_id=account), caller=ADA)).items
    assert (entry.actor, entry.user_id, entry.session_id, entry.function) == (
        ActorKind.SERVICE_ACCOUNT, account, UUID(int=77), "deploy.create_application",
    )  # fmt: skip
    for stranger in (BOB, EVE):
        assert {each.user_id for each in (await world.call(ListAudit(user_id=account), caller=stranger)).items} <= {stranger.user_id}
    changes = [each for each in (await world.call(ListAudit(action="auth"), caller=ADA)).items if "service_account" in each.function]
    assert [each.function for each in changes] == ["auth.delete_service_account", "auth.create_service_account"]
    assert changes[1].after == {"name": "ci", "role": "developer"}


async def test_a_service_account_outlives_the_member_who_created_it(world: World) -> None:
    team = await world.team(ADA)
    account = await world.account(team)
    accounts = world.port(auth.ServiceAccounts)
    found = await accounts.find(account)
    assert found is not None and found.created_by == ADA.user_id and found.is_active
