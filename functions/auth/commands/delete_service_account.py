"""Delete a service account.

Its API tokens are refused within a second. The audit log keeps what it did. Irreversible.
"""

from uuid import UUID

from events.auth import ApiTokenRevoked, SessionEnded
from events.teams import ServiceAccountDeleted, TeamMembershipChanged
from functions.auth.domain.team_rejections import PersonalTeam, ServiceAccountNotFound, TeamNotFound
from functions.auth.ports import ServiceAccounts
from functions.auth.services.access_control import AccessControl
from functions.auth.services.service_account_tokens import ServiceAccountTokens
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, Scale, command


class DeleteServiceAccount(Model):
    team_id: UUID
    service_account_id: UUID


@command(
    http="DELETE /v1/teams/{team_id}/service-accounts/{service_account_id}",
    permission=Permission.TEAM_MANAGE,
    status=204,
    rejects=[TeamNotFound, PersonalTeam, ServiceAccountNotFound],
    emits=[ApiTokenRevoked, ServiceAccountDeleted, SessionEnded, TeamMembershipChanged],
    scale=Scale(max=2),
)
async def delete_service_account(
    request: DeleteServiceAccount, accounts: ServiceAccounts, tokens: ServiceAccountTokens, control: AccessControl, permit: Permit, clock: Clock
) -> Done[None]:
    now = clock.now()
    access, _ = await control.lock_shared_team(permit, request.team_id)
    account = await accounts.get(access, request.service_account_id)
    events = [*account.delete(now), *await tokens.revoke(account, now)]
    await accounts.save(account)
    return Done(None, *events, change=Change(before={"name": account.name, "role": account.role}))
