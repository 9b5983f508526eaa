"""Create a service account in a team.

It has a role as a member has, but not that of an owner, and acts by API tokens only. Nobody gives a role that
allows more than their own.
"""

from uuid import UUID

from pydantic import Field

from events.teams import ServiceAccountCreated, TeamMembershipChanged
from functions.auth.domain.service_account import ServiceAccount
from functions.auth.domain.team_rejections import OwnerRole, PersonalTeam, ServiceAccountNameTaken, TeamNotFound, TooManyServiceAccounts
from functions.auth.domain.team_views import ServiceAccountView, TeamName
from functions.auth.ports import ServiceAccounts
from functions.auth.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, RecentLoginRequired, Role, Scale, command


class CreateServiceAccount(Model):
    team_id: UUID
    name: TeamName = Field(examples=["ci"], description="What it is for. Unique among the service accounts of the team.")
    role: Role = Role.DEVELOPER


class CreatedServiceAccountView(ServiceAccountView):
    pass


@command(
    http="POST /v1/teams/{team_id}/service-accounts",
    permission=Permission.TEAM_MANAGE,
    status=201,
    rejects=[TeamNotFound, PersonalTeam, OwnerRole, ServiceAccountNameTaken, TooManyServiceAccounts, RecentLoginRequired],
    emits=[ServiceAccountCreated, TeamMembershipChanged],
    scale=Scale(max=2),
)
async def create_service_account(
    request: CreateServiceAccount, accounts: ServiceAccounts, control: AccessControl, permit: Permit, clock: Clock
) -> Done[CreatedServiceAccountView]:
    access, _ = await control.lock_shared_team(permit, request.team_id)
    account, events = ServiceAccount.create(access, request.name, request.role, clock.now())
    await accounts.add(account)
    return Done(CreatedServiceAccountView.of(account), *events, change=Change(after={"name": account.name, "role": account.role}))
