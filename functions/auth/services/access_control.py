"""Checks what a caller may do in a team."""

from uuid import UUID

from functions.auth.domain.team import Team, require_shared
from functions.auth.domain.team_rejections import (
    TeamNotFound,
)
from functions.auth.ports import ServiceAccounts, Teams
from functions.kernel import Caller, Membership, Permit, TeamAccess, check_team


class AccessControl:
    def __init__(self, teams: Teams, accounts: ServiceAccounts) -> None:
        self._teams = teams
        self._accounts = accounts

    async def to_team(self, permit: Permit, team_id: UUID) -> TeamAccess:
        """Raises TeamNotFound for somebody who is no member, and Forbidden for a member without the permission."""
        return check_team(permit, await self._find_membership(permit.caller, team_id), TeamNotFound())

    async def _find_membership(self, caller: Caller, team_id: UUID) -> Membership | None:
        if not caller.is_service_account:
            return await self._teams.find_membership(team_id, caller.user_id)
        account = await self._accounts.find(caller.user_id)
        return account.membership if account and account.is_active and account.team_id == team_id else None

    async def to_shared_team(self, permit: Permit, team_id: UUID) -> TeamAccess:
        """`to_team`, for what a personal team does not have. Raises PersonalTeam."""
        access = await self.to_team(permit, team_id)
        require_shared(access)
        return access

    async def lock_shared_team(self, permit: Permit, team_id: UUID) -> tuple[TeamAccess, Team]:
        """`to_shared_team`, with the team's lock. Checked again under it: another request may have taken the permission away meanwhile."""
        team = await self._teams.lock(await self.to_shared_team(permit, team_id))
        return await self.to_shared_team(permit, team_id), team
