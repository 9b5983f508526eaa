"""Change a service account: role, grants, disabled.

Omitted fields keep their value. Disabled, its API tokens are refused within a second; enabled again, they are accepted
within a minute and have new ids. A change to viewer or billing removes the grants. A role with more permissions than the
former one needs a recent sign-in, and an account without valid API tokens: others may know those.
"""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from pydantic import Field

from events.auth import SessionEnded
from events.teams import TeamMembershipChanged
from functions.auth.domain.service_account import ServiceAccount
from functions.auth.domain.team import MAX_GRANTS
from functions.auth.domain.team_rejections import (
    OwnerRole,
    PersonalTeam,
    ServiceAccountHasTokens,
    ServiceAccountNotFound,
    TeamNotFound,
    UnknownApplication,
    UnknownEnvironment,
)
from functions.auth.domain.team_views import GrantView, ServiceAccountView
from functions.auth.ports import ServiceAccounts
from functions.auth.services.access_control import AccessControl
from functions.auth.services.grants import Grants
from functions.auth.services.service_account_tokens import ServiceAccountTokens
from functions.kernel import (
    Change,
    Clock,
    Done,
    Model,
    OutgoingMessage,
    Permission,
    Permit,
    RecentLoginRequired,
    Role,
    Scale,
    command,
    differences,
)


class UpdateServiceAccount(Model):
    team_id: UUID
    service_account_id: UUID
    role: Role | None = None
    grants: Annotated[list[GrantView], Field(max_length=MAX_GRANTS)] | None = Field(default=None, description="Replace all grants.")
    is_disabled: bool | None = None


@command(
    http="PATCH /v1/teams/{team_id}/service-accounts/{service_account_id}",
    permission=Permission.TEAM_MANAGE,
    rejects=[
        *(TeamNotFound, PersonalTeam, ServiceAccountNotFound, ServiceAccountHasTokens),
        *(OwnerRole, UnknownApplication, UnknownEnvironment, RecentLoginRequired),
    ],
    emits=[TeamMembershipChanged, SessionEnded],
    scale=Scale(max=2),
)
async def update_service_account(
    request: UpdateServiceAccount,
    accounts: ServiceAccounts,
    checked: Grants,
    tokens: ServiceAccountTokens,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[ServiceAccountView]:
    now = clock.now()
    access, team = await control.lock_shared_team(permit, request.team_id)
    grants = None if request.grants is None else [each.grant for each in request.grants]
    await checked.check(team.id, grants or ())

    account = await accounts.get(access, request.service_account_id)
    former = _audited(account)
    events: list[OutgoingMessage] = []
    gains_permissions = request.role is not None and account.gains_permissions(request.role)
    if request.role is not None or grants is not None:
        events += account.change(access, request.role, grants, now)
    if gains_permissions:
        await tokens.require_none(account, now)
        if not permit.caller.has_recent_login(now):
            raise RecentLoginRequired
    if request.is_disabled is True and (ended := account.disable(now)):
        events += [*ended, *await tokens.refuse(account, now)]
    new_ids: Mapping[UUID, UUID] = {}
    if request.is_disabled is False and (restored := account.enable(access, now)):
        events += restored
        new_ids = await tokens.accept(account)
    await accounts.save(account)
    before, after = differences(former, _audited(account))
    if new_ids:
        before["token_ids"], after["token_ids"] = list(new_ids), list(new_ids.values())
    return Done(ServiceAccountView.of(account), *events, change=Change(before, after))


def _audited(account: ServiceAccount) -> dict[str, object]:
    return {"role": account.role, "grants": [str(each) for each in account.grants], "disabled": account.disabled_at is not None}
